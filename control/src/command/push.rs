//! `outrigger-control push`: puts tables in force.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::{
    Failure, Said, To, paint,
    plan::{Plan, Step},
    pretty,
    server::Server,
};

/// `outrigger-control push FILE_OR_DIR`.
#[derive(Args, Debug)]
pub struct Push {
    /// A table, or a directory of them.
    #[arg(value_name = "FILE_OR_DIR")]
    path: PathBuf,
    /// Takes away the tables that are not in the directory.
    #[arg(long)]
    prune: bool,
    /// Only shows what would change.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    to: To,
}

impl Push {
    pub(super) fn run(&self) -> Result<Said, Failure> {
        let server = self.to.server();
        let plan = Plan::make(&server, &self.path, self.prune)?;
        let comparison = plan.comparison();
        let version = match self.dry_run {
            true => None,
            false => put_all(&server, &plan.steps)?,
        };
        if self.to.json() {
            return Ok(Said::good(pretty(&json!({
                "dry_run": self.dry_run,
                "version": version,
                "tables": plan.steps.iter().map(|step| step.name.as_str()).collect::<Vec<_>>(),
                "differences": comparison.differences(),
            }))));
        }
        let mut text = paint::unified(&comparison.unified());
        let count = plan.steps.len();
        let tables = format!("{count} {}", if count == 1 { "table" } else { "tables" });
        text.push_str(&match (count, version) {
            (0, _) => "nothing to push: the tables are the same\n".to_owned(),
            (_, Some(version)) => format!("pushed {tables}: version {version}\n"),
            (_, None) => format!("would push {tables}\n"),
        });
        Ok(Said::good(text))
    }
}

/// Makes all steps, in an order in which each leaves the tables right; returns the version after the last.
fn put_all(server: &Server, steps: &[Step]) -> Result<Option<String>, Failure> {
    let mut left: Vec<&Step> = steps.iter().collect();
    let mut version = None;
    while !left.is_empty() {
        let mut refused = Vec::new();
        let mut first = None;
        for step in &left {
            match put(server, step) {
                Ok(new) => version = new,
                // It may need one that comes after it.
                Err(failure) if failure.is_of_tables() => {
                    refused.push(*step);
                    first.get_or_insert(failure);
                }
                Err(failure) => return Err(part_done(failure, &left, steps)),
            }
        }
        match first {
            Some(failure) if refused.len() == left.len() => {
                return Err(part_done(failure, &left, steps));
            }
            _ => left = refused,
        }
    }
    Ok(version)
}

fn put(server: &Server, step: &Step) -> Result<Option<String>, Failure> {
    let path = format!("/tables/{}", step.name);
    let expected = &step.expected;
    let reply = match &step.after {
        Some(text) => server.put(&path, text, expected)?,
        None => server.delete(&path, expected)?,
    };
    let told: Value = reply.json()?;
    let version = told.get("version").and_then(Value::as_str);
    Ok(version.map(str::to_owned))
}

/// A failure after which some tables are pushed and others are not says so.
fn part_done(failure: Failure, left: &[&Step], steps: &[Step]) -> Failure {
    let done = steps.len() - left.len();
    match done {
        0 => failure,
        _ => failure.note(format!(
            "{done} of {} tables were pushed before; `outrigger-control diff` shows what is left",
            steps.len()
        )),
    }
}
