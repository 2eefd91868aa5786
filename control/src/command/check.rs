//! `outrigger-control check`: what is wrong with tables on disk, without a control plane.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use outrigger_config::{
    Problems,
    document::{self, Document},
};
use serde_json::json;

use super::{As, Failure, Output, Said, failure::CONFIGURATION, pretty, texts};
use crate::api::mistake;

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
        let tables = texts::read(&self.path)?;
        let texts = tables.values();
        let texts = texts.map(|table| (table.path.display().to_string(), table.text.as_str()));
        let checked = documents(texts);
        match (self.form.output, checked) {
            (Output::Table, Err(problems)) => Err(problems.into()),
            (Output::Json, Err(problems)) => Ok(Said {
                text: pretty(&mistake::list(&problems)),
                code: ExitCode::from(CONFIGURATION),
            }),
            (Output::Json, Ok(_)) => Ok(Said::good(pretty(&json!([])))),
            (Output::Table, Ok(documents)) => {
                let lines = documents.iter().map(line);
                Ok(Said::good(lines.collect::<String>()))
            }
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

/// Reads texts, each with the name that messages give it.
///
/// # Errors
/// Everything that is wrong with them; with each by itself, and only then between them: a cluster that a wrong table
/// defines would be missed elsewhere.
pub fn documents<'t>(
    texts: impl IntoIterator<Item = (String, &'t str)>,
) -> Result<Vec<Document>, Vec<Problems>> {
    let (mut documents, mut problems) = (Vec::new(), Vec::new());
    for (file, text) in texts {
        match document::parse(&file, text) {
            Ok(document) => documents.push(document),
            Err(wrong) => problems.push(wrong),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let all: Vec<&Document> = documents.iter().collect();
    let clashes = document::check(&all);
    for (here, document) in all.iter().enumerate() {
        let own = clashes.iter().filter(|clash| clash.here == here);
        let own: Vec<_> = own.cloned().collect();
        if !own.is_empty() {
            let seen = document::problems(&own, &all, &document.file, Some(here));
            problems.push(seen);
        }
    }
    match problems.is_empty() {
        true => Ok(documents),
        false => Err(problems),
    }
}
