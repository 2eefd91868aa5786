//! A sample endpoint that keeps its address when it is killed and started again.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::Result;
use rustix::process::Signal;

use crate::process::{Process, free_address};

/// One of them; ended when dropped.
pub(super) struct Endpoint {
    pub(super) address: SocketAddr,
    pub(super) name: &'static str,
    log: PathBuf,
    process: Option<Process>,
}

impl Endpoint {
    /// It is not started.
    pub(super) fn new(name: &'static str, directory: &Path) -> Result<Self> {
        Ok(Self {
            address: free_address()?,
            name,
            log: directory.join(format!("{name}.log")),
            process: None,
        })
    }

    pub(super) fn start(&mut self) -> Result<()> {
        let program = std::env::current_exe()?.display().to_string();
        let address = self.address.to_string();
        let command = [
            &program,
            "endpoint",
            "--address",
            &address,
            "--name",
            self.name,
        ];
        let command = command.map(str::to_owned);
        self.process = Some(Process::start(&command, &self.log)?);
        Ok(())
    }

    pub(super) async fn kill(&mut self) -> Result<()> {
        if let Some(process) = self.process.take() {
            process.stop(Signal::KILL).await?;
        }
        Ok(())
    }

    pub(super) fn is_up(&self) -> bool {
        self.process.is_some()
    }
}
