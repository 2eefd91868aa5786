//! The commands: what people ask of tables on disk and of a running control plane.
//!
//! Each gathers all that it will say, then says it: on standard output as aligned text or as JSON, or on standard error
//! with an exit code (see [`failure`]).

mod check;
mod columns;
mod diff;
mod endpoints;
mod failure;
mod paint;
mod plan;
mod proxies;
mod push;
mod server;
mod versions;

use std::{io::Write as _, path::PathBuf, process::ExitCode};

use clap::{Args, Subcommand, ValueEnum};
use outrigger_entrance::{Caller, ClientFiles};

use failure::Failure;
use server::Server;

/// Other things than serving.
#[derive(Debug, Subcommand)]
pub enum Ask {
    /// Says what is wrong with tables, all of it at once; exits with 78 if anything is. Needs no control plane.
    Check(check::Check),
    /// Shows what a push would change, or what lies between two versions; exits with 1 if anything does.
    Diff(diff::Diff),
    /// Puts tables in force, unless somebody else changed them meanwhile.
    Push(push::Push),
    /// Lists the versions of the tables, the newest first.
    Versions(versions::Versions),
    /// Puts the tables of an old version back.
    Rollback(versions::Rollback),
    /// Lists the proxies that are connected, with the version that each has and what it refuses.
    Proxies(proxies::Proxies),
    /// Lists the endpoints, with what proxies report of them.
    Endpoints(endpoints::Endpoints),
}

/// Which control plane, and how to say it.
#[derive(Args, Debug)]
pub struct To {
    /// The HTTP address of the control plane.
    #[arg(
        long,
        env = "OUTRIGGER_SERVER",
        value_name = "URL",
        default_value = "http://127.0.0.1:4181"
    )]
    server: String,
    /// Its roots, in PEM; those of the system when left out.
    #[arg(long, env = "OUTRIGGER_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The certificate to show it, in PEM.
    #[arg(long, env = "OUTRIGGER_CERT", value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// The certificate's key.
    #[arg(long, env = "OUTRIGGER_KEY", value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// The token to show it: the first line of this file.
    #[arg(long, env = "OUTRIGGER_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
    #[command(flatten)]
    form: As,
}

/// How to say it.
#[derive(Args, Clone, Copy, Debug)]
pub struct As {
    /// For people, or for programs.
    #[arg(long, value_name = "FORM", default_value = "table")]
    output: Output,
}

/// A form of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Aligned text.
    Table,
    /// JSON, as the HTTP API gives it.
    Json,
}

impl To {
    fn server(&self) -> Result<Server, Failure> {
        let caller = Caller::with(ClientFiles {
            ca: self.ca.clone(),
            certificate: self.cert.clone().zip(self.key.clone()),
            token: self.token_file.clone(),
        });
        Server::new(&self.server, &caller)
    }

    fn json(&self) -> bool {
        self.form.output == Output::Json
    }
}

/// What a command has to say when all went well, and whether that counts as good news.
struct Said {
    text: String,
    code: ExitCode,
}

impl Said {
    /// With exit code 0.
    fn good(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            code: ExitCode::SUCCESS,
        }
    }
}

/// Does what is asked.
pub fn run(ask: &Ask) -> ExitCode {
    let done = match ask {
        Ask::Check(check) => check.run(),
        Ask::Diff(diff) => diff.run(),
        Ask::Push(push) => push.run(),
        Ask::Versions(versions) => versions.run(),
        Ask::Rollback(rollback) => rollback.run(),
        Ask::Proxies(proxies) => proxies.run(),
        Ask::Endpoints(endpoints) => endpoints.run(),
    };
    match done {
        Ok(said) => {
            // Not `println!`, which panics when the reader, such as `head`, has gone.
            let _gone = std::io::stdout().write_all(said.text.as_bytes());
            said.code
        }
        Err(failure) => failure.report(),
    }
}

/// As JSON for people who pipe it on.
fn pretty(value: &impl serde::Serialize) -> String {
    match serde_json::to_string_pretty(value) {
        Ok(text) => text + "\n",
        // Of our own types none can't be written.
        Err(error) => format!("{error}\n"),
    }
}
