//! A proxy as a process that knows nothing but where its control planes are, and may have a table on the disk.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use tokio::time::{sleep, timeout};

use crate::{
    load,
    metrics::Metrics,
    peer::outrigger,
    process::{Process, free_address},
};

/// How long anything may take to serve.
const LIMIT: Duration = Duration::from_secs(30);

/// Between two looks whether it does: the resolution of start times. Shorter would take the core away from what starts.
const POLL: Duration = Duration::from_millis(1);

/// Between two looks at metrics, which cost more.
const SCRAPE: Duration = Duration::from_millis(5);

/// For an answer to such a look.
const PATIENCE: Duration = Duration::from_secs(5);

/// A proxy; ended when dropped.
pub(crate) struct Proxy {
    /// Where its table says that it listens.
    pub(crate) listens: SocketAddr,
    pub(crate) admin: SocketAddr,
    name: String,
    control: SocketAddr,
    /// The table on the disk lies there.
    pub(crate) cache: PathBuf,
    log: PathBuf,
    process: Option<Process>,
}

impl Proxy {
    /// One of this name and role, with its files in a directory that others may share. It is not started.
    pub(crate) fn new(name: &str, control: SocketAddr, directory: &Path) -> Result<Self> {
        Ok(Self {
            listens: free_address()?,
            admin: free_address()?,
            name: name.to_owned(),
            control,
            cache: directory.join(name),
            log: directory.join(format!("{name}.log")),
            process: None,
        })
    }

    /// Starts it, and waits for nothing.
    pub(crate) fn start(&mut self) -> Result<()> {
        let cache = &self.cache;
        fs::create_dir_all(cache).with_context(|| format!("creating `{}`", cache.display()))?;
        let name = &self.name;
        let command = [
            &outrigger::program()?.display().to_string(),
            "--control",
            &self.control.to_string(),
            "--node",
            &format!("{name}-1"),
            "--label",
            &format!("role={name}"),
            "--cache-dir",
            &cache.display().to_string(),
            "--admin",
            &self.admin.to_string(),
        ]
        .map(str::to_owned);
        self.process = Some(Process::start(&command, &self.log)?);
        Ok(())
    }

    /// Kills it, without a chance to say goodbye.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        if let Some(process) = self.process.take() {
            process.stop(Signal::KILL).await?;
        }
        Ok(())
    }

    /// Waits for the first 200; returns the body of it.
    pub(crate) async fn serves(&mut self) -> Result<String> {
        self.answers(&format!("http://{}/", self.listens)).await
    }

    /// Waits until it has a table.
    pub(crate) async fn becomes_ready(&mut self) -> Result<()> {
        let url = format!("http://{}/ready", self.admin);
        self.answers(&url).await.map(drop)
    }

    async fn answers(&mut self, url: &str) -> Result<String> {
        let (started, url) = (Instant::now(), url.parse()?);
        loop {
            if let Ok(Ok((status, body))) = timeout(PATIENCE, load::fetch(&url)).await
                && status == 200
            {
                return Ok(body);
            }
            let process = self.process.as_mut().context("it was not started")?;
            process.ensure_running()?;
            ensure!(
                started.elapsed() < LIMIT,
                "the proxy `{}` does not serve",
                self.name
            );
            sleep(POLL).await;
        }
    }

    /// Waits until its stream to the control plane is up.
    pub(crate) async fn is_connected(&self) -> Result<()> {
        let started = Instant::now();
        loop {
            // It may just have been started.
            let metrics = Metrics::scrape(self.admin).await;
            let connected = |it: Metrics| it.sum("outrigger_control_connected", |_| true) == 1.0;
            if metrics.is_ok_and(connected) {
                return Ok(());
            }
            ensure!(
                started.elapsed() < LIMIT,
                "the proxy `{}` does not connect",
                self.name
            );
            sleep(SCRAPE).await;
        }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> Result<u32> {
        self.process.as_ref().context("it is not running")?.id()
    }
}
