//! `outrigger-control push`: puts tables in force.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{Failure, Said, To, paint, plan::Plan, pretty};

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
        let server = self.to.server()?;
        let plan = Plan::make(&server, &self.path, self.prune)?;
        let comparison = plan.comparison();
        let tables = plan.names();
        let version = match self.dry_run {
            true => None,
            false => plan.send(&server, false)?,
        };
        if self.to.json() {
            return Ok(Said::good(pretty(&json!({
                "dry_run": self.dry_run,
                "version": version,
                "tables": tables,
                "differences": comparison.differences(),
            }))));
        }
        let mut text = paint::unified(&comparison.unified());
        let count = tables.len();
        let tables = format!("{count} {}", if count == 1 { "table" } else { "tables" });
        text.push_str(&match (count, version) {
            (0, _) => "nothing to push: the tables are the same\n".to_owned(),
            (_, Some(version)) => format!("pushed {tables}: version {version}\n"),
            (_, None) => format!("would push {tables}\n"),
        });
        Ok(Said::good(text))
    }
}
