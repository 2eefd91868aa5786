//! The client at work: one task on the control thread, which never ends and never gives up.
//!
//! It owns all that is known, so that nothing here is shared or locked, and hands out whole tables.

mod update;

use std::{collections::HashSet, future::pending, pin::pin, sync::Arc};

use outrigger_entrance::Caller;
use tokio::{
    select,
    sync::watch,
    time::{Duration, Instant, sleep, sleep_until},
};

use super::{
    Options,
    assembly::Assembly,
    connect::{Connection, Trouble},
    demand::Demand,
    failover::Failover,
    here::Here,
    node::Node,
    on_demand::Wanted,
    report,
    resources::Resources,
    server::Server,
    session::{Delta, Dialect, Receipt, StateOfTheWorld},
    standing::Standing,
    stream::Stream,
    table::Table,
};
use crate::{
    clock,
    telemetry::metrics::{ControlMetrics, UpdateOutcome},
};

/// Changes within this time come into force together: a flood costs no more than this many tables. The first comes at once.
const TOGETHER: Duration = Duration::from_millis(20);

/// A control plane that has nothing new to say may say nothing at all: a stream that is not refused by then goes well.
const QUIET: Duration = Duration::from_millis(200);

/// How often it is looked for what nobody uses, and for names that nobody speaks of.
const TEND: Duration = Duration::from_secs(1);

/// The client and all that it knows.
pub struct Client {
    servers: Vec<Server>,
    caller: Caller,
    node: Node,
    here: Here,
    wanted: Wanted,
    demand: Demand,
    standing: Arc<Standing>,
    metrics: ControlMetrics,
    assembly: Assembly,
    tables: watch::Sender<Arc<Table>>,
    resources: Resources,
    failover: Failover,
    habits: Habits,
    /// There is a stream that goes well.
    up: bool,
    /// Of the last response that named one.
    version: Arc<str>,
    pace: Pace,
}

/// What is known of the ways of control planes, by their place in the list.
#[derive(Default)]
pub struct Habits {
    without_delta: HashSet<usize>,
    without_pings: HashSet<usize>,
}

/// When what is done.
pub struct Pace {
    /// There is a change that was not handed out.
    changed: bool,
    /// When the last table was handed out.
    published: Option<Instant>,
    /// When it is tended next.
    tend: Instant,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            changed: false,
            published: None,
            tend: Instant::now() + TEND,
        }
    }
}

impl Client {
    /// Begins with what `tables` holds.
    pub fn new(
        options: Options,
        wanted: Wanted,
        tables: watch::Sender<Arc<Table>>,
        standing: Arc<Standing>,
        here: Here,
    ) -> Self {
        let begin = Arc::clone(&tables.borrow());
        let assembly = Assembly::of(&begin);
        let mut demand = Demand::new(options.keep_unused);
        for name in assembly.unnamed() {
            demand.want(name, clock::now());
        }
        Self {
            failover: Failover::new(options.servers.len()),
            servers: options.servers,
            caller: options.caller,
            node: options.node,
            metrics: ControlMetrics::new(&here.shared().telemetry.registry),
            here,
            wanted,
            demand,
            standing,
            assembly,
            tables,
            resources: Resources::default(),
            habits: Habits::default(),
            up: false,
            version: Arc::clone(&begin.version),
            pace: Pace::default(),
        }
    }

    /// Lives from control planes, for ever.
    pub async fn run(mut self) {
        let mut rng = fastrand::Rng::new();
        loop {
            let begun = Instant::now();
            let heard = self.visit().await;
            let lasted = begun.elapsed();
            let pause = self.failover.ended(heard, lasted, &mut rng);
            self.meanwhile(sleep(pause)).await;
        }
    }

    /// Speaks with the control plane whose turn it is for as long as it goes well. Says whether it ever did.
    async fn visit(&mut self) -> bool {
        let place = self.failover.current();
        let Some(server) = self.servers.get(place).cloned() else {
            pending().await
        };
        let pings = !self.habits.without_pings.contains(&place);
        let caller = self.caller.clone();
        let opened = self
            .meanwhile(Connection::open(&server, &caller, pings))
            .await;
        let connection = match opened {
            Ok(connection) => connection,
            Err(trouble) => {
                self.lost(&server, &trouble);
                return false;
            }
        };
        let node = self.node.message();
        let reports = report::run(
            connection.grpc(),
            node.clone(),
            Arc::clone(self.here.shared()),
        );
        let reports = tokio::spawn(reports);
        let mut trouble = Trouble::Ended;
        if !self.habits.without_delta.contains(&place) {
            let delta = Delta::new(node.clone());
            trouble = self.converse(&server, &connection, delta).await;
            if trouble.is_unimplemented() && self.habits.without_delta.insert(place) {
                tracing::info!(%server, "no delta: it is asked for the state of the world");
            }
        }
        if self.habits.without_delta.contains(&place) {
            let world = StateOfTheWorld::new(node);
            trouble = self.converse(&server, &connection, world).await;
        }
        if connection.last_words.too_many_pings() && self.habits.without_pings.insert(place) {
            tracing::info!(%server, "it wants no pings: from now on the kernel's have to do");
        }
        reports.abort();
        let up = std::mem::take(&mut self.up);
        self.lost(&server, &trouble);
        up
    }

    /// A conversation on one stream, to its end.
    async fn converse<D>(
        &mut self,
        server: &Server,
        connection: &Connection,
        mut dialect: D,
    ) -> Trouble
    where
        D: Dialect<Request: prost::Message + 'static, Response: prost::Message + Default + 'static>,
    {
        let mut stream = Stream::open(connection.grpc(), D::PATH);
        let quiet = Instant::now() + QUIET;
        self.resources.begin(D::ALL_CLUSTERS);
        self.update();
        let trouble = loop {
            let requests = dialect.ask(&mut self.resources, clock::now());
            if let Err(trouble) = requests.into_iter().try_for_each(|it| stream.say(it)) {
                break trouble;
            }
            if !self.up {
                self.pace.tend = self.pace.tend.min(quiet);
            }
            let heard = self.meanwhile_or_news(stream.hear()).await;
            let up = stream.is_open() || Instant::now() >= quiet;
            let response = match heard {
                Some(Ok(response)) => Some(response),
                Some(Err(trouble)) => break trouble,
                None => None,
            };
            if up && !std::mem::replace(&mut self.up, true) {
                self.connected(server, connection);
            }
            let Some(response) = response else { continue };
            let receipt = dialect.receive(response, &mut self.resources, &self.here);
            if let Some(receipt) = receipt {
                self.note(&receipt);
            }
            self.update();
        };
        self.resources.end();
        trouble
    }

    /// Waits for something while everything else goes on.
    async fn meanwhile<T>(&mut self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        loop {
            if let Some(value) = self.meanwhile_or_news(future.as_mut()).await {
                return value;
            }
        }
    }

    /// The same; `None`: something else has happened, so that there may be something to say.
    async fn meanwhile_or_news<T>(&mut self, future: impl Future<Output = T>) -> Option<T> {
        let now = Instant::now();
        let publish = self.due().filter(|_| self.pace.changed);
        let silence = self.resources.next_silence(clock::now());
        let silence = silence.map(|end| end.saturating_sub(clock::now()));
        // A millisecond late, so that it is over by then.
        let silence = silence.map(|left| now + Duration::from_micros(left + 1000));
        let wake = [publish, silence].into_iter().flatten();
        let wake = wake.fold(self.pace.tend, Instant::min);
        select! {
            biased;
            value = future => return Some(value),
            Some(name) = self.wanted.recv() => self.want(name),
            () = sleep_until(wake) => {}
        }
        // They come in bursts.
        while let Ok(name) = self.wanted.try_recv() {
            self.want(name);
        }
        if Instant::now() >= self.pace.tend {
            self.tend();
        }
        self.update();
        None
    }

    fn note(&mut self, receipt: &Receipt) {
        let outcome = match receipt.refusals.is_empty() {
            true => UpdateOutcome::Accepted,
            false => UpdateOutcome::Refused,
        };
        self.metrics.update(receipt.kind.as_str(), outcome);
        if !receipt.version.is_empty() && *receipt.version != *self.version {
            self.version = receipt.version.as_str().into();
            self.pace.changed |= self.whole();
        }
    }

    fn connected(&mut self, server: &Server, connection: &Connection) {
        self.metrics.connected(true);
        self.standing.connected(&server.to_string());
        tracing::info!(%server, peer = %connection.peer, "connected to a control plane");
    }

    fn lost(&mut self, server: &Server, trouble: &Trouble) {
        self.metrics.connected(false);
        if self.standing.lost(&format!("{server}: {trouble}")) {
            tracing::warn!(%server, reason = %trouble, "no control plane: the table stays as it is");
        }
    }
}
