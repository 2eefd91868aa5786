//! The admin server: what operators and their tools ask the process. On the control thread, beside the request path.

mod clusters;
mod table;

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpListener, sync::mpsc, task::JoinSet};

use crate::{status::Status, telemetry::metrics::CONTENT_TYPE, worker::Shared};

/// A scraper that does not end its head within this is hung up on.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// What the server shows, and whom it tells.
#[derive(Clone)]
pub struct State {
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
        serving.spawn(serve(TcpListener::from_std(socket)?, state.clone()));
    }
    Ok(serving)
}

async fn serve(listener: TcpListener, state: State) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let state = state.clone();
        tokio::spawn(async move {
            let answer = service_fn(|request| {
                let response = answer(&request, &state);
                async { Ok::<_, Infallible>(response) }
            });
            let mut http1 = http1::Builder::new();
            http1
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_TIMEOUT);
            // A scraper that hangs up is no news.
            let _ended = http1.serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}

fn answer(request: &Request<Incoming>, state: &State) -> Response<Full<Bytes>> {
    const TEXT: &str = "text/plain; charset=utf-8";
    const JSON: &str = "application/json";
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
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
