//! In a proxy: a request, its attempts, and what is learned from each.

use std::time::Duration;

use outrigger::{balance::hash, outlier_detection::Failure, retry::backoff};

use super::{Answer, Event, World};
use crate::simulate::{
    demand::Demand,
    nanos,
    proxy::{Ending, Picked},
    slab::Ticket,
};

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
    /// One after another; a hedge goes beside the first of them.
    attempts: u32,
    under_way: [Option<Ticket>; 2],
}

pub(super) struct Attempt {
    request: Ticket,
    proxy: u32,
    picked: Picked,
    began: u64,
    /// The proxy waits for it.
    pub is_awaited: bool,
    /// The endpoint has it, or the network on the way there.
    pub is_there: bool,
}

impl Attempt {
    pub(super) fn endpoint(&self) -> usize {
        self.picked.endpoint as usize
    }
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
        let request = self.requests.insert(Request {
            proxy,
            sent: self.now,
            key: hash(&self.chance.demand.u32(..keys).to_le_bytes()),
            tried: Vec::new(),
            attempts: 0,
            under_way: [None; 2],
        });
        self.run.sent(self.now);
        self.proxies[proxy as usize].request();
        if let Some(timeout) = self.policies.timeout {
            self.agenda.after(self.now, timeout, Event::Late(request));
        }
        self.attempt(request);
        if let Some(delay) = self.proxies[proxy as usize].hedge_after() {
            self.agenda.after(self.now, delay, Event::Hedge(request));
        }
    }

    /// Another attempt, after those before it failed.
    pub(super) fn attempt(&mut self, ticket: Ticket) {
        if let Some(request) = self.requests.get(ticket) {
            request.attempts += 1;
            if !self.begin(ticket) {
                self.finish(ticket, false);
            }
        }
    }

    /// Another attempt beside one that is slow, if that is the first and the budget bears it.
    pub(super) fn hedge(&mut self, ticket: Ticket) {
        let now = self.micros();
        let Some(request) = self.requests.get(ticket) else {
            return;
        };
        let proxy = &mut self.proxies[request.proxy as usize];
        if let (1, [Some(first), None]) = (request.attempts, request.under_way)
            && let Some(first) = self.attempts.get(first)
            && proxy.may_retry(now)
        {
            request.tried.push(first.picked.endpoint);
            self.begin(ticket);
        }
    }

    fn begin(&mut self, ticket: Ticket) -> bool {
        let now = self.micros();
        let Some(request) = self.requests.get(ticket) else {
            return false;
        };
        let proxy = &mut self.proxies[request.proxy as usize];
        let picks = &mut self.chance.picks;
        let Some(picked) = proxy.begin(now, request.key, &request.tried, picks) else {
            return false;
        };
        let attempt = self.attempts.insert(Attempt {
            request: ticket,
            proxy: request.proxy,
            picked,
            began: self.now,
            is_awaited: true,
            is_there: true,
        });
        if let Some(free) = request.under_way.iter_mut().find(|it| it.is_none()) {
            *free = Some(attempt);
        }
        self.run.attempt(picked.endpoint as usize, self.now);
        let hop = self.scenario.hop;
        self.agenda.after(self.now, hop, Event::Arrive(attempt));
        if let Some(timeout) = self.policies.attempt_timeout {
            let answer = Answer::Timeout;
            let event = Event::Answered { attempt, answer };
            self.agenda.after(self.now, timeout, event);
        }
        true
    }

    /// An attempt has its answer, or its time is up; the first of the two counts.
    pub(super) fn settle(&mut self, ticket: Ticket, answer: Answer) {
        let ending = match answer {
            Answer::Success => Ending::Success,
            Answer::Error => Ending::Failure(Failure::ServerError),
            Answer::Refused => Ending::Failure(Failure::Connect),
            Answer::Reset => Ending::Failure(Failure::Reset),
            Answer::Timeout => Ending::Failure(Failure::Timeout),
        };
        let Some((request, endpoint)) = self.conclude(ticket, ending) else {
            return;
        };
        if answer == Answer::Success {
            self.finish(request, true);
        } else {
            self.retry(request, endpoint, answer);
        }
    }

    /// Tells the policies how an attempt ended, once; of which request it was, and at which endpoint.
    fn conclude(&mut self, ticket: Ticket, ending: Ending) -> Option<(Ticket, u32)> {
        let now = self.micros();
        let attempt = self.attempts.get(ticket).filter(|it| it.is_awaited)?;
        attempt.is_awaited = false;
        let (request, picked) = (attempt.request, attempt.picked);
        let took = Duration::from_nanos(self.now - attempt.began);
        let proxy = &mut self.proxies[attempt.proxy as usize];
        proxy.end(now, picked, ending, took, &mut self.chance.picks);
        if !attempt.is_there {
            self.attempts.remove(ticket);
        }
        if let Some(request) = self.requests.get(request) {
            let under_way = request.under_way.iter_mut();
            under_way
                .filter(|it| **it == Some(ticket))
                .for_each(|it| *it = None);
        }
        Some((request, picked.endpoint))
    }

    fn retry(&mut self, ticket: Ticket, failed: u32, answer: Answer) {
        let now = self.micros();
        let Some(request) = self.requests.get(ticket) else {
            return;
        };
        // The other of two may still do it.
        if request.under_way.iter().any(Option::is_some) {
            return;
        }
        request.tried.push(failed);
        let unsent = answer == Answer::Refused;
        let policies = self.policies;
        if request.attempts >= policies.attempts || !(unsent || policies.retries_sent) {
            return self.finish(ticket, false);
        }
        let wait = match policies.backoff {
            Some(backoff) if !unsent => {
                backoff::wait(backoff, request.attempts, &mut self.chance.picks)
            }
            _ => Duration::ZERO,
        };
        let again = self.now + nanos(wait);
        let too_late = policies
            .timeout
            .is_some_and(|it| again >= request.sent + nanos(it));
        let proxy = &mut self.proxies[request.proxy as usize];
        if too_late || !proxy.may_retry(now) {
            self.finish(ticket, false);
        } else if wait.is_zero() {
            self.attempt(ticket);
        } else {
            self.agenda.at(again, Event::Again(ticket));
        }
    }

    /// A request's time is up, unless it is over.
    pub(super) fn late(&mut self, ticket: Ticket) {
        self.give_up(ticket, Ending::Failure(Failure::Timeout));
        self.finish(ticket, false);
    }

    /// What is under way is not waited for any more.
    fn give_up(&mut self, ticket: Ticket, ending: Ending) {
        let under_way = self.requests.get(ticket).map(|it| it.under_way);
        for attempt in under_way.into_iter().flatten().flatten() {
            self.conclude(attempt, ending);
        }
    }

    fn finish(&mut self, ticket: Ticket, succeeded: bool) {
        self.give_up(ticket, Ending::Abandoned);
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
