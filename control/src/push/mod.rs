//! The push: gives each proxy the tables that are for it, over ADS, delta and state of the world.
//!
//! [`session`] decides and knows no sockets; [`conversation`] is a stream that runs one; [`proxies`] is who is there.

mod conversation;
pub(crate) mod door;
mod form;
mod latency;
mod message;
mod node;
mod proxies;
mod record;
mod requests;
mod server;
pub mod session;
mod visit;

use std::sync::Arc;

use outrigger_entrance::Entrance;
use tokio::net::TcpListener;

use crate::{
    app::Stop,
    registry::Feed,
    report::{Loads, Lrs},
    view::Audience,
};

pub use proxies::Proxies;
pub use record::{Mark, Proxy, Refusal, Standing};

/// What is known of the proxies. A clone is the same.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    /// Who is connected.
    pub proxies: Proxies,
    /// What they report.
    pub loads: Loads,
}

/// What every stream needs. A clone is the same.
#[derive(Clone, Debug)]
struct Push {
    audience: Audience,
    proxies: Proxies,
    door: Arc<Entrance>,
    stop: Stop,
}

/// Serves proxies until told to stop.
pub async fn serve(
    listener: TcpListener,
    door: Arc<Entrance>,
    feed: Feed,
    fleet: Fleet,
    stop: Stop,
) {
    let (audience, showing) = Audience::of(feed, stop.clone());
    let push = Push {
        audience,
        proxies: fleet.proxies,
        door: Arc::clone(&door),
        stop: stop.clone(),
    };
    let reports = Lrs {
        loads: fleet.loads,
        door,
        stop,
    };
    tokio::join!(showing, server::serve(listener, push, reports));
}
