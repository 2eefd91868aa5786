//! The gRPC server: the aggregated discovery service, its two methods.
//!
//! Written by hand and not generated: two methods, whose messages share the bytes of a resource.

use std::{
    convert::Infallible,
    marker::PhantomData,
    net::SocketAddr,
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response};
use outrigger_xds::discovery;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Status, Streaming,
    body::Body,
    codegen::{BoxFuture, Service},
    server::{Grpc, NamedService, StreamingService},
    transport::{Server, server::TcpConnectInfo},
};
use tonic_prost::ProstCodec;

use super::{
    Push,
    conversation::Conversation,
    form::{Delta, Speech, World},
    session::Form,
};
use crate::report::Lrs;

/// Bytes of one request. A proxy that comes back says which version it has of each resource: a hundred bytes each.
const MAX_REQUEST: usize = 8 << 20;

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
    let serving = Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(PATIENCE))
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .tcp_nodelay(true)
        .add_service(Ads(push))
        .add_service(reports)
        .serve_with_incoming_shutdown(TcpListenerStream::new(listener), stop.clone().told());
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
    type Future = BoxFuture<Response<Body>, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let push = self.0.clone();
        match request.uri().path() {
            path if path == Form::Delta.path() => Box::pin(converse::<Delta>(push, request)),
            path if path == Form::World.path() => Box::pin(converse::<World>(push, request)),
            _ => Box::pin(async { Ok(Status::unimplemented("").into_http()) }),
        }
    }
}

async fn converse<S: Speech>(
    push: Push,
    request: Request<Body>,
) -> Result<Response<Body>, Infallible> {
    let codec: ProstCodec<S::Response, S::Request> = ProstCodec::default();
    let mut grpc = Grpc::new(codec).max_decoding_message_size(MAX_REQUEST);
    Ok(grpc
        .streaming(Method::<S>(push, PhantomData), request)
        .await)
}

/// A method of the service.
struct Method<S>(Push, PhantomData<S>);

impl<S: Speech> StreamingService<S::Request> for Method<S> {
    type Response = S::Response;
    type ResponseStream = Conversation<S>;
    type Future = std::future::Ready<Result<tonic::Response<Conversation<S>>, Status>>;

    fn call(&mut self, request: tonic::Request<Streaming<S::Request>>) -> Self::Future {
        let address = address(&request);
        let conversation = Conversation::new(request.into_inner(), address, self.0.clone());
        std::future::ready(Ok(tonic::Response::new(conversation)))
    }
}

fn address<T>(request: &tonic::Request<T>) -> Option<SocketAddr> {
    request.extensions().get::<TcpConnectInfo>()?.remote_addr()
}
