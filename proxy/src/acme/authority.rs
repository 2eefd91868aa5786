//! HTTP to an authority: a connection a request, of which there are a dozen every two months.

use std::{future::Future, io, path::PathBuf, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Uri, header::HOST, uri::PathAndQuery};
use http_body_util::Limited;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;

use crate::tls::{Flaw, client};

/// For one answer's head. Some authorities think for long.
const PATIENCE: Duration = Duration::from_secs(30);

/// Of an answer. Chains of certificates are a tenth of it.
const MOST_BYTES: usize = 1 << 20;

/// See the module.
pub(super) struct Http {
    tls: Arc<ClientConfig>,
}

impl Http {
    /// To whom these vouch for; nobody: the system's roots.
    pub(super) fn new(ca: &[PathBuf]) -> Result<Self, Flaw> {
        let tls = Arc::new(client::of_roots(ca)?);
        Ok(Self { tls })
    }
}

impl HttpClient for Http {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let tls = TlsConnector::from(Arc::clone(&self.tls));
        Box::pin(async move {
            match timeout(PATIENCE, exchange(request, tls)).await {
                Ok(response) => response,
                Err(_) => {
                    let late = io::Error::new(io::ErrorKind::TimedOut, "no answer in time");
                    Err(Error::Other(Box::new(late)))
                }
            }
        })
    }
}

async fn exchange(
    mut request: Request<BodyWrapper<Bytes>>,
    tls: TlsConnector,
) -> Result<BytesResponse, Error> {
    let url = request.uri().clone();
    let authority = url.authority().ok_or(Error::Str("no host in a URL"))?;
    let host = authority.host().trim_matches(['[', ']']).to_owned();
    let stream = TcpStream::connect((&*host, authority.port_u16().unwrap_or(443))).await;
    let stream = stream.map_err(|error| failed(&host, error))?;
    let name = ServerName::try_from(host.clone()).map_err(|error| failed(&host, error))?;
    let stream = tls.connect(name, stream).await;
    let stream = stream.map_err(|error| failed(&host, error))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| failed(&host, error))?;
    tokio::spawn(connection);
    let path = url.path_and_query().cloned();
    *request.uri_mut() = Uri::from(path.unwrap_or(PathAndQuery::from_static("/")));
    if let Ok(authority) = authority.as_str().parse() {
        request.headers_mut().insert(HOST, authority);
    }
    let response = sender.send_request(request).await;
    let response = response.map_err(|error| failed(&host, error))?;
    Ok(response.map(|body| Limited::new(body, MOST_BYTES)).into())
}

fn failed(host: &str, error: impl std::fmt::Display) -> Error {
    Error::Other(format!("{host}: {error}").into())
}
