//! A run: proxies, endpoints and the network between them, on a virtual clock.
//!
//! `request` is what goes on in the proxies, `endpoint` what goes on behind the network. A hop takes the same time for
//! all, so that nothing overtakes.

mod endpoint;
mod request;

use std::rc::Rc;

use fastrand::Rng;

use super::{
    agenda::Agenda,
    demand::{Demand, Popularity},
    nanos,
    plan::Plan,
    policies::Policies,
    proxy::Proxy,
    result::Run,
    scenario::Scenario,
    server::Server,
    slab::{Slab, Ticket},
    table::Table,
};
use request::{Attempt, Request};

/// How often the proxies' control threads tend their clusters.
const TEND: std::time::Duration = outrigger::cluster::TEND;

/// One run of a scenario. Times are in nanoseconds: a service time of 100 us needs more digits than the clock of the
/// policies has.
pub(super) struct World<'a> {
    scenario: &'a Scenario,
    policies: &'a Policies,
    /// Each kind of chance has its own: what one balancer draws more does not change the load that another meets.
    chance: Chance,
    now: u64,
    end: u64,
    agenda: Agenda<Event>,
    servers: Vec<Server>,
    tables: Vec<Rc<Table>>,
    proxies: Vec<Proxy>,
    popularity: Popularity,
    requests: Slab<Request>,
    attempts: Slab<Attempt>,
    run: Run,
}

struct Chance {
    demand: Rng,
    service: Rng,
    picks: Rng,
}

/// What an attempt ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Success,
    /// A 5xx.
    Error,
    /// No connection.
    Refused,
    /// The connection broke off.
    Reset,
    /// Nothing in time.
    Timeout,
}

#[derive(Clone, Copy, Debug)]
enum Event {
    /// A proxy is given a request.
    Send { proxy: u32 },
    /// An attempt is at its endpoint.
    Arrive(Ticket),
    /// An endpoint is done with an attempt.
    Done { attempt: Ticket, fails: bool },
    /// An answer is at the proxy.
    Answered { attempt: Ticket, answer: Answer },
    /// A request has gone on for long enough to get a second attempt beside the first.
    Hedge(Ticket),
    /// A request has waited between two attempts.
    Again(Ticket),
    /// A request's time is up.
    Late(Ticket),
    /// A table reaches a proxy.
    Learn { proxy: u32, version: u32 },
    /// An endpoint's process dies.
    Die { endpoint: u32 },
    /// The control threads' tick.
    Tend,
}

impl<'a> World<'a> {
    /// Runs a scenario to its end: until the last request that was sent in its time is over.
    pub(super) fn run(scenario: &'a Scenario, policies: &'a Policies, seed: u64) -> Run {
        let mut world = Self::new(scenario, policies, seed);
        world.start();
        while let Some((time, event)) = world.agenda.next() {
            world.now = time;
            world.happen(event);
        }
        let in_flight: usize = world.proxies.iter().map(Proxy::in_flight).sum();
        world.run.unfinished = (world.requests.len() + world.attempts.len() + in_flight) as u64;
        world.run
    }

    fn new(scenario: &'a Scenario, policies: &'a Policies, seed: u64) -> Self {
        let mut root = Rng::with_seed(seed);
        let plans = scenario.draw(&mut root);
        let mut chance = Chance {
            demand: root.fork(),
            service: root.fork(),
            picks: root.fork(),
        };
        let tables = Table::versions(&plans, &policies.balancer, &mut chance.picks);
        let proxy = |_| Proxy::new(&tables[0], plans.len(), policies, &mut chance.picks);
        let proxies = (0..scenario.proxies).map(proxy).collect();
        let skew = match &scenario.demand {
            Demand::Open(open) => open.skew,
            Demand::Closed(_) => 0.0,
        };
        let popularity = Popularity::of(scenario.proxies, skew);
        let ahead = [policies.attempt_timeout, policies.timeout];
        let ahead = ahead.into_iter().flatten().chain([scenario.hop]);
        let mut world = Self {
            scenario,
            policies,
            chance,
            now: 0,
            end: nanos(scenario.lasts),
            agenda: Agenda::new(&ahead.collect::<Vec<_>>()),
            servers: plans.iter().cloned().map(Server::new).collect(),
            tables,
            proxies,
            popularity,
            requests: Slab::new(),
            attempts: Slab::new(),
            run: Run::new(scenario.lasts, &plans),
        };
        world.note_troubles(&plans);
        world.note_pushes();
        world
    }

    fn start(&mut self) {
        match &self.scenario.demand {
            &Demand::Closed(users) => {
                let proxies = self.scenario.proxies;
                let proxy = |user: usize| (user % proxies) as u32;
                (0..users).for_each(|user| self.agenda.at(0, Event::Send { proxy: proxy(user) }));
            }
            Demand::Open(_) => self.expect_request(),
        }
        if self.policies.needs_tending() {
            self.agenda.after(0, TEND, Event::Tend);
        }
    }

    fn note_troubles(&mut self, plans: &[Plan]) {
        for (endpoint, plan) in (0..).zip(plans) {
            for time in plan.deaths() {
                self.agenda.at(time, Event::Die { endpoint });
            }
        }
    }

    /// Each proxy hears of a new table a little later, each by another little.
    fn note_pushes(&mut self) {
        for table in self.tables.iter().skip(1) {
            for proxy in 0..self.proxies.len() as u32 {
                let lag = self.scenario.push_lag.mul_f64(self.chance.demand.f64());
                let version = table.version as u32;
                let event = Event::Learn { proxy, version };
                self.agenda.at(table.since + nanos(lag), event);
            }
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Send { proxy } => self.send(proxy),
            Event::Arrive(attempt) => self.arrive(attempt),
            Event::Done { attempt, fails } => self.done(attempt, fails),
            Event::Answered { attempt, answer } => self.settle(attempt, answer),
            Event::Again(request) => self.attempt(request),
            Event::Hedge(request) => self.hedge(request),
            Event::Late(request) => self.late(request),
            Event::Learn { proxy, version } => {
                let table = &self.tables[version as usize];
                let now = self.micros();
                self.proxies[proxy as usize].learn(table, now, &mut self.chance.picks);
            }
            Event::Die { endpoint } => self.die(endpoint),
            Event::Tend => self.tend(),
        }
    }

    fn tend(&mut self) {
        let now = self.micros();
        for proxy in &mut self.proxies {
            proxy.tend(now, &mut self.chance.picks);
        }
        if self.now < self.end {
            self.agenda.after(self.now, TEND, Event::Tend);
        }
    }

    /// Now, as the policies count.
    fn micros(&self) -> u64 {
        self.now / 1000
    }
}
