//! The HTTP API: what people and their tools ask of the control plane, and what they tell it.
//!
//! Answers are JSON, or text for people with `Accept: text/plain`. Nothing here decides about tables: that is the
//! registry's.

pub(crate) mod batch;
mod body;
mod condition;
mod connection;
mod failure;
mod fleet;
mod form;
mod history;
mod metrics;
pub(crate) mod mistake;
mod tables;

use std::sync::Arc;

use axum::{
    Router,
    extract::{ConnectInfo, Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use outrigger_entrance::{Entrance, Hosts};
use tokio::net::TcpListener;

use crate::{
    access::Visitor,
    app::Stop,
    metric::{self, Page},
    push::Fleet,
    registry::Registry,
};
use failure::Failure;

/// What `/` says.
const INDEX: &str = "\
GET    /live                 200 while the process lives
GET    /ready                200 once the first tables are in force
GET    /metrics              Prometheus metrics
GET    /tables               the tables as the source has them
GET    /tables/NAME          a table's text, with its ETag
PUT    /tables/NAME          a new text, kept by the source; ?dry_run=true only tells what it would do
DELETE /tables/NAME          takes a table away; ?dry_run=true
POST   /tables               several changes at once, all of them or none; ?dry_run=true
GET    /versions             every version of the tables that is remembered, the newest first
GET    /versions/VERSION     one, with the texts of its tables
GET    /diff?from=&to=       what lies between two versions; to the one in force without `to`
GET    /proxies              who is connected, with version, lag and refusals
GET    /endpoints            the endpoints with their load and health, as proxies report them
POST   /rollback?to=VERSION  puts the tables of an old version back; ?dry_run=true

Answers are JSON, or text with `Accept: text/plain`.
";

/// What the API needs.
#[derive(Clone, Debug)]
pub struct Context {
    /// The tables.
    pub registry: Registry,
    /// What it is called.
    pub hosts: Arc<Hosts>,
    /// What is asked of them.
    pub door: Arc<Entrance>,
    /// The proxies.
    pub fleet: Fleet,
    /// What is counted.
    pub page: Page,
}

/// Serves until told to stop.
pub async fn serve(listener: TcpListener, context: Context, stop: Stop) {
    let door = Arc::clone(&context.door);
    connection::accept(listener, door, router(context), stop).await;
}

fn router(context: Context) -> Router {
    Router::new()
        .route("/", get(|| async { INDEX }))
        .route("/live", get(|| async { "live\n" }))
        // Served only once the first tables are in force.
        .route("/ready", get(|| async { "ready\n" }))
        .route("/metrics", get(metrics::show))
        .route("/tables", get(tables::list).post(batch::post))
        .route(
            "/tables/{name}",
            get(tables::show).put(tables::put).delete(tables::delete),
        )
        .route("/versions", get(history::list))
        .route("/versions/{version}", get(history::show))
        .route("/proxies", get(fleet::proxies))
        .route("/endpoints", get(fleet::endpoints))
        .route("/diff", get(history::diff))
        .route("/rollback", post(history::rollback))
        .fallback(|| async {
            Failure::new(StatusCode::NOT_FOUND, "nothing is here").hint(SEE_INDEX)
        })
        .method_not_allowed_fallback(|| async {
            let refused = "this can't be done here";
            Failure::new(StatusCode::METHOD_NOT_ALLOWED, refused).hint(SEE_INDEX)
        })
        .layer(middleware::from_fn_with_state(context.clone(), admit))
        // Outermost, so that what is refused is written too.
        .layer(middleware::from_fn(failure::in_form))
        .layer(middleware::from_fn(as_said))
        .with_state(context)
}

const SEE_INDEX: &str = "`GET /` lists what there is";

async fn admit(State(context): State<Context>, request: Request, next: Next) -> Response {
    // Whoever asks whether it lives learns nothing else.
    if matches!(request.uri().path(), "/live" | "/ready") {
        return next.run(request).await;
    }
    let visitor = request.extensions().get::<ConnectInfo<Visitor>>();
    let identity = visitor.and_then(|ConnectInfo(visitor)| visitor.identity.as_ref());
    let hosts = context.hosts.admit(request.uri(), request.headers());
    let admitted = hosts
        .map_err(Failure::from)
        .and_then(|()| Ok(context.door.admit(identity, request.headers())?));
    match admitted {
        Ok(_pass) => next.run(request).await,
        Err(failure) => {
            ::metrics::counter!(metric::STRANGERS, "port" => "http").increment(1);
            failure.into_response()
        }
    }
}

/// Answers are of this moment, and what they say they are: a table's text must not be taken for a page.
async fn as_said(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    response
}

/// Who asks, as history remembers it.
fn who(ConnectInfo(visitor): &ConnectInfo<Visitor>) -> String {
    format!("api by {visitor}")
}
