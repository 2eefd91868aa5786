//! The proxy under measure, and what its threads have run so far.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use tokio::time::sleep;

use crate::{
    job::SMALL_GET,
    load::{Fleet, Pace, Plan, Target},
    peer::outrigger,
    process::{Process, free_address},
    stand::Endpoints,
};

/// How long a proxy may take to its first 200, under callgrind and with the largest table.
const LIMIT: Duration = Duration::from_secs(600);

/// Between two looks whether it serves: the resolution of start times.
const POLL: Duration = Duration::from_millis(1);

/// A process with one worker.
pub(super) struct Proxy {
    process: Process,
    target: Target,
    /// From its start to the first 200.
    pub(super) start: Duration,
}

/// Microseconds of CPU.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ran {
    /// Of the thread that updates.
    pub(super) control: f64,
    /// Of the one that serves.
    pub(super) worker: f64,
}

/// Where it listens and where its admin server is.
#[derive(Clone, Copy)]
pub(super) struct Doors {
    pub(super) listens: SocketAddr,
    pub(super) admin: SocketAddr,
}

impl Doors {
    pub(super) fn free() -> Result<Self> {
        Ok(Self {
            listens: free_address()?,
            admin: free_address()?,
        })
    }
}

/// Where the only endpoint listens, on every address of loopback.
pub(super) async fn endpoints() -> Result<(Endpoints, u16)> {
    let endpoints = Endpoints::start(&[&["--address", "0.0.0.0:0"]]).await?;
    let port = endpoints.addresses.first().context("no endpoint")?.port();
    Ok((endpoints, port))
}

impl Proxy {
    /// Starts it behind `wrapper` with these arguments, and waits until `host` is served.
    pub(super) async fn start(
        wrapper: &[String],
        arguments: &[&str],
        doors: Doors,
        host: &str,
        log: &Path,
    ) -> Result<Self> {
        let mut command = wrapper.to_vec();
        command.push(outrigger::program()?.display().to_string());
        command.extend(
            ["--workers", "1"]
                .iter()
                .chain(arguments)
                .map(|it| (*it).to_owned()),
        );
        let target = SMALL_GET.target(doors.listens)?.host(host)?;
        let started = Instant::now();
        let mut proxy = Self {
            process: Process::start(&command, log)?,
            target,
            start: Duration::ZERO,
        };
        while proxy.ask(1).await.is_err() {
            proxy
                .process
                .ensure_running()
                .with_context(|| fs::read_to_string(log).unwrap_or_default())?;
            ensure!(started.elapsed() < LIMIT, "it does not serve `{host}`");
            sleep(POLL).await;
        }
        proxy.start = started.elapsed();
        Ok(proxy)
    }

    /// Asks so often, one by one.
    pub(super) async fn ask(&self, requests: u64) -> Result<()> {
        let fleet = Fleet::connect(self.target.clone(), 1).await?;
        let plan = Plan {
            pace: Pace::Closed,
            duration: LIMIT,
            requests: Some(requests),
        };
        let report = fleet.run(plan).await?;
        ensure!(report.succeeded == requests, "not all succeeded: {report}");
        Ok(())
    }

    /// What its threads have run.
    pub(super) fn ran(&self) -> Result<Ran> {
        let id = self.process.id()?;
        let (mut control, mut worker) = (None, None);
        for task in fs::read_dir(format!("/proc/{id}/task"))? {
            let task = task?.path();
            let ran = fs::read_to_string(task.join("schedstat"))?;
            let nanoseconds: f64 = ran.split(' ').next().unwrap_or_default().parse()?;
            let is_main = task
                .file_name()
                .is_some_and(|name| *name == *id.to_string());
            if is_main {
                control = Some(nanoseconds / 1e3);
            } else if fs::read_to_string(task.join("comm"))?.starts_with("worker-") {
                worker = Some(nanoseconds / 1e3);
            }
        }
        Ok(Ran {
            control: control.context("no control thread")?,
            worker: worker.context("no worker")?,
        })
    }

    /// KiB that are resident.
    pub(super) fn resident(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()?))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        kib.context("no `VmRSS:`")
    }

    pub(super) async fn stop(self) -> Result<()> {
        self.process.stop(Signal::TERM).await.map(drop)
    }
}
