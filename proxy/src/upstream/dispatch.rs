//! The end of the stack: sends the request to the picked endpoint over a live connection, or a new one.
//!
//! A kept-alive connection may be closed by the endpoint at any moment. That is nobody's failure: what was not sent, or
//! is safe to repeat, goes out again at once on another connection, and is charged to no one. A fresh connection that
//! breaks before a response is given the benefit of the doubt once, to the same endpoint: a request that kills it shall
//! not be shown to its peers.

use std::{future::poll_fn, io, pin::pin, rc::Rc, sync::Arc, task::Poll};

use http::{
    HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header,
    uri::{Authority, Scheme},
};
use hyper::{body::Incoming, upgrade};

use super::{
    Lease, Pool, expect,
    http1::Failure,
    tunnel::{Side, Tunnel},
};
use crate::{
    body::Body, call::Call, error::Error, layer::Handle, snapshot::Cluster, worker::Worker,
};

/// See the module.
pub struct Dispatch {
    worker: Rc<Worker>,
}

impl Dispatch {
    /// Over the connections of `worker`.
    pub fn new(worker: Rc<Worker>) -> Self {
        Self { worker }
    }
}

impl Handle for Dispatch {
    async fn handle(&self, call: &mut Call) -> Result<Response<Body>, Error> {
        let (Some(cluster), Some(endpoint)) = (call.cluster.clone(), call.endpoint.clone()) else {
            return Err(Error::NoEndpoint);
        };
        let pool = self.worker.pools.get(&cluster, &endpoint);
        if call.method() == Method::CONNECT {
            return tunnel(call, &cluster, &pool).await;
        }
        let http2 = pool.speaks_http2(&cluster, call);
        let idle = call.watch_request();
        let mut answered = pin!(async {
            match http2 {
                true => over_http2(call, &cluster, pool).await,
                false => over_http1(call, &cluster, pool).await,
            }
        });
        let Some(idle) = idle else {
            return answered.await;
        };
        poll_fn(|cx| match answered.as_mut().poll(cx) {
            Poll::Pending => match idle.silent_or_wake(cx.waker()) {
                Some(silent) => Poll::Ready(Err(silent.error())),
                None => Poll::Pending,
            },
            answered => answered,
        })
        .await
    }
}

async fn over_http1(
    call: &mut Call,
    cluster: &Cluster,
    pool: Rc<Pool>,
) -> Result<Response<Body>, Error> {
    let repeatable = call.method().is_idempotent();
    let mut doubt = true;
    loop {
        if !repeatable && pool.http1.any() {
            // Lets the driver see which endpoints have hung up, before a request is lost on such a connection.
            tokio::task::yield_now().await;
        }
        let mut connection = pool.http1(cluster, call).await?;
        if repeatable {
            call.keep_spare();
        }
        let mut request = call.take();
        into_http1(&mut request, call.survey.cookies);
        if call.trailers {
            request
                .headers_mut()
                .append(header::CONNECTION, header::TE.into());
        }
        if call.survey.expect {
            expect::gate(&mut request);
        }
        match connection.send(request).await {
            Ok(response) => return answer(call, response, Lease::Http1(connection, pool)),
            Err(Failure::Unsent(request)) => {
                call.put_back(*request);
                if !connection.reused {
                    return Err(Error::Connect(io::ErrorKind::ConnectionReset.into()));
                }
            }
            Err(Failure::Sent(Error::Reset(_)))
                if repeatable && (connection.reused || doubt) && call.restore() =>
            {
                doubt &= connection.reused;
            }
            Err(Failure::Sent(error)) => return Err(error),
        }
    }
}

async fn over_http2(
    call: &mut Call,
    cluster: &Cluster,
    pool: Rc<Pool>,
) -> Result<Response<Body>, Error> {
    let scheme = match cluster.tls {
        Some(_) => Scheme::HTTPS,
        None => Scheme::HTTP,
    };
    loop {
        let Some(stream) = pool.http2(cluster, call).await? else {
            return over_http1(call, cluster, pool).await;
        };
        // An endpoint may refuse a stream that it has no room for, whatever was sent on it.
        call.keep_spare();
        match stream.send(into_http2(call.take(), scheme.clone())).await {
            Ok(response) => return answer(call, response, Lease::Http2(stream)),
            Err(Failure::Unsent(request)) => {
                call.put_back(from_http2(*request));
                if !stream.reused {
                    return Err(Error::Connect(io::ErrorKind::ConnectionReset.into()));
                }
            }
            Err(Failure::Sent(Error::Reset(_)))
                if stream.reused && call.method().is_idempotent() && call.restore() => {}
            Err(Failure::Sent(error)) => return Err(error),
        }
    }
}

fn answer(
    call: &mut Call,
    mut response: Response<Incoming>,
    lease: Lease,
) -> Result<Response<Body>, Error> {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let (Some(downstream), Lease::Http1(connection, _)) = (call.upgrade.take(), lease) else {
            return Err(Error::UnaskedUpgrade);
        };
        call.tunnel = Some(Tunnel {
            downstream,
            upstream: Side::Upgrade(upgrade::on(&mut response)),
            slot: connection.slot,
        });
        return Ok(response.map(Body::from));
    }
    let mut response = response.map(Body::from);
    response.body_mut().lease(lease);
    Ok(response)
}

/// CONNECT: a TCP connection of its own to the endpoint (RFC 9110, 9.3.6).
async fn tunnel(call: &mut Call, cluster: &Cluster, pool: &Pool) -> Result<Response<Body>, Error> {
    let (stream, slot) = pool.tunnel(cluster, call).await?;
    let downstream = call.upgrade.take().ok_or(Error::TunnelRefused)?;
    call.tunnel = Some(Tunnel {
        downstream,
        upstream: Side::Stream(stream),
        slot: Arc::new(slot),
    });
    Ok(Response::new(Body::default()))
}

/// HTTP/2 may split the cookies over several fields; HTTP/1 has one (RFC 9113, 8.2.3).
fn into_http1(request: &mut Request<Body>, cookies: u8) {
    if cookies > 1 && request.version() == Version::HTTP_2 {
        let headers = request.headers_mut();
        let cookies: Vec<&[u8]> = headers
            .get_all(header::COOKIE)
            .iter()
            .map(HeaderValue::as_bytes)
            .collect();
        if let Ok(cookies) = HeaderValue::from_bytes(&cookies.join(&b"; "[..])) {
            headers.insert(header::COOKIE, cookies);
        }
    }
    *request.version_mut() = Version::HTTP_11;
}

/// A request without a host: the URI needs one.
const NO_HOST: &str = "localhost";

/// HTTP/2 has scheme and host in the URI in place of the Host header (RFC 9113, 8.3.1).
fn into_http2(mut request: Request<Body>, scheme: Scheme) -> Request<Body> {
    let host = request.headers_mut().remove(header::HOST);
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = Some(scheme);
    let host = host.and_then(|host| Authority::try_from(host.as_bytes()).ok());
    parts.authority = Some(host.unwrap_or(Authority::from_static(NO_HOST)));
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
    *request.version_mut() = Version::HTTP_2;
    request
}

/// Undoes [`into_http2`].
fn from_http2(mut request: Request<Body>) -> Request<Body> {
    let parts = std::mem::take(request.uri_mut()).into_parts();
    if let Some(host) = parts
        .authority
        .and_then(|host| HeaderValue::from_str(host.as_str()).ok())
    {
        request.headers_mut().insert(header::HOST, host);
    }
    *request.uri_mut() = parts.path_and_query.map_or_else(Uri::default, Uri::from);
    request
}
