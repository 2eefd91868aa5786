//! What comes before a connection's first request: whose it is, a handshake, and finding out what it speaks.

use std::{net::SocketAddr, rc::Rc, sync::Arc};

use outrigger_config::model::{ProxyProtocol, Speaks};
use tokio::net::TcpStream;

use super::{
    Connection,
    detect::{Spoken, http_version},
    enter::{Entered, enter},
    find_out::{Found, find_out},
    registry::Registered,
};
use crate::{
    proxy_protocol::{self, Addresses},
    snapshot::Listener,
    tcp::{Ahead, Caller},
    telemetry::metrics::DownstreamError,
    worker::Worker,
};

/// A connection as it came.
pub struct Accepted {
    /// Nothing has been read of it.
    pub stream: TcpStream,
    /// Who called, as the kernel has it.
    pub peer: SocketAddr,
    /// Its listener's.
    pub address: SocketAddr,
}

/// A connection of which it is known who serves it.
pub(super) struct Begun<'a> {
    pub(super) caller: Box<Caller>,
    pub(super) spoken: Spoken,
    /// What it speaks was looked for, or agreed on.
    pub(super) looked: bool,
    /// Its server was to speak first, and may have.
    pub(super) ready: Option<Ahead>,
    pub(super) connection: Rc<Connection>,
    pub(super) registered: Registered<'a>,
}

/// Begins with a connection. `None`: it is over.
pub(super) async fn begin(accepted: Accepted, worker: &Rc<Worker>) -> Option<Box<Begun<'_>>> {
    let Accepted {
        mut stream,
        peer,
        address,
    } = accepted;
    let listener = worker.snapshot().listener(address).cloned()?;
    // Small responses must not wait for an acknowledgement of the last one (Nagle).
    let _ = stream.set_nodelay(true);
    let mut ends = Addresses {
        source: peer,
        destination: stream.local_addr().unwrap_or(address),
    };
    if let Some(transparent) = &listener.transparent {
        match transparent.take(&stream, peer, address.port()) {
            Some(called) => ends.destination = called,
            None => return None,
        }
    }
    if speaks_for_others(listener.config.proxy_protocol.as_ref(), peer) {
        match Box::pin(introduced(&mut stream, ends, &listener, worker)).await {
            Some(named) => ends = named,
            None => return None,
        }
    }
    let connection = Connection::new(Arc::clone(&listener), ends, Rc::clone(worker));
    let registered = worker.connections.register(&connection);
    let entered = match &listener.tls {
        // Boxed: a connection without it, or past it, should not hold the room for it.
        Some(server) => Box::pin(enter(stream, &connection, server, worker)).await,
        None => Some(Entered::plain(stream)),
    };
    let Entered { mut stream, known } = entered?;
    let looked = known.is_some() || matches!(listener.config.speaks, Speaks::Detect(_));
    let found = match (&listener.config.speaks, known) {
        (_, Some(known)) => Some(known),
        // A drain waits here, too: the first request may be on its way.
        (Speaks::Http, None) => match connection.run(http_version(&mut stream), |_| ()).await {
            Some(Ok(Some((spoken, first)))) => Some(Found {
                first,
                ..Found::known(spoken)
            }),
            _ => None,
        },
        (Speaks::Tcp(_), None) => Some(Found::known(Spoken::Opaque)),
        (Speaks::Detect(detect), None) => {
            Box::pin(find_out(
                &mut stream,
                &detect.policy,
                true,
                &connection,
                worker,
            ))
            .await
        }
    };
    let Found {
        spoken,
        first,
        ready,
    } = found?;
    if connection.is_own() {
        return None;
    }
    Some(Box::new(Begun {
        caller: Box::new(Caller { stream, first }),
        spoken,
        looked,
        ready,
        connection,
        registered,
    }))
}

fn speaks_for_others(policy: Option<&ProxyProtocol>, peer: SocketAddr) -> bool {
    let peer = peer.ip().to_canonical();
    policy.is_some_and(|policy| policy.trusted.iter().any(|network| network.contains(peer)))
}

/// Reads from a trusted peer whose connection it is; its own, if it says so. `None`: it says nothing of sense in time.
async fn introduced(
    stream: &mut TcpStream,
    own: Addresses,
    listener: &Arc<Listener>,
    worker: &Rc<Worker>,
) -> Option<Addresses> {
    let door = Connection::new(Arc::clone(listener), own, Rc::clone(worker));
    let _registered = worker.connections.register(&door);
    match door.run(proxy_protocol::read(stream), |_| ()).await? {
        Ok(named) => Some(named.unwrap_or(own)),
        Err(error) => {
            worker
                .metrics()
                .downstream_error(DownstreamError::ProxyProtocol);
            tracing::debug!(peer = %own.source, %error, "connection refused");
            None
        }
    }
}
