//! One proxy, started, loaded and read once.

use std::{fmt, net::SocketAddr, time::Duration};

use anyhow::Result;
use rustix::process::Signal;

use super::syscalls;
use crate::{
    job::Job,
    load::{Fleet, Percentiles, Plan},
    peer::Peer,
    process::tree,
    stand::Stand,
};

/// Before anything is counted: pools fill, code and branch predictors get warm.
const WARM_UP: Duration = Duration::from_millis(700);

/// How long system calls are counted, after the rest: tracing slows the proxy.
const TRACED: Duration = Duration::from_millis(500);

/// What one run has shown. Figures of the proxy's process tree are absent where there is no proxy.
pub(super) struct Sample {
    /// CPU microseconds a request in user mode.
    pub(super) user: Option<f64>,
    /// CPU microseconds a request in the kernel.
    pub(super) system: Option<f64>,
    /// Successful answers a second.
    pub(super) throughput: f64,
    /// As the client saw it.
    pub(super) latency: Percentiles,
    /// Requests that failed.
    pub(super) failed: u64,
    /// KiB after the first answer.
    pub(super) idle: Option<f64>,
    /// KiB at the end of the load, its connections still open.
    pub(super) loaded: Option<f64>,
    /// Milliseconds from exec to the first 200.
    pub(super) start: Option<f64>,
    /// System calls a request; absent also where they cannot be traced.
    pub(super) calls: Option<f64>,
}

pub(super) async fn take(
    peer: Peer,
    job: &Job,
    endpoints: &[SocketAddr],
    duration: Duration,
) -> Result<Sample> {
    let stand = Stand::start(peer, job, endpoints, &[]).await?;
    let proxies = stand.ids()?;
    let proxied = !proxies.is_empty();
    let resident = || -> Result<Option<f64>> {
        let sizes = proxies.iter().map(|proxy| tree::resident(*proxy));
        let size = sizes.sum::<Result<u64>>()?;
        Ok(proxied.then_some(size as f64))
    };
    let cpu = || -> Result<Option<tree::Cpu>> {
        let trees = proxies.iter().map(|proxy| tree::cpu(*proxy));
        let cpu = trees.sum::<Result<tree::Cpu>>()?;
        Ok(proxied.then_some(cpu))
    };
    let plan = |duration| Plan {
        pace: job.pace,
        duration,
        requests: None,
    };

    let idle = resident()?;
    let fleet = Fleet::connect(stand.target()?, job.connections).await?;
    fleet.run(plan(WARM_UP)).await?;
    let before = cpu()?;
    let report = fleet.run(plan(duration)).await?;
    let used = before.zip(cpu()?).map(|(before, after)| after - before);
    let loaded = resident()?;
    let calls = match proxied {
        true => syscalls::a_request(&proxies, &fleet, plan(TRACED)).await,
        false => None,
    };
    let start = proxied.then_some(stand.start_time.as_secs_f64() * 1000.0);
    drop(fleet);
    stand.stop(Signal::KILL).await?;

    let requests = report.requests() as f64;
    Ok(Sample {
        user: used.map(|cpu| cpu.user() / requests),
        system: used.map(|cpu| cpu.system() / requests),
        throughput: report.throughput(),
        latency: report.microseconds,
        failed: report.failed(),
        idle,
        loaded,
        start,
        calls,
    })
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((user, system)) = self.user.zip(self.system) {
            write!(f, "{:5.1} us CPU a request, ", user + system)?;
        }
        let (throughput, p50) = (self.throughput, self.latency.p50);
        write!(f, "{throughput:6.0} requests a second, p50 {p50:.0} us")?;
        match self.failed {
            0 => Ok(()),
            failed => write!(f, ", {failed} FAILED"),
        }
    }
}
