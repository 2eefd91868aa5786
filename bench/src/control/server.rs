//! The control plane as a process.

use std::{net::SocketAddr, path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tokio::{
    net::TcpStream,
    time::{Instant, sleep},
};

use crate::{
    process::{Process, free_address},
    stand::scratch,
};

/// How long it may take to serve.
const LIMIT: Duration = Duration::from_secs(60);

/// A control plane that serves; ended when dropped.
pub(super) struct Server {
    pub(super) xds: SocketAddr,
    process: Process,
    /// Its log is there.
    _directory: TempDir,
}

impl Server {
    /// Starts one over this directory of tables.
    pub(super) async fn start(tables: &Path) -> Result<Self> {
        let (xds, http) = (free_address()?, free_address()?);
        let directory = scratch()?;
        let command = [
            program()?,
            "--config".to_owned(),
            tables.display().to_string(),
            "--xds".to_owned(),
            xds.to_string(),
            "--http".to_owned(),
            http.to_string(),
        ];
        let mut process = Process::start(&command, &directory.path().join("control.log"))?;
        let start = Instant::now();
        // The API is there once the tables are.
        while TcpStream::connect(http).await.is_err() {
            process.ensure_running()?;
            ensure!(start.elapsed() < LIMIT, "the control plane does not serve");
            sleep(Duration::from_millis(10)).await;
        }
        Ok(Self {
            xds,
            process,
            _directory: directory,
        })
    }

    /// Its process id.
    pub(super) fn id(&self) -> Result<u32> {
        self.process.id()
    }
}

/// The `outrigger-control` beside this program: one build makes both.
pub fn program() -> Result<String> {
    let this = std::env::current_exe().context("finding this program")?;
    let program = this.with_file_name("outrigger-control");
    ensure!(
        program.exists(),
        "there is no `{}`: build it with `cargo build -p outrigger-control`",
        program.display()
    );
    Ok(program.display().to_string())
}
