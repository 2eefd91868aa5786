//! The control plane as a process, which may be killed and started again at the same addresses.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use tokio::{
    net::TcpStream,
    time::{Instant, sleep},
};

use crate::process::{Process, free_address};

/// How long it may take to serve.
const LIMIT: Duration = Duration::from_secs(60);

/// Between two looks whether it does.
const POLL: Duration = Duration::from_millis(2);

/// A control plane; ended when dropped.
pub(crate) struct Server {
    pub(crate) xds: SocketAddr,
    pub(crate) http: SocketAddr,
    tables: PathBuf,
    log: PathBuf,
    process: Option<Process>,
}

impl Server {
    /// One over this directory of tables, which may come later, as it may itself. Its log is written beside them.
    pub(crate) fn new(tables: &Path) -> Result<Self> {
        Ok(Self {
            xds: free_address()?,
            http: free_address()?,
            tables: tables.to_owned(),
            log: tables.with_extension("control.log"),
            process: None,
        })
    }

    /// Starts it, and waits for nothing.
    pub(crate) fn start(&mut self) -> Result<()> {
        let command = [
            program()?,
            "--config".to_owned(),
            self.tables.display().to_string(),
            "--xds".to_owned(),
            self.xds.to_string(),
            "--http".to_owned(),
            self.http.to_string(),
        ];
        self.process = Some(Process::start(&command, &self.log)?);
        Ok(())
    }

    /// Waits until it serves.
    pub(crate) async fn serves(&mut self) -> Result<()> {
        let start = Instant::now();
        // The API is there once the tables are.
        while TcpStream::connect(self.http).await.is_err() {
            self.process
                .as_mut()
                .context("it was not started")?
                .ensure_running()?;
            ensure!(start.elapsed() < LIMIT, "the control plane does not serve");
            sleep(POLL).await;
        }
        Ok(())
    }

    /// Kills it, without a chance to say goodbye.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        if let Some(process) = self.process.take() {
            process.stop(Signal::KILL).await?;
        }
        Ok(())
    }

    /// Whether it was started and not killed since.
    pub(crate) fn is_up(&self) -> bool {
        self.process.is_some()
    }

    /// Its process id.
    pub(crate) fn id(&self) -> Result<u32> {
        self.process.as_ref().context("it is not running")?.id()
    }
}

/// The `outrigger-control` beside this program: one build makes both.
pub(crate) fn program() -> Result<String> {
    let this = std::env::current_exe().context("finding this program")?;
    let program = this.with_file_name("outrigger-control");
    ensure!(
        program.exists(),
        "there is no `{}`: build it with `cargo build -p outrigger-control`",
        program.display()
    );
    Ok(program.display().to_string())
}
