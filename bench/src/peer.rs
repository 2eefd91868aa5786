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
            Self::Nginx => first_line(Path::new("nginx"), &["-v"]),
            Self::Haproxy => first_line(Path::new("haproxy"), &["-v"]),
            Self::Envoy => first_line(&envoy::program(), &["--version"]),
            Self::Outrigger => first_line(&outrigger::program()?, &["--version"]),
        }
    }

    /// Why it cannot do this job, if it cannot.
    pub fn refuses(self, upstream: Version) -> Option<&'static str> {
        (self == Self::Nginx && upstream == Version::Http2)
            .then_some("nginx 1.22 speaks HTTP/2 to endpoints only for gRPC")
    }

    /// Writes its configuration; returns the command that runs it in the foreground, or none for `Direct`.
    pub fn prepare(self, job: &Job) -> Result<Option<Vec<String>>> {
        let (file, text) = match self {
            Self::Direct => return Ok(None),
            Self::Nginx => ("nginx.conf", nginx::config(job)),
            Self::Haproxy => ("haproxy.cfg", haproxy::config(job)),
            Self::Envoy => ("envoy.json", envoy::config(job)),
            Self::Outrigger => ("outrigger.yaml", outrigger::config(job)),
        };
        let path = job.directory.join(file);
        std::fs::write(&path, text).with_context(|| format!("writing `{}`", path.display()))?;
        let file = path.display().to_string();
        Ok(Some(match self {
            Self::Direct => return Ok(None),
            Self::Nginx => nginx::command(&file, job),
            Self::Haproxy => haproxy::command(&file),
            Self::Envoy => envoy::command(&file),
            Self::Outrigger => outrigger::command(&file)?,
        }))
    }
}

/// The first line that `program` prints, on either stream.
fn first_line(program: &Path, arguments: &[&str]) -> Result<String> {
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
    Ok(line.unwrap_or_default().trim().to_owned())
}

/// A command line from words.
fn words<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).to_vec()
}
