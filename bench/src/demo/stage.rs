//! The processes of the demo: a control plane, two proxies, two endpoints.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;
use tokio::process::Command;

use super::tables::{Addresses, File};
use crate::{
    control::{Proxy, Server, program},
    stand::{Endpoints, scratch},
};

/// All of it; ended and removed when dropped.
pub(super) struct Stage {
    pub(super) addresses: Addresses,
    pub(super) edge: Proxy,
    pub(super) sidecar: Proxy,
    pub(super) control: Server,
    _endpoints: Endpoints,
    directory: TempDir,
}

impl Stage {
    /// Starts the endpoints; the rest knows its addresses, and waits to be started.
    pub(super) async fn build() -> Result<Self> {
        let endpoints = Endpoints::start(&[&["--name", "v1"], &["--name", "v2"]]).await?;
        let [v1, v2] = endpoints.addresses[..] else {
            bail!("two endpoints were asked for");
        };
        let directory = scratch()?;
        let control = Server::new(&directory.path().join("tables"))?;
        let edge = Proxy::new("edge", control.xds, directory.path())?;
        let sidecar = Proxy::new("sidecar", control.xds, directory.path())?;
        Ok(Self {
            addresses: Addresses {
                shop: [v1, v2],
                edge: edge.listens,
                sidecar: sidecar.listens,
            },
            edge,
            sidecar,
            control,
            _endpoints: endpoints,
            directory,
        })
    }

    /// Starts both proxies; they have nothing to serve yet.
    pub(super) fn start_proxies(&mut self) -> Result<()> {
        self.edge.start()?;
        self.sidecar.start()
    }

    /// Starts the control plane over these tables; returns how long both proxies took to serve them.
    pub(super) async fn start_control(&mut self, tables: &[File]) -> Result<Duration> {
        write(&self.directory.path().join("tables"), tables)?;
        let started = Instant::now();
        self.control.start()?;
        self.control.serves().await?;
        self.edge.serves().await?;
        self.sidecar.serves().await?;
        Ok(started.elapsed())
    }

    /// Runs `outrigger-control` with these arguments; returns what it says.
    pub(super) async fn ask(&self, arguments: &[&str]) -> Result<String> {
        let server = format!("http://{}", self.control.http);
        let output = Command::new(program()?)
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

    /// Kills the sidecar and starts it again; returns how long it took to serve.
    pub(super) async fn restart_sidecar(&mut self) -> Result<Duration> {
        self.sidecar.kill().await?;
        let started = Instant::now();
        self.sidecar.start()?;
        self.sidecar.serves().await?;
        Ok(started.elapsed())
    }
}

fn write(directory: &Path, tables: &[File]) -> Result<()> {
    let written = fs::create_dir_all(directory).and_then(|()| {
        let mut tables = tables.iter();
        tables.try_for_each(|(name, text)| fs::write(directory.join(name), text))
    });
    written.with_context(|| format!("writing tables into `{}`", directory.display()))
}
