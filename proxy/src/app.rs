//! The process: starts the workers and the admin server, puts tables in force, and says goodbye.
//!
//! The control thread (this one) does everything that is not a request. It alone writes the snapshot.

mod drain;
mod outgoing;
mod renew;
mod sockets;
mod sources;
mod succession;

use std::{
    io,
    net::SocketAddr,
    path::PathBuf,
    pin::pin,
    sync::Arc,
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use outrigger_config::{Config, Problems};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval, sleep},
};

use crate::{
    acme, admin,
    cli::Serve,
    clock, cluster,
    control::{self, Control, Here, Merged, Standing, Table, on_demand::OnDemand},
    discovery,
    handover::{self, Given},
    health_check::HealthChecks,
    overload::Overload,
    snapshot::Snapshot,
    status::Status,
    telemetry::{Telemetry, metrics::ReloadOutcome},
    tls::{self, store::Place},
    worker::{self, Order, Shared},
};
use drain::Leaving;
use outgoing::Outgoing;
use sockets::{Sockets, Unbound};
use sources::{File, News, Sources};
use succession::{Heritage, Succession};

/// How often series whose route or cluster is gone are looked for; scraping does it, too.
const SWEEP: Duration = Duration::from_secs(60);

/// When what a start has needed is no longer needed.
const STARTED: Duration = Duration::from_secs(3);

/// How often it is looked whether an address can be had by now that a pushed listener was left out for.
const BIND_AGAIN: Duration = Duration::from_secs(1);

/// What is pushed is told in the log so often at most.
const TELL: Duration = Duration::from_secs(1);

/// Why the process ends with an error.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// There is nothing to serve.
    #[error(
        "nothing to serve\nhint: name a table with `--config FILE`, or a control plane that has one with `--control ADDR`"
    )]
    Usage,
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
    /// The sockets of the running process can't be had.
    #[error("no hand-over: {0}")]
    Handover(#[from] handover::Failure),
    /// The admin server would be open to anybody, or what should keep it, or open the control plane, is not right.
    #[error("{0}")]
    Entrance(#[from] outrigger_entrance::Mistake),
    /// What TLS needs is not right.
    #[error("{0}")]
    Tls(#[from] tls::store::Mistakes),
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
    let file = args.file();
    let config = match &file {
        Some(path) => sources::load(path, args.zone().as_ref()).map_err(Failure::Config)?,
        None => Config {
            zone: args.zone(),
            ..Config::default()
        },
    };
    let options = args.control.options(config.zone.clone());
    if file.is_none() && options.is_none() {
        return Err(Failure::Usage);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let (heritage, inherited) = match args.handover() {
            Some(path) => Heritage::find(&path).await?,
            None => (Heritage::None, Given::default()),
        };
        let sockets = Sockets::new(inherited, handover::systemd::sockets());
        let app = App::start(args, file, config, options, (sockets, heritage))?;
        app.serve().await
    })
}

struct App {
    sources: Sources,
    /// What the file says, as far as it is in force.
    file: Config,
    shared: Arc<Shared>,
    outgoing: Outgoing,
    /// Endpoints have moved since the table in force was compiled.
    moved: bool,
    status: Arc<Status>,
    sockets: Sockets,
    succession: Succession,
    workers: Vec<mpsc::UnboundedSender<Order>>,
    /// Is closed when the last worker has ended.
    running: mpsc::Receiver<()>,
    tls: tls::Store,
    acme: acme::Keeper,
    discovery: discovery::Discovery,
    health_checks: HealthChecks,
    signals: Signals,
    drain_asked: mpsc::Receiver<()>,
    /// What pushed listeners could not have, and when it is tried again.
    unbound: (Vec<Unbound>, Instant),
    /// When it was last told that a table was pushed, and how many were since.
    told: (Option<Instant>, usize),
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl App {
    fn start(
        args: &Serve,
        path: Option<PathBuf>,
        file: Config,
        options: Option<control::Options>,
        (mut sockets, heritage): (Sockets, Heritage),
    ) -> Result<Self, Failure> {
        let telemetry = Telemetry::start(args.log_format.into(), file.access_log.as_ref())?;
        let signals = Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        };
        let count = args.workers();
        let admin = args.admin.unwrap_or(file.admin.address);
        let door = admin::Door::open(&file.admin, admin, args.open_ports)?;
        if let Some(options) = &options {
            for server in &options.servers {
                options.caller.keeps_its_token(&server.url())?;
            }
        }
        let sources = path.map(|path| File::new(path, args.zone()));
        // Before anything else: whoever waits for this proxy should not wait for a control plane.
        let pushed = match &options {
            Some(options) => control::last_good(options.cache.as_deref()),
            None => Table::default(),
        };
        let Merged {
            mut config,
            mut clashes,
        } = pushed.on(&file);

        let standing = options.as_ref().map(|options| {
            let servers = options.servers.iter().map(ToString::to_string);
            Arc::new(Standing::new(servers))
        });
        let status = Arc::new(Status::new(standing.clone()));
        let (ask_drain, drain_asked) = mpsc::channel(1);
        let admin_sockets = sockets.at(admin, 1, None).map_err(|error| Failure::Bind {
            address: admin,
            what: "admin".to_owned(),
            error,
        })?;
        let challenges = Arc::<acme::Challenges>::default();
        let mut tls = tls::Store::new(Arc::clone(&challenges), Arc::clone(&telemetry.tls));
        let acme = acme::Keeper::new(challenges, Arc::clone(&telemetry.tls));
        let material = tls.take(&config, may_wait(&file))?;
        let (bound, left_out) = sockets.bind(&mut config, sources::pushed(&file), count)?;
        sockets.put(bound);
        let (unbound, why): (Vec<_>, Vec<_>) = left_out.into_iter().unzip();
        clashes.extend(why);

        let snapshot = Snapshot::compile(config, &material, None, &telemetry.registry);
        telemetry
            .metrics
            .reload(ReloadOutcome::Applied, SystemTime::now());
        let overload = Overload::new(count, &snapshot.config.overload, &telemetry.registry);
        let on_demand = options
            .is_some()
            .then(|| OnDemand::new(&telemetry.registry));
        let (on_demand, wanted) = on_demand.unzip();
        let shared = Arc::new(Shared {
            snapshot: Arc::new(ArcSwap::from_pointee(snapshot)),
            overload,
            on_demand,
            telemetry,
        });
        let state = admin::State {
            door,
            shared: Arc::clone(&shared),
            status: Arc::clone(&status),
            drain: ask_drain,
        };
        let (alive, running) = mpsc::channel(1);
        let mut workers = Vec::new();
        for index in 0..count {
            let (orders, received) = mpsc::unbounded_channel();
            worker::spawn(index, Arc::clone(&shared), received, alive.clone())?;
            workers.push(orders);
        }
        let control = options.zip(wanted).zip(standing);
        let control = control.map(|((options, wanted), standing)| {
            let here = Here {
                shared: Arc::clone(&shared),
                reserved: sockets.reserved(admin),
            };
            Control::start(options, pushed.clone(), wanted, here, &standing)
        });
        let mut app = Self {
            sources: Sources::new(sources, control, Arc::new(pushed)),
            file,
            shared,
            outgoing: Outgoing::default(),
            moved: false,
            status,
            sockets,
            succession: Succession::new(heritage, (admin, admin_sockets), state),
            workers,
            running,
            tls,
            acme,
            discovery: discovery::Discovery::default(),
            health_checks: HealthChecks::default(),
            signals,
            drain_asked,
            unbound: (unbound, Instant::now() + BIND_AGAIN),
            told: (None, 0),
        };
        app.sources.in_force(clashes);
        app.discover();
        Ok(app)
    }

    async fn serve(mut self) -> Result<(), Failure> {
        let mut sweep = interval(SWEEP);
        let mut tend = interval(cluster::TEND);
        tend.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut started = pin!(sleep(STARTED));
        let mut starting = true;
        let mut leaving: Option<Leaving> = None;
        let end = loop {
            tokio::select! {
                () = &mut started, if starting => {
                    starting = false;
                    if let Err(error) = outrigger_memory::let_go_of_program() {
                        tracing::debug!(%error, "the program stays in memory whole");
                    }
                }
                _ = tend.tick() => {
                    self.tend();
                    self.bind_again();
                    // Who is about to go takes nobody's place.
                    if leaving.is_none() {
                        self.open().await?;
                    }
                }
                _ = sweep.tick() => {
                    self.shared.telemetry.registry.sweep(std::time::Instant::now());
                    // What tables need while they are put in force is much more than what they are.
                    outrigger_memory::give_back();
                }
                news = self.sources.changed() => match news {
                    News::File => self.reload(),
                    News::Control => self.take(),
                },
                files = self.tls.changed() => self.tls.renew(&files),
                _ = self.signals.hangup.recv() => self.reload(),
                end = Leaving::over(leaving.as_ref()) => break end,
                _ = self.signals.terminate.recv() => self.told_to_stop(&mut leaving)?,
                _ = self.signals.interrupt.recv() => self.told_to_stop(&mut leaving)?,
                Some(()) = self.drain_asked.recv() => if leaving.is_none() {
                    leaving = Some(self.leave(self.delay()));
                },
                ask = self.succession.asked() => if self.answer(ask) {
                    // Nobody has to find out that this process goes.
                    leaving = Some(self.leave(Duration::ZERO));
                }
            }
        };
        self.drain(end).await
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
            if let Some(transparent) = &listener.transparent {
                transparent.tend(now);
            }
        }
        self.tls.tend(SystemTime::now());
        self.shared.overload.tend(&snapshot.config.overload, now);
        drop(snapshot);
        self.outgoing.tend();
    }

    /// Looks for the endpoints of clusters that are not listed in the file.
    fn discover(&mut self) {
        self.discovery
            .follow(&self.shared.snapshot.load(), &self.status);
    }
}

/// Whether something is the control plane's, so that its missing certificates must not keep the rest from being served.
fn may_wait(file: &Config) -> impl Fn(Place<'_>) -> bool {
    move |place| match place {
        Place::Listener(listener) => sources::pushed(file)(listener),
        Place::Cluster(cluster) => file.clusters.iter().all(|own| own.name != cluster.name),
    }
}

fn tell(workers: &[mpsc::UnboundedSender<Order>], order: impl Fn() -> Order) {
    // A worker that has ended needs no telling.
    workers.iter().for_each(|worker| drop(worker.send(order())));
}
