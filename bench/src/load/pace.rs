//! When requests are due.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use rustix::{
    fd::OwnedFd,
    time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    },
};
use tokio::{io::AsyncReadExt, net::unix::pipe, sync::Semaphore};

/// Closed loop or open loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Each connection sends its next request when it has the answer to the last: finds the capacity.
    Closed,
    /// So many requests a second, whatever the answers do: finds the latency that users see.
    Fixed(u32),
}

/// Hands out the moments at which requests are due.
///
/// In an open loop the latency of a request counts from its moment here, not from the time when a free
/// connection could take it: else a stalled server would be asked less while it stalls, and the requests
/// that were never sent would be missing from the percentiles ("coordinated omission", Gil Tene).
pub(crate) struct Schedule {
    interval: Option<Duration>,
    start: Instant,
    taken: Cell<u64>,
    due: Semaphore,
}

impl Schedule {
    pub(crate) fn new(pace: Pace) -> Result<Self> {
        let interval = match pace {
            Pace::Closed => None,
            Pace::Fixed(rate) => {
                ensure!(rate > 0, "a rate of 0 sends nothing");
                Some(Duration::from_secs(1) / rate)
            }
        };
        Ok(Self {
            interval,
            start: Instant::now(),
            taken: Cell::new(0),
            due: Semaphore::new(0),
        })
    }

    /// Waits for the next request to be due; returns the moment from which its latency counts.
    pub(crate) async fn next(&self) -> Instant {
        let Some(interval) = self.interval else {
            return Instant::now();
        };
        if let Ok(permit) = self.due.acquire().await {
            permit.forget();
        }
        let turn = self.taken.get() + 1;
        self.taken.set(turn);
        self.start + Duration::from_nanos(interval.as_nanos() as u64 * turn)
    }

    /// Makes requests due as time passes; never returns in a closed loop.
    ///
    /// A timer of the kernel, because tokio's are rounded to a millisecond, ten times what is measured.
    pub(crate) async fn tick(&self) -> Result<()> {
        let Some(interval) = self.interval else {
            return std::future::pending().await;
        };
        // A timer is read like a pipe that carries counts, eight bytes each; tokio has no type of its own for it.
        let mut timer = pipe::Receiver::from_owned_fd_unchecked(interval_timer(interval)?)?;
        loop {
            let expirations = timer.read_u64_le().await?;
            self.due.add_permits(expirations as usize);
        }
    }
}

fn interval_timer(interval: Duration) -> Result<OwnedFd> {
    let timer = timerfd_create(
        TimerfdClockId::Monotonic,
        TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC,
    )?;
    let interval = Timespec::try_from(interval)?;
    let setting = Itimerspec {
        it_interval: interval,
        it_value: interval,
    };
    timerfd_settime(&timer, TimerfdTimerFlags::empty(), &setting)?;
    Ok(timer)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_fixed_rate_hands_out_evenly_spaced_moments_even_when_they_are_taken_late() {
        let schedule = Schedule::new(Pace::Fixed(1000)).unwrap();
        let take = async {
            let first = schedule.next().await;
            std::thread::sleep(Duration::from_millis(20));
            (first, schedule.next().await, schedule.next().await)
        };
        let (first, second, third) = tokio::select! {
            moments = take => moments,
            _ = schedule.tick() => unreachable!("ticks for ever"),
        };
        assert_eq!(second - first, Duration::from_millis(1));
        assert_eq!(third - second, Duration::from_millis(1));
    }

    #[test]
    fn a_rate_of_zero_is_refused() {
        assert!(Schedule::new(Pace::Fixed(0)).is_err());
    }
}
