//! The proxies that are compared, each given the same job in its own words.

mod envoy;
mod haproxy;
mod nginx;
pub mod outrigger;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use crate::scenario::Version;

/// The job: listen here, balance over those, keep connections alive on both sides, one worker, no access log.
pub struct Job {
    /// Where the proxy listens.
    pub address: SocketAddr,
    /// Where its metrics are, if it has an address for them.
    pub admin: SocketAddr,
    /// What it balances over.
    pub endpoints: Vec<SocketAddr>,
    /// Spoken by the client.
    pub downstream: Version,
    /// Spoken by the endpoints.
    pub upstream: Version,
    /// For the configuration and whatever else the proxy writes.
    pub directory: PathBuf,
}

/// A proxy, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Peer {
    /// No proxy: the client asks an endpoint itself. What remains is the bench's own cost.
    Direct,
    /// nginx.
    Nginx,
    /// HAProxy.
    Haproxy,
    /// Envoy.
    Envoy,
    /// This project's proxy.
    Outrigger,
}

impl Peer {
    /// As in the tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Nginx => "nginx",
            Self::Haproxy => "HAProxy",
            Self::Envoy => "Envoy",
            Self::Outrigger => "Outrigger",
        }
    }

    /// Its version, or why it cannot be run.
    pub fn version(self) -> Result<String> {
        match self {
            Self::Direct => Ok(String::new()),
            Self::Nginx => version(Path::new("nginx"), &["-v"]),
            Self::Haproxy => version(Path::new("haproxy"), &["-v"]),
            Self::Envoy => version(&envoy::program(), &["--version"]),
            Self::Outrigger => version(&outrigger::program()?, &["--version"]),
        }
    }

    /// Why it cannot do this job, if it cannot.
    pub fn refuses(self, upstream: Version) -> Option<&'static str> {
        (self == Self::Nginx && upstream == Version::Http2)
            .then_some("nginx 1.22 speaks HTTP/2 to endpoints only for gRPC")
    }

    /// What its configuration is called.
    pub fn config_file(self) -> &'static str {
        match self {
            Self::Direct => "",
            Self::Nginx => "nginx.conf",
            Self::Haproxy => "haproxy.cfg",
            Self::Envoy => "envoy.json",
            Self::Outrigger => "outrigger.yaml",
        }
    }

    /// Writes its configuration; returns the command that runs it in the foreground, or none for `Direct`.
    pub fn prepare(self, job: &Job) -> Result<Option<Vec<String>>> {
        let path = job.directory.join(self.config_file());
        let file = path.display().to_string();
        let (config, command) = match self {
            Self::Direct => return Ok(None),
            Self::Nginx => (nginx::config(job), nginx::command(&file, job)),
            Self::Haproxy => (haproxy::config(job), haproxy::command(&file)),
            Self::Envoy => (envoy::config(job), envoy::command(&file)),
            Self::Outrigger => (outrigger::config(job), outrigger::command(&file)?),
        };
        std::fs::write(&path, config).with_context(|| format!("writing `{file}`"))?;
        Ok(Some(command))
    }
}

/// The version in the first line that `program` prints, on either stream.
fn version(program: &Path, arguments: &[&str]) -> Result<String> {
    let shown = program.display();
    let output = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| format!("running `{shown}` (see bench/install-peers.sh)"))?;
    ensure!(
        output.status.success(),
        "`{shown}` ended with {}",
        output.status
    );
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().find(|line| !line.trim().is_empty());
    let line = line.unwrap_or_default();
    // Each begins with its own name or path in another way.
    let (_, version) = line.rsplit_once("version").unwrap_or(("", line));
    Ok(version.trim_start_matches([':', ' ']).to_owned())
}

/// A command line from words.
fn words<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).to_vec()
}
