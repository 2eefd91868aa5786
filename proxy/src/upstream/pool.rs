//! The pools of a worker, one an endpoint.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use foldhash::HashMap;
use http::Method;
use outrigger_config::model::{Alpn, PoolPolicy, Protocol};
use tokio::time::timeout;

use super::{connect::connect, handover::Got, http1, http2};
use crate::{
    call::Call,
    clock,
    error::Error,
    limits::{
        connections::{Opening, Slot, Waiting},
        queue::{Idle, Place},
    },
    proxy_protocol::{self, Addresses},
    snapshot::{Cluster, Endpoint},
    stream::Stream,
    telemetry::{
        metrics::{ClusterLimit, Label as _, OpenConnection, Side},
        trail::Step,
    },
    tls::Offer,
    worker::Shared,
};

/// A connection lives up to this part shorter than `max_age`, at random, so that they don't all end at once.
const AGE_JITTER: f64 = 0.1;

/// A place where nothing is handed over.
const NO_WORKER: usize = usize::MAX;

/// The place of a connection to `endpoint` that belongs to no pool.
pub fn place_outside(endpoint: &Endpoint) -> Place {
    Place {
        worker: NO_WORKER,
        endpoint: endpoint.id,
        http2: false,
    }
}

/// What a request that needs a connection gets at once.
enum Room {
    Slot(Slot),
    Wait(Waiting),
}

/// A worker's connections to one endpoint.
pub struct Pool {
    worker: usize,
    endpoint: Arc<Endpoint>,
    /// Whose policy holds; a reload may change it.
    cluster: RefCell<Arc<Cluster>>,
    shared: Arc<Shared>,
    /// Idle HTTP/1 connections.
    pub http1: http1::Idle,
    /// HTTP/2 connections.
    pub http2: http2::Multiplexed,
    /// The endpoint had the choice, by ALPN, and chose HTTP/1.1. Asked again when no such connection is left.
    http1_chosen: Cell<bool>,
}

/// What counts a connection, for as long as it is open.
pub struct Opened {
    _gauge: OpenConnection,
    /// Its place among the connections of its cluster.
    pub slot: Arc<Slot>,
}

impl Pool {
    /// An HTTP/1 connection: an idle one, or a new one, or what comes first of both if there may be no more.
    pub async fn http1(
        &self,
        cluster: &Cluster,
        call: &mut Call,
    ) -> Result<Box<http1::Connection>, Error> {
        let client = client(cluster, call);
        if let Some(connection) = self.http1.take(call.now, client) {
            return Ok(connection);
        }
        // Boxed, so that a request that finds a connection has no room for making one.
        let open = |slot| Box::pin(self.open_http1(cluster, client, slot));
        let mut waiting = match self.room(cluster, call, false)? {
            Room::Slot(slot) => return open(slot).await,
            Room::Wait(waiting) => waiting,
        };
        loop {
            match self.http1.handover.wait(&mut waiting).await {
                Got::Slot(slot) => {
                    call.wait.end();
                    return open(slot).await;
                }
                Got::Handed(mut connection) => {
                    if connection.is_usable(clock::now()) {
                        call.wait.end();
                        return Ok(connection);
                    }
                    waiting.again();
                }
            }
        }
    }

    async fn open_http1(
        &self,
        cluster: &Cluster,
        client: Option<Addresses>,
        slot: Slot,
    ) -> Result<Box<http1::Connection>, Error> {
        let stream = self.connect(cluster, client, Offer::Http1).await?.0;
        let expires = expiry(&cluster.config.pool);
        let opened = self.opened(slot);
        Ok(http1::Connection::new(stream, expires, client, opened))
    }

    /// A connection of TCP, and TLS on it if the cluster speaks that; then also what the endpoint chose of the offer.
    async fn connect(
        &self,
        cluster: &Cluster,
        client: Option<Addresses>,
        offer: Offer,
    ) -> Result<(Stream, Option<Alpn>), Error> {
        let patience = cluster.config.connect_timeout;
        let header = client.and_then(|client| proxy_protocol::header(&cluster.config, client));
        connect(
            self.endpoint.address,
            cluster.origin(client.map(|client| client.source.ip())),
            header.as_deref(),
            cluster.tls.as_deref(),
            offer,
            patience,
        )
        .await
    }

    /// Whether the endpoint is spoken to in HTTP/2, as far as is known: who has the choice may still say no.
    pub fn speaks_http2(&self, cluster: &Cluster, call: &Call) -> bool {
        match cluster.config.protocol {
            // A connection is one client's.
            _ if cluster.config.proxy_protocol.is_some() => false,
            Protocol::Http1 => false,
            Protocol::Http2 => true,
            Protocol::Auto if cluster.tls.is_none() => {
                call.survey.grpc || (cluster.by_address.is_some() && call.is_http2_by_choice())
            }
            // What an HTTP/1.1 connection can be upgraded to has no place in HTTP/2.
            Protocol::Auto => call.upgrade.is_none() && !self.http1_chosen.get(),
        }
    }

    /// A stream of an HTTP/2 connection, on a new one if need be, or the first that is free if there may be no more.
    /// `None`: the endpoint had the choice, and chose HTTP/1.1.
    pub async fn http2(
        self: &Rc<Self>,
        cluster: &Cluster,
        call: &mut Call,
    ) -> Result<Option<http2::Stream>, Error> {
        let policy = &cluster.config.pool;
        let offer = match (cluster.config.protocol, &cluster.tls) {
            (Protocol::Auto, Some(_)) => Offer::Either,
            _ => Offer::Http2,
        };
        let patience = cluster.config.connect_timeout;
        let connections = &cluster.limits.connections;
        let granted = Cell::new(None);
        let open = async || {
            if offer == Offer::Either && self.http1_chosen.get() {
                return Ok(None);
            }
            let slot = granted.take().or_else(|| connections.open_now());
            let slot = slot.ok_or(Error::from(ClusterLimit::Connections))?;
            let (stream, chosen) = self.connect(cluster, None, offer).await?;
            let opened = self.opened(slot);
            if offer == Offer::Either && chosen != Some(Alpn::Http2) {
                self.http1_chosen.set(true);
                let connection = http1::Connection::new(stream, expiry(policy), None, opened);
                self.http1.put(connection, policy.max_idle.max(1));
                return Ok(None);
            }
            // Until it has said how many streams it takes, the endpoint might as well be dead.
            timeout(
                patience,
                http2::Connection::open(stream, expiry(policy), opened),
            )
            .await
            .unwrap_or(Err(Error::ConnectTimeout))
            .map(Some)
        };
        let stream = loop {
            match self.http2.stream(policy, open).await {
                Err(Error::LimitReached(_)) => {}
                result => match result? {
                    Some(stream) => break stream,
                    None => return Ok(None),
                },
            }
            let slot = match self.room(cluster, call, true)? {
                Room::Slot(slot) => slot,
                Room::Wait(mut waiting) => match self.http2.handover.wait(&mut waiting).await {
                    Got::Slot(slot) => slot,
                    Got::Handed(stream) => break stream,
                },
            };
            call.wait.end();
            granted.set(Some(slot));
        };
        call.wait.end();
        match cluster.limits.may_wait() {
            true => {
                self.share_streams();
                Ok(Some(stream.of_pool(self)))
            }
            false => Ok(Some(stream)),
        }
    }

    /// A connection of its own, for a tunnel.
    pub async fn tunnel(
        &self,
        cluster: &Cluster,
        call: &mut Call,
    ) -> Result<(Stream, Slot), Error> {
        let slot = match self.room(cluster, call, false)? {
            Room::Slot(slot) => slot,
            // Nothing that could be handed over is of use here, and nothing is.
            Room::Wait(mut waiting) => waiting.slot().await,
        };
        call.wait.end();
        let client = client(cluster, call);
        let stream = self.connect(cluster, client, Offer::Nothing).await?.0;
        Ok((stream, slot))
    }

    /// Room for one more connection, or a turn in the line for it.
    fn room(&self, cluster: &Cluster, call: &mut Call, http2: bool) -> Result<Room, Error> {
        let tunnel = call.method() == Method::CONNECT;
        let place = match tunnel || cluster.config.proxy_protocol.is_some() {
            true => place_outside(&self.endpoint),
            false => self.place(http2),
        };
        match cluster.limits.connections.open(place, clock::now()) {
            Opening::Slot(slot) => Ok(Room::Slot(slot)),
            Opening::Wait(waiting) => {
                call.wait.begin();
                Ok(Room::Wait(waiting))
            }
            Opening::Refused => {
                call.wait.begin();
                let limit = cluster.limits.no_connection();
                call.note(|_| Step::Refused(limit.as_str()));
                Err(limit.into())
            }
        }
    }

    fn opened(&self, slot: Slot) -> Opened {
        Opened {
            _gauge: self.shared.telemetry.metrics.connection(Side::Upstream),
            slot: Arc::new(slot),
        }
    }

    fn place(&self, http2: bool) -> Place {
        Place {
            worker: self.worker,
            endpoint: self.endpoint.id,
            http2,
        }
    }

    /// One that is a client's own is of no use to anybody else.
    fn place_of(&self, connection: &http1::Connection) -> Place {
        match connection.client {
            Some(_) => place_outside(&self.endpoint),
            None => self.place(false),
        }
    }

    /// Takes an HTTP/1 connection back after its response ended.
    pub fn give_back(&self, mut connection: Box<http1::Connection>) {
        connection.rest();
        let cluster = self.cluster.borrow();
        match cluster.limits.connections.idle(self.place_of(&connection)) {
            Idle::Keep => self.http1.put(connection, cluster.config.pool.max_idle),
            Idle::Close => connection.slot().tell_to_close(),
            // Who has just left needs it no more, and it makes room for the next.
            Idle::Hand(ticket) => drop(self.http1.handover.give(ticket, connection)),
        }
    }

    /// Gives up what is idle and wanted elsewhere.
    pub fn make_room(self: &Rc<Self>) {
        let connections = Arc::clone(&self.cluster.borrow().limits.connections);
        if !connections.pressed() {
            return;
        }
        self.share_streams();
        while let Some(connection) = self.http1.pop_oldest() {
            match connections.idle(self.place_of(&connection)) {
                Idle::Keep => {
                    self.http1.put_oldest(connection);
                    break;
                }
                Idle::Close => connection.slot().tell_to_close(),
                Idle::Hand(ticket) => drop(self.http1.handover.give(ticket, connection)),
            }
        }
        while self.http2.any_idle() && connections.idle(self.place(true)) == Idle::Close {
            self.http2.close_idle();
        }
    }

    /// Gives streams that are free to those who wait for one.
    fn share_streams(self: &Rc<Self>) {
        let cluster = Arc::clone(&self.cluster.borrow());
        let connections = &cluster.limits.connections;
        while connections.pressed()
            && let Some(stream) = self.http2.with_room(&cluster.config.pool)
            && let Some(ticket) = connections.hand(self.place(true))
        {
            drop(self.http2.handover.give(ticket, stream.of_pool(self)));
        }
    }

    /// Closes what is broken, too old, or has been idle for too long. `now` in microseconds.
    fn sweep(self: &Rc<Self>, now: u64) {
        let idle_timeout = clock::micros(self.cluster.borrow().config.pool.idle_timeout);
        self.http1.sweep(now, idle_timeout);
        if !self.http1.any() {
            self.http1_chosen.set(false);
        }
        self.http2.sweep(now, idle_timeout);
        self.make_room();
    }
}

/// Whose a connection for `call` is, where its endpoint is told so, or sees it.
fn client(cluster: &Cluster, call: &Call) -> Option<Addresses> {
    let told = cluster.config.proxy_protocol.is_some();
    (told || cluster.as_caller()).then(|| call.connection.ends())
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
    worker: usize,
    pools: RefCell<HashMap<u64, Rc<Pool>>>,
    shared: Arc<Shared>,
}

impl Pools {
    /// No pools yet, of the worker of this number.
    pub fn new(worker: usize, shared: Arc<Shared>) -> Self {
        Self {
            worker,
            pools: RefCell::default(),
            shared,
        }
    }

    /// The pool of an endpoint of a cluster.
    pub fn get(&self, cluster: &Arc<Cluster>, endpoint: &Arc<Endpoint>) -> Rc<Pool> {
        let mut pools = self.pools.borrow_mut();
        let new = || {
            Rc::new(Pool {
                worker: self.worker,
                endpoint: Arc::clone(endpoint),
                cluster: RefCell::new(Arc::clone(cluster)),
                shared: Arc::clone(&self.shared),
                http1: http1::Idle::default(),
                http2: http2::Multiplexed::default(),
                http1_chosen: Cell::new(false),
            })
        };
        let pool = pools.entry(endpoint.id).or_insert_with(new);
        if !pool.cluster.borrow().speaks_with(cluster.tls.as_ref()) {
            // What was made by other rules serves those who have it, and nobody else.
            *pool = new();
        }
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

    /// Gives up what is idle and wanted elsewhere.
    pub fn make_room(&self) {
        self.pools
            .borrow()
            .values()
            .for_each(|pool| pool.make_room());
    }
}
