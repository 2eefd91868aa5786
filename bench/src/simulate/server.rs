//! Endpoints as they behave, not as a balancer sees them: so many workers, and a line before them.

use std::collections::VecDeque;

use fastrand::Rng;

use super::{
    nanos,
    plan::{Kind, Plan, Trouble},
    slab::Ticket,
};

/// What becomes of an attempt that work starts on.
pub(super) struct Fate {
    /// In nanoseconds.
    pub takes: u64,
    pub fails: bool,
}

/// An endpoint at work.
pub(super) struct Server {
    plan: Plan,
    working: Vec<Ticket>,
    line: VecDeque<Ticket>,
    /// Attempts that work has begun on since it was last started; one that was there before the run is warm.
    served: u32,
}

impl Server {
    pub(super) fn new(plan: Plan) -> Self {
        let warm = plan.listed.start.is_zero();
        Self {
            plan,
            working: Vec::new(),
            line: VecDeque::new(),
            served: if warm { u32::MAX } else { 0 },
        }
    }

    /// Whether nobody listens.
    pub(super) fn refuses(&self, now: u64) -> bool {
        self.troubles(now).any(|it| it.kind == Kind::Gone)
    }

    /// An attempt arrives: whether work on it starts at once, or it waits in line.
    pub(super) fn admit(&mut self, attempt: Ticket) -> bool {
        let free = self.working.len() < self.plan.concurrency;
        if free {
            self.working.push(attempt);
        } else {
            self.line.push_back(attempt);
        }
        free
    }

    /// Work on an attempt is over, unless it was lost in a crash: whether it was, and whose turn it is.
    pub(super) fn finish(&mut self, attempt: Ticket) -> Option<Option<Ticket>> {
        let place = self.working.iter().position(|&it| it == attempt)?;
        self.working.swap_remove(place);
        let next = self.line.pop_front();
        self.working.extend(next);
        Some(next)
    }

    /// It is gone, with everything that it had.
    pub(super) fn die(&mut self) -> Vec<Ticket> {
        self.served = 0;
        self.working.drain(..).chain(self.line.drain(..)).collect()
    }

    /// What becomes of an attempt that work starts on now.
    pub(super) fn fate(&mut self, now: u64, rng: &mut Rng) -> Fate {
        let cold = self.plan.cold.after(self.served);
        self.served = self.served.saturating_add(1);
        let mut takes = self.plan.service.sample(rng) * cold;
        let mut fails = false;
        for trouble in self.troubles(now) {
            match trouble.kind {
                Kind::Slow(by) => takes += by.as_nanos() as f64,
                Kind::Times(times) => takes *= times,
                Kind::Fails(share) => fails |= rng.f64() < share,
                Kind::Hangs => takes += (nanos(trouble.until) - now) as f64,
                Kind::Gone => {}
            }
        }
        if fails {
            takes /= 2.0;
        }
        Fate {
            takes: takes as u64,
            fails,
        }
    }

    fn troubles(&self, now: u64) -> impl Iterator<Item = &Trouble> {
        self.plan.troubles.iter().filter(move |it| it.at(now))
    }
}
