//! A connection to a control plane: HTTP/2 with prior knowledge or over TLS, for gRPC.
//!
//! Our own, and not that of a gRPC library's client: one connection to one address, whose failures are told apart, and
//! whose retries and pings are ours to decide.

use std::{
    error::Error,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderValue, Request, Response, Uri, header::AUTHORIZATION};
use hyper::{
    body::Incoming,
    client::conn::http2::{Builder, SendRequest},
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use outrigger_entrance::{Caller, Mistake};
use rustls_pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    net::{TcpStream, lookup_host},
    select,
    task::AbortHandle,
    time::{sleep, timeout},
};
use tokio_rustls::TlsConnector;
use tokio_util::io::InspectReader;
use tonic::{Status, body::Body, client::Grpc};
use tower::Service;

use super::{last_words::LastWords, server::Server};
use crate::stream::Stream;

/// To make a connection: a try that takes longer must not keep others waiting.
const CONNECT: Duration = Duration::from_secs(1);

/// How often it is looked whether the peer's SETTINGS have come.
const SETTINGS: Duration = Duration::from_millis(2);

/// With no answer for this long after a ping, the peer is taken for dead: with [`PING_EVERY`] that is noticed in 8 s.
const PING_ANSWER: Duration = Duration::from_secs(4);

/// How often a quiet peer is asked for a sign of life.
const PING_EVERY: Duration = Duration::from_secs(4);

/// Flow-control windows: a table of megabytes comes without waiting.
const WINDOW: u32 = 4 * 1024 * 1024;

/// The largest message: as large as a table on the disk may be. The common 4 MiB are a few thousand clusters.
const LARGEST_MESSAGE: usize = 64 * 1024 * 1024;

/// Why there is no connection, or no longer.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The name stands for nothing.
    #[error("cannot look up the name: {0}")]
    Lookup(io::Error),
    /// Nobody listens.
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    /// What it is to be shown is not right.
    #[error("{0}")]
    Credential(#[from] Mistake),
    /// It is not who it should be, or does not take us for who we are.
    #[error("no TLS: {0}")]
    Tls(io::Error),
    /// Nobody answers.
    #[error("no connection within {CONNECT:?}")]
    Timeout,
    /// Somebody listens who does not speak HTTP/2.
    #[error("cannot speak HTTP/2: {}", root(.0))]
    Protocol(hyper::Error),
    /// The stream was ended with an error.
    #[error("{}", describe(.0))]
    Stream(Box<Status>),
    /// The stream was ended.
    #[error("the control plane ended the stream")]
    Ended,
    /// It takes nothing any more.
    #[error("the control plane does not read what it is told")]
    Deaf,
}

impl Trouble {
    /// The control plane does not know what was asked of it.
    pub fn is_unimplemented(&self) -> bool {
        matches!(self, Self::Stream(status) if status.code() == tonic::Code::Unimplemented)
    }
}

impl From<Status> for Trouble {
    fn from(status: Status) -> Self {
        Self::Stream(Box::new(status))
    }
}

/// What lies at the bottom of an error.
fn root(error: &(dyn Error + 'static)) -> String {
    let mut root = error;
    while let Some(source) = root.source() {
        root = source;
    }
    root.to_string()
}

fn describe(status: &Status) -> String {
    match status.source() {
        Some(source) => format!("the connection broke: {}", root(source)),
        None => format!("{:?}: {}", status.code(), status.message()),
    }
}

/// A connection. Ends when dropped.
pub struct Connection {
    sender: SendRequest<Body>,
    task: AbortHandle,
    /// What requests are addressed to.
    origin: Uri,
    /// What they show.
    authorization: Option<HeaderValue>,
    /// Whom it leads to.
    pub peer: SocketAddr,
    /// What it said last.
    pub last_words: LastWords,
}

impl Connection {
    /// Connects to the first address of `server` that can be had; with `pings`, a peer that is silent is asked for a sign
    /// of life. `caller` is who we are.
    pub async fn open(server: &Server, caller: &Caller, pings: bool) -> Result<Self, Trouble> {
        caller.keeps_its_token(&server.url())?;
        let addresses = timeout(CONNECT, lookup_host(server.as_str()));
        let addresses = addresses.await.map_err(|_| Trouble::Timeout)?;
        let mut trouble = Trouble::Lookup(io::ErrorKind::NotFound.into());
        for address in addresses.map_err(Trouble::Lookup)? {
            match timeout(CONNECT, Self::establish(server, caller, address, pings)).await {
                Ok(Ok(connection)) => return Ok(connection),
                Ok(Err(error)) => trouble = error,
                Err(_) => trouble = Trouble::Timeout,
            }
        }
        Err(trouble)
    }

    async fn establish(
        server: &Server,
        caller: &Caller,
        peer: SocketAddr,
        pings: bool,
    ) -> Result<Self, Trouble> {
        let stream = TcpStream::connect(peer).await.map_err(Trouble::Connect)?;
        let _ = stream.set_nodelay(true);
        // The kernel notices a machine that is gone, also where pings are not welcome.
        let probes = TcpKeepalive::new()
            .with_time(PING_EVERY)
            .with_interval(PING_EVERY / 4)
            .with_retries(4);
        let socket = SockRef::from(&stream);
        let _ = socket.set_tcp_keepalive(&probes);
        let _ = socket.set_tcp_user_timeout(Some(PING_EVERY + PING_ANSWER));
        let stream = match server.is_secure() {
            true => secure(stream, server, caller).await?,
            false => Stream::Tcp(stream),
        };
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            // Until it has said how many it allows: whoever says nothing is none.
            .initial_max_send_streams(0)
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW);
        if pings {
            builder
                .keep_alive_interval(PING_EVERY)
                .keep_alive_timeout(PING_ANSWER)
                .keep_alive_while_idle(true);
        }
        let last_words = LastWords::default();
        let ear = last_words.clone();
        let stream = InspectReader::new(stream, move |bytes: &[u8]| ear.hear(bytes));
        let (sender, mut connection) = builder
            .handshake(TokioIo::new(stream))
            .await
            .map_err(Trouble::Protocol)?;
        while connection.current_max_send_streams() == 0 {
            select! {
                ended = &mut connection => {
                    return Err(ended.map_or_else(Trouble::Protocol, |()| Trouble::Ended));
                }
                // hyper reads them in a task of its own, and tells nobody.
                () = sleep(SETTINGS) => {}
            }
        }
        // Its error comes out where the stream ends.
        let task = tokio::spawn(async { drop(connection.await) }).abort_handle();
        let origin = Uri::builder()
            .scheme(if server.is_secure() { "https" } else { "http" })
            .authority(server.as_str())
            .path_and_query("/")
            .build()
            .unwrap_or_default();
        Ok(Self {
            sender,
            task,
            origin,
            authorization: caller.authorization()?,
            peer,
            last_words,
        })
    }

    /// A gRPC client on it.
    pub fn grpc(&self) -> Grpc<Streams> {
        let streams = Streams {
            sender: self.sender.clone(),
            authorization: self.authorization.clone(),
        };
        Grpc::with_origin(streams, self.origin.clone()).max_decoding_message_size(LARGEST_MESSAGE)
    }
}

/// Shakes hands with what calls itself `server`.
async fn secure(stream: TcpStream, server: &Server, caller: &Caller) -> Result<Stream, Trouble> {
    let config = caller.tls(&[b"h2"])?;
    let name = ServerName::try_from(server.host().to_owned());
    let name = name.map_err(|error| Trouble::Tls(io::Error::other(error)))?;
    let handshake = TlsConnector::from(Arc::new(config)).connect(name, stream);
    let stream = handshake.await.map_err(Trouble::Tls)?;
    Ok(Stream::Tls(Box::new(stream.into())))
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A connection as gRPC wants it.
#[derive(Clone)]
pub struct Streams {
    sender: SendRequest<Body>,
    authorization: Option<HeaderValue>,
}

impl Service<Request<Body>> for Streams {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.sender.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        if let Some(authorization) = &self.authorization {
            let headers = request.headers_mut();
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        let mut sender = self.sender.clone();
        Box::pin(async move { sender.send_request(request).await })
    }
}
