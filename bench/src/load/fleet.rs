//! The client's connections, and a run over them.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use anyhow::{Result, anyhow};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout_at},
};

use super::{
    link::{Answer, Link},
    pace::{Pace, Schedule},
    report::Report,
    tally::{Failure, Tally},
    target::Target,
};

/// No request of a bench is worth a longer wait; counted from when it was due.
const REQUEST_LIMIT: Duration = Duration::from_secs(10);

/// After a failed connect: else a closed loop would spin on a refusal.
const CONNECT_PAUSE: Duration = Duration::from_millis(5);

/// How a run is paced and when it stops: at whichever bound comes first.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Closed loop or open loop.
    pub pace: Pace,
    /// No request is started after this.
    pub duration: Duration,
    /// No more requests than this.
    pub requests: Option<u64>,
}

/// Open connections to one target. They outlive a run, so that a warm-up and the run that counts share them.
pub struct Fleet {
    links: Vec<Link>,
}

impl Fleet {
    /// Opens `connections`, one after the other (no burst for the listen backlog). Runs in a `LocalSet`.
    pub async fn connect(target: Target, connections: usize) -> Result<Self> {
        let streams = target.streams();
        let target = Rc::new(target);
        let mut links = Vec::with_capacity(connections * streams);
        for _ in 0..connections {
            let link = Link::open(target.clone())
                .await
                .map_err(|failure| anyhow!("`{}`: {failure:?} failed", target.address))?;
            // Streams of one connection are neighbours: they share the link.
            links.extend(std::iter::repeat_n(link, streams));
        }
        Ok(Self { links })
    }

    /// Sends until the plan's bound, waits for the last answers, and reports.
    pub async fn run(&self, plan: Plan) -> Result<Report> {
        let run = Rc::new(Run {
            schedule: Schedule::new(plan.pace)?,
            left: Cell::new(plan.requests.unwrap_or(u64::MAX)),
            deadline: Instant::now() + plan.duration,
            tally: RefCell::new(Tally::new()),
        });
        let mut senders = JoinSet::new();
        for link in &self.links {
            senders.spawn_local(run.clone().send(link.clone()));
        }
        let all_sent = async { while senders.join_next().await.is_some() {} };
        tokio::select! {
            () = all_sent => {}
            failed = run.schedule.tick() => failed?,
        }
        drop(senders);
        let run = Rc::into_inner(run).ok_or_else(|| anyhow!("a sender is still running"))?;
        Ok(run.tally.into_inner().report())
    }
}

/// What the senders of one run share.
struct Run {
    schedule: Schedule,
    left: Cell<u64>,
    deadline: Instant,
    tally: RefCell<Tally>,
}

impl Run {
    async fn send(self: Rc<Self>, link: Link) {
        while let Ok(due) = timeout_at(self.deadline, self.schedule.next()).await {
            // By when it was due, not by the clock: an open loop still owes what was due in time.
            let due = Instant::from_std(due);
            if self.left.get() == 0 || due >= self.deadline {
                return;
            }
            self.left.set(self.left.get() - 1);
            let outcome = exchange_until(due + REQUEST_LIMIT, &link).await;
            let refused = matches!(outcome, Err(Failure::Connect));
            self.tally.borrow_mut().observe(due.into_std(), outcome);
            if refused {
                sleep(CONNECT_PAUSE).await;
            }
        }
    }
}

async fn exchange_until(limit: Instant, link: &Link) -> Result<Answer, Failure> {
    // A rate beyond the capacity leaves a backlog; what is too old is not sent, or the run would not end.
    if Instant::now() >= limit {
        return Err(Failure::Timeout);
    }
    timeout_at(limit, link.exchange())
        .await
        .unwrap_or(Err(Failure::Timeout))
}
