//! A worker: one thread, one runtime, its own listening sockets and its own upstream pools. A request lives and dies on
//! it, with no lock and no wake of another core on its way.

mod quiet;
pub mod tasks;

use std::{
    cell::{Cell, RefCell},
    io,
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
    thread,
    time::Duration,
};

use arc_swap::{ArcSwap, Cache};
use tokio::{
    net::TcpListener,
    runtime::LocalRuntime,
    sync::{mpsc, oneshot},
    task::spawn_local,
    time::{Instant, MissedTickBehavior, interval, sleep, sleep_until},
};

use quiet::Quiet;
use tasks::Tasks;

use crate::{
    call::Call,
    clock,
    control::on_demand::OnDemand,
    downstream::{Registry, accept::accept, http2::Exchange},
    idle_timeout,
    limits::connections,
    overload::{
        Overload,
        delay::{self, Delay},
    },
    route::by_host::Names,
    snapshot::{Cluster, Snapshot},
    stack::stack,
    telemetry::{
        Telemetry,
        access_log::AccessLog,
        metrics::{OverloadReason, ProxyMetrics, TlsMetrics},
    },
    transparent::Meant,
    upstream::Pools,
};

/// How often connections are looked over: how late a time-out of theirs may be.
pub const TICK: Duration = Duration::from_millis(500);

/// The same while draining, when it also says how late the end is noticed.
const DRAIN_TICK: Duration = Duration::from_millis(10);

/// What the control thread tells a worker.
pub enum Order {
    /// Accept on this socket of the listener at this address.
    Listen(SocketAddr, std::net::TcpListener),
    /// The listener at this address is gone.
    Close(SocketAddr),
    /// Take no new connections, finish what is under way, end.
    Drain,
}

/// What all workers share.
pub struct Shared {
    /// The table in force.
    pub snapshot: Arc<ArcSwap<Snapshot>>,
    /// Whether there is too much to do.
    pub overload: Overload,
    /// Where clusters are asked for that the table does not have; `None`: there is no control plane.
    pub on_demand: Option<OnDemand>,
    /// Metrics and logs.
    pub telemetry: Telemetry,
}

/// A worker's own state. One thread, hence cells in place of locks.
pub struct Worker {
    shared: Arc<Shared>,
    snapshot: RefCell<Cache<Arc<ArcSwap<Snapshot>>, Arc<Snapshot>>>,
    /// Microseconds as of the last tick.
    tick: Rc<Cell<u64>>,
    /// Downstream connections.
    pub connections: Registry,
    /// Upstream connections.
    pub pools: Pools,
    /// By whom requests of HTTP/2 are served.
    pub exchanges: Rc<Tasks<Exchange>>,
    /// Requests under way that may come to rest.
    pub idle: idle_timeout::Watch,
    /// For picks and ids; never borrowed across an await.
    pub rng: RefCell<fastrand::Rng>,
    /// Requests and tunnels that are not over.
    calls: Cell<usize>,
    /// Requests begun, ever.
    begun: Cell<u64>,
    /// Looks at how late it is.
    watched: Cell<bool>,
    /// The share of requests that it refuses for being late.
    refused: Cell<f32>,
    index: usize,
}

impl Worker {
    /// One that serves on the thread that it is made on; [`spawn`] gives it one of its own.
    pub fn new(index: usize, shared: Arc<Shared>) -> Rc<Self> {
        Rc::new(Self {
            snapshot: RefCell::new(Cache::new(Arc::clone(&shared.snapshot))),
            tick: Rc::new(Cell::new(clock::now())),
            connections: Registry::default(),
            pools: Pools::new(index, Arc::clone(&shared)),
            exchanges: Rc::default(),
            idle: idle_timeout::Watch::default(),
            rng: RefCell::new(fastrand::Rng::new()),
            calls: Cell::new(0),
            begun: Cell::new(0),
            watched: Cell::new(false),
            refused: Cell::new(0.0),
            index,
            shared,
        })
    }

    /// The table in force.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(self.snapshot.borrow_mut().load())
    }

    /// Looks at the table in force.
    pub fn with_snapshot<T>(&self, look: impl FnOnce(&Snapshot) -> T) -> T {
        look(self.snapshot.borrow_mut().load())
    }

    /// The cluster that the host of a request names, which is used by that.
    pub fn by_host(&self, names: &Names<'_>) -> Option<Arc<Cluster>> {
        let found = self.with_snapshot(|snapshot| snapshot.clusters.by_host(names).map(Arc::clone));
        found.inspect(|cluster| cluster.use_by_host())
    }

    /// What is meant by the address that the caller of a request called, if that was not this proxy's.
    pub fn meant(&self, call: &Call) -> Option<Meant> {
        let transparent = call.listener.transparent.as_ref()?;
        let called = call.connection.ends().destination;
        self.with_snapshot(|snapshot| transparent.meant(called, &snapshot.clusters))
    }

    /// Where clusters are asked for that the table does not have.
    pub fn on_demand(&self) -> Option<&OnDemand> {
        self.shared.on_demand.as_ref()
    }

    /// Microseconds as of the last tick: for time-outs of seconds.
    pub fn tick(&self) -> u64 {
        self.tick.get()
    }

    /// The same, to be read later.
    pub fn tick_handle(&self) -> Rc<Cell<u64>> {
        Rc::clone(&self.tick)
    }

    /// The process's metrics.
    pub fn metrics(&self) -> &ProxyMetrics {
        &self.shared.telemetry.metrics
    }

    /// Counts what TLS does.
    pub fn tls_metrics(&self) -> &TlsMetrics {
        &self.shared.telemetry.tls
    }

    /// Where request lines go, if they are wanted.
    pub fn access_log(&self) -> Option<&AccessLog> {
        self.shared.telemetry.access_log.as_ref()
    }

    /// A request begins.
    pub fn begin(self: &Rc<Self>) {
        self.calls.set(self.calls.get() + 1);
        self.begun.set(self.begun.get() + 1);
        if !self.watched.replace(true) {
            spawn_local(watch(Rc::clone(self)));
        }
    }

    /// Why a request is refused for the process's sake, if it is.
    pub fn overloaded(&self) -> Option<OverloadReason> {
        let rng = || self.rng.borrow_mut().f32();
        self.shared.overload.refuse(self.refused.get(), rng)
    }

    /// A request, or the tunnel that it became, is over.
    pub fn end(&self) {
        self.calls.set(self.calls.get() - 1);
    }

    /// It is so late now, in microseconds.
    fn late(&self, delay: u64) {
        self.refused
            .set(self.shared.overload.delayed(self.index, delay));
    }

    fn idle(&self) -> bool {
        self.connections.is_empty() && self.calls.get() == 0
    }
}

/// Starts a worker's thread; it ends, and drops `alive`, when it was told to drain and nothing is under way any more.
///
/// # Errors
/// When the system gives no thread or no event queue.
pub fn spawn(
    index: usize,
    shared: Arc<Shared>,
    orders: mpsc::UnboundedReceiver<Order>,
    alive: mpsc::Sender<()>,
) -> io::Result<()> {
    thread::Builder::new()
        .name(format!("worker-{index}"))
        .spawn(move || {
            match LocalRuntime::new() {
                Ok(runtime) => runtime.block_on(run(Worker::new(index, shared), orders)),
                Err(error) => tracing::error!(%error, "a worker cannot start"),
            }
            drop(alive);
        })?;
    Ok(())
}

async fn run(worker: Rc<Worker>, mut orders: mpsc::UnboundedReceiver<Order>) {
    let stack = Rc::new(stack(&worker));
    spawn_local(make_room(Rc::clone(&worker)));
    let mut listening: Vec<(SocketAddr, oneshot::Sender<()>)> = Vec::new();
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut draining, mut seen) = (false, None);
    let mut quiet = Quiet::default();
    while !(draining && worker.idle()) {
        let order = tokio::select! {
            order = orders.recv(), if !draining => order,
            _ = tick.tick() => {
                let now = clock::now();
                worker.tick.set(now);
                // An idle worker must not be what keeps an old table alive.
                if seen.replace(worker.snapshot().version) != Some(worker.snapshot().version) {
                    worker.connections.refresh();
                }
                worker.connections.check(now);
                worker.idle.check(now);
                worker.pools.sweep(now);
                if quiet.gives_back(now, worker.begun.get(), worker.connections.len()) {
                    worker.exchanges.send_away();
                    outrigger_memory::give_back();
                }
                continue;
            }
        };
        match order {
            Some(Order::Listen(address, socket)) => match TcpListener::from_std(socket) {
                Ok(socket) => {
                    let (stop, stopped) = oneshot::channel();
                    listening.push((address, stop));
                    spawn_local(accept(
                        socket,
                        address,
                        Rc::clone(&worker),
                        Rc::clone(&stack),
                        stopped,
                    ));
                }
                Err(error) => tracing::error!(%address, %error, "cannot listen"),
            },
            Some(Order::Close(address)) => {
                // Dropping `stop` is what tells.
                listening.retain(|(listening, _)| *listening != address);
                worker.connections.drain_listener(address);
            }
            // No control thread, no service.
            Some(Order::Drain) | None => {
                draining = true;
                tick = interval(DRAIN_TICK);
                listening.clear();
                worker.connections.drain();
            }
        }
    }
}

/// Looks at how late the worker is, as long as there are requests.
async fn watch(worker: Rc<Worker>) {
    let every = Duration::from_micros(delay::EVERY);
    let mut delay = Delay::default();
    let mut begun = 0;
    while begun != worker.begun.get() {
        begun = worker.begun.get();
        let due = Instant::now() + every;
        sleep_until(due).await;
        let now = delay.observe(clock::micros(due.elapsed()));
        worker.late(now);
    }
    worker.late(0);
    worker.watched.set(false);
}

/// Gives up idle connections that are wanted elsewhere.
async fn make_room(worker: Rc<Worker>) {
    /// Those who come within this time are served together: looking through all pools is not for every request.
    const TOGETHER: Duration = Duration::from_millis(5);
    let mut wanted = connections::wanted();
    while wanted.changed().await.is_ok() {
        worker.pools.make_room();
        sleep(TOGETHER).await;
    }
}
