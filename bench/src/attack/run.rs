//! One attack on one proxy.

use std::{
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

use anyhow::Result;
use rustix::{param::page_size, process::Signal};
use tokio::time::{interval, sleep};

use super::{
    Arguments,
    catalogue::Attack,
    crowd::Crowd,
    outcome::{Attackers, Outcome},
};
use crate::{
    load::{Fleet, Pace, Plan},
    machine,
    process::tree,
    stand::Stand,
};

/// Pools fill, pages of the program come in.
const WARM_UP: Duration = Duration::from_secs(1);

/// How long the client is watched before the attack.
const BEFORE: Duration = Duration::from_secs(4);

/// How long after the attack memory is looked at.
const AFTER: Duration = Duration::from_secs(5);

/// Between two looks at memory. Each walks over all processes.
const LOOK: Duration = Duration::from_millis(250);

/// Carries out `attack` on `stand`.
pub(super) async fn run(attack: &Attack, stand: Stand, arguments: &Arguments) -> Result<Outcome> {
    let lasts = arguments.duration.max(attack.least);
    let plan = |duration| Plan {
        pace: Pace::Fixed(arguments.rate),
        duration,
        requests: None,
    };
    let resident = || -> Result<u64> { stand.ids()?.into_iter().map(tree::resident).sum() };
    let fleet = Fleet::connect(stand.target()?, attack.job().connections).await?;
    fleet.run(plan(WARM_UP)).await?;
    let before = fleet.run(plan(BEFORE)).await?;
    let memory_before = resident()?;

    let crowd = Crowd::gather(attack, stand.address, stand.dial()?)?;
    let begun = Instant::now();
    let (mut highest, mut pages) = (memory_before, 0);
    let mut look = || -> Result<()> {
        highest = highest.max(resident()?);
        pages = pages.max(machine::tcp_pages()?);
        Ok(())
    };
    let watched = async {
        let mut looks = interval(LOOK);
        loop {
            looks.tick().await;
            if let Err(error) = look() {
                return error;
            }
        }
    };
    let during = tokio::select! {
        during = fleet.run(plan(lasts)) => during?,
        failed = watched => return Err(failed),
    };
    let tally = &crowd.tally;
    let attackers = Attackers {
        sent: tally.sent.load(Relaxed),
        seconds: begun.elapsed().as_secs_f64(),
        open: tally.open.load(Relaxed),
        fates: tally.fates(),
    };
    crowd.disperse()?;
    sleep(AFTER).await;
    let memory_after = resident()?;
    stand.stop(Signal::KILL).await?;
    Ok(Outcome {
        before,
        during,
        memory: [memory_before, highest, memory_after],
        buffers: (pages * page_size() as u64) >> 20,
        attackers,
    })
}
