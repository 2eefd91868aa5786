//! The door of a listener that speaks TLS: hands are shaken, and in a mesh that serves strangers as well, those are told from
//! members by their first bytes.

use std::rc::Rc;

use outrigger_config::model::{Alpn, DetectPolicy, ListenerTls, Speaks, Strangers};
use tokio::net::TcpStream;

use super::{
    Connection,
    detect::Spoken,
    find_out::{Found, find_out},
    secured::shake_hands,
};
use crate::{
    stream::Stream,
    tcp::{self, Caller},
    telemetry::metrics::DownstreamError,
    tls::Server,
    worker::Worker,
};

/// A connection that was let in.
pub(super) struct Entered {
    pub(super) stream: Stream,
    /// What it speaks, if that is known by now.
    pub(super) known: Option<Found>,
}

impl Entered {
    /// As it came.
    pub(super) fn plain(stream: TcpStream) -> Self {
        Self {
            stream: Stream::Tcp(stream),
            known: None,
        }
    }
}

/// Lets in who may. `None`: there is nothing to go on with.
pub(super) async fn enter(
    stream: TcpStream,
    connection: &Rc<Connection>,
    server: &Server,
    worker: &Rc<Worker>,
) -> Option<Entered> {
    let listener = connection.listener();
    match listener.config.tls {
        Some(ListenerTls::Mesh(Strangers::Served)) => {}
        _ => return secure(stream, &[], connection, server, worker).await,
    }
    let usual = DetectPolicy::default();
    let policy = match &listener.config.speaks {
        Speaks::Detect(detect) => &detect.policy,
        Speaks::Http | Speaks::Tcp(_) => &usual,
    };
    let mut stream = Stream::Tcp(stream);
    // A member says hello, whatever the port.
    let Found {
        mut spoken,
        mut first,
        ready,
    } = find_out(&mut stream, policy, false, connection, worker).await?;
    if spoken == Spoken::Tls {
        let mut caller = Caller { stream, first };
        let name = match connection.run(tcp::hello(&mut caller), |_| ()).await? {
            Ok(name) => name,
            Err(_) => {
                worker.metrics().downstream_error(DownstreamError::Reset);
                return None;
            }
        };
        (stream, first) = (caller.stream, caller.first);
        // Members ask for no name: they know each other by identity. Who asks for one means a server of the application's.
        if name.is_none() {
            let stream = match stream {
                Stream::Tcp(stream) => stream,
                Stream::Tls(_) => return None,
            };
            return secure(stream, &first, connection, server, worker).await;
        }
    } else if matches!(listener.config.speaks, Speaks::Http) && spoken == Spoken::Opaque {
        // Bad HTTP is told so.
        spoken = Spoken::Http1;
    }
    let known = Some(Found {
        spoken,
        first,
        ready,
    });
    Some(Entered { stream, known })
}

/// Shakes hands with a caller of whom `first` has been read.
async fn secure(
    stream: TcpStream,
    first: &[u8],
    connection: &Connection,
    server: &Server,
    worker: &Worker,
) -> Option<Entered> {
    let hands = shake_hands(server, stream, first, connection.peer, worker.tls_metrics());
    let (stream, secured) = connection.run(hands, |_| ()).await??;
    let spoken = secured.session.alpn.map(|alpn| match alpn {
        Alpn::Http2 => Spoken::Http2,
        Alpn::Http1 => Spoken::Http1,
    });
    connection.secure(secured);
    let speaks_http = connection.listener().config.speaks.http();
    Some(Entered {
        stream,
        known: spoken.filter(|_| speaks_http).map(Found::known),
    })
}
