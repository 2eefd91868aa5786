//! One downstream connection, from its first byte to its last: whose it is, what it speaks, and who serves that.

use std::{net::SocketAddr, rc::Rc, sync::Arc};

use outrigger_config::model::{ProxyProtocol, Speaks};
use tokio::net::TcpStream;

use super::{
    Connection,
    detect::{Spoken, http_version},
    enter::{Entered, enter},
    find_out::{Found, find_out},
    http1, http2,
};
use crate::{
    http1::Broken,
    limits::gate::Permit,
    proxy_protocol::{self, Addresses},
    snapshot::Listener,
    stack::Stack,
    tcp::{self, Caller},
    telemetry::metrics::{DownstreamError, Side},
    worker::Worker,
};

/// Serves one connection that the listener at `address` accepted and let in.
pub async fn serve(
    mut stream: TcpStream,
    _admitted: Option<Permit>,
    peer: SocketAddr,
    address: SocketAddr,
    worker: Rc<Worker>,
    stack: Rc<Stack>,
) {
    let Some(listener) = worker.snapshot().listener(address).cloned() else {
        return;
    };
    let _open = worker.metrics().connection(Side::Downstream);
    // Small responses must not wait for an acknowledgement of the last one (Nagle).
    let _ = stream.set_nodelay(true);
    let mut ends = Addresses {
        source: peer,
        destination: stream.local_addr().unwrap_or(address),
    };
    if let Some(transparent) = &listener.transparent {
        match transparent.take(&stream, peer, address.port()) {
            Some(called) => ends.destination = called,
            None => return,
        }
    }
    if speaks_for_others(listener.config.proxy_protocol.as_ref(), peer) {
        match Box::pin(introduced(&mut stream, ends, &listener, &worker)).await {
            Some(named) => ends = named,
            None => return,
        }
    }
    let connection = Connection::new(Arc::clone(&listener), ends, Rc::clone(&worker));
    let _registered = worker.connections.register(&connection);
    let entered = match &listener.tls {
        // Boxed: a connection without it, or past it, should not hold the room for it.
        Some(server) => Box::pin(enter(stream, &connection, server, &worker)).await,
        None => Some(Entered::plain(stream)),
    };
    let Some(Entered { mut stream, known }) = entered else {
        return;
    };
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
                &worker,
            ))
            .await
        }
    };
    let Some(Found {
        spoken,
        first,
        ready,
    }) = found
    else {
        return;
    };
    if connection.is_own() {
        return;
    }
    let caller = Caller { stream, first };
    match (spoken, &listener.config.speaks, &listener.tcp) {
        (Spoken::Http1 | Spoken::Http2, Speaks::Http | Speaks::Detect(_), _) => {
            drop(ready);
            http(caller, spoken, &connection, &worker, stack).await;
        }
        (_, Speaks::Tcp(_) | Speaks::Detect(_), Some(destinations)) => {
            let greets = spoken == Spoken::Tls || !looked;
            let served = tcp::serve(caller, greets, &connection, destinations, &worker, ready);
            Box::pin(served).await;
        }
        (_, _, None) | (_, Speaks::Http, _) => {
            worker.metrics().downstream_error(DownstreamError::BadHead);
        }
    }
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

/// Serves a connection that speaks HTTP.
async fn http(
    Caller { stream, first }: Caller,
    spoken: Spoken,
    connection: &Rc<Connection>,
    worker: &Rc<Worker>,
    stack: Rc<Stack>,
) {
    let served = match spoken {
        Spoken::Http2 => Box::pin(http2::serve(stream, first, connection, &stack)).await,
        // A drain is announced on the next response: a client that is just sending must not be hung up on.
        _ => {
            let http1 = http1::serve(stream, first, connection, &stack);
            let served = connection.run(http1, |_| ()).await.unwrap_or(Ok(()));
            served.map_err(|broken| (failure(&broken), broken.into()))
        }
    };
    if let Err((failure, error)) = served {
        worker.metrics().downstream_error(failure);
        tracing::debug!(peer = %connection.peer, %error, "connection failed");
    }
}

fn failure(broken: &Broken) -> DownstreamError {
    match broken {
        Broken::Malformed(_) => DownstreamError::BadHead,
        Broken::Io(_) | Broken::Ended => DownstreamError::Reset,
    }
}
