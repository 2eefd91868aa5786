//! The command line. Each flag has an `OUTRIGGER_*` twin in the environment; both win over the file.

use std::{
    net::SocketAddr, num::NonZeroUsize, path::PathBuf, str::FromStr, sync::Arc, thread,
    time::Duration,
};

use clap::{Args, Parser, Subcommand};
use outrigger_config::model;
use outrigger_entrance::{Caller, ClientFiles};

use crate::{
    control::{
        self, Node, Server,
        node::{Label, hostname},
    },
    init,
};

/// A service-mesh sidecar proxy and L7 load balancer.
#[derive(Debug, Parser)]
#[command(
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub struct Cli {
    /// What to do; serving, if nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to serve.
    #[command(flatten)]
    pub serve: Serve,
}

/// `outrigger --config FILE`, `outrigger --control ADDR`, or both.
#[derive(Args, Debug)]
pub struct Serve {
    /// The table to serve; picked up again whenever it changes.
    #[arg(
        long,
        env = "OUTRIGGER_CONFIG",
        value_name = "FILE",
        value_parser = optional::<PathBuf>
    )]
    config: Option<Optional<PathBuf>>,
    /// How tables come from control planes.
    #[command(flatten)]
    pub control: Control,
    /// Worker threads; by default the CPUs that this process may use.
    #[arg(long, env = "OUTRIGGER_WORKERS", value_name = "N")]
    pub workers: Option<NonZeroUsize>,
    /// The address of /ready, /metrics and the rest, in place of the file's.
    #[arg(long, env = "OUTRIGGER_ADMIN", value_name = "ADDR")]
    pub admin: Option<SocketAddr>,
    /// Lets anybody use an admin server beyond loopback that has neither TLS nor a credential.
    #[arg(long = "insecure-open-ports-i-know-what-this-means")]
    pub open_ports: bool,
    /// The zone that the process runs in, in place of the file's.
    #[arg(long, env = "OUTRIGGER_ZONE", value_name = "NAME")]
    pub zone: Option<Arc<str>>,
    /// Where the next process comes by for the listening sockets of this one, which goes by for those of the one before.
    #[arg(
        long,
        env = "OUTRIGGER_HANDOVER",
        value_name = "PATH",
        value_parser = optional::<PathBuf>
    )]
    handover: Option<Optional<PathBuf>>,
    /// How the process's own log looks.
    #[arg(
        long,
        env = "OUTRIGGER_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub log_format: LogFormat,
}

/// `outrigger --control ADDR`.
#[derive(Args, Debug)]
pub struct Control {
    /// Control planes to take tables from, on top of the file if there is one; the first that answers is stayed with.
    #[arg(
        long = "control",
        env = "OUTRIGGER_CONTROL",
        value_name = "ADDR[,ADDR]",
        value_delimiter = ',',
        value_parser = optional::<Server>
    )]
    servers: Vec<Optional<Server>>,
    /// Roots of the control planes, in PEM; those of the system when left out. With it, TLS is spoken.
    #[arg(long, env = "OUTRIGGER_CONTROL_CA", value_name = "FILE", value_parser = optional::<PathBuf>)]
    control_ca: Option<Optional<PathBuf>>,
    /// The certificate to show them, in PEM. With it, TLS is spoken.
    #[arg(
        long,
        env = "OUTRIGGER_CONTROL_CERT",
        value_name = "FILE",
        requires = "control_key"
    )]
    control_cert: Option<PathBuf>,
    /// The certificate's key.
    #[arg(
        long,
        env = "OUTRIGGER_CONTROL_KEY",
        value_name = "FILE",
        requires = "control_cert"
    )]
    control_key: Option<PathBuf>,
    /// The token to show them: the first line of this file.
    #[arg(long, env = "OUTRIGGER_CONTROL_TOKEN_FILE", value_name = "FILE", value_parser = optional::<PathBuf>)]
    control_token_file: Option<Optional<PathBuf>>,
    /// The proxy's name, as the control plane shows it; by default the machine's.
    #[arg(long, env = "OUTRIGGER_NODE", value_name = "ID")]
    node: Option<String>,
    /// What the proxy serves: a label that the control plane may choose tables by.
    #[arg(
        long,
        env = "OUTRIGGER_CLUSTER",
        value_name = "NAME",
        default_value = ""
    )]
    cluster: String,
    /// Another such label; may be given again.
    #[arg(
        long = "label",
        env = "OUTRIGGER_LABELS",
        value_name = "KEY=VALUE",
        value_delimiter = ',',
        value_parser = optional::<Label>
    )]
    labels: Vec<Optional<Label>>,
    /// Where the last table is kept, so that the next start needs no control plane.
    #[arg(
        long,
        env = "OUTRIGGER_CACHE_DIR",
        value_name = "DIR",
        value_parser = optional::<PathBuf>
    )]
    cache_dir: Option<Optional<PathBuf>>,
    /// Seconds that a cluster is kept which no route names and no request has asked for.
    #[arg(
        long,
        env = "OUTRIGGER_KEEP_UNUSED",
        value_name = "SECONDS",
        default_value = "300"
    )]
    keep_unused: u64,
}

/// What an orchestrator fills in may be empty.
type Optional<T> = Option<T>;

fn optional<T: FromStr>(text: &str) -> Result<Optional<T>, T::Err> {
    match text {
        "" => Ok(None),
        text => text.parse().map(Some),
    }
}

impl Control {
    /// Refined; `None`: there is no control plane.
    pub fn options(&self, zone: Option<Arc<str>>) -> Option<control::Options> {
        let files = ClientFiles {
            ca: self.control_ca.clone().flatten(),
            certificate: self.control_cert.clone().zip(self.control_key.clone()),
            token: self.control_token_file.clone().flatten(),
        };
        let secure = files.ca.is_some() || files.certificate.is_some();
        let servers = self.servers.iter().flatten().cloned();
        let servers: Vec<_> = servers.map(|server| server.or_secure(secure)).collect();
        if servers.is_empty() {
            return None;
        }
        let id = self.node.clone().filter(|id| !id.is_empty());
        let node = Node {
            id: id.unwrap_or_else(hostname),
            cluster: self.cluster.clone(),
            zone,
            labels: self.labels.iter().flatten().cloned().collect(),
        };
        Some(control::Options {
            servers,
            caller: Caller::with(files),
            node,
            cache: self.cache_dir.clone().flatten(),
            keep_unused: Duration::from_secs(self.keep_unused),
        })
    }
}

impl Serve {
    /// The zone of the command line, if it says any.
    pub fn zone(&self) -> Option<Arc<str>> {
        self.zone.clone().filter(|zone| !zone.is_empty())
    }

    /// The file, if there is one.
    pub fn file(&self) -> Option<PathBuf> {
        self.config.clone().flatten()
    }

    /// Where sockets are handed over, if they are.
    pub fn handover(&self) -> Option<PathBuf> {
        self.handover.clone().flatten()
    }

    /// As asked for, else the CPUs that the cgroup and the affinity mask allow.
    pub fn workers(&self) -> usize {
        self.workers
            .or_else(|| thread::available_parallelism().ok())
            .map_or(1, NonZeroUsize::get)
    }
}

/// How the process's own log looks.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

impl From<LogFormat> for model::LogFormat {
    fn from(format: LogFormat) -> Self {
        match format {
            LogFormat::Text => Self::Text,
            LogFormat::Json => Self::Json,
        }
    }
}

/// Other things than serving.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Says what is wrong with a file, all of it at once; exits with 78 if anything is.
    Check {
        /// The file.
        file: PathBuf,
    },
    /// Says which route, clusters and filters a request would meet, and why.
    Explain(Explain),
    /// Prints the JSON schema of the file format.
    Schema,
    /// Sets the rules by which the kernel sends connections to transparent listeners.
    Init(init::Options),
}

/// `outrigger explain --config FILE METHOD URL [-H NAME:VALUE ...]`.
#[derive(Args, Debug)]
pub struct Explain {
    /// The table.
    #[arg(long, env = "OUTRIGGER_CONFIG", value_name = "FILE")]
    pub config: PathBuf,
    /// GET, POST, ...
    pub method: String,
    /// As a client would call it: `http://shop.example.com/v23/cart?x=1`.
    pub url: String,
    /// A request header, as for curl: `-H 'x-version: 23'`.
    #[arg(short = 'H', value_name = "NAME: VALUE")]
    pub headers: Vec<String>,
}
