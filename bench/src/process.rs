//! The processes that a bench starts: on one core, measured as a tree, and never left behind.

pub mod core;
pub mod leash;
pub mod tree;

use std::{
    fs::File,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    process::{Child, Command},
    time::timeout,
};

/// How long a process may take to end after SIGTERM: callgrind writes its results then.
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// A running child. Dropped, it is killed; if this process dies first, the kernel kills it.
pub struct Process {
    child: Child,
    name: String,
    /// Has children of its own and ends them when asked to end; killed, it would leave them behind.
    master: bool,
}

impl Process {
    /// Starts `command` (program and arguments) with its output, both streams, in the file `log`.
    pub fn start(command: &[String], log: &Path) -> Result<Self> {
        let output = File::create(log).with_context(|| format!("creating `{}`", log.display()))?;
        Self::spawn(command, output.try_clone()?.into(), output.into(), false)
    }

    /// As [`Process::start`], of a program that starts others: it is asked to end, never killed.
    pub fn start_master(command: &[String], log: &Path) -> Result<Self> {
        let output = File::create(log).with_context(|| format!("creating `{}`", log.display()))?;
        Self::spawn(command, output.try_clone()?.into(), output.into(), true)
    }

    /// Starts `command` with its standard output piped to here.
    pub fn piped(command: &[String]) -> Result<Self> {
        Self::spawn(command, Stdio::piped(), Stdio::inherit(), false)
    }

    fn spawn(command: &[String], stdout: Stdio, stderr: Stdio, master: bool) -> Result<Self> {
        let name = command.join(" ");
        let this = std::env::current_exe().context("finding this program")?;
        let child = Command::new(this)
            .arg("leash")
            .args(master.then_some("--master"))
            .args(command)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .kill_on_drop(!master)
            .spawn()
            .with_context(|| format!("starting `{name}`"))?;
        Ok(Self {
            child,
            name,
            master,
        })
    }

    /// The pipe of [`Process::piped`], once.
    pub fn stdout(&mut self) -> Option<tokio::process::ChildStdout> {
        self.child.stdout.take()
    }

    /// The process id.
    pub fn id(&self) -> Result<u32> {
        self.child
            .id()
            .with_context(|| format!("`{}` has ended", self.name))
    }

    /// Fails if the process has ended by itself.
    pub fn ensure_running(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("`{}` ended with {status}", self.name),
        }
    }

    /// Sends `signal`; nothing to a process that has ended.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = self.child.id().and_then(|id| Pid::from_raw(id as i32));
        let sent = pid.map_or(Ok(()), |pid| kill_process(pid, signal));
        sent.with_context(|| format!("signalling `{}`", self.name))
    }

    /// Asks the process to end, by `signal` (a master by SIGTERM in any case), and waits for it.
    pub async fn stop(mut self, signal: Signal) -> Result<ExitStatus> {
        self.signal(if self.master { Signal::TERM } else { signal })?;
        let ended = timeout(STOP_LIMIT, self.child.wait()).await;
        Ok(ended.with_context(|| format!("`{}` does not stop", self.name))??)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.master {
            // Nobody is left to be told.
            let _ = self.signal(Signal::TERM);
        }
    }
}

/// An address on loopback that was free a moment ago: for programs that cannot say which port they got.
pub fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
