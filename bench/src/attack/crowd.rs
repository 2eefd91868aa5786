//! The attackers: so many connections at a time, each made anew when it has ended, in a thread of their own.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering::Relaxed},
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Result, anyhow};
use rustix::process::nice;
use tokio::{
    sync::oneshot,
    task::{LocalSet, spawn_local},
    time::sleep,
};

use super::{
    catalogue::{Attack, Trick},
    fate::Tally,
    wire::Mark,
};
use crate::{
    job::{Door, INTRODUCED},
    tls::Dial,
};

/// The least of the processor: attackers take what proxy, endpoints and good client leave.
const YIELDING: i32 = 19;

/// After a connection that was not made: else who is refused would do nothing but ask.
const PAUSE: Duration = Duration::from_millis(10);

/// Attackers at work.
pub(super) struct Crowd {
    pub(super) tally: Arc<Tally>,
    /// Dropped, it sends them home.
    leave: oneshot::Sender<()>,
    thread: JoinHandle<Result<()>>,
}

impl Crowd {
    /// Sets them on `address`, which is called by `dial` where it speaks TLS.
    pub(super) fn gather(attack: &Attack, address: SocketAddr, dial: Option<Dial>) -> Result<Self> {
        let tally = Arc::<Tally>::default();
        let mark = Mark {
            address,
            from: (attack.door == Door::Introduced).then_some(INTRODUCED),
            dial,
            tally: Arc::clone(&tally),
        };
        let (trick, connections) = (attack.trick, attack.connections);
        let (leave, told) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("attackers".to_owned())
            .spawn(move || {
                nice(YIELDING)?;
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()?;
                let attackers = async move {
                    for _ in 0..connections {
                        spawn_local(again_and_again(trick, mark.clone()));
                    }
                    // Nobody ever says anything: the other end is dropped.
                    let _ = told.await;
                };
                LocalSet::new().block_on(&runtime, attackers);
                anyhow::Ok(())
            })?;
        Ok(Self {
            tally,
            leave,
            thread,
        })
    }

    /// Ends all that they do; returns when their connections are closed.
    pub(super) fn disperse(self) -> Result<()> {
        drop(self.leave);
        let ended = self.thread.join();
        ended.map_err(|_| anyhow!("an attacker panicked"))?
    }
}

async fn again_and_again(trick: Trick, mark: Mark) {
    let open = &mark.tally.open;
    loop {
        open.fetch_add(1, Relaxed);
        let fate = match trick {
            Trick::Http1(trick) => Box::pin(trick.play(&mark)).await,
            Trick::Http2(trick) => Box::pin(trick.play(&mark)).await,
            Trick::Tls(trick) => Box::pin(trick.play(&mark)).await,
        };
        open.fetch_sub(1, Relaxed);
        mark.tally.end(fate);
        if fate == super::fate::Fate::Unmade {
            sleep(PAUSE).await;
        }
    }
}
