//! The load reporting service: tells each proxy how often to report, and listens.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use outrigger_entrance::{Entrance, Pass, Stay};
use outrigger_xds::pb::{
    envoy::service::load_stats::v3::{LoadStatsRequest, LoadStatsResponse},
    google::protobuf::Duration,
};
use tokio_stream::Stream;
use tonic::{
    Status, Streaming,
    body::Body,
    codegen::{BoxFuture, Service},
    server::{Grpc, NamedService, StreamingService},
};
use tonic_prost::ProstCodec;

use super::{INTERVAL, Loads, Reporter};
use crate::{app::Stop, metric, push::door};

/// Bytes of one report: a hundred of each endpoint that a proxy uses.
const MAX_REPORT: usize = 4 << 20;

/// The service.
#[derive(Clone)]
pub(crate) struct Lrs {
    pub(crate) loads: Loads,
    pub(crate) door: Arc<Entrance>,
    pub(crate) stop: Stop,
}

impl NamedService for Lrs {
    const NAME: &'static str = "envoy.service.load_stats.v3.LoadReportingService";
}

impl Service<Request<Body>> for Lrs {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Response<Body>, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let pass = match door::admit(&self.door, &request) {
            Ok((_, pass)) => pass,
            Err(status) => return Box::pin(async { Ok(status.into_http()) }),
        };
        let method = Method(self.clone(), pass);
        if !request.uri().path().ends_with("/StreamLoadStats") {
            return Box::pin(async { Ok(Status::unimplemented("").into_http()) });
        }
        Box::pin(async move {
            let codec: ProstCodec<LoadStatsResponse, LoadStatsRequest> = ProstCodec::default();
            let mut grpc = Grpc::new(codec).max_decoding_message_size(MAX_REPORT);
            Ok(grpc.streaming(method, request).await)
        })
    }
}

/// Its only method, for one who was let in.
struct Method(Lrs, Pass);

impl StreamingService<LoadStatsRequest> for Method {
    type Response = LoadStatsResponse;
    type ResponseStream = Hearing;
    type Future = std::future::Ready<Result<tonic::Response<Hearing>, Status>>;

    fn call(&mut self, request: tonic::Request<Streaming<LoadStatsRequest>>) -> Self::Future {
        let hearing = Hearing {
            requests: request.into_inner(),
            reporter: self.0.loads.reporter(),
            answered: false,
            stay: Stay::begin(Arc::clone(&self.0.door), self.1),
            stopped: Box::pin(self.0.stop.clone().told()),
        };
        std::future::ready(Ok(tonic::Response::new(hearing)))
    }
}

/// One stream of reports. Its answers: one, to the first request, that says what is wanted.
struct Hearing {
    requests: Streaming<LoadStatsRequest>,
    reporter: Reporter,
    answered: bool,
    stay: Stay,
    stopped: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Stream for Hearing {
    type Item = Result<LoadStatsResponse, Status>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.stopped.as_mut().poll(context).is_ready() {
            return Poll::Ready(None);
        }
        if let Poll::Ready(refusal) = this.stay.poll_over(context) {
            return Poll::Ready(Some(Err(door::status(&refusal))));
        }
        loop {
            let Some(Ok(request)) = ready!(Pin::new(&mut this.requests).poll_next(context)) else {
                return Poll::Ready(None);
            };
            if !request.cluster_stats.is_empty() {
                metrics::counter!(metric::REPORTS).increment(1);
                this.reporter.report(&request);
            }
            if !std::mem::replace(&mut this.answered, true) {
                return Poll::Ready(Some(Ok(wanted())));
            }
        }
    }
}

/// Everything, by endpoint.
fn wanted() -> LoadStatsResponse {
    LoadStatsResponse {
        send_all_clusters: true,
        report_endpoint_granularity: true,
        load_reporting_interval: Some(Duration {
            seconds: INTERVAL.as_secs().cast_signed(),
            nanos: 0,
        }),
        ..LoadStatsResponse::default()
    }
}
