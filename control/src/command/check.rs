//! `outrigger-control check`: what is wrong with tables on disk, without a control plane.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use outrigger_config::{
    Problems,
    document::{self, Document},
};
use serde_json::json;

use super::{As, Failure, Output, Said, failure::CONFIGURATION, pretty};
use crate::{
    api::mistake,
    source::{
        Name,
        file::{self, Found},
    },
};

/// `outrigger-control check FILE_OR_DIR`.
#[derive(Args, Debug)]
pub struct Check {
    /// A table, or a directory of them.
    #[arg(value_name = "FILE_OR_DIR")]
    path: PathBuf,
    #[command(flatten)]
    form: As,
}

impl Check {
    pub(super) fn run(&self) -> Result<Said, Failure> {
        match (self.form.output, self.lines()) {
            (Output::Table, lines) => Ok(Said::good(lines?)),
            (Output::Json, Ok(_)) => Ok(Said::good(pretty(&json!([])))),
            (Output::Json, Err(Wrong::Tables(problems))) => Ok(Said {
                text: pretty(&mistake::list(&problems)),
                code: ExitCode::from(CONFIGURATION),
            }),
            (Output::Json, Err(nothing)) => Err(nothing.into()),
        }
    }

    fn lines(&self) -> Result<String, Wrong> {
        let tables = self::tables(&self.path)?;
        let documents: Vec<&Document> = tables.iter().map(|(_, document)| document).collect();
        between(&documents)?;
        Ok(documents.into_iter().map(line).collect())
    }
}

/// Why there are no tables to go on with.
pub enum Wrong {
    /// There is nothing that could be one.
    Nothing(Failure),
    /// They say what they may not.
    Tables(Vec<Problems>),
}

impl From<Wrong> for Failure {
    fn from(wrong: Wrong) -> Self {
        match wrong {
            Wrong::Nothing(failure) => failure,
            Wrong::Tables(problems) => Self::of_tables(&mistake::text(&problems)),
        }
    }
}

fn line(document: &Document) -> String {
    let routes: usize = document.listeners.iter().map(|it| it.routes.len()).sum();
    format!(
        "{}: ok; listeners: {}, routes: {routes}, clusters: {}\n",
        document.file,
        document.listeners.len(),
        document.clusters.len()
    )
}

/// The tables at `path`, each right by itself.
///
/// # Errors
/// When there are none, or everything that is wrong with each by itself.
pub fn tables(path: &Path) -> Result<Vec<(Name, Document)>, Wrong> {
    let (found, strangers) =
        file::read(path).map_err(|error| Wrong::Nothing(Failure::wrong(error.to_string())))?;
    if found.is_empty() && strangers.is_empty() {
        let none = format!("{}: there is no table in it", path.display());
        return Err(Wrong::Nothing(
            Failure::wrong(none).hint("tables are files named `*.yaml`, `*.yml` or `*.json`"),
        ));
    }
    let (mut tables, mut problems) = (Vec::new(), Vec::new());
    for Found { name, place, text } in found {
        let place = place.display().to_string();
        let read = match text {
            Ok(bytes) => document::read(&place, &bytes),
            Err(cause) => Err(document::unreadable(&place, &cause)),
        };
        match read {
            Ok(document) => tables.push((name, document)),
            Err(wrong) => problems.push(wrong),
        }
    }
    problems.extend(strangers.iter().map(|path| {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let cause = Name::new(&stem).err().map(|bad| bad.to_string());
        document::unreadable(&path.display().to_string(), &cause.unwrap_or_default())
    }));
    match problems.is_empty() {
        true => Ok(tables),
        false => Err(Wrong::Tables(problems)),
    }
}

/// What is wrong between tables. Looked for only when each is right by itself: what a wrong one defines would be missed
/// elsewhere.
fn between(documents: &[&Document]) -> Result<(), Wrong> {
    let clashes = document::check(documents);
    let mut problems = Vec::new();
    for (here, document) in documents.iter().enumerate() {
        let own = clashes.iter().filter(|clash| clash.here == here);
        let own: Vec<_> = own.cloned().collect();
        if !own.is_empty() {
            problems.push(document::problems(
                &own,
                documents,
                &document.file,
                Some(here),
            ));
        }
    }
    match problems.is_empty() {
        true => Ok(()),
        false => Err(Wrong::Tables(problems)),
    }
}
