//! One downstream connection, from its first byte to its last.
//!
//! Most connections rest most of the time, and there are thousands of them: this is the future of one at rest. So what comes
//! before its requests, what each of them needs, and what is served otherwise is boxed, and goes when it is over.

use std::{pin::pin, rc::Rc};

use outrigger_config::model::Speaks;

use super::{
    Connection,
    begin::{Accepted, Begun, begin},
    detect::Spoken,
    http1, http2,
};
use crate::{
    http1::Broken,
    limits::gate::Permit,
    stack::Stack,
    tcp::{self, Caller},
    telemetry::metrics::{DownstreamError, Side},
    worker::Worker,
};

/// Serves one connection that was let in.
pub async fn serve(
    accepted: Box<Accepted>,
    _admitted: Option<Permit>,
    worker: Rc<Worker>,
    stack: Rc<Stack>,
) {
    let _open = worker.metrics().connection(Side::Downstream);
    let Some(begun) = Box::pin(begin(*accepted, &worker)).await else {
        return;
    };
    let Begun {
        caller,
        spoken,
        looked,
        ready,
        connection,
        registered: _registered,
    } = *begun;
    let listener = connection.listener();
    match (spoken, &listener.config.speaks, &listener.tcp) {
        (Spoken::Http1 | Spoken::Http2, Speaks::Http | Speaks::Detect(_), _) => {
            drop((listener, ready));
            http(caller, spoken, &connection, &worker, stack).await;
        }
        (_, Speaks::Tcp(_) | Speaks::Detect(_), Some(destinations)) => {
            let greets = spoken == Spoken::Tls || !looked;
            let served = tcp::serve(*caller, greets, &connection, destinations, &worker, ready);
            Box::pin(served).await;
        }
        (_, _, None) | (_, Speaks::Http, _) => {
            worker.metrics().downstream_error(DownstreamError::BadHead);
        }
    }
}

/// Serves a connection that speaks HTTP.
async fn http(
    caller: Box<Caller>,
    spoken: Spoken,
    connection: &Rc<Connection>,
    worker: &Rc<Worker>,
    stack: Rc<Stack>,
) {
    let Caller { stream, first } = *caller;
    let served = match spoken {
        Spoken::Http2 => Box::pin(http2::serve(stream, first, connection, &stack)).await,
        // A drain is announced on the next response: a client that is just sending must not be hung up on.
        _ => {
            // Pinned here, because `run` would hold it twice: as it was given and as it is pinned.
            let http1 = pin!(http1::serve(stream, first, connection, &stack));
            let served = connection.run(http1, |_| ()).await.unwrap_or(Ok(()));
            served.map_err(|broken| (failure(&broken), broken.into()))
        }
    };
    if let Err((failure, error)) = served {
        worker.metrics().downstream_error(failure);
        tracing::debug!(peer = %connection.peer, %error, "connection failed");
    }
}

fn failure(broken: &Broken) -> DownstreamError {
    match broken {
        Broken::Malformed(_) => DownstreamError::BadHead,
        Broken::Io(_) | Broken::Ended => DownstreamError::Reset,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size<A, B, C, D, R>(_: impl Fn(A, B, C, D) -> R) -> usize {
        size_of::<R>()
    }

    #[test]
    fn a_connection_at_rest_is_small() {
        let [serve, connection] = [size(serve), size_of::<Connection>()];
        assert!(serve <= 384 && connection <= 320, "{serve}, {connection}");
    }
}
