//! What a sample endpoint answers: by path what the caller asks for, by flags what the endpoint is like.

use std::{cell::RefCell, collections::BTreeMap, convert::Infallible, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::body::Incoming;

/// The header that names the endpoint behind an answer.
pub const ENDPOINT_HEADER: &str = "x-endpoint";

/// The largest body that `/bytes/N` makes; more would only measure this process's memory.
const LARGEST_BODY: usize = 64 << 20;

type Body = UnsyncBoxBody<Bytes, hyper::Error>;

/// What an endpoint is like, whoever asks.
#[derive(clap::Args, Clone, Debug)]
pub struct Behaviour {
    /// The name in the body of `/` and in the header `x-endpoint`
    #[arg(long, default_value = "endpoint")]
    name: String,
    /// How long each answer takes
    #[arg(long, value_parser = humantime::parse_duration, default_value = "0s")]
    delay: Duration,
    /// The status of ordinary answers
    #[arg(long, default_value = "200")]
    status: StatusCode,
    /// The share of requests, 0 to 1, answered 500 at once
    #[arg(long, default_value_t = 0.0)]
    fail: f64,
    /// The size of the body of `/`, instead of the name alone
    #[arg(long)]
    body_bytes: Option<usize>,
}

impl Behaviour {
    /// Answers one request: `/bytes/N`, `/sleep/MS`, `/status/N`, `/headers`, `/discard`; a body is
    /// echoed (for gRPC with trailers); anything else gets the name.
    pub async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        if self.fail > 0.0 && fastrand::f64() < self.fail {
            return self.respond(StatusCode::INTERNAL_SERVER_ERROR, text("told to fail\n"));
        }
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        let path = request.uri().path();
        let mut segments = path.trim_start_matches('/').splitn(2, '/');
        let verb = segments.next().unwrap_or_default();
        let number: Option<usize> = segments.next().and_then(|text| text.parse().ok());
        match (verb, number) {
            ("bytes", Some(size)) => self.respond(self.status, filler(size.min(LARGEST_BODY))),
            ("sleep", Some(milliseconds)) => {
                tokio::time::sleep(Duration::from_millis(milliseconds as u64)).await;
                self.respond(self.status, text("slept\n"))
            }
            ("status", Some(code)) => {
                let code = u16::try_from(code).ok();
                let status = code.and_then(|code| StatusCode::from_u16(code).ok());
                self.respond(status.unwrap_or(StatusCode::BAD_REQUEST), text(""))
            }
            ("discard", None) => self.discard(request).await,
            ("headers", None) => self.respond(self.status, received(&request)),
            _ if is_grpc(request.headers()) => self.echo_grpc(request),
            _ if !hyper::body::Body::is_end_stream(request.body()) => {
                let echo = request.into_body().boxed_unsync();
                self.respond(self.status, echo)
            }
            _ => self.respond(self.status, self.greeting()),
        }
    }

    /// Reads a body and says how long it was, so that an upload can be measured without the way back.
    async fn discard(&self, request: Request<Incoming>) -> Response<Body> {
        let mut body = request.into_body();
        let mut size = 0;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else {
                return self.respond(StatusCode::BAD_REQUEST, text("body cut short\n"));
            };
            size += frame.data_ref().map_or(0, Bytes::len);
        }
        self.respond(self.status, text(format!("{size}\n")))
    }

    fn greeting(&self) -> Body {
        match self.body_bytes {
            Some(size) => filler(size),
            None => text(format!("{}\n", self.name)),
        }
    }

    /// Sends each message back, then `grpc-status: 0`: an echo of any of the four kinds of call.
    fn echo_grpc(&self, request: Request<Incoming>) -> Response<Body> {
        let trailers = HeaderMap::from_iter([(
            header::HeaderName::from_static("grpc-status"),
            HeaderValue::from_static("0"),
        )]);
        let echo = request
            .into_body()
            .with_trailers(async { Some(Ok(trailers)) })
            .boxed_unsync();
        let mut response = self.respond(StatusCode::OK, echo);
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/grpc"),
        );
        response
    }

    fn respond(&self, status: StatusCode, body: Body) -> Response<Body> {
        let mut response = Response::new(body);
        *response.status_mut() = status;
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        if let Ok(name) = HeaderValue::from_str(&self.name) {
            response.headers_mut().insert(ENDPOINT_HEADER, name);
        }
        response
    }
}

fn is_grpc(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

/// The request as the endpoint saw it, as JSON; a header sent twice keeps both values.
fn received(request: &Request<Incoming>) -> Body {
    let mut headers: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, value) in request.headers() {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        headers.entry(name.as_str()).or_default().push(value);
    }
    let seen = serde_json::json!({
        "method": request.method().as_str(),
        "uri": request.uri().to_string(),
        "version": format!("{:?}", request.version()),
        "headers": headers,
    });
    text(format!("{seen:#}\n"))
}

/// A body of so many bytes. All are parts of the longest so far: hundreds of large ones at a time cost no memory.
fn filler(size: usize) -> Body {
    thread_local! {
        static LONGEST: RefCell<Bytes> = const { RefCell::new(Bytes::new()) };
    }
    LONGEST.with_borrow_mut(|longest| {
        if longest.len() < size {
            *longest = vec![b'x'; size].into();
        }
        text(longest.slice(..size))
    })
}

fn text(body: impl Into<Bytes>) -> Body {
    Full::new(body.into())
        .map_err(|never: Infallible| match never {})
        .boxed_unsync()
}
