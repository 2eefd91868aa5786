//! The admin server: what operators and their tools ask the process. On the control thread, beside the request path.
//!
//! Whether the process lives and is ready may be asked by anybody who reaches it; all else by who is let in by its [`Entrance`],
//! and not by a page of a foreign site ([`Hosts`]).

mod clusters;
mod table;

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use outrigger_config::model::{Admin, SpiffeId};
use outrigger_entrance::{Entrance, Hosts, Mistake, Settings, TlsFiles};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
    task::JoinSet,
    time::timeout,
};

use crate::{status::Status, telemetry::metrics::CONTENT_TYPE, worker::Shared};

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

/// A scraper that does not end its head within this is hung up on.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest that a connection may last: whoever does not read what it asked for must not take its place for ever.
const MOST_TIME: Duration = Duration::from_secs(60);

/// Scrapers and people are few, and a stranger is hung up on after ten seconds; more wait to be accepted.
const MOST_CONNECTIONS: usize = 1024;

/// Whom the server lets in.
#[derive(Clone)]
pub struct Door {
    entrance: Arc<Entrance>,
    hosts: Arc<Hosts>,
}

impl Door {
    /// As the file says it, at `address`. With `open_ports` it may be open to anybody.
    ///
    /// # Errors
    /// When it would be without.
    pub fn open(config: &Admin, address: SocketAddr, open_ports: bool) -> Result<Self, Mistake> {
        let settings = Settings {
            tls: config.tls.as_ref().map(|tls| TlsFiles {
                cert: tls.certificate.cert.clone(),
                key: tls.certificate.key.clone(),
                client_ca: tls.client_ca.clone(),
            }),
            allow_identities: config.allow_identities.clone(),
            token_file: config.token_file.clone(),
            http2: false,
        };
        Ok(Self {
            entrance: Arc::new(Entrance::open("admin", address, &settings, open_ports)?),
            hosts: Arc::new(Hosts::new(&config.allow_hosts)),
        })
    }

    /// What is answered to who is not let in.
    fn refuse(
        &self,
        identity: Option<&SpiffeId>,
        request: &Request<Incoming>,
    ) -> Option<Response<Full<Bytes>>> {
        if matches!(request.uri().path(), "/live" | "/ready") {
            return None;
        }
        if let Err(stranger) = self.hosts.admit(request.uri(), request.headers()) {
            return Some(response(stranger.status(), TEXT, format!("{stranger}\n")));
        }
        let refusal = self.entrance.admit(identity, request.headers()).err()?;
        let mut refused = response(refusal.status(), TEXT, format!("{refusal}\n"));
        if refusal.status() == StatusCode::UNAUTHORIZED {
            let bearer = HeaderValue::from_static("Bearer");
            refused
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, bearer);
        }
        Some(refused)
    }
}

/// What the server shows, and whom it tells.
#[derive(Clone)]
pub struct State {
    /// Whom it lets in.
    pub door: Door,
    /// The table and the metrics.
    pub shared: Arc<Shared>,
    /// Whether the process is ready.
    pub status: Arc<Status>,
    /// Asks for a drain.
    pub drain: mpsc::Sender<()>,
}

/// What `/` says.
const INDEX: &str = "\
GET  /live      200 while the process lives
GET  /ready     200 if it takes requests, else 503 and why
GET  /metrics   Prometheus metrics
GET  /config    the table in force, and what became of the last one offered
GET  /clusters  endpoints with their load
POST /drain     finish what is under way, then exit
";

/// Serves on sockets that were bound, until what is returned is dropped.
///
/// # Errors
/// When the system does not give what they need.
pub fn start(sockets: Vec<std::net::TcpListener>, state: &State) -> io::Result<JoinSet<()>> {
    let mut serving = JoinSet::new();
    for socket in sockets {
        let state = state.clone();
        let converse = move |stream, peer| {
            let state = state.clone();
            async move { converse(stream, peer, &state).await }
        };
        let socket = TcpListener::from_std(socket)?;
        serving.spawn(serve(socket, MOST_CONNECTIONS, MOST_TIME, converse));
    }
    Ok(serving)
}

/// Converses with `most` callers at once, and with each for no longer than `patience`.
async fn serve<F>(
    listener: TcpListener,
    most: usize,
    patience: Duration,
    converse: impl Fn(TcpStream, SocketAddr) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let permits = Arc::new(Semaphore::new(most));
    loop {
        let permit = Arc::clone(&permits).acquire_owned().await;
        let Ok((stream, peer)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let conversation = timeout(patience, converse(stream, peer));
        tokio::spawn(async move {
            // That it took too long is the caller's loss.
            let _ended = conversation.await;
            drop(permit);
        });
    }
}

async fn converse(stream: TcpStream, peer: SocketAddr, state: &State) {
    let (stream, identity) = match state.door.entrance.welcome(stream).await {
        Ok(taken_in) => taken_in,
        Err(error) => return tracing::debug!(%peer, %error, "no handshake with the admin server"),
    };
    let answer = service_fn(|request| {
        let refused = state.door.refuse(identity.as_ref(), &request);
        if refused.is_some() {
            state.shared.telemetry.metrics.admin_refused().increment();
        }
        let response = refused.unwrap_or_else(|| answer(&request, state));
        async { Ok::<_, Infallible>(response) }
    });
    let mut http1 = http1::Builder::new();
    http1
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT);
    // A scraper that hangs up is no news.
    let _ended = http1.serve_connection(TokioIo::new(stream), answer).await;
}

fn answer(request: &Request<Incoming>, state: &State) -> Response<Full<Bytes>> {
    match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, path) => match path {
            "/" => response(StatusCode::OK, TEXT, INDEX),
            "/live" => response(StatusCode::OK, TEXT, "live\n"),
            "/ready" => match state.status.unready() {
                None => response(StatusCode::OK, TEXT, "ready\n"),
                Some(why) => response(StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("{why}\n")),
            },
            "/metrics" => response(StatusCode::OK, CONTENT_TYPE, state.shared.telemetry.page()),
            "/config" => response(StatusCode::OK, JSON, table::show(state)),
            "/clusters" => response(
                StatusCode::OK,
                JSON,
                clusters::show(&state.shared.snapshot.load()),
            ),
            "/drain" => response(StatusCode::METHOD_NOT_ALLOWED, TEXT, "use POST\n"),
            _ => response(StatusCode::NOT_FOUND, TEXT, INDEX),
        },
        (&Method::POST, "/drain") => {
            // A second asking changes nothing.
            let _ = state.drain.try_send(());
            response(StatusCode::ACCEPTED, TEXT, "draining\n")
        }
        _ => response(StatusCode::METHOD_NOT_ALLOWED, TEXT, INDEX),
    }
}

fn response(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    // What it shows is no page, whatever a browser makes of it.
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    response
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test]
    async fn callers_that_never_read_make_room_for_others_in_time() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (met, mut meets) = mpsc::unbounded_channel();
        let converse = move |stream, peer| {
            met.send(peer).unwrap();
            async move {
                let _open: TcpStream = stream;
                pending().await
            }
        };
        let patience = Duration::from_millis(10);
        let _serving = tokio::spawn(serve(listener, 1, patience, converse));
        let mut callers = Vec::new();
        for _ in 0..3 {
            let caller = TcpStream::connect(address).await.unwrap();
            let met = timeout(Duration::from_secs(10), meets.recv());
            assert_eq!(met.await, Ok(caller.local_addr().ok()));
            callers.push(caller);
        }
    }
}
