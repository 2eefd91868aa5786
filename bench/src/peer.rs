//! The proxies that are compared, each given the same job in its own words.

mod envoy;
mod haproxy;
mod nginx;
pub mod outrigger;
mod policy;

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    rc::Rc,
};

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;

use crate::{
    job::{Door, Job, Transport, Version, Way},
    tls::Certificates,
};
pub use policy::{Balancer, Policy, Retry};

/// A job made concrete: listen here, balance over those, keep connections alive on both sides, one worker, no access log.
pub struct Setup {
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
    /// Whether requests are looked at, or bytes passed on.
    pub bytes: bool,
    /// What connections are asked for.
    pub door: Door,
    /// How many of them there will be.
    pub connections: usize,
    /// Its workers.
    pub workers: usize,
    /// What callers have to speak below that.
    pub(crate) front: Wire,
    /// What endpoints are spoken to in.
    pub(crate) back: Wire,
    /// What is shown there.
    pub(crate) certificates: Option<Rc<Certificates>>,
    /// What to do about failures; without one each peer does what it does by default.
    pub policy: Option<Policy>,
    /// Paths, by their first segments, that the proxy answers with 403 itself.
    pub forbidden: Option<&'static str>,
    /// For the configuration and whatever else the proxy writes.
    pub directory: PathBuf,
}

/// What is below HTTP on one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// Nothing.
    Cleartext,
    /// TLS, in which the one that is called shows a certificate.
    Tls,
    /// TLS in which both do.
    Mutual,
}

impl Setup {
    /// The certificates for a side that wants some.
    fn shown(&self, wire: Wire) -> Option<&Certificates> {
        let certificates = self.certificates.as_deref();
        certificates.filter(|_| wire != Wire::Cleartext)
    }

    /// Whether another list of endpoints will have to be taken over while it runs.
    fn reloads(&self) -> bool {
        self.policy.is_some_and(|policy| policy.reload)
    }

    /// Whether nginx needs a master.
    fn has_master(&self) -> bool {
        self.reloads() || self.workers > 1
    }
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

/// The proxies, in the order of tables and plots: the first one is whom the others are compared with.
pub const PEERS: [Peer; 4] = [Peer::Outrigger, Peer::Nginx, Peer::Haproxy, Peer::Envoy];

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
    pub fn refuses(self, job: &Job) -> Option<&'static str> {
        match self {
            Self::Nginx if job.upstream == Version::Http2 => {
                Some("nginx 1.22 speaks HTTP/2 to endpoints only for gRPC")
            }
            Self::Nginx if job.way == Way::Bytes && !nginx::has_streams() => {
                Some("nginx's module for streams is not installed")
            }
            Self::Nginx if job.door == Door::Introduced => {
                Some("nginx asks for a PROXY header from everybody or nobody")
            }
            Self::Nginx | Self::Haproxy | Self::Envoy if job.door == Door::Detecting => {
                Some("it serves HTTP or bytes, without a look at which it is")
            }
            Self::Direct if job.transport != Transport::Cleartext => {
                Some("endpoints speak cleartext")
            }
            _ => None,
        }
    }

    /// What two of it speak to each other in a pair: the best that it can.
    pub(crate) fn between(self) -> Version {
        match self {
            Self::Nginx => Version::Http1,
            Self::Direct | Self::Haproxy | Self::Envoy | Self::Outrigger => Version::Http2,
        }
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
    pub fn prepare(self, setup: &Setup) -> Result<Option<Vec<String>>> {
        self.write(setup)?;
        let file = setup.directory.join(self.config_file());
        let file = file.display().to_string();
        Ok(match self {
            Self::Direct => None,
            Self::Nginx => Some(nginx::command(&file, setup)),
            Self::Haproxy => Some(haproxy::command(&file, setup)),
            Self::Envoy => Some(envoy::command(&file, setup)),
            Self::Outrigger => Some(outrigger::command(&file, setup)?),
        })
    }

    /// Whether the process is a master of others, which outlive it unless it has the time to end them.
    pub fn is_master(self, setup: &Setup) -> bool {
        match self {
            Self::Nginx => setup.has_master(),
            Self::Haproxy => setup.reloads(),
            Self::Direct | Self::Envoy | Self::Outrigger => false,
        }
    }

    /// Writes its configuration anew, for a process that runs by it; returns the signal that makes it look, if it
    /// does not by itself.
    pub fn rewrite(self, setup: &Setup) -> Result<Option<Signal>> {
        self.write(setup)?;
        Ok(match self {
            Self::Nginx => Some(Signal::HUP),
            Self::Haproxy => Some(Signal::USR2),
            Self::Direct | Self::Envoy | Self::Outrigger => None,
        })
    }

    fn write(self, setup: &Setup) -> Result<()> {
        let config = match self {
            Self::Direct => return Ok(()),
            Self::Nginx => nginx::config(setup),
            Self::Haproxy => haproxy::config(setup),
            Self::Envoy => {
                if setup.reloads() {
                    replace(&setup.directory, envoy::ENDPOINTS, envoy::endpoints(setup))?;
                }
                envoy::config(setup)
            }
            Self::Outrigger => outrigger::config(setup),
        };
        replace(&setup.directory, self.config_file(), config)
    }
}

/// Puts a file in place whole: who watches it never sees half of it.
fn replace(directory: &Path, name: &str, text: String) -> Result<()> {
    let (draft, path) = (directory.join("draft"), directory.join(name));
    fs::write(&draft, text)
        .and_then(|()| fs::rename(&draft, &path))
        .with_context(|| format!("writing `{}`", path.display()))
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
