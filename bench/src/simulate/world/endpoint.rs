//! Behind the network: attempts arrive, wait in line, are worked on, and their answers go back.
//!
//! An endpoint is not told that nobody waits any more: it works on what was given up, as most servers do. This is what
//! makes an overload last.

use super::{Answer, Event, World};
use crate::simulate::slab::Ticket;

impl World<'_> {
    pub(super) fn arrive(&mut self, ticket: Ticket) {
        let Some(attempt) = self.attempts.get(ticket) else {
            return;
        };
        let endpoint = attempt.endpoint();
        if self.servers[endpoint].refuses(self.now) {
            self.answer(ticket, Answer::Refused);
        } else if self.servers[endpoint].admit(ticket) {
            self.work(endpoint, ticket);
        }
    }

    fn work(&mut self, endpoint: usize, attempt: Ticket) {
        let fate = self.servers[endpoint].fate(self.now, &mut self.chance.service);
        let done = Event::Done {
            attempt,
            fails: fate.fails,
        };
        self.agenda.at(self.now.saturating_add(fate.takes), done);
    }

    pub(super) fn done(&mut self, ticket: Ticket, fails: bool) {
        let Some(attempt) = self.attempts.get(ticket) else {
            return;
        };
        let endpoint = attempt.endpoint();
        let Some(next) = self.servers[endpoint].finish(ticket) else {
            return;
        };
        if let Some(next) = next {
            self.work(endpoint, next);
        }
        let answer = if fails {
            Answer::Error
        } else {
            Answer::Success
        };
        self.answer(ticket, answer);
    }

    pub(super) fn die(&mut self, endpoint: u32) {
        for attempt in self.servers[endpoint as usize].die() {
            self.answer(attempt, Answer::Reset);
        }
    }

    /// The endpoint is through with an attempt; its answer goes to whoever still waits.
    fn answer(&mut self, ticket: Ticket, answer: Answer) {
        let Some(attempt) = self.attempts.get(ticket) else {
            return;
        };
        attempt.is_there = false;
        if attempt.is_awaited {
            let answered = Event::Answered {
                attempt: ticket,
                answer,
            };
            self.agenda.after(self.now, self.scenario.hop, answered);
        } else {
            self.attempts.remove(ticket);
        }
    }
}
