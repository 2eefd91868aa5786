//! The pools of a worker, one an endpoint.

use std::{
    cell::RefCell,
    rc::Rc,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use foldhash::HashMap;
use outrigger_config::model::PoolPolicy;
use tokio::time::timeout;

use super::{connect::connect, http1, http2};
use crate::{
    clock,
    error::Error,
    snapshot::{Cluster, Endpoint},
    telemetry::metrics::Side,
    worker::Shared,
};

/// A connection lives up to this part shorter than `max_age`, at random, so that they don't all end at once.
const AGE_JITTER: f64 = 0.1;

/// A worker's connections to one endpoint.
pub struct Pool {
    endpoint: Arc<Endpoint>,
    /// Whose policy holds; a reload may change it.
    cluster: RefCell<Arc<Cluster>>,
    shared: Arc<Shared>,
    /// Idle HTTP/1 connections.
    pub http1: http1::Idle,
    /// HTTP/2 connections.
    pub http2: http2::Multiplexed,
}

impl Pool {
    /// How many idle connections are kept.
    pub fn max_idle(&self) -> usize {
        self.cluster.borrow().config.pool.max_idle
    }

    /// Makes a new HTTP/1 connection.
    pub async fn open_http1(&self, cluster: &Cluster) -> Result<Box<http1::Connection>, Error> {
        let stream = connect(self.endpoint.address, cluster.config.connect_timeout).await?;
        http1::Connection::open(
            stream,
            expiry(&cluster.config.pool),
            self.shared.telemetry.metrics.connection(Side::Upstream),
        )
        .await
    }

    /// A stream of an HTTP/2 connection, on a new one if need be.
    pub async fn http2_stream(&self, cluster: &Cluster) -> Result<http2::Stream, Error> {
        let policy = &cluster.config.pool;
        let patience = cluster.config.connect_timeout;
        let open = async || {
            let stream = connect(self.endpoint.address, patience).await?;
            let opened = self.shared.telemetry.metrics.connection(Side::Upstream);
            // Until it has said how many streams it takes, the endpoint might as well be dead.
            timeout(
                patience,
                http2::Connection::open(stream, expiry(policy), opened),
            )
            .await
            .unwrap_or(Err(Error::ConnectTimeout))
        };
        self.http2.stream(policy, open).await
    }

    /// Closes what is broken, too old, or has been idle for too long. `now` in microseconds.
    fn sweep(&self, now: u64) {
        let idle_timeout = clock::micros(self.cluster.borrow().config.pool.idle_timeout);
        self.http1.sweep(now, idle_timeout);
        self.http2.sweep(now, idle_timeout);
    }
}

/// When a connection made now will be too old, in microseconds.
fn expiry(policy: &PoolPolicy) -> u64 {
    match policy.max_age {
        Some(age) => {
            clock::now() + (clock::micros(age) as f64 * (1.0 - AGE_JITTER * fastrand::f64())) as u64
        }
        None => u64::MAX,
    }
}

/// All pools of a worker, by endpoint id.
pub struct Pools {
    pools: RefCell<HashMap<u64, Rc<Pool>>>,
    shared: Arc<Shared>,
}

impl Pools {
    /// No pools yet.
    pub fn new(shared: Arc<Shared>) -> Self {
        Self {
            pools: RefCell::default(),
            shared,
        }
    }

    /// The pool of an endpoint of a cluster.
    pub fn get(&self, cluster: &Arc<Cluster>, endpoint: &Arc<Endpoint>) -> Rc<Pool> {
        let mut pools = self.pools.borrow_mut();
        let pool = pools.entry(endpoint.id).or_insert_with(|| {
            Rc::new(Pool {
                endpoint: Arc::clone(endpoint),
                cluster: RefCell::new(Arc::clone(cluster)),
                shared: Arc::clone(&self.shared),
                http1: http1::Idle::default(),
                http2: http2::Multiplexed::default(),
            })
        });
        if !Arc::ptr_eq(&pool.cluster.borrow(), cluster) {
            *pool.cluster.borrow_mut() = Arc::clone(cluster);
        }
        Rc::clone(pool)
    }

    /// Closes connections that have had their time, and the pools of endpoints that are gone. `now` in microseconds.
    pub fn sweep(&self, now: u64) {
        self.pools.borrow_mut().retain(|_, pool| {
            pool.sweep(now);
            !pool.endpoint.retired.load(Relaxed)
        });
    }
}
