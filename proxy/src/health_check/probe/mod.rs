//! One check of one endpoint: a connection, a question, an answer.
//!
//! Each check makes a connection of its own: that the endpoint still accepts is half of what is asked, and a connection
//! that is kept would say nothing of it. All of a check lives in its future; when its time is up, everything goes with it.

mod exchange;

use std::net::SocketAddr;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, Version,
    header::{CONTENT_TYPE, TE, USER_AGENT},
    uri::{Authority, PathAndQuery, Scheme},
};
use outrigger_config::model::{Alpn, HealthCheck, HttpProbe, Probe, Protocol, ProxyVersion};
use tokio::time::timeout;

use super::{
    failure::Failure,
    grpc_health::{self, ServingStatus},
};
use crate::{
    error::Error,
    proxy_protocol,
    tls::{Client, Offer},
    upstream::connect::{Origin, connect},
};
use exchange::Answer;

/// So that services can tell checks from callers.
const AGENT: HeaderValue = HeaderValue::from_static("outrigger-health-check");

const CHECK: PathAndQuery = PathAndQuery::from_static("/grpc.health.v1.Health/Check");
const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const TRAILERS: HeaderValue = HeaderValue::from_static("trailers");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// Checks an endpoint, in time.
pub async fn probe(
    endpoint: SocketAddr,
    check: &HealthCheck,
    protocol: Protocol,
    introduced: Option<ProxyVersion>,
    tls: Option<&Client>,
) -> Result<(), Failure> {
    timeout(
        check.timeout,
        ask(endpoint, check, protocol, introduced, tls),
    )
    .await
    .unwrap_or(Err(Failure::Timeout(check.timeout)))
}

async fn ask(
    endpoint: SocketAddr,
    check: &HealthCheck,
    protocol: Protocol,
    introduced: Option<ProxyVersion>,
    tls: Option<&Client>,
) -> Result<(), Failure> {
    let address = SocketAddr::new(endpoint.ip(), check.port.unwrap_or(endpoint.port()));
    let offer = match (&check.probe, protocol) {
        (Probe::Tcp, _) => Offer::Nothing,
        (Probe::Grpc { .. }, _) | (_, Protocol::Http2) => Offer::Http2,
        (_, Protocol::Auto) => Offer::Either,
        (_, Protocol::Http1) => Offer::Http1,
    };
    // Asked for nobody but ourselves.
    let header = introduced.map(|version| proxy_protocol::write(version, None));
    let (stream, chosen) = connect(
        address,
        Origin::Usual,
        header.as_deref(),
        tls,
        offer,
        check.timeout,
    )
    .await
    .map_err(|error| match error {
        Error::OutOfSockets(error) => Failure::OutOfSockets(error),
        Error::Connect(error) => Failure::Connect(error),
        Error::ConnectTimeout => Failure::Timeout(check.timeout),
        Error::Tls(error) => Failure::Tls(error.to_string()),
        other => Failure::Tls(other.to_string()),
    })?;
    let scheme = match tls {
        Some(_) => Scheme::HTTPS,
        None => Scheme::HTTP,
    };
    let http2 = protocol == Protocol::Http2 || chosen == Some(Alpn::Http2);
    match &check.probe {
        Probe::Tcp => Ok(()),
        Probe::Http(http) => {
            let request = request(http, scheme, address);
            let answer = match http2 {
                true => exchange::http2(stream, request, Bytes::new()).await?,
                false => exchange::http1(stream, request).await?,
            };
            judge(&answer, http)
        }
        Probe::Grpc { service } => {
            let question = grpc_health::request(service);
            let answer = exchange::http2(stream, grpc_request(scheme, address), question).await?;
            judge_grpc(&answer)
        }
    }
}

fn request(http: &HttpProbe, scheme: Scheme, address: SocketAddr) -> Request<()> {
    let mut request = Request::new(());
    *request.method_mut() = http.method.clone();
    *request.uri_mut() = uri(
        scheme,
        http.host.clone().or_else(|| authority(address)),
        http.path.parse().ok(),
    );
    let headers = request.headers_mut();
    headers.insert(USER_AGENT, AGENT);
    headers.extend(http.headers.iter().cloned());
    request
}

fn grpc_request(scheme: Scheme, address: SocketAddr) -> Request<()> {
    let mut request = Request::new(());
    *request.method_mut() = Method::POST;
    *request.version_mut() = Version::HTTP_2;
    *request.uri_mut() = uri(scheme, authority(address), Some(CHECK));
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, GRPC);
    headers.insert(TE, TRAILERS);
    headers.insert(USER_AGENT, AGENT);
    request
}

fn authority(address: SocketAddr) -> Option<Authority> {
    address.to_string().parse().ok()
}

fn uri(scheme: Scheme, authority: Option<Authority>, path: Option<PathAndQuery>) -> Uri {
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(scheme);
    parts.authority = authority;
    parts.path_and_query = path;
    // Of parts that were each parsed before, the whole can't be wrong.
    Uri::from_parts(parts).unwrap_or_default()
}

fn judge(answer: &Answer, expected: &HttpProbe) -> Result<(), Failure> {
    let status = answer.status;
    if !expected.statuses.iter().any(|range| range.contains(status)) {
        return Err(Failure::Status {
            status,
            expected: expected.statuses.clone(),
        });
    }
    match &expected.body {
        Some(text) if memchr::memmem::find(&answer.body, text.as_bytes()).is_none() => {
            Err(Failure::Body(text.clone()))
        }
        _ => Ok(()),
    }
}

fn judge_grpc(answer: &Answer) -> Result<(), Failure> {
    if answer.status != StatusCode::OK {
        return Err(Failure::Status {
            status: answer.status,
            expected: vec![outrigger_config::model::StatusRange {
                first: 200,
                last: 200,
            }],
        });
    }
    // A failure without a message has its status in the head.
    let status = |headers: &HeaderMap| headers.get(GRPC_STATUS).cloned();
    match status(&answer.trailers).or_else(|| status(&answer.headers)) {
        Some(status) if status == "0" => {}
        Some(status) => {
            return Err(Failure::GrpcStatus(
                String::from_utf8_lossy(status.as_bytes()).into_owned(),
            ));
        }
        None => return Err(Failure::Malformed),
    }
    match grpc_health::response(&answer.body) {
        Some(ServingStatus::Serving) => Ok(()),
        Some(status) => Err(Failure::NotServing(status)),
        None => Err(Failure::Malformed),
    }
}
