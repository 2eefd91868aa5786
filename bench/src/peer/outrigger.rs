//! Outrigger as its users run it: the release binary, a file, and everything on that is on by default.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use super::{Job, words};
use crate::scenario::Version;

/// `OUTRIGGER_BENCH_BINARY`, or the `outrigger` beside this program: one build makes both.
pub fn program() -> Result<PathBuf> {
    if let Some(program) = std::env::var_os("OUTRIGGER_BENCH_BINARY") {
        return Ok(program.into());
    }
    let this = std::env::current_exe().context("finding this program")?;
    let program = this.with_file_name("outrigger");
    ensure!(
        program.exists(),
        "there is no `{}`: build it with `cargo build --release -p outrigger`",
        program.display()
    );
    Ok(program)
}

pub(super) fn command(file: &str) -> Result<Vec<String>> {
    let program = program()?.display().to_string();
    Ok(words([&program, "--config", file, "--workers", "1"]))
}

/// A whole, small configuration.
pub fn config(job: &Job) -> String {
    let Job { address, admin, .. } = job;
    let endpoints: Vec<String> = job.endpoints.iter().map(ToString::to_string).collect();
    let endpoints = endpoints.join(", ");
    let protocol = match job.upstream {
        Version::Http1 => "http1",
        Version::Http2 => "http2",
    };
    format!(
        "admin: {{ address: {admin} }}
listeners:
  - address: {address}
    routes:
      - cluster: web
clusters:
  web:
    endpoints: [{endpoints}]
    protocol: {protocol}
"
    )
}
