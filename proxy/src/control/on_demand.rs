//! On demand: a request for a host that the table has no cluster for waits until the control plane has said which it is.
//!
//! The seam between the workers, which ask and wait, and the control thread, which hears the names that are wanted,
//! subscribes to them, puts the table in force that has them, and only then says that they were answered.
//!
//! A lock stands here, on no other request's way: hosts that are not known are rare, or wrong.

mod questions;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use std::{
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    select,
    sync::{mpsc, watch},
    time::{Instant, timeout_at},
};

use crate::{
    clock,
    route::by_host::Names,
    telemetry::metrics::{Answer, Label as _, OnDemandMetrics, Registry},
};
use questions::{Asked, MOST, Questions};

/// How long a request waits. The proxy is back at a control plane that was started anew within a second, and an answer
/// takes a moment: nobody has to fail for that. Few callers would wait for longer.
pub const WAIT: Duration = Duration::from_secs(3);

/// For how long a name that the control plane does not know is refused without asking again. A client that insists on a
/// wrong host costs the control plane a question in this time; whoever adds a cluster does not wait for it, since what is in
/// the table is never asked for.
pub const DENIED: Duration = Duration::from_secs(10);

/// The names that are wanted, for the control thread. One comes again if it is still wanted after [`WAIT`], and may by
/// then be in the table: then it is to be [`answered`](OnDemand::answered) at once.
pub type Wanted = mpsc::Receiver<Arc<str>>;

/// See the module.
pub struct OnDemand {
    questions: Mutex<Questions>,
    wanted: mpsc::Sender<Arc<str>>,
    metrics: OnDemandMetrics,
}

impl OnDemand {
    /// Both ends: the workers', and what the control thread hears.
    pub fn new(registry: &Registry) -> (Self, Wanted) {
        let (wanted, names) = mpsc::channel(MOST);
        let on_demand = Self {
            questions: Mutex::default(),
            wanted,
            metrics: OnDemandMetrics::new(registry),
        };
        (on_demand, names)
    }

    /// What the control plane says to these names: the best of the answers, and no later than it needs. After
    /// [`Answer::Found`] the cluster is in the table. To drop it is to stop waiting.
    pub async fn find(&self, names: &Names<'_>) -> Answer {
        let until = Instant::now() + WAIT;
        let mut names = names.iter().map(|name| self.ask(name, until));
        let answer = match (names.next(), names.next()) {
            (Some(one), Some(other)) => better(one, other).await,
            (Some(one), None) => one.await,
            (None, _) => Answer::Denied,
        };
        self.metrics.answer(answer);
        answer
    }

    /// The control thread: the control plane has answered, and the table that has the cluster is in force, with its endpoints:
    /// the requests that waited are sent now. Names that nobody wants may be told, too.
    pub fn answered(&self, name: &str, found: bool) {
        tracing::debug!(name, found, "the control plane has answered for a host");
        self.questions().answered(name, found, clock::now());
    }

    async fn ask(&self, name: &str, until: Instant) -> Answer {
        if !plausible(name) {
            return Answer::Denied;
        }
        let asked = self.questions().ask(name, clock::now());
        let mut answer = match asked {
            Asked::Denied => return Answer::Denied,
            Asked::Full { first } => {
                if first {
                    tracing::warn!(
                        names = MOST,
                        "too many unknown hosts at once: no more are asked for"
                    );
                }
                return Answer::Full;
            }
            Asked::Wait { tell, answer } => {
                // A control thread that is so far behind hears of it when it is asked for again.
                let _ = tell.map(|name| self.wanted.try_send(name));
                answer
            }
        };
        match timeout_at(until, said(&mut answer)).await {
            Ok(Some(true)) => Answer::Found,
            Ok(Some(false)) => Answer::Denied,
            Ok(None) | Err(_) => Answer::Silent,
        }
    }

    fn questions(&self) -> MutexGuard<'_, Questions> {
        self.questions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// `None`: the question was given up.
async fn said(answer: &mut watch::Receiver<Option<bool>>) -> Option<bool> {
    *answer.wait_for(Option::is_some).await.ok()?
}

/// The better answer of two; a find is not kept waiting by the other.
async fn better(one: impl Future<Output = Answer>, other: impl Future<Output = Answer>) -> Answer {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let (first, rest) = select! {
        answer = &mut one => (answer, None),
        answer = &mut other => (answer, Some(one)),
    };
    if first == Answer::Found {
        return first;
    }
    let second = match rest {
        Some(one) => one.await,
        None => other.await,
    };
    if first.index() > second.index() {
        first
    } else {
        second
    }
}

/// Whether a cluster could be called so. What could not is no question for the control plane.
fn plausible(name: &str) -> bool {
    /// Of a name in DNS (RFC 1035, 2.3.4).
    const LONGEST: usize = 253;
    let part = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte);
    (1..=LONGEST).contains(&name.len()) && name.bytes().all(part)
}
