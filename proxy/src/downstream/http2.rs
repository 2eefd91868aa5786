//! A downstream connection that speaks HTTP/2: hyper's, over bytes that are watched.

use std::{
    error::Error,
    rc::Rc,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use hyper::{server::conn::http2::Builder, service::service_fn};
use hyper_util::rt::TokioIo;

use super::{Connection, io::Io};
use crate::{
    call::Arrived, stack::Stack, tcp::Caller, telemetry::metrics::DownstreamError,
    upstream::http2::LocalExecutor, worker::Worker,
};

/// How a connection failed: for the metric, and for the log.
pub(super) type Failure = (DownstreamError, Box<dyn Error>);

/// Serves a connection to its end; how that came about, if it was its client's doing.
pub(super) async fn serve(
    Caller { stream, first }: Caller,
    connection: &Rc<Connection>,
    worker: &Rc<Worker>,
    stack: Rc<Stack>,
) -> Option<Failure> {
    let listener = connection.listener();
    let config = &listener.config;
    connection.phase.head_since.store(0, Relaxed);
    connection.multiplex();
    let service = service_fn(|request| {
        let (stack, connection) = (Rc::clone(&stack), Rc::clone(connection));
        async move { stack.serve(Arrived::over_http2(request), connection).await }
    });
    let io = Io::new(
        stream,
        first,
        Arc::clone(&connection.phase),
        worker.tick_handle(),
    );
    let served = Builder::new(LocalExecutor)
        .max_concurrent_streams(config.max_streams)
        .max_header_list_size(u32::try_from(config.max_header_bytes).unwrap_or(u32::MAX))
        .serve_connection(TokioIo::new(io), service);
    let served = connection.run(served, |http2| http2.graceful_shutdown());
    // What went wrong with a response's body is the endpoint's doing, and counted there.
    let error = served.await?.err().filter(|error| !error.is_user())?;
    let failure = match &error {
        _ if connection.phase.flooded.load(Relaxed) || lost_patience(&error) => {
            DownstreamError::Flood
        }
        error if error.is_parse() || error.is_parse_too_large() => DownstreamError::BadHead,
        _ => DownstreamError::Reset,
    };
    Some((failure, error.into()))
}

/// Whether it was h2 that told the client to enhance its calm.
fn lost_patience(error: &hyper::Error) -> bool {
    let cause = error
        .source()
        .and_then(|cause| cause.downcast_ref::<h2::Error>());
    cause.is_some_and(|cause| {
        cause.is_library() && cause.reason() == Some(h2::Reason::ENHANCE_YOUR_CALM)
    })
}
