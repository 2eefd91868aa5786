//! The process: starts the workers and the admin server, puts tables in force, and says goodbye.
//!
//! The control thread (this one) does everything that is not a request. It alone writes the snapshot.

use std::{
    collections::HashMap,
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use outrigger_config::{Config, Problems, model::Drain};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval, sleep, sleep_until},
};

use crate::{
    admin,
    cli::Serve,
    clock, cluster,
    discovery::{self, file::Watch},
    downstream::accept::bind,
    health_check::HealthChecks,
    overload::Overload,
    snapshot::Snapshot,
    status::{Refused, Status},
    telemetry::{Telemetry, metrics::ReloadOutcome},
    worker::{self, Order, Shared},
};

/// How often series whose route or cluster is gone are looked for; scraping does it, too.
const SWEEP: Duration = Duration::from_secs(60);

/// Why the process ends with an error.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The file is wrong.
    #[error("{0}")]
    Config(Problems),
    /// An address could not be bound.
    #[error("cannot listen on {address} ({what}): {error}{}", hint(.error))]
    Bind {
        /// The address.
        address: SocketAddr,
        /// A listener's name, or the admin server.
        what: String,
        /// Why not.
        error: io::Error,
    },
    /// The system refused something else.
    #[error("{0}")]
    System(#[from] io::Error),
    /// A second signal came before the drain was over.
    #[error("told to stop at once")]
    Impatient,
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "\nhint: another process listens there, another outrigger perhaps: `ss -ltnp` shows which"
        }
        io::ErrorKind::PermissionDenied => {
            "\nhint: ports below 1024 need the capability CAP_NET_BIND_SERVICE"
        }
        io::ErrorKind::AddrNotAvailable => {
            "\nhint: the address belongs to no interface of this machine: `ip address` lists them"
        }
        _ => "",
    }
}

/// Serves until told to stop.
///
/// # Errors
/// What kept it from starting, or from ending well.
pub fn run(args: &Serve) -> Result<(), Failure> {
    let path = args.config.clone().unwrap_or_default();
    let config = load(&path, args.zone.as_ref()).map_err(Failure::Config)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async { App::start(args, path, config)?.serve().await })
}

/// The table in a file, with what the command line says in place of it.
fn load(path: &Path, zone: Option<&Arc<str>>) -> Result<Config, Problems> {
    let mut config = outrigger_config::load(path)?;
    // What an orchestrator fills in may be empty.
    let zone = zone.filter(|zone| !zone.is_empty());
    config.zone = zone.cloned().or(config.zone);
    Ok(config)
}

struct App {
    path: PathBuf,
    /// Of the command line.
    zone: Option<Arc<str>>,
    shared: Arc<Shared>,
    status: Arc<Status>,
    workers: Vec<mpsc::UnboundedSender<Order>>,
    /// Is closed when the last worker has ended.
    running: mpsc::Receiver<()>,
    discovery: discovery::Discovery,
    health_checks: HealthChecks,
    watch: Watch,
    signals: Signals,
    drain_asked: mpsc::Receiver<()>,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl App {
    fn start(args: &Serve, path: PathBuf, config: Config) -> Result<Self, Failure> {
        let telemetry = Telemetry::start(args.log_format.into(), config.access_log.as_ref())?;
        let signals = Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        };
        let watch = Watch::new(&path, &fs::read(&path).unwrap_or_default());
        let admin = args.admin.unwrap_or(config.admin.address);
        let status = Arc::new(Status::default());
        let addresses: Vec<_> = config
            .listeners
            .iter()
            .map(|listener| listener.address)
            .collect();
        let snapshot = Snapshot::compile(config, None, &telemetry.registry);
        telemetry
            .metrics
            .reload(ReloadOutcome::Applied, SystemTime::now());
        let count = args.workers();
        let overload = Overload::new(count, &snapshot.config.overload, &telemetry.registry);
        let shared = Arc::new(Shared {
            snapshot: Arc::new(ArcSwap::from_pointee(snapshot)),
            overload,
            on_demand: None,
            telemetry,
        });

        let (ask_drain, drain_asked) = mpsc::channel(1);
        admin::start(
            admin,
            &admin::State {
                shared: Arc::clone(&shared),
                status: Arc::clone(&status),
                drain: ask_drain,
            },
        )
        .map_err(|error| Failure::Bind {
            address: admin,
            what: "admin".to_owned(),
            error,
        })?;

        let mut app = Self {
            path,
            zone: args.zone.clone(),
            shared,
            status,
            workers: Vec::new(),
            running: mpsc::channel(1).1,
            discovery: discovery::Discovery::default(),
            health_checks: HealthChecks::default(),
            watch,
            signals,
            drain_asked,
        };
        let sockets = app.bind(&addresses, count)?;
        let (alive, running) = mpsc::channel(1);
        app.running = running;
        for index in 0..count {
            let (orders, received) = mpsc::unbounded_channel();
            worker::spawn(index, Arc::clone(&app.shared), received, alive.clone())?;
            app.workers.push(orders);
        }
        app.listen(sockets);
        app.discover();
        app.status.serving();
        tracing::info!(workers = count, %admin, config = %app.path.display(), "serving");
        Ok(app)
    }

    async fn serve(mut self) -> Result<(), Failure> {
        let mut sweep = interval(SWEEP);
        let mut tend = interval(cluster::TEND);
        tend.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = tend.tick() => self.tend(),
                _ = sweep.tick() => self.shared.telemetry.registry.sweep(std::time::Instant::now()),
                () = self.watch.changed() => self.reload(),
                _ = self.signals.hangup.recv() => self.reload(),
                _ = self.signals.terminate.recv() => break,
                _ = self.signals.interrupt.recv() => break,
                Some(()) = self.drain_asked.recv() => break,
            }
        }
        self.drain().await
    }

    /// Lets time do its work.
    fn tend(&mut self) {
        let now = clock::now();
        let snapshot = self.shared.snapshot.load();
        for cluster in snapshot.clusters.iter() {
            cluster.tend(now);
        }
        self.health_checks
            .follow(&snapshot, &self.shared.telemetry.registry);
        for listener in &snapshot.listeners {
            listener.limits.tend(now);
        }
        self.shared.overload.tend(&snapshot.config.overload, now);
    }

    /// Puts the file in force if it is right, else says what is wrong and leaves everything as it is.
    fn reload(&mut self) {
        let refused = match load(&self.path, self.zone.as_ref()) {
            Ok(config) if config == *self.shared.snapshot.load().config => {
                self.status.offered(None);
                tracing::info!("the table says the same as the one in force");
                return;
            }
            Ok(config) => self.apply(config).err().map(|failure| failure.to_string()),
            Err(problems) => Some(problems.to_string()),
        };
        let now = SystemTime::now();
        let metrics = &self.shared.telemetry.metrics;
        match refused {
            None => {
                metrics.reload(ReloadOutcome::Applied, now);
                self.status.offered(None);
                tracing::info!(
                    version = self.shared.snapshot.load().version,
                    "the new table is in force"
                );
            }
            Some(problems) => {
                metrics.reload(ReloadOutcome::Refused, now);
                tracing::error!("the new table is refused, the old one serves on:\n{problems}");
                self.status.offered(Some(Refused { at: now, problems }));
            }
        }
    }

    fn apply(&mut self, config: Config) -> Result<(), Failure> {
        let before = self.shared.snapshot.load_full();
        if config.admin != before.config.admin || config.access_log != before.config.access_log {
            tracing::warn!("`admin` and `access_log` change with the next start");
        }
        let listeners = |config: &Config| {
            config
                .listeners
                .iter()
                .map(|listener| listener.address)
                .collect::<Vec<_>>()
        };
        let (old, new) = (listeners(&before.config), listeners(&config));
        let added: Vec<_> = new
            .iter()
            .copied()
            .filter(|address| !old.contains(address))
            .collect();
        // Bound before anything changes: a table whose addresses can't be had is refused whole.
        let sockets = self.bind(&added, self.workers.len())?;
        let next = Arc::new(Snapshot::compile(
            config,
            Some(&before),
            &self.shared.telemetry.registry,
        ));
        self.shared.snapshot.store(Arc::clone(&next));
        before.retire(&next);
        self.listen(sockets);
        for address in old.into_iter().filter(|address| !new.contains(address)) {
            tell(&self.workers, || Order::Close(address));
        }
        self.discover();
        Ok(())
    }

    fn bind(&self, addresses: &[SocketAddr], workers: usize) -> Result<Sockets, Failure> {
        let mut sockets = Sockets::new();
        for &address in addresses {
            let bound = bind(address, workers).map_err(|error| Failure::Bind {
                address,
                what: format!("listener {address}"),
                error,
            })?;
            sockets.insert(address, bound);
        }
        Ok(sockets)
    }

    /// Gives each worker its socket of each listener.
    fn listen(&self, sockets: Sockets) {
        for (address, sockets) in sockets {
            for (worker, socket) in self.workers.iter().zip(sockets) {
                let _ = worker.send(Order::Listen(address, socket));
            }
        }
    }

    /// Looks for the endpoints of clusters that are not listed in the file.
    fn discover(&mut self) {
        self.discovery
            .follow(&self.shared.snapshot.load(), &self.status);
    }

    /// `/ready` fails at once, new connections are refused after the delay, and what is under way may finish until the
    /// time-out. Metrics stay up to the end.
    async fn drain(self) -> Result<(), Failure> {
        let Self {
            shared,
            status,
            workers,
            mut running,
            mut signals,
            ..
        } = self;
        let Drain { delay, timeout } = shared.snapshot.load().config.drain;
        let end = Instant::now() + timeout;
        status.draining();
        tracing::info!(?delay, ?timeout, "draining");
        let drained = async {
            sleep(delay).await;
            tell(&workers, || Order::Drain);
            // Nobody sends: it ends when the last worker does.
            let _ended = running.recv().await;
        };
        tokio::select! {
            () = drained => tracing::info!("drained"),
            () = sleep_until(end) => tracing::warn!("still busy after {timeout:?}: what is left is cut off"),
            _ = signals.terminate.recv() => return Err(Failure::Impatient),
            _ = signals.interrupt.recv() => return Err(Failure::Impatient),
        }
        shared.telemetry.flush();
        Ok(())
    }
}

fn tell(workers: &[mpsc::UnboundedSender<Order>], order: impl Fn() -> Order) {
    // A worker that has ended needs no telling.
    workers.iter().for_each(|worker| drop(worker.send(order())));
}

/// The sockets of each listener, one a worker.
type Sockets = HashMap<SocketAddr, Vec<std::net::TcpListener>>;
