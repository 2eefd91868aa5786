//! Who is killed when, and for how long.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use anyhow::Result;
use fastrand::Rng;
use tokio::time::sleep;

use super::stage::{Part, Stage};

/// Bounds of the time between two deaths or returns, in milliseconds.
const PAUSE: Range<u64> = 100..1500;

/// Bounds of the time that the proxy is dead before it is started again, in milliseconds.
const DEAD: Range<u64> = 0..500;

/// What was killed, and how the proxy came back.
#[derive(Default)]
pub(super) struct Deaths {
    /// From when the proxy was killed until it served again, since the start.
    pub(super) proxy: Vec<Range<Duration>>,
    pub(super) control: usize,
    pub(super) endpoint: usize,
    /// Starts of the proxy while the control plane was away.
    pub(super) starts_alone: usize,
    starts: Vec<Duration>,
}

impl Deaths {
    /// Milliseconds within which this share of the proxy's starts ended in a 200.
    pub(super) fn start(&self, share: f64) -> f64 {
        let mut starts = self.starts.clone();
        starts.sort();
        let place = (starts.len() as f64 * share).ceil() as usize;
        let start = starts.get(place.saturating_sub(1));
        start.map_or(f64::NAN, |start| start.as_secs_f64() * 1e3)
    }
}

/// Kills and starts.
pub(super) struct Agenda<'a> {
    stage: &'a mut Stage,
    start: Instant,
    rng: Rng,
    deaths: Deaths,
}

impl<'a> Agenda<'a> {
    pub(super) fn new(stage: &'a mut Stage, start: Instant, seed: u64) -> Self {
        Self {
            stage,
            start,
            rng: Rng::with_seed(seed),
            deaths: Deaths::default(),
        }
    }

    /// Goes on until the end; who is dead by then stays so.
    pub(super) async fn run(&mut self, end: Instant) -> Result<Deaths> {
        sleep(self.start.saturating_duration_since(Instant::now())).await;
        while Instant::now() < end {
            self.pause(PAUSE).await;
            match self
                .rng
                .choice([Part::Control, Part::Endpoints, Part::Proxy])
            {
                Some(Part::Control) => self.control().await?,
                Some(Part::Proxy) => self.proxy().await?,
                _ => self.endpoint().await?,
            }
        }
        Ok(std::mem::take(&mut self.deaths))
    }

    async fn control(&mut self) -> Result<()> {
        if !self.stage.control.is_up() {
            return self.stage.control.start();
        }
        self.deaths.control += 1;
        self.stage.control.kill().await
    }

    /// One is dead at a time: two are left of those that a table names, or one.
    async fn endpoint(&mut self) -> Result<()> {
        let endpoints = &mut self.stage.endpoints;
        if let Some(dead) = endpoints.iter_mut().find(|it| !it.is_up()) {
            return dead.start();
        }
        self.deaths.endpoint += 1;
        let victim = self.rng.usize(..endpoints.len());
        endpoints[victim].kill().await
    }

    async fn proxy(&mut self) -> Result<()> {
        let killed = self.start.elapsed();
        self.stage.proxy.kill().await?;
        self.pause(DEAD).await;
        self.deaths.starts_alone += usize::from(!self.stage.control.is_up());
        let begun = Instant::now();
        self.stage.proxy.start()?;
        self.stage.proxy.serves().await?;
        self.deaths.starts.push(begun.elapsed());
        self.deaths.proxy.push(killed..self.start.elapsed());
        Ok(())
    }

    async fn pause(&mut self, bounds: Range<u64>) {
        sleep(Duration::from_millis(self.rng.u64(bounds))).await;
    }
}
