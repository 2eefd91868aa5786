//! One downstream connection, from its first byte to its last: whose it is, what it speaks, and who serves that.

use std::{
    net::SocketAddr,
    rc::Rc,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use bytes::BytesMut;
use hyper::{
    server::conn::{http1, http2},
    service::service_fn,
};
use outrigger_config::model::{self, Alpn, ProxyProtocol, Speaks};
use tokio::{net::TcpStream, select, time::timeout};

use super::{
    Connection,
    detect::{Spoken, detect, guess, http_version},
    io::Io,
    secured::shake_hands,
};
use crate::{
    limits::gate::Permit,
    proxy_protocol::{self, Addresses},
    snapshot::Listener,
    stack::Stack,
    stream::Stream,
    tcp::{self, Caller, Connected, Destinations},
    telemetry::metrics::{DetectedProtocol, DownstreamError, Side},
    tls::Server,
    upstream::http2::LocalExecutor,
    worker::Worker,
};

/// hyper's own lower bound of its read buffer.
const MIN_BUFFER: usize = 8192;

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
    if speaks_for_others(listener.config.proxy_protocol.as_ref(), peer) {
        match Box::pin(introduced(&mut stream, ends, &listener, &worker)).await {
            Some(named) => ends = named,
            None => return,
        }
    }
    let connection = Connection::new(Arc::clone(&listener), ends, Rc::clone(&worker));
    let _registered = worker.connections.register(&connection);
    let secured = match &listener.tls {
        // Boxed: a connection without it, or past it, should not hold the room for it.
        Some(server) => Box::pin(secure(stream, &connection, server, &worker)).await,
        None => Some((Stream::Tcp(stream), None)),
    };
    let Some((mut stream, agreed)) = secured else {
        return;
    };
    match (&listener.config.speaks, &listener.tcp) {
        (speaks, _) if let (true, Some(spoken)) = (speaks.http(), agreed) => {
            let first = BytesMut::new();
            let caller = Caller { stream, first };
            http(caller, spoken, &connection, &worker, stack).await;
        }
        (Speaks::Http, _) => {
            // A drain waits here, too: the first request may be on its way.
            let (spoken, first) = match connection.run(http_version(&mut stream), |_| ()).await {
                Some(Ok(Some(found))) => found,
                _ => return,
            };
            let caller = Caller { stream, first };
            http(caller, spoken, &connection, &worker, stack).await;
        }
        (Speaks::Tcp(_), Some(destinations)) => {
            let first = BytesMut::new();
            let caller = Caller { stream, first };
            Box::pin(tcp::serve(caller, &connection, destinations, &worker, None)).await;
        }
        // A listener that speaks TCP has somewhere to go.
        (Speaks::Tcp(_), None) => {}
        (Speaks::Detect(policy), destinations) => {
            let found = found_out(
                &mut stream,
                policy,
                destinations.as_deref(),
                &connection,
                &worker,
            );
            let Some(Found {
                spoken,
                first,
                ready,
            }) = Box::pin(found).await
            else {
                return;
            };
            let caller = Caller { stream, first };
            match (spoken, destinations) {
                (Spoken::Http1 | Spoken::Http2, _) => {
                    drop(ready);
                    http(caller, spoken, &connection, &worker, stack).await;
                }
                (Spoken::Tls | Spoken::Opaque, Some(destinations)) => {
                    let served = tcp::serve(caller, &connection, destinations, &worker, ready);
                    Box::pin(served).await;
                }
                (Spoken::Tls | Spoken::Opaque, None) => {
                    worker.metrics().downstream_error(DownstreamError::BadHead);
                }
            }
        }
    }
}

/// Shakes hands with the caller of a listener that speaks TLS; what it then speaks, if that was agreed on. `None`: there is
/// nothing to go on with.
async fn secure(
    stream: TcpStream,
    connection: &Connection,
    server: &Server,
    worker: &Worker,
) -> Option<(Stream, Option<Spoken>)> {
    let hands = shake_hands(server, stream, connection.peer, worker.tls_metrics());
    let (stream, secured) = connection.run(hands, |_| ()).await??;
    let spoken = secured.session.alpn.map(|alpn| match alpn {
        Alpn::Http2 => Spoken::Http2,
        Alpn::Http1 => Spoken::Http1,
    });
    connection.secure(secured);
    Some((stream, spoken))
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

/// What a connection was found to speak.
struct Found {
    spoken: Spoken,
    first: BytesMut,
    /// Its server was to speak first, and may have.
    ready: Option<Connected>,
}

/// Finds out what is spoken. `None`: it is over.
async fn found_out(
    stream: &mut Stream,
    policy: &model::Detect,
    destinations: Option<&Destinations>,
    connection: &Rc<Connection>,
    worker: &Rc<Worker>,
) -> Option<Found> {
    let port = connection.ends().destination.port();
    let mut first = BytesMut::new();
    let known = destinations.is_some() && policy.policy.server_first_ports.contains(&port);
    let (spoken, ready) = match (known, destinations) {
        (true, _) => (None, None),
        (false, None) => {
            let spoken = connection.run(detect(stream, &mut first), |_| ()).await?;
            (Some(spoken.ok()??), None)
        }
        (false, Some(destinations)) => {
            let patient = timeout(policy.policy.timeout, detect(stream, &mut first));
            match connection.run(patient, |_| ()).await? {
                Ok(spoken) => (Some(spoken.ok()??), None),
                Err(_) if !first.is_empty() => (Some(guess(&first)), None),
                Err(_) => {
                    let silent = silence(stream, &mut first, destinations, connection, worker);
                    connection.run(silent, |_| ()).await??
                }
            }
        }
    };
    worker.metrics().detected(match spoken {
        None => DetectedProtocol::ServerFirst,
        Some(Spoken::Http1) => DetectedProtocol::Http1,
        Some(Spoken::Http2) => DetectedProtocol::Http2,
        Some(Spoken::Tls) => DetectedProtocol::Tls,
        Some(Spoken::Opaque) => DetectedProtocol::Opaque,
    });
    Some(Found {
        spoken: spoken.unwrap_or(Spoken::Opaque),
        first,
        ready,
    })
}

/// The caller is silent: its server gets the chance to speak first, and whoever does so decides. `None` in place of what is
/// spoken: the server did.
async fn silence(
    stream: &mut Stream,
    first: &mut BytesMut,
    destinations: &Destinations,
    connection: &Rc<Connection>,
    worker: &Rc<Worker>,
) -> Option<(Option<Spoken>, Option<Connected>)> {
    let mut ready = tcp::ahead(connection, destinations, worker).await;
    let server_speaks = async {
        match &mut ready {
            Some(ready) => ready.hear().await,
            None => std::future::pending().await,
        }
    };
    let spoken = select! {
        biased;
        spoken = detect(stream, first) => Some(spoken.ok()??),
        () = server_speaks => None,
    };
    Some((spoken, ready))
}

/// Serves a connection that speaks HTTP.
async fn http(
    Caller { stream, first }: Caller,
    spoken: Spoken,
    connection: &Rc<Connection>,
    worker: &Rc<Worker>,
    stack: Rc<Stack>,
) {
    let listener = connection.listener();
    let (max_header_bytes, max_streams) = (
        listener.config.max_header_bytes,
        listener.config.max_streams,
    );
    let (phase, tick) = (Arc::clone(&connection.phase), worker.tick_handle());
    let service = service_fn(|request| {
        let (stack, connection) = (Rc::clone(&stack), Rc::clone(connection));
        async move { stack.serve(request, connection).await }
    });
    let served = if spoken == Spoken::Http2 {
        connection.phase.head_since.store(0, Relaxed);
        let http2 = http2::Builder::new(LocalExecutor)
            .max_concurrent_streams(max_streams)
            .max_header_list_size(u32::try_from(max_header_bytes).unwrap_or(u32::MAX))
            .serve_connection(Io::http2(stream, first, phase, tick), service);
        let goodbye = connection.run(http2, |http2| http2.graceful_shutdown());
        goodbye.await
    } else {
        let http1 = http1::Builder::new()
            // Who leaves is found by `check`.
            .half_close(true)
            .max_header_size(max_header_bytes)
            .max_buf_size(max_header_bytes.max(MIN_BUFFER))
            .serve_connection(Io::http1(stream, first, phase, tick), service)
            .with_upgrades();
        // A drain is announced on the next response: a client that is just sending must not be hung up on.
        connection.run(http1, |_| ()).await
    };
    // What went wrong with a response's body is the endpoint's doing, and counted there.
    if let Some(Err(error)) = served
        && !error.is_user()
    {
        worker.metrics().downstream_error(failure(&error));
        tracing::debug!(peer = %connection.peer, %error, "connection failed");
    }
}

fn failure(error: &hyper::Error) -> DownstreamError {
    if error.is_parse() || error.is_parse_too_large() {
        DownstreamError::BadHead
    } else {
        DownstreamError::Reset
    }
}
