//! The end of the stack: sends the request to the picked endpoint over a live connection, or a new one.
//!
//! A kept-alive connection may be closed by the endpoint at any moment. That is nobody's failure: what was not sent, or
//! is safe to repeat, goes out again at once on another connection, and is charged to no one. A fresh connection that
//! breaks before a response is given the benefit of the doubt once, to the same endpoint: a request that kills it shall
//! not be shown to its peers.

use std::{future::poll_fn, io, mem, pin::pin, rc::Rc, sync::Arc, task::Poll};

use http::{HeaderValue, Method, Response, StatusCode, Version, header, request::Parts};

use super::{
    Pool, expect,
    http1::{self, Answer, Failure, Message},
    http2,
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
            return Box::pin(tunnel(call, &cluster, &pool)).await;
        }
        let http2 = pool.speaks_http2(&cluster, call);
        name_host(call);
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
    join_cookies(&mut call.head, call.survey.cookies);
    loop {
        if !repeatable && pool.http1.any() {
            // Lets the driver see which endpoints have hung up, before a request is lost on such a connection.
            tokio::task::yield_now().await;
        }
        let connection = pool.http1(cluster, call).await?;
        let reused = connection.reused;
        if repeatable {
            call.keep_body();
        }
        let mut body = call.take_body();
        let asked = call.survey.expect.then(|| expect::gate(&mut body));
        let message = Message {
            head: &call.head,
            body,
            te: call.trailers,
            asked,
        };
        match connection.exchange(message, Rc::clone(&pool)).await {
            Ok(Answer::Response(response)) => return Ok(response),
            Ok(Answer::Switched(response, connection)) => {
                return switch(call, response, connection);
            }
            Err(Failure::Unsent(body)) => {
                call.put_back_body(body);
                if !reused {
                    return Err(Error::Connect(io::ErrorKind::ConnectionReset.into()));
                }
            }
            Err(Failure::Sent(Error::Reset(_)))
                if repeatable && (reused || doubt) && call.restore() =>
            {
                doubt &= reused;
            }
            Err(Failure::Sent(error)) => return Err(error),
        }
    }
}

/// The endpoint agreed to another protocol.
fn switch(
    call: &mut Call,
    response: Response<()>,
    connection: Box<http1::Connection>,
) -> Result<Response<Body>, Error> {
    let downstream = call.upgrade.take().ok_or(Error::UnaskedUpgrade)?;
    let slot = Arc::clone(connection.slot());
    call.tunnel = Some(Tunnel {
        downstream,
        upstream: Side::Switched(connection),
        slot,
    });
    Ok(response.map(|()| Body::default()))
}

async fn over_http2(
    call: &mut Call,
    cluster: &Cluster,
    pool: Rc<Pool>,
) -> Result<Response<Body>, Error> {
    let scheme = match cluster.tls {
        Some(_) => "https",
        None => "http",
    };
    let mut again = true;
    loop {
        let Some(mut stream) = pool.http2(cluster, call).await? else {
            return Box::pin(over_http1(call, cluster, pool)).await;
        };
        // An endpoint may refuse a stream that it has no room for, whatever was sent on it.
        call.keep_body();
        let body = call.take_body();
        let message = http2::Message {
            head: &call.head,
            scheme,
            body,
        };
        match stream.send(message).await {
            Ok(response) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
                return Err(Error::UnaskedUpgrade);
            }
            Ok(response) => {
                let mut response = response.map(Body::from);
                response.body_mut().lease(stream);
                return Ok(response);
            }
            Err(http2::Failure::Unsent(body)) => {
                call.put_back_body(body);
                if !stream.reused {
                    return Err(Error::Connect(io::ErrorKind::ConnectionReset.into()));
                }
            }
            Err(http2::Failure::Sent(Error::Reset(_)))
                if stream.reused
                    && mem::take(&mut again)
                    && call.method().is_idempotent()
                    && call.restore() => {}
            Err(http2::Failure::Sent(error)) => return Err(error),
        }
    }
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
fn join_cookies(head: &mut Parts, cookies: u8) {
    if cookies > 1 && head.version == Version::HTTP_2 {
        let headers = &mut head.headers;
        let cookies: Vec<&[u8]> = headers
            .get_all(header::COOKIE)
            .iter()
            .map(HeaderValue::as_bytes)
            .collect();
        if let Ok(cookies) = HeaderValue::from_bytes(&cookies.join(&b"; "[..])) {
            headers.insert(header::COOKIE, cookies);
        }
    }
}

/// HTTP/1.0 may do without a host; what it goes on as has to name one (RFC 9112, 3.2; RFC 9113, 8.3.1).
fn name_host(call: &mut Call) {
    if call.head.version == Version::HTTP_10 && call.survey.hosts == 0 {
        let host = call.head.headers.entry(header::HOST);
        host.or_insert(HeaderValue::from_static("localhost"));
    }
}
