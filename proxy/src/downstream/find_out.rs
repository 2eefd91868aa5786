//! What a connection speaks, found out within a bound: by its first bytes, or by a server that speaks before its caller.

use std::{io, rc::Rc};

use bytes::BytesMut;
use outrigger_config::model::DetectPolicy;
use tokio::{io::AsyncReadExt, select, time::timeout};

use super::{
    Connection,
    detect::{FIRST_READ, Spoken, detect, guess},
};
use crate::{
    stream::Stream,
    tcp::{self, Ahead, Destinations},
    telemetry::metrics::DetectedProtocol,
    worker::Worker,
};

/// What a connection was found to speak.
pub(super) struct Found {
    pub(super) spoken: Spoken,
    pub(super) first: BytesMut,
    /// Its server was to speak first, and may have.
    pub(super) ready: Option<Ahead>,
}

impl Found {
    /// Known without a look: nothing has been read.
    pub(super) fn known(spoken: Spoken) -> Self {
        Self {
            spoken,
            first: BytesMut::new(),
            ready: None,
        }
    }
}

/// Finds out what is spoken. `None`: it is over. `hasty`: ports of servers that speak first are not listened to.
pub(super) async fn find_out(
    stream: &mut Stream,
    policy: &DetectPolicy,
    hasty: bool,
    connection: &Rc<Connection>,
    worker: &Rc<Worker>,
) -> Option<Found> {
    let listener = connection.listener();
    let destinations = listener.tcp.as_deref();
    let port = connection.ends().destination.port();
    let mut first = BytesMut::new();
    let known = hasty && destinations.is_some() && policy.server_first_ports.contains(&port);
    let (spoken, ready) = match (known, destinations) {
        (true, _) => (None, None),
        (false, None) => {
            let spoken = connection.run(detect(stream, &mut first), |_| ()).await?;
            (Some(spoken.ok()??), None)
        }
        (false, Some(destinations)) => {
            let patient = timeout(policy.timeout, detect(stream, &mut first));
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
) -> Option<(Option<Spoken>, Option<Ahead>)> {
    // What the proxy itself sent out is for no server.
    if connection.is_own() {
        return None;
    }
    let mut ready = tcp::ahead(connection, destinations, worker).await;
    if ready.is_some() {
        connection.awaits_server();
    }
    let caller_speaks = async {
        first.reserve(FIRST_READ);
        if stream.read_buf(first).await? == 0 {
            return Ok(None);
        }
        connection.speaks_first();
        detect(stream, first).await
    };
    let server_speaks = async {
        match &mut ready {
            Some(ready) => ready.hear().await,
            None => std::future::pending().await,
        }
    };
    let spoken = select! {
        biased;
        spoken = caller_speaks => Some(io::Result::ok(spoken)??),
        () = server_speaks => None,
    };
    Some((spoken, ready))
}
