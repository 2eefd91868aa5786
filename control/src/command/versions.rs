//! `outrigger-control versions` and `rollback`: what was, and back.

use clap::Args;
use serde_json::Value;

use super::{
    Failure, Said, To,
    columns::{Columns, word},
    diff::encoded,
    paint, pretty,
};

/// `outrigger-control versions`.
#[derive(Args, Debug)]
pub struct Versions {
    #[command(flatten)]
    to: To,
}

/// `outrigger-control rollback VERSION`.
#[derive(Args, Debug)]
pub struct Rollback {
    /// The version, as `outrigger-control versions` lists it.
    #[arg(value_name = "VERSION")]
    version: String,
    /// Only shows what would change.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    to: To,
}

impl Versions {
    pub(super) fn run(&self) -> Result<Said, Failure> {
        let versions: Vec<Value> = self.to.server()?.get("/versions")?.json()?;
        if self.to.json() {
            return Ok(Said::good(pretty(&versions)));
        }
        let mut columns = Columns::new(["#", "version", "since", "source", "summary"]);
        for version in &versions {
            let keys = ["serial", "version", "since", "source", "summary"];
            columns.push(keys.map(|key| word(version, key)));
        }
        Ok(Said::good(columns.to_string()))
    }
}

impl Rollback {
    pub(super) fn run(&self) -> Result<Said, Failure> {
        let server = self.to.server()?;
        let to = encoded(&self.version);
        // Before it is done: afterwards there is no difference any more.
        let back = format!("/rollback?to={to}");
        let would = server.post(&format!("{back}&dry_run=true"))?;
        let would: Value = would.json()?;
        let unified = match would["differences"].as_array().is_some_and(Vec::is_empty) {
            true => String::new(),
            false => server.post_text(&format!("{back}&dry_run=true"))?.text,
        };
        let done: Value = match self.dry_run {
            true => would,
            false => server.post(&back)?.json()?,
        };
        if self.to.json() {
            return Ok(Said::good(pretty(&done)));
        }
        let mut text = paint::unified(&unified);
        let version = word(&done, "version");
        text.push_str(&match (unified.is_empty(), self.dry_run) {
            (true, _) => format!("nothing to roll back: version {version} is in force\n"),
            (false, true) => format!("would roll back to version {version}\n"),
            (false, false) => format!("rolled back to version {version}\n"),
        });
        Ok(Said::good(text))
    }
}
