//! A well-behaved client: one connection, HTTP/1.1 or HTTP/2 with prior knowledge.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, header::HOST};
use http_body_util::BodyExt;
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::{
    Dial,
    body::{self, Body},
    within,
};

/// The host of requests that name none.
const DEFAULT_HOST: &str = "test.local";

/// One connection to the proxy or, to prove the stage itself, straight to an endpoint.
pub enum Client {
    /// Speaks HTTP/1.1, one request at a time.
    Http1(http1::SendRequest<Body>),
    /// Speaks HTTP/2; clones of the sender share the connection.
    Http2(http2::SendRequest<Body>),
}

impl Client {
    /// Connects with HTTP/1.1.
    pub async fn http1(address: SocketAddr) -> Self {
        let (sender, connection) = http1::handshake(connect(address).await).await.unwrap();
        tokio::spawn(connection.with_upgrades());
        Self::Http1(sender)
    }

    /// Connects with HTTP/2, prior knowledge.
    pub async fn http2(address: SocketAddr) -> Self {
        let (sender, connection) = http2::handshake(TokioExecutor::new(), connect(address).await)
            .await
            .unwrap();
        tokio::spawn(connection);
        Self::Http2(sender)
    }

    /// Connects with TLS, and speaks what that agrees on.
    pub async fn tls(address: SocketAddr, dial: &Dial) -> Result<Self, String> {
        let stream = dial.connect(address).await?;
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let stream = TokioIo::new(stream);
        Ok(match http2 {
            true => {
                let (sender, connection) = http2::handshake(TokioExecutor::new(), stream)
                    .await
                    .map_err(|error| format!("{error:?}"))?;
                tokio::spawn(connection);
                Self::Http2(sender)
            }
            false => {
                let (sender, connection) = http1::handshake(stream)
                    .await
                    .map_err(|error| format!("{error:?}"))?;
                tokio::spawn(connection.with_upgrades());
                Self::Http1(sender)
            }
        })
    }

    /// Another handle on the same HTTP/2 connection.
    pub fn share(&self) -> Self {
        match self {
            Self::Http1(_) => panic!("an HTTP/1.1 connection has one user"),
            Self::Http2(sender) => Self::Http2(sender.clone()),
        }
    }

    /// Whether the peer ended the connection.
    pub fn is_closed(&self) -> bool {
        match self {
            Self::Http1(sender) => sender.is_closed(),
            Self::Http2(sender) => sender.is_closed(),
        }
    }

    /// Sends a request and gives the response as soon as its head is there.
    pub async fn send(&mut self, request: Request<Body>) -> hyper::Result<Response<Incoming>> {
        let request = self.addressed(request);
        match self {
            Self::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
            Self::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
        }
    }

    /// Sends a request and reads the whole response, or says what went wrong.
    pub async fn try_request(&mut self, request: Request<Body>) -> Result<Reply, String> {
        let what = format!("{} {}", request.method(), request.uri());
        let exchange = async {
            let response = self
                .send(request)
                .await
                .map_err(|error| format!("{error:?}"))?;
            Reply::read(response)
                .await
                .map_err(|error| format!("{error:?}"))
        };
        within(&what, exchange).await
    }

    /// Sends a request and reads the whole response; fails the test when there is none.
    pub async fn request(&mut self, request: Request<Body>) -> Reply {
        let what = format!("{} {}", request.method(), request.uri());
        match self.try_request(request).await {
            Ok(reply) => reply,
            Err(error) => panic!("{what}: {error}"),
        }
    }

    /// GETs `path`.
    pub async fn get(&mut self, path: &str) -> Reply {
        self.request(get(path)).await
    }

    /// Each version names the host in its own way; tests say it once, as a `host` header or not at all.
    fn addressed(&self, mut request: Request<Body>) -> Request<Body> {
        if request.uri().scheme().is_some() || request.method() == Method::CONNECT {
            return request;
        }
        match self {
            Self::Http1(_) => {
                let default = http::HeaderValue::from_static(DEFAULT_HOST);
                request.headers_mut().entry(HOST).or_insert(default);
            }
            Self::Http2(_) => {
                let host = request.headers_mut().remove(HOST);
                let host = host
                    .as_ref()
                    .map_or(DEFAULT_HOST, |host| host.to_str().unwrap());
                let path = request
                    .uri()
                    .path_and_query()
                    .map_or("/", |path| path.as_str());
                *request.uri_mut() = format!("http://{host}{path}").parse::<Uri>().unwrap();
            }
        }
        request
    }
}

/// A GET without body.
pub fn get(path: &str) -> Request<Body> {
    Request::get(path).body(body::empty()).unwrap()
}

/// A GET with these headers.
pub fn get_with(path: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let request = Request::get(path);
    let request = headers.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    request.body(body::empty()).unwrap()
}

/// A POST with a body of known length.
pub fn post(path: &str, bytes: impl Into<Bytes>) -> Request<Body> {
    Request::post(path).body(body::full(bytes)).unwrap()
}

/// A whole response.
#[derive(Debug)]
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// All of its body.
    pub body: Bytes,
    /// What came after the body.
    pub trailers: HeaderMap,
}

impl Reply {
    /// Reads a response to its end.
    pub async fn read(response: Response<Incoming>) -> hyper::Result<Self> {
        let (head, body) = response.into_parts();
        let collected = body.collect().await?;
        let trailers = collected.trailers().cloned().unwrap_or_default();
        Ok(Self {
            status: head.status,
            headers: head.headers,
            body: collected.to_bytes(),
            trailers,
        })
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is text")
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON: {error}: {:?}", self.body))
    }

    /// A header's first value, empty when absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// A trailer's first value, empty when absent.
    pub fn trailer(&self, name: &str) -> &str {
        self.trailers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

async fn connect(address: SocketAddr) -> TokioIo<TcpStream> {
    let stream = TcpStream::connect(address).await;
    let stream = stream.unwrap_or_else(|error| panic!("cannot connect to {address}: {error}"));
    stream.set_nodelay(true).unwrap();
    TokioIo::new(stream)
}
