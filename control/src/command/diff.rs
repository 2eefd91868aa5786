//! `outrigger-control diff`: what a push would change, or what lies between two versions.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use serde_json::{Value, json};

use super::{Failure, Said, To, paint, plan::Plan, pretty};

/// `outrigger-control diff FILE_OR_DIR`, `outrigger-control diff --from VERSION [--to VERSION]`.
#[derive(Args, Debug)]
pub struct Diff {
    /// A table, or a directory of them: shows what pushing it would change.
    #[arg(
        value_name = "FILE_OR_DIR",
        required_unless_present = "from",
        conflicts_with = "from"
    )]
    path: Option<PathBuf>,
    /// As if tables that are not in the directory went.
    #[arg(long, requires = "path")]
    prune: bool,
    /// Shows what came after this version.
    #[arg(long, value_name = "VERSION")]
    from: Option<String>,
    /// Up to this one, instead of to what is in force.
    #[arg(long, value_name = "VERSION", requires = "from")]
    to: Option<String>,
    #[command(flatten)]
    to_server: To,
}

impl Diff {
    pub(super) fn run(&self) -> Result<Said, Failure> {
        let server = self.to_server.server()?;
        let (differences, unified) = match (&self.path, &self.from) {
            (Some(path), _) => {
                let comparison = Plan::make(&server, path, self.prune)?.comparison();
                (json!(comparison.differences()), comparison.unified())
            }
            (None, from) => {
                let from = from.as_deref().unwrap_or_default();
                let to = self.to.as_deref().unwrap_or_default();
                let query = format!("/diff?from={}&to={}", encoded(from), encoded(to));
                let differences: Value = server.get(&query)?.json()?;
                (differences, server.get_text(&query)?.text)
            }
        };
        let text = match self.to_server.json() {
            true => pretty(&differences),
            false => paint::unified(&unified),
        };
        // As diff(1): 1 is no failure, it is the answer.
        let code = ExitCode::from(u8::from(!unified.is_empty()));
        Ok(Said { text, code })
    }
}

/// As a value of a query.
pub(super) fn encoded(text: &str) -> String {
    let bytes = text.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    });
    bytes.collect()
}
