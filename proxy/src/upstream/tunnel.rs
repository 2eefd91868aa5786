//! After a protocol switch (WebSocket, CONNECT): bytes both ways until both sides have ended.

use std::{sync::Arc, time::Duration};

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::{io::copy_bidirectional, net::TcpStream, time::timeout};

use crate::limits::connections::Slot;

/// How long a side may take to switch after it agreed to.
const SWITCH: Duration = Duration::from_secs(10);

/// Two sides that agreed to switch.
pub struct Tunnel {
    /// The client's side.
    pub downstream: OnUpgrade,
    /// The endpoint's.
    pub upstream: Side,
    /// Its place among the connections of its cluster.
    pub slot: Arc<Slot>,
}

/// The endpoint's side of a tunnel.
pub enum Side {
    /// An HTTP/1 connection that answered 101.
    Upgrade(OnUpgrade),
    /// A connection of its own, for CONNECT.
    Stream(TcpStream),
}

impl Tunnel {
    /// Carries bytes until both sides have ended; one side's end is passed on to the other (half-close). How a tunnel
    /// breaks is nobody's business but the two ends', who see it.
    pub async fn run(self) {
        let Ok(Ok(downstream)) = timeout(SWITCH, self.downstream).await else {
            return;
        };
        let mut downstream = TokioIo::new(downstream);
        let _ended = match self.upstream {
            Side::Upgrade(upgrade) => match timeout(SWITCH, upgrade).await {
                Ok(Ok(upstream)) => {
                    copy_bidirectional(&mut downstream, &mut TokioIo::new(upstream)).await
                }
                _ => return,
            },
            Side::Stream(mut upstream) => copy_bidirectional(&mut downstream, &mut upstream).await,
        };
    }
}
