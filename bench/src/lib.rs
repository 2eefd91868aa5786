//! Everything that Outrigger is measured and shown with: sample endpoints, load that does not flatter,
//! the peers side by side, instruction counts that gate a change, and the demo.
//!
//! A bench measures what users run, so the proxy is a process here, started from its binary and a file like every
//! peer. Only the simulator links its policies, and drives them on a virtual clock.

pub mod attack;
pub mod callgrind;
pub mod check;
pub mod compare;
pub mod control;
pub mod corpus;
pub mod demo;
pub mod endpoint;
pub mod growth;
pub mod job;
pub mod load;
pub mod machine;
pub mod memory;
mod metrics;
pub mod path;
pub mod peer;
pub mod plot;
pub mod process;
pub mod scenario;
pub mod simulate;
pub mod stand;
mod table;
mod tls;
pub mod train;
