//! The event loop: clients, endpoints and the balancer between them, on a virtual clock.

use std::{cmp::Reverse, collections::BinaryHeap};

use fastrand::Rng;
use outrigger::{
    balance::{Balancer, Member, Standing, View, estimate::Decay, hash, seed},
    endpoint::load::{Load, Outcome},
};
use outrigger_config::model;

use super::{
    fleet::Server,
    nanos,
    result::Run,
    scenario::{Clients, Scenario},
};

/// Keys that requests are hashed by, for the balancers that do.
const KEYS: u32 = 10_000;

/// One run of a scenario.
pub(super) struct World<'a> {
    scenario: &'a Scenario,
    config: &'a model::Balancer,
    rng: Rng,
    now: u64,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    /// Events made: the second key of their order, so that equal times are in the order of making.
    made: u64,
    servers: Vec<Server>,
    loads: Vec<Load>,
    /// The servers in the balancer's set, by its places.
    set: Vec<usize>,
    balancer: Balancer,
    requests: Vec<Request>,
    /// Places in `requests` that are free again.
    free: Vec<usize>,
    result: Run<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A client sends a request.
    Send,
    /// An endpoint is done with a request.
    Done { request: usize, failed: bool },
    /// The set of endpoints changes.
    Join,
}

struct Request {
    sent: u64,
    attempted: u64,
    server: usize,
    tried: Vec<usize>,
}

/// The set as a pick sees it.
struct Seen<'a> {
    loads: &'a [Load],
    set: &'a [usize],
    tried: &'a [usize],
}

impl View for Seen<'_> {
    fn load(&self, index: usize) -> &Load {
        &self.loads[self.set[index]]
    }

    fn standing(&self, index: usize) -> Standing {
        if self.tried.contains(&self.set[index]) {
            Standing::Reserve
        } else {
            Standing::Open
        }
    }
}

impl<'a> World<'a> {
    /// Runs a scenario to its end.
    pub(super) fn run(scenario: &'a Scenario, config: &'a model::Balancer, seed: u64) -> Run<'a> {
        let mut rng = Rng::with_seed(seed);
        let count = scenario.endpoints.len();
        let mut world = Self {
            scenario,
            config,
            balancer: Balancer::new(config, &[], &mut rng),
            rng,
            now: 0,
            events: BinaryHeap::new(),
            made: 0,
            servers: scenario
                .endpoints
                .iter()
                .cloned()
                .map(Server::new)
                .collect(),
            loads: std::iter::repeat_with(Load::new).take(count).collect(),
            set: Vec::new(),
            requests: Vec::new(),
            free: Vec::new(),
            result: Run::new(scenario),
        };
        world.start();
        let end = nanos(scenario.lasts);
        while let Some(Reverse((time, _, event))) = world.events.pop()
            && time < end
        {
            world.now = time;
            match event {
                Event::Send => world.send(),
                Event::Done { request, failed } => world.done(request, failed),
                Event::Join => world.join(),
            }
        }
        world.result
    }

    fn start(&mut self) {
        for plan in &self.scenario.endpoints {
            self.at(nanos(plan.joins), Event::Join);
        }
        let first = match self.scenario.clients {
            Clients::Closed(count) => count,
            Clients::Open { .. } => 1,
        };
        (0..first).for_each(|_| self.at(0, Event::Send));
    }

    fn at(&mut self, time: u64, event: Event) {
        self.events.push(Reverse((time, self.made, event)));
        self.made += 1;
    }

    fn micros(&self) -> u64 {
        self.now / 1000
    }

    fn decay() -> Decay {
        Decay::over(model::default::EWMA_DECAY)
    }

    /// Makes a new balancer over what has joined; loads live on, as they do at a reload.
    fn join(&mut self) {
        let plans = &self.scenario.endpoints;
        self.set = (0..plans.len())
            .filter(|&it| nanos(plans[it].joins) <= self.now)
            .collect();
        let address = |index: usize| ([10, 0, (index >> 8) as u8, index as u8], 8080).into();
        let member = |&index: &usize| Member {
            address: address(index),
            weight: plans[index].weight,
        };
        let members: Vec<Member> = self.set.iter().map(member).collect();
        self.balancer = Balancer::new(self.config, &members, &mut self.rng);
        seed(
            self.set.iter().map(|&index| &self.loads[index]),
            self.micros(),
        );
    }

    fn send(&mut self) {
        if let Clients::Open { rate } = self.scenario.clients {
            let gap = -(1.0 - self.rng.f64()).ln() / rate;
            self.at(self.now + (gap * 1e9) as u64, Event::Send);
        }
        let request = Request {
            sent: self.now,
            attempted: 0,
            server: 0,
            tried: Vec::new(),
        };
        let place = self.free.pop().unwrap_or(self.requests.len());
        match self.requests.get_mut(place) {
            Some(slot) => *slot = request,
            None => self.requests.push(request),
        }
        self.attempt(place);
    }

    fn attempt(&mut self, request: usize) {
        let seen = Seen {
            loads: &self.loads,
            set: &self.set,
            tried: &self.requests[request].tried,
        };
        let key = hash(&self.rng.u32(..KEYS).to_le_bytes());
        let picked = self
            .balancer
            .pick(&seen, self.micros(), Some(key), &mut self.rng);
        let Some(server) = picked.map(|index| self.set[index]) else {
            return;
        };
        self.requests[request].attempted = self.now;
        self.requests[request].server = server;
        self.loads[server].begin();
        let waited = self.now - nanos(self.scenario.endpoints[server].joins);
        self.result.attempt(server, waited);
        if self.servers[server].admit(request) {
            self.work(request);
        }
    }

    fn work(&mut self, request: usize) {
        let server = &self.servers[self.requests[request].server];
        let fate = server.fate(self.now, &mut self.rng);
        self.at(
            self.now + fate.takes,
            Event::Done {
                request,
                failed: fate.fails,
            },
        );
    }

    fn done(&mut self, request: usize, failed: bool) {
        let Request {
            sent,
            attempted,
            server,
            ref mut tried,
        } = self.requests[request];
        tried.push(server);
        let attempts = tried.len();
        let took = std::time::Duration::from_nanos(self.now - attempted);
        let outcome = if failed {
            Outcome::Failure
        } else {
            Outcome::Success
        };
        self.loads[server].observe(self.micros(), took, outcome, Self::decay());
        self.loads[server].end();
        if let Some(next) = self.servers[server].next() {
            self.work(next);
        }
        if failed && attempts < self.scenario.attempts {
            return self.attempt(request);
        }
        self.result.request(self.now - sent, failed);
        self.free.push(request);
        if let Clients::Closed(_) = self.scenario.clients {
            self.at(self.now, Event::Send);
        }
    }
}
