//! The goodbye: not ready at once, no new connections after a while, and gone when what is under way is over.

use std::{future::pending, time::Duration};

use outrigger_config::{Config, model::Drain};
use tokio::time::{Instant, interval, sleep_until};

use super::{App, Failure, Sockets, tell};
use crate::{
    cluster,
    handover::{Given, notify},
    worker::Order,
};

/// A process that is about to go, and serves on until then as ever.
pub struct Leaving {
    /// From when it takes no new connections.
    from: Instant,
    /// When what is left is cut off.
    end: Instant,
}

impl Leaving {
    /// Waits until no more connections are taken, if that is to be; when what is left is cut off.
    pub async fn over(leaving: Option<&Self>) -> Instant {
        match leaving {
            Some(leaving) => {
                sleep_until(leaving.from).await;
                leaving.end
            }
            None => pending().await,
        }
    }
}

impl App {
    /// Of a table that may yet change.
    pub(super) fn delay(&self) -> Duration {
        self.shared.snapshot.load().config.drain.delay
    }

    /// A signal came.
    ///
    /// # Errors
    /// When it is the second.
    pub(super) fn told_to_stop(&mut self, leaving: &mut Option<Leaving>) -> Result<(), Failure> {
        if leaving.is_some() {
            return Err(Failure::Impatient);
        }
        *leaving = Some(self.leave(self.delay()));
        Ok(())
    }

    /// `/ready` fails at once; new connections are taken until `delay` is over.
    pub(super) fn leave(&mut self, delay: Duration) -> Leaving {
        let Drain { timeout, .. } = self.shared.snapshot.load().config.drain;
        self.status.draining();
        notify::notify(notify::STOPPING);
        // Whoever comes now starts on its own.
        self.succession.close();
        tracing::info!(?delay, ?timeout, "draining");
        let now = Instant::now();
        Leaving {
            from: now + delay,
            end: now + timeout,
        }
    }

    /// New connections are refused, and what is under way may finish until `end`. Metrics stay up to the end.
    ///
    /// # Errors
    /// When it is told to hurry.
    pub(super) async fn drain(mut self, end: Instant) -> Result<(), Failure> {
        // What is wanted from now on is another process's affair.
        self.acme.follow(&Config::default());
        self.sockets = Sockets::new(Given::default(), Given::default());
        tell(&self.workers, || Order::Drain);
        let mut tend = interval(cluster::TEND);
        loop {
            tokio::select! {
                // Nobody sends: it ends when the last worker does.
                _ = self.running.recv() => {
                    tracing::info!("drained");
                    break;
                }
                () = sleep_until(end) => {
                    tracing::warn!("still busy at the end of `drain.timeout`: what is left is cut off");
                    break;
                }
                // Requests under way have need of endpoints that come back, and of limits and budgets that fill up again.
                _ = tend.tick() => self.tend(),
                _ = self.signals.terminate.recv() => return Err(Failure::Impatient),
                _ = self.signals.interrupt.recv() => return Err(Failure::Impatient),
            }
        }
        self.shared.telemetry.flush();
        Ok(())
    }
}
