//! In a proxy: a request, its attempts, and what is learned from each.

use std::time::Duration;

use outrigger::{
    balance::{estimate::Decay, hash},
    endpoint::load::Outcome,
};

use super::{Answer, Event, World};
use crate::simulate::{demand::Demand, slab::Ticket};

/// Keys that requests are hashed by, for the balancers that do: with fewer, chance alone would make endpoints unequal.
fn keys(endpoints: usize) -> u32 {
    (endpoints as u32 * 100).max(10_000)
}

pub(super) struct Request {
    proxy: u32,
    sent: u64,
    key: u64,
    /// Where its attempts failed.
    tried: Vec<u32>,
    attempts: usize,
    under_way: Option<Ticket>,
}

pub(super) struct Attempt {
    request: Ticket,
    proxy: u32,
    pub endpoint: u32,
    began: u64,
    /// The proxy waits for it.
    pub is_awaited: bool,
    /// The endpoint has it, or the network on the way there.
    pub is_there: bool,
}

impl World<'_> {
    /// Notes when the next request of an open load comes.
    pub(super) fn expect_request(&mut self) {
        if let Demand::Open(open) = &self.scenario.demand {
            let gap = open.gap(self.now, &mut self.chance.demand);
            let proxy = self.popularity.draw(&mut self.chance.demand);
            self.agenda.at(self.now + gap, Event::Send { proxy });
        }
    }

    pub(super) fn send(&mut self, proxy: u32) {
        if self.now >= self.end {
            return;
        }
        self.expect_request();
        let keys = keys(self.servers.len());
        let key = hash(&self.chance.demand.u32(..keys).to_le_bytes());
        let request = self.requests.insert(Request {
            proxy,
            sent: self.now,
            key,
            tried: Vec::new(),
            attempts: 0,
            under_way: None,
        });
        self.run.sent(self.now);
        if let Some(timeout) = self.policies.timeout {
            self.agenda.after(self.now, timeout, Event::Late(request));
        }
        self.attempt(request);
    }

    pub(super) fn attempt(&mut self, ticket: Ticket) {
        let now = self.micros();
        let Some(request) = self.requests.get(ticket) else {
            return;
        };
        request.attempts += 1;
        let proxy = &mut self.proxies[request.proxy as usize];
        let picks = &mut self.chance.picks;
        let Some(endpoint) = proxy.pick(now, request.key, &request.tried, picks) else {
            return self.finish(ticket, false);
        };
        proxy.loads[endpoint as usize].begin();
        let attempt = self.attempts.insert(Attempt {
            request: ticket,
            proxy: request.proxy,
            endpoint,
            began: self.now,
            is_awaited: true,
            is_there: true,
        });
        request.under_way = Some(attempt);
        self.run.attempt(endpoint as usize, self.now);
        let hop = self.scenario.hop;
        self.agenda.after(self.now, hop, Event::Arrive(attempt));
        if let Some(timeout) = self.policies.attempt_timeout {
            let event = Event::Answered {
                attempt,
                answer: Answer::Timeout,
            };
            self.agenda.after(self.now, timeout, event);
        }
    }

    /// An attempt has its answer, or its time is up; the first of the two counts.
    pub(super) fn settle(&mut self, ticket: Ticket, answer: Answer) {
        let outcome = match answer {
            Answer::Success => Outcome::Success,
            _ => Outcome::Failure,
        };
        let Some(attempt) = self.judge(ticket, outcome) else {
            return;
        };
        if answer == Answer::Success {
            return self.finish(attempt.0, true);
        }
        let (request, endpoint) = attempt;
        self.retry(request, endpoint);
    }

    /// Tells the policies how an attempt ended, once; of which request it was, and at which endpoint.
    fn judge(&mut self, ticket: Ticket, outcome: Outcome) -> Option<(Ticket, u32)> {
        let now = self.micros();
        let attempt = self.attempts.get(ticket).filter(|it| it.is_awaited)?;
        attempt.is_awaited = false;
        let (request, endpoint) = (attempt.request, attempt.endpoint);
        let took = Duration::from_nanos(self.now - attempt.began);
        let load = &self.proxies[attempt.proxy as usize].loads[endpoint as usize];
        load.observe(now, took, outcome, Decay::over(self.policies.decay()));
        load.end();
        if !attempt.is_there {
            self.attempts.remove(ticket);
        }
        Some((request, endpoint))
    }

    fn retry(&mut self, ticket: Ticket, failed: u32) {
        let Some(request) = self.requests.get(ticket) else {
            return;
        };
        request.under_way = None;
        if request.attempts >= self.policies.attempts {
            return self.finish(ticket, false);
        }
        request.tried.push(failed);
        self.attempt(ticket);
    }

    /// A request's time is up, unless it is over.
    pub(super) fn late(&mut self, ticket: Ticket) {
        let Some(request) = self.requests.get(ticket) else {
            return;
        };
        if let Some(attempt) = request.under_way {
            self.judge(attempt, Outcome::Failure);
        }
        self.finish(ticket, false);
    }

    fn finish(&mut self, ticket: Ticket, succeeded: bool) {
        let Some(request) = self.requests.remove(ticket) else {
            return;
        };
        self.run.finished(request.sent, self.now, succeeded);
        if let Demand::Closed(_) = self.scenario.demand {
            let proxy = request.proxy;
            self.agenda.at(self.now, Event::Send { proxy });
        }
    }
}
