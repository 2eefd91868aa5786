//! A control plane in the test's own process: speaks ADS by the book, and says exactly what a test wants, true or not.
//!
//! It stands beside the real one so that the proxy is not only proven against what the same people wrote at the same time,
//! and for what ours would never say.

mod delta;
mod state_of_the_world;

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use outrigger_config::Config;
use outrigger_xds::{Kind, Resource, discovery, encode};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};
use tonic::{Status, body::Body, server::Grpc};
use tonic_prost::ProstCodec;

/// What such a control plane can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// Both dialects.
    Everything,
    /// State of the world only.
    StateOfTheWorld,
    /// It takes streams and says nothing.
    Nothing,
}

/// The server; gone at once when dropped, with all of its connections.
pub struct Ads {
    /// Where it listens.
    pub address: SocketAddr,
    world: Arc<World>,
    _tasks: JoinSet<()>,
}

/// What it says, and what it was told.
struct World {
    speaks: Speaks,
    state: Mutex<State>,
    changed: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    resources: BTreeMap<(Kind, String), (String, Bytes)>,
    subscribed: BTreeMap<Kind, BTreeSet<String>>,
    refusals: Vec<String>,
    accepted: usize,
    streams: usize,
    responses: usize,
    nodes: Vec<String>,
}

impl Ads {
    /// Starts with nothing to say.
    pub async fn start() -> Self {
        Self::start_as(Speaks::Everything, SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// The same, at this address, able to do this.
    pub async fn start_as(speaks: Speaks, address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let world = Arc::new(World {
            speaks,
            state: Mutex::default(),
            changed: watch::channel(0).0,
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&world)));
        Self {
            address,
            world,
            _tasks: tasks,
        }
    }

    /// Says all of a table, in the file format, and nothing else.
    pub fn say(&self, table: &str) {
        let config = outrigger_config::parse("table", table).unwrap();
        let resources = resources(&config);
        self.world.change(|state| {
            state.resources.clear();
            state.resources.extend(resources.map(entry));
        });
    }

    /// Says this, too.
    pub fn put(&self, resource: Resource) {
        self.world
            .change(|state| state.resources.extend([entry(resource)]));
    }

    /// Says something, whatever it is.
    pub fn put_bytes(&self, kind: Kind, name: &str, body: &[u8]) {
        let version = format!("{:x}", body.len());
        let said = (version, Bytes::copy_from_slice(body));
        let key = (kind, name.to_owned());
        self.world
            .change(|state| _ = state.resources.insert(key, said));
    }

    /// Says that this is gone.
    pub fn remove(&self, kind: Kind, name: &str) {
        let key = (kind, name.to_owned());
        self.world.change(|state| _ = state.resources.remove(&key));
    }

    /// The names of a kind that somebody asks for now.
    pub fn subscribed(&self, kind: Kind) -> BTreeSet<String> {
        let state = self.world.state();
        state.subscribed.get(&kind).cloned().unwrap_or_default()
    }

    /// What was refused, as it was told.
    pub fn refusals(&self) -> Vec<String> {
        self.world.state().refusals.clone()
    }

    /// Responses that were acknowledged.
    pub fn accepted(&self) -> usize {
        self.world.state().accepted
    }

    /// Responses that were sent.
    pub fn responses(&self) -> usize {
        self.world.state().responses
    }

    /// Streams that were begun.
    pub fn streams(&self) -> usize {
        self.world.state().streams
    }

    /// Who has called, by id.
    pub fn nodes(&self) -> Vec<String> {
        self.world.state().nodes.clone()
    }
}

fn entry(resource: Resource) -> ((Kind, String), (String, Bytes)) {
    let Resource {
        kind,
        name,
        version,
        body,
    } = resource;
    ((kind, name.to_string()), (version.to_string(), body))
}

/// All resources of a table.
fn resources(config: &Config) -> impl Iterator<Item = Resource> {
    let clusters = config.clusters.iter();
    let clusters = clusters.flat_map(|cluster| {
        let endpoints = encode::endpoints(cluster);
        endpoints.into_iter().chain([encode::cluster(cluster)])
    });
    let listeners = config.listeners.iter();
    let listeners =
        listeners.flat_map(|listener| [encode::listener(listener), encode::routes(listener)]);
    clusters.chain(listeners)
}

impl World {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.send_modify(|version| *version += 1);
    }

    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path().to_owned();
        let request = request.map(Body::new);
        match (&*path, self.speaks) {
            (_, Speaks::Nothing) => std::future::pending().await,
            (discovery::DELTA, Speaks::Everything) => {
                let service =
                    tower::service_fn(move |request| delta::answer(Arc::clone(&self), request));
                Grpc::new(ProstCodec::default())
                    .streaming(service, request)
                    .await
            }
            (discovery::STREAM, _) => {
                let service = tower::service_fn(move |request| {
                    state_of_the_world::answer(Arc::clone(&self), request)
                });
                Grpc::new(ProstCodec::default())
                    .streaming(service, request)
                    .await
            }
            _ => Status::unimplemented("not here").into_http(),
        }
    }
}

async fn accept(listener: TcpListener, world: Arc<World>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let _ = stream.set_nodelay(true);
        let world = Arc::clone(&world);
        connections.spawn(async move {
            let answer = service_fn(move |request| {
                let world = Arc::clone(&world);
                async move { Ok::<_, Infallible>(world.answer(request).await) }
            });
            let _ended = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .keep_alive_interval(Some(Duration::from_secs(60)))
                .serve_connection(TokioIo::new(stream), answer)
                .await;
        });
    }
}
