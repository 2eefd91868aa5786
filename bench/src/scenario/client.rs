//! The client of a scenario: an open loop that keeps the fate of every request.
//!
//! It opens as many connections as there are requests at a time, so that neither a hanging endpoint nor a slow proxy
//! lowers what is offered, and no request waits for another's answer.

use std::{
    cell::RefCell,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::Result;
use tokio::{
    task::JoinSet,
    time::{sleep_until, timeout_at},
};

use crate::load::{Failure, Link, Pace, Schedule, Target};

/// When a client gives up: longer than any proxy may take here, so that what it answers is seen.
const PATIENCE: Duration = Duration::from_secs(8);

/// One request's fate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    /// When it was due, from the start.
    pub(crate) due: Duration,
    /// From when it was due until it was sent: the client's own fault, and the machine's.
    pub(crate) late: Duration,
    /// From when it was due to the end of its answer, or of hope.
    pub(crate) took: Duration,
    pub(crate) outcome: Result<(), Failure>,
}

/// Sends; its requests live on between two rates.
pub(crate) struct Client {
    start: Instant,
    shared: Rc<Shared>,
    under_way: JoinSet<()>,
}

struct Shared {
    target: Rc<Target>,
    /// Connections that wait for a request, the last used on top: those that are not needed age below.
    idle: RefCell<Vec<Link>>,
    sent: RefCell<Vec<Sent>>,
}

impl Client {
    pub(crate) fn new(target: Target, start: Instant) -> Self {
        Self {
            start,
            shared: Rc::new(Shared {
                target: Rc::new(target),
                idle: RefCell::default(),
                sent: RefCell::default(),
            }),
            under_way: JoinSet::new(),
        }
    }

    /// Sends so many requests a second until the moment `end`.
    pub(crate) async fn send(&mut self, rate: u32, end: Instant) -> Result<()> {
        let schedule = Schedule::new(Pace::Fixed(rate))?;
        let requests = async {
            loop {
                let due = schedule.next().await;
                if due >= end {
                    return;
                }
                let request = self.shared.clone().request(self.start, due);
                self.under_way.spawn_local(request);
                // Else the fates of a whole run pile up in it.
                while self.under_way.try_join_next().is_some() {}
            }
        };
        tokio::select! {
            () = requests => {}
            failed = schedule.tick() => failed?,
        }
        // The last request is due a little before the end.
        sleep_until(end.into()).await;
        Ok(())
    }

    /// Waits for the last answers.
    pub(crate) async fn finish(mut self) -> Vec<Sent> {
        while self.under_way.join_next().await.is_some() {}
        let mut sent = self.shared.sent.take();
        sent.sort_by_key(|sent| sent.due);
        sent
    }
}

impl Shared {
    async fn request(self: Rc<Self>, start: Instant, due: Instant) {
        let late = due.elapsed();
        let outcome = timeout_at((due + PATIENCE).into(), self.exchange()).await;
        // What was due before the start was to warm up.
        if let Some(since) = due.checked_duration_since(start) {
            self.sent.borrow_mut().push(Sent {
                due: since,
                late,
                took: due.elapsed(),
                outcome: outcome.unwrap_or(Err(Failure::Timeout)),
            });
        }
    }

    async fn exchange(&self) -> Result<(), Failure> {
        let idle = self.idle.borrow_mut().pop();
        let link = match idle {
            Some(link) => link,
            None => Link::open(self.target.clone()).await?,
        };
        let answer = link.exchange().await?;
        // One that broke is not used again.
        self.idle.borrow_mut().push(link);
        Failure::of_status(answer.status).map_or(Ok(()), Err)
    }
}
