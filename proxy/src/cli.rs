//! The command line. Each flag has an `OUTRIGGER_*` twin in the environment; both win over the file.

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf, sync::Arc, thread};

use clap::{Args, Parser, Subcommand};
use outrigger_config::model;

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

/// `outrigger --config FILE`.
#[derive(Args, Debug)]
pub struct Serve {
    /// The table to serve; picked up again whenever it changes.
    #[arg(long, env = "OUTRIGGER_CONFIG", value_name = "FILE", required = true)]
    pub config: Option<PathBuf>,
    /// Worker threads; by default the CPUs that this process may use.
    #[arg(long, env = "OUTRIGGER_WORKERS", value_name = "N")]
    pub workers: Option<NonZeroUsize>,
    /// The address of /ready, /metrics and the rest, in place of the file's.
    #[arg(long, env = "OUTRIGGER_ADMIN", value_name = "ADDR")]
    pub admin: Option<SocketAddr>,
    /// The zone that the process runs in, in place of the file's.
    #[arg(long, env = "OUTRIGGER_ZONE", value_name = "NAME")]
    pub zone: Option<Arc<str>>,
    /// How the process's own log looks.
    #[arg(
        long,
        env = "OUTRIGGER_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub log_format: LogFormat,
}

impl Serve {
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
