//! The command line. Each flag has an `OUTRIGGER_*` twin in the environment.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::{access::Access, command};

/// The control plane of Outrigger: serves tables to proxies over xDS.
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

/// `outrigger-control --config FILE_OR_DIR`.
#[derive(Args, Debug)]
pub struct Serve {
    /// A table, or a directory of them; picked up again whenever they change.
    #[arg(
        long,
        env = "OUTRIGGER_CONFIG",
        value_name = "FILE_OR_DIR",
        required = true
    )]
    pub config: Option<PathBuf>,
    /// Where proxies connect to.
    #[arg(
        long,
        env = "OUTRIGGER_XDS",
        value_name = "ADDR",
        default_value = "127.0.0.1:4180"
    )]
    pub xds: SocketAddr,
    /// Where the HTTP API is.
    #[arg(
        long,
        env = "OUTRIGGER_HTTP",
        value_name = "ADDR",
        default_value = "127.0.0.1:4181"
    )]
    pub http: SocketAddr,
    /// A name besides its addresses and `localhost` that the HTTP API is called by; may be repeated.
    #[arg(
        long,
        env = "OUTRIGGER_ALLOW_HOST",
        value_name = "NAME",
        value_delimiter = ','
    )]
    pub allow_host: Vec<String>,
    /// Who gets in.
    #[command(flatten)]
    pub access: Access,
    /// Keeps the history of the tables here, over restarts; without it, only in memory.
    #[arg(long, env = "OUTRIGGER_HISTORY", value_name = "DIR")]
    pub history: Option<PathBuf>,
    /// How the process's own log looks.
    #[arg(
        long,
        env = "OUTRIGGER_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub log_format: LogFormat,
}

/// How the process's own log looks.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// Other things than serving.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Prints the JSON schema of a table.
    Schema,
    /// What is asked of tables and of a running control plane.
    #[command(flatten)]
    Ask(Box<command::Ask>),
}
