//! Respond: the only place where an [`Error`] becomes a response.
//!
//! Just below Observe, which sees every request answered; above all that can fail. Nothing internal is said: no
//! address, no cluster, no cause but its RFC 9209 type. What the caller is told of its rate limits is added here as well,
//! since a refusal and an endpoint's response both carry it.

use http::{
    HeaderName, HeaderValue, Response, StatusCode,
    header::{self, CONNECTION},
};

use outrigger_config::model::Abort;

use super::{Handle, hop};
use crate::{body::Body, call::Call, error::Error, snapshot::Fallback};

const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// The `server` of every response that the proxy itself makes.
pub const SERVER: HeaderValue = HeaderValue::from_static("outrigger");

/// There is no response: the connection or stream is broken off, on purpose.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("broken off on purpose")]
pub struct BrokenOff;

/// See the module.
pub struct Respond<S> {
    next: S,
}

impl<S> Respond<S> {
    /// Above `next`.
    pub fn new(next: S) -> Self {
        Self { next }
    }
}

impl<S: Handle> Respond<S> {
    /// Takes a call to its response, which it has in any case but for a fault that takes it away.
    pub async fn respond(&self, call: &mut Call) -> Result<Response<Body>, BrokenOff> {
        let mut response = match self.next.handle(call).await {
            Ok(response) => response,
            Err(error @ Error::Fault(Abort::Reset)) => {
                call.failed(&error);
                return Err(BrokenOff);
            }
            Err(error) => response(call, &error),
        };
        if let Some(quota) = &call.quota {
            quota.write(response.headers_mut());
        }
        Ok(response)
    }
}

fn response(call: &mut Call, error: &Error) -> Response<Body> {
    call.failed(error);
    let mut response = if let (Error::CircuitOpen { .. }, Some(Fallback::Respond(respond))) =
        (error, call.fallback().as_deref())
    {
        respond.response()
    } else if call.survey.grpc {
        trailers_only(error)
    } else {
        plain(error.status())
    };
    let headers = response.headers_mut();
    headers.insert(header::SERVER, SERVER);
    let proxy_status = format!("outrigger; error={}", error.proxy_status());
    if let Ok(value) = HeaderValue::try_from(proxy_status) {
        headers.insert(PROXY_STATUS, value);
    }
    if let Some(wait) = error.retry_after() {
        // Whole seconds (RFC 9110, 10.2.3), and never too early.
        let seconds = wait.as_millis().div_ceil(1000).max(1) as u64;
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    // A refusal may come before the framing was looked at.
    let doubtful = hop::framing(call).is_err();
    if doubtful
        || matches!(
            error,
            Error::BadRequest(_)
                | Error::NotImplemented(_)
                | Error::RequestBody(_)
                | Error::RequestIdle
        )
    {
        // What follows on this connection can't be trusted to be a request.
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The status and its name, for people.
fn plain(status: StatusCode) -> Response<Body> {
    let text = format!(
        "{} {}\n",
        status.as_str(),
        status.canonical_reason().unwrap_or_default()
    );
    let mut response = Response::new(Body::full(text));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}

/// gRPC's form of an error without a body: status 200, and the trailers as headers.
fn trailers_only(error: &Error) -> Response<Body> {
    let mut response = Response::new(Body::default());
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/grpc"),
    );
    headers.insert(
        GRPC_STATUS,
        HeaderValue::from(u16::from(error.grpc_status())),
    );
    headers.insert(GRPC_MESSAGE, HeaderValue::from_static(error.reason()));
    response
}
