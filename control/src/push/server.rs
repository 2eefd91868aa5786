//! The gRPC server: the aggregated discovery service, its two methods.
//!
//! Written by hand and not generated: two methods, whose messages share the bytes of a resource.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderValue, Request, Response, header::CONTENT_TYPE};
use outrigger_xds::discovery;
use tokio::net::TcpListener;
use tonic::{Status, body::Body, codegen::Service, server::NamedService, transport::Server};

use super::{
    Push,
    conversation::Conversation,
    door,
    form::{Delta, Speech, World},
    requests::Requests,
    session::Form,
};
use crate::report::Lrs;

/// A connection that says nothing for this long is asked whether it lives, and has `PATIENCE` to answer. What stock
/// clients ask of their side, so that a vanished host is noticed within half a minute.
const KEEPALIVE: Duration = Duration::from_secs(20);
const PATIENCE: Duration = Duration::from_secs(10);

/// Streams of one connection: one for tables, one for loads, and room for a client that has several of each.
const MAX_STREAMS: u32 = 128;

/// What a client may send before it is read: a stream needs no more, and thousands of them have it.
const WINDOW: u32 = 64 << 10;

/// How long streams may take to end when the process is to.
const GOODBYE: Duration = Duration::from_secs(1);

/// Serves proxies until told to stop.
pub(super) async fn serve(listener: TcpListener, push: Push, reports: Lrs) {
    let stop = push.stop.clone();
    let connections = door::connections(listener, Arc::clone(&push.door));
    let serving = Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(PATIENCE))
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .add_service(Ads(push))
        .add_service(reports)
        .serve_with_incoming_shutdown(connections, stop.clone().told());
    tokio::select! {
        outcome = serving => if let Err(error) = outcome {
            tracing::error!(%error, "the server of proxies ends");
        },
        () = async { stop.told().await; tokio::time::sleep(GOODBYE).await } => {}
    }
}

/// The service.
#[derive(Clone)]
struct Ads(Push);

impl NamedService for Ads {
    const NAME: &'static str = discovery::SERVICE;
}

impl Service<Request<Body>> for Ads {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let push = self.0.clone();
        ready(Ok(match request.uri().path() {
            path if path == Form::Delta.path() => converse::<Delta>(push, request),
            path if path == Form::World.path() => converse::<World>(push, request),
            _ => Status::unimplemented("").into_http(),
        }))
    }
}

fn converse<S: Speech>(push: Push, request: Request<Body>) -> Response<Body> {
    let (visitor, pass) = match door::admit(&push.door, &request) {
        Ok(admitted) => admitted,
        Err(status) => return status.into_http(),
    };
    let requests = Requests::of(request.into_body());
    let conversation: Conversation<S> = Conversation::new(requests, visitor, pass, push);
    let mut response = Response::new(Body::new(conversation));
    let grpc = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(CONTENT_TYPE, grpc);
    response
}
