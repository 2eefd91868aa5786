//! The stage on which end-to-end tests are played: the real proxy as a process, and peers good and evil around it.
//!
//! A test starts its [`Endpoint`]s in its own process, then a [`Proxy`] with a [`Table`] that names them, and speaks to it
//! through a [`Client`] or, byte by byte, through [`Raw`]. Nothing here sleeps and hopes: whatever takes an unknown
//! time is awaited with [`eventually`], which fails with the name of what did not happen.

mod ads;
pub mod ads_client;
pub mod body;
mod client;
mod control;
pub mod corpus;
mod dns;
mod endpoint;
pub mod fuzz;
mod http2;
mod load;
mod metrics;
mod ports;
mod proxy;
mod raw;
mod switched;
mod table;
mod tls;
mod wait;

pub use ads::{Ads, Speaks};
pub use client::{Client, Reply, get, get_with, post};
pub use control::{Control, outrigger_control};
pub use dns::{Answer, DnsServer};
pub use endpoint::{Endpoint, Seen, Serve};
pub use http2::{Frame, RawHttp2};
pub use load::{Load, Tally, spread};
pub use metrics::Metrics;
pub use ports::{free_address, refusing_address};
pub use proxy::{Finished, Proxy, outrigger, terminate};
pub use raw::{Raw, RawEndpoint, RawReply};
pub use switched::{Side, Switched};
pub use table::Table;
pub use tls::{Authority, Dial, Issued};
pub use wait::{eventually, patience, within};
