//! One connection of the client, opened again when it has ended.

use std::rc::Rc;

use anyhow::Result;
use bytes::Bytes;
use http::{HeaderValue, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::Mutex,
    task::spawn_local,
};
use tokio_rustls::TlsConnector;

use super::{
    tally::Failure,
    target::{Protocol, Target},
};
use crate::endpoint::{ENDPOINT_HEADER, Local};

/// What a request needs of a connection; clones share it.
#[derive(Clone)]
pub(crate) struct Link {
    target: Rc<Target>,
    sender: Rc<Mutex<Sender>>,
}

enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// Asks `url` once, and returns the answer's status and body. Runs in a `LocalSet`.
pub async fn fetch(url: &Uri) -> Result<(StatusCode, String)> {
    let target = Target::new(url, Protocol::Http1)?;
    let stream = TcpStream::connect(target.address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    spawn_local(connection);
    let (head, body) = sender.send_request(target.request()).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok((head.status, String::from_utf8_lossy(&body).into_owned()))
}

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// Who answered, if it says so: [`ENDPOINT_HEADER`].
    pub(super) endpoint: Option<HeaderValue>,
    pub(super) bytes: u64,
}

impl Link {
    pub(crate) async fn open(target: Rc<Target>) -> Result<Self, Failure> {
        let sender = Rc::new(Mutex::new(Sender::connect(&target).await?));
        Ok(Self { target, sender })
    }

    /// Sends one request and reads its answer to the end.
    pub(crate) async fn exchange(&self) -> Result<Answer, Failure> {
        let request = self.target.request();
        let mut sender = self.sender.lock().await;
        if sender.is_closed() || self.target.anew() {
            *sender = Sender::connect(&self.target).await?;
        }
        let response = match &mut *sender {
            // The lock is held to the end: HTTP/1.1 carries one request at a time.
            Sender::Http1(sender) => {
                sender.ready().await.map_err(|error| Failure::of(&error))?;
                sender.send_request(request).await
            }
            Sender::Http2(http2) => {
                let mut http2 = http2.clone();
                drop(sender);
                http2.send_request(request).await
            }
        };
        let (head, mut body) = response.map_err(|error| Failure::of(&error))?.into_parts();
        let mut bytes = 0;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Failure::Body)?;
            bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
        }
        Ok(Answer {
            status: head.status,
            endpoint: head.headers.get(ENDPOINT_HEADER).cloned(),
            bytes,
        })
    }
}

impl Sender {
    async fn connect(target: &Target) -> Result<Self, Failure> {
        let stream = TcpStream::connect(target.address)
            .await
            .map_err(|_| Failure::Connect)?;
        stream.set_nodelay(true).map_err(|_| Failure::Connect)?;
        match &target.dial {
            None => Self::speak(stream, target).await,
            Some(dial) => {
                let connector = TlsConnector::from(dial.config.clone());
                let stream = Box::pin(connector.connect(dial.name.clone(), stream)).await;
                let stream = stream.map_err(|_| Failure::Connect)?;
                Box::pin(Self::speak(stream, target)).await
            }
        }
    }

    async fn speak<S>(stream: S, target: &Target) -> Result<Self, Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let io = TokioIo::new(stream);
        match target.protocol {
            Protocol::Http1 => {
                let (sender, connection) = http1::handshake(io)
                    .await
                    .map_err(|error| Failure::of(&error))?;
                spawn_local(connection);
                Ok(Self::Http1(sender))
            }
            Protocol::Http2 { .. } => {
                let (sender, connection) = http2::handshake(Local, io)
                    .await
                    .map_err(|error| Failure::of(&error))?;
                spawn_local(connection);
                Ok(Self::Http2(sender))
            }
        }
    }

    fn is_closed(&self) -> bool {
        match self {
            Self::Http1(sender) => sender.is_closed(),
            Self::Http2(sender) => sender.is_closed(),
        }
    }
}
