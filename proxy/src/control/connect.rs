//! A connection to a control plane: HTTP/2 with prior knowledge, for gRPC.
//!
//! Our own, and not that of a gRPC library's client: one connection to one address, whose failures are told apart, and
//! whose retries and pings are ours to decide.

use std::{
    error::Error,
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response, Uri};
use hyper::{
    body::Incoming,
    client::conn::http2::{Builder, SendRequest},
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    net::{TcpStream, lookup_host},
    select,
    task::AbortHandle,
    time::{sleep, timeout},
};
use tonic::{Status, body::Body, client::Grpc};
use tower::Service;

use super::server::Server;

/// To make a connection: a try that takes longer must not keep others waiting.
const CONNECT: Duration = Duration::from_secs(1);

/// How often it is looked whether the peer's SETTINGS have come.
const SETTINGS: Duration = Duration::from_millis(2);

/// With no answer for this long after a ping, the peer is taken for dead: with [`PING_EVERY`] that is noticed in 10 s.
const PING_ANSWER: Duration = Duration::from_secs(5);

/// How often a quiet peer is asked for a sign of life.
const PING_EVERY: Duration = Duration::from_secs(5);

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

    /// The control plane finds that it is pinged too often: grpc-go allows a ping in five minutes, unless told otherwise.
    pub fn is_too_many_pings(&self) -> bool {
        let Self::Stream(status) = self else {
            return false;
        };
        let mut error: Option<&(dyn Error + 'static)> = Some(&**status);
        while let Some(cause) = error {
            let reason = cause.downcast_ref().and_then(h2::Error::reason);
            if reason == Some(h2::Reason::ENHANCE_YOUR_CALM) {
                return true;
            }
            error = cause.source();
        }
        false
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
    /// Whom it leads to.
    pub peer: SocketAddr,
}

impl Connection {
    /// Connects to the first address of `server` that can be had; with `pings`, a peer that is silent is asked for a sign
    /// of life.
    pub async fn open(server: &Server, pings: bool) -> Result<Self, Trouble> {
        let addresses = timeout(CONNECT, lookup_host(server.as_str()));
        let addresses = addresses.await.map_err(|_| Trouble::Timeout)?;
        let mut trouble = Trouble::Lookup(io::ErrorKind::NotFound.into());
        for address in addresses.map_err(Trouble::Lookup)? {
            match timeout(CONNECT, Self::establish(server, address, pings)).await {
                Ok(Ok(connection)) => return Ok(connection),
                Ok(Err(error)) => trouble = error,
                Err(_) => trouble = Trouble::Timeout,
            }
        }
        Err(trouble)
    }

    async fn establish(server: &Server, peer: SocketAddr, pings: bool) -> Result<Self, Trouble> {
        let stream = TcpStream::connect(peer).await.map_err(Trouble::Connect)?;
        let _ = stream.set_nodelay(true);
        // The kernel notices a machine that is gone, also where pings are not welcome.
        let probes = TcpKeepalive::new()
            .with_time(PING_EVERY)
            .with_interval(PING_EVERY / 5)
            .with_retries(4);
        let socket = SockRef::from(&stream);
        let _ = socket.set_tcp_keepalive(&probes);
        let _ = socket.set_tcp_user_timeout(Some(PING_EVERY + PING_ANSWER));
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
            .scheme("http")
            .authority(server.as_str())
            .path_and_query("/")
            .build()
            .unwrap_or_default();
        Ok(Self {
            sender,
            task,
            origin,
            peer,
        })
    }

    /// A gRPC client on it.
    pub fn grpc(&self) -> Grpc<Streams> {
        Grpc::with_origin(Streams(self.sender.clone()), self.origin.clone())
            .max_decoding_message_size(LARGEST_MESSAGE)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A connection as gRPC wants it.
#[derive(Clone)]
pub struct Streams(SendRequest<Body>);

impl Service<Request<Body>> for Streams {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let mut sender = self.0.clone();
        Box::pin(async move { sender.send_request(request).await })
    }
}
