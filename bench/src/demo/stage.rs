//! The processes of the demo: a control plane, two proxies, two endpoints.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::{process::Command, time::sleep};

use super::tables::{Addresses, File};
use crate::{
    control, load,
    peer::outrigger,
    process::{Process, free_address},
    stand::{Endpoints, scratch},
};

/// How long anything may take to serve.
const LIMIT: Duration = Duration::from_secs(30);

/// Between two looks whether it does.
const POLL: Duration = Duration::from_millis(5);

/// All of it; ended and removed when dropped.
pub(super) struct Stage {
    pub(super) addresses: Addresses,
    pub(super) edge: Proxy,
    pub(super) sidecar: Proxy,
    pub(super) control: Control,
    _endpoints: Endpoints,
    directory: TempDir,
}

/// The control plane.
pub(super) struct Control {
    pub(super) api: SocketAddr,
    xds: SocketAddr,
    process: Option<Process>,
}

/// A proxy without a file: all it knows comes from the control plane.
pub(super) struct Proxy {
    role: &'static str,
    listens: SocketAddr,
    pub(super) admin: SocketAddr,
    process: Option<Process>,
}

impl Stage {
    /// Starts the endpoints; the rest knows its addresses, and waits to be started.
    pub(super) async fn build() -> Result<Self> {
        let endpoints = Endpoints::start(&[&["--name", "v1"], &["--name", "v2"]]).await?;
        let [v1, v2] = endpoints.addresses[..] else {
            bail!("two endpoints were asked for");
        };
        let addresses = Addresses {
            shop: [v1, v2],
            edge: free_address()?,
            sidecar: free_address()?,
        };
        Ok(Self {
            edge: Proxy::new("edge", addresses.edge)?,
            sidecar: Proxy::new("sidecar", addresses.sidecar)?,
            control: Control {
                api: free_address()?,
                xds: free_address()?,
                process: None,
            },
            addresses,
            _endpoints: endpoints,
            directory: scratch()?,
        })
    }

    /// Starts both proxies; they have nothing to serve yet.
    pub(super) fn start_proxies(&mut self) -> Result<()> {
        self.edge.start(self.control.xds, self.directory.path())?;
        self.sidecar.start(self.control.xds, self.directory.path())
    }

    /// Starts the control plane over these tables; returns how long both proxies took to serve them.
    pub(super) async fn start_control(&mut self, tables: &[File]) -> Result<Duration> {
        let directory = self.directory.path().join("tables");
        write(&directory, tables)?;
        let (xds, api) = (self.control.xds.to_string(), self.control.api.to_string());
        let command = [
            &control::program()?,
            "--config",
            &directory.display().to_string(),
            "--xds",
            &xds,
            "--http",
            &api,
        ]
        .map(str::to_owned);
        let log = self.directory.path().join("control.log");
        let started = Instant::now();
        self.control.process = Some(Process::start(&command, &log)?);
        for proxy in [&mut self.edge, &mut self.sidecar] {
            let process = self.control.process.as_mut().context("just started")?;
            process.ensure_running()?;
            proxy.serves().await?;
        }
        Ok(started.elapsed())
    }

    /// Runs `outrigger-control` with these arguments; returns what it says.
    pub(super) async fn ask(&self, arguments: &[&str]) -> Result<String> {
        let server = format!("http://{}", self.control.api);
        let output = Command::new(control::program()?)
            .args(arguments)
            .args(["--server", &server])
            .output()
            .await?;
        ensure!(
            output.status.success(),
            "`outrigger-control {}`: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Pushes these tables from a directory of their own; returns what the command says.
    pub(super) async fn push(&self, tables: &[File]) -> Result<String> {
        let directory = self.directory.path().join("next");
        write(&directory, tables)?;
        let directory = directory.display().to_string();
        self.ask(&["push", &directory]).await
    }

    /// Kills the control plane, without a chance to say goodbye.
    pub(super) fn kill_control(&mut self) {
        self.control.process = None;
    }

    /// Kills the sidecar and starts it again; returns how long it took to serve.
    pub(super) async fn restart_sidecar(&mut self) -> Result<Duration> {
        if let Some(process) = self.sidecar.process.take() {
            process.stop(Signal::KILL).await?;
        }
        let started = Instant::now();
        let directory = self.directory.path();
        self.sidecar.start(self.control.xds, directory)?;
        self.sidecar.serves().await?;
        Ok(started.elapsed())
    }
}

impl Proxy {
    fn new(role: &'static str, listens: SocketAddr) -> Result<Self> {
        Ok(Self {
            role,
            listens,
            admin: free_address()?,
            process: None,
        })
    }

    fn start(&mut self, control: SocketAddr, directory: &Path) -> Result<()> {
        let (role, cache) = (self.role, directory.join(self.role));
        fs::create_dir_all(&cache).with_context(|| format!("creating `{}`", cache.display()))?;
        let command = [
            &outrigger::program()?.display().to_string(),
            "--control",
            &control.to_string(),
            "--node",
            &format!("{role}-1"),
            "--label",
            &format!("role={role}"),
            "--cache-dir",
            &cache.display().to_string(),
            "--admin",
            &self.admin.to_string(),
            "--workers",
            "1",
        ]
        .map(str::to_owned);
        let log = directory.join(format!("{role}.log"));
        self.process = Some(Process::start(&command, &log)?);
        Ok(())
    }

    /// Waits for the first 200.
    async fn serves(&mut self) -> Result<()> {
        let started = Instant::now();
        let url = format!("http://{}/", self.listens).parse()?;
        loop {
            if load::fetch(&url)
                .await
                .is_ok_and(|(status, _)| status == 200)
            {
                return Ok(());
            }
            let process = self.process.as_mut().context("it was not started")?;
            process.ensure_running()?;
            ensure!(
                started.elapsed() < LIMIT,
                "the proxy `{}` does not serve",
                self.role
            );
            sleep(POLL).await;
        }
    }
}

fn write(directory: &Path, tables: &[File]) -> Result<()> {
    let written = fs::create_dir_all(directory).and_then(|()| {
        let mut tables = tables.iter();
        tables.try_for_each(|(name, text)| fs::write(directory.join(name), text))
    });
    written.with_context(|| format!("writing tables into `{}`", directory.display()))
}
