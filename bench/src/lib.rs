//! Everything that Outrigger is measured and shown with: sample endpoints, load that does not flatter,
//! the peers side by side, instruction counts that gate a change, and the demo.
//!
//! What is measured is what users run: the proxy is a process, started from its binary and a file like
//! every peer.

pub mod callgrind;
pub mod check;
pub mod compare;
pub mod demo;
pub mod endpoint;
pub mod load;
pub mod peer;
pub mod process;
pub mod scenario;
pub mod stand;
