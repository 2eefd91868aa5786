//! Endpoints that speak HTTP properly, HTTP/1.1 and HTTP/2 on one port, and behave as a test wants.
//!
//! What breaks the protocol on purpose is a [`crate::RawEndpoint`].

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

use crate::body::{self, Body};

type Answer = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;
type Handler = Arc<dyn Fn(Request<Incoming>) -> Answer + Send + Sync>;

/// What an endpoint has seen so far.
#[derive(Debug, Default)]
pub struct Seen {
    connections: AtomicUsize,
    open: AtomicUsize,
    requests: AtomicUsize,
    paths: Mutex<Vec<String>>,
}

impl Seen {
    /// Connections accepted.
    pub fn connections(&self) -> usize {
        self.connections.load(Relaxed)
    }

    /// Connections that are open now.
    pub fn open(&self) -> usize {
        self.open.load(Relaxed)
    }

    /// Requests begun.
    pub fn requests(&self) -> usize {
        self.requests.load(Relaxed)
    }

    /// Path and query of the first thousand requests, in order.
    pub fn paths(&self) -> Vec<String> {
        self.paths.lock().unwrap().clone()
    }

    fn note(&self, request: &Request<Incoming>) {
        self.requests.fetch_add(1, Relaxed);
        let mut paths = self.paths.lock().unwrap();
        if paths.len() < 1000 {
            paths.push(
                request
                    .uri()
                    .path_and_query()
                    .map_or_else(String::new, ToString::to_string),
            );
        }
    }
}

/// How an endpoint serves, before it does.
#[derive(Clone, Default)]
pub struct Serve {
    address: Option<SocketAddr>,
    max_streams: Option<u32>,
    tls: Option<TlsAcceptor>,
}

impl Serve {
    /// With TLS.
    pub fn tls(mut self, acceptor: TlsAcceptor) -> Self {
        self.tls = Some(acceptor);
        self
    }

    /// Answers 200 with its name as the body and in the header `x-endpoint`.
    pub async fn named(self, name: &str) -> Endpoint {
        let name = name.to_owned();
        self.with(move |_| std::future::ready(named(&name, StatusCode::OK)))
            .await
    }

    /// Answers as [`Endpoint::echo`].
    pub async fn echo(self) -> Endpoint {
        self.with(echo).await
    }

    /// On this address, say that of an endpoint that has stopped.
    pub fn at(mut self, address: SocketAddr) -> Self {
        self.address = Some(address);
        self
    }

    /// No more HTTP/2 streams than these on a connection.
    pub fn max_streams(mut self, streams: u32) -> Self {
        self.max_streams = Some(streams);
        self
    }

    /// Starts to serve.
    pub async fn with<F, R>(self, handler: F) -> Endpoint
    where
        F: Fn(Request<Incoming>) -> R + Send + Sync + 'static,
        R: Future<Output = Response<Body>> + Send + 'static,
    {
        let wanted = self
            .address
            .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
        let listener = TcpListener::bind(wanted).await;
        let listener =
            listener.unwrap_or_else(|error| panic!("cannot listen on {wanted}: {error}"));
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let (drain, drained) = watch::channel(false);
        let handler: Handler = Arc::new(move |request| Box::pin(handler(request)));
        let acceptor = Acceptor {
            options: self,
            handler,
            seen: seen.clone(),
            drained,
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(acceptor.run(listener));
        Endpoint {
            address,
            seen,
            drain,
            tasks,
        }
    }
}

/// A server in this process; stops at once when dropped.
#[derive(Debug)]
pub struct Endpoint {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it has seen.
    pub seen: Arc<Seen>,
    drain: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Endpoint {
    /// Answers 200 with its name as the body and in the header `x-endpoint`.
    pub async fn named(name: &str) -> Self {
        Self::slow(name, Duration::ZERO).await
    }

    /// As [`Endpoint::named`], after a delay.
    pub async fn slow(name: &str, delay: Duration) -> Self {
        let name = name.to_owned();
        Serve::default()
            .with(move |_| {
                let answer = named(&name, StatusCode::OK);
                async move {
                    if !delay.is_zero() {
                        tokio::time::sleep(delay).await;
                    }
                    answer
                }
            })
            .await
    }

    /// Answers with this status, at once.
    pub async fn failing(name: &str, status: StatusCode) -> Self {
        let name = name.to_owned();
        Serve::default()
            .with(move |_| std::future::ready(named(&name, status)))
            .await
    }

    /// Answers with a JSON object: method, uri, version, headers (each a list), body_length and body_checksum of the request.
    pub async fn echo() -> Self {
        Serve::default().with(echo).await
    }

    /// Takes requests and never answers.
    pub async fn hanging() -> Self {
        Serve::default().with(|_| std::future::pending()).await
    }

    /// Stops accepting, lets every connection finish its requests, and returns when all are closed: a proper drain.
    pub async fn drain(mut self) {
        self.drain.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.address.fmt(f)
    }
}

struct Acceptor {
    options: Serve,
    handler: Handler,
    seen: Arc<Seen>,
    drained: watch::Receiver<bool>,
}

impl Acceptor {
    async fn run(self, listener: TcpListener) {
        let mut connections = JoinSet::new();
        let mut drained = self.drained.clone();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let (stream, _) = accepted.expect("the listener accepts");
                    self.seen.connections.fetch_add(1, Relaxed);
                    self.seen.open.fetch_add(1, Relaxed);
                    connections.spawn(self.serve(stream));
                }
                Some(_) = connections.join_next() => {}
                _ = drained.wait_for(|drained| *drained) => break,
            }
        }
        drop(listener);
        while connections.join_next().await.is_some() {}
    }

    fn serve(&self, stream: TcpStream) -> impl Future<Output = ()> + Send + use<> {
        let _ = stream.set_nodelay(true);
        let (handler, seen, mut drained) = (
            self.handler.clone(),
            self.seen.clone(),
            self.drained.clone(),
        );
        let Serve {
            max_streams, tls, ..
        } = self.options.clone();
        let open = Open(seen.clone());
        async move {
            let _open = open;
            let service = service_fn(move |request| {
                seen.note(&request);
                let answer = handler(request);
                async move { Ok::<_, Infallible>(answer.await) }
            });
            let mut builder = auto::Builder::new(TokioExecutor::new());
            builder.http1().timer(TokioTimer::new());
            builder
                .http2()
                .timer(TokioTimer::new())
                .max_concurrent_streams(max_streams);
            let stream: Box<dyn Bytes> = match tls {
                None => Box::new(stream),
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => Box::new(stream),
                    Err(_) => return,
                },
            };
            let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
            tokio::pin!(connection);
            tokio::select! {
                _ = connection.as_mut() => return,
                _ = drained.wait_for(|drained| *drained) => {}
            }
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

/// A connection, with TLS or without.
trait Bytes: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Bytes for T {}

/// Counts a connection down, also when its task is dropped.
struct Open(Arc<Seen>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}

fn named(name: &str, status: StatusCode) -> Response<Body> {
    let response = Response::builder()
        .status(status)
        .header("x-endpoint", name);
    response.body(body::full(name.to_owned())).unwrap()
}

async fn echo(request: Request<Incoming>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let mut headers = serde_json::Map::new();
    for (name, value) in &head.headers {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        let values = headers
            .entry(name.as_str())
            .or_insert_with(|| serde_json::json!([]));
        values
            .as_array_mut()
            .expect("made as an array")
            .push(value.into());
    }
    let Ok(collected) = body.collect().await else {
        return named("echo", StatusCode::BAD_REQUEST);
    };
    let trailers = collected.trailers().map_or(0, http::HeaderMap::len);
    let bytes = collected.to_bytes();
    let seen = serde_json::json!({
        "method": head.method.as_str(),
        "uri": head.uri.to_string(),
        "version": format!("{:?}", head.version),
        "headers": headers,
        "body_length": bytes.len(),
        "body_checksum": body::checksum(&bytes),
        "trailers": trailers,
    });
    let response = Response::builder().header("content-type", "application/json");
    response.body(body::full(seen.to_string())).unwrap()
}
