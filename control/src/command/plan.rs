//! What a push would do: the tables on disk beside those of the control plane.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use serde::Deserialize;
use serde_json::Value;

use super::{Failure, check, server::Server};
use crate::{
    api::batch::{Batch, Expected, Written},
    history::Comparison,
    source::Name,
};

/// The tables that would be other than they are.
pub struct Plan {
    steps: Vec<Step>,
}

/// A table that would be new, other, or gone.
struct Step {
    name: Name,
    before: Option<Arc<str>>,
    /// Of what is there.
    etag: Option<String>,
    after: Option<Arc<str>>,
}

#[derive(Deserialize)]
struct Listed {
    name: String,
}

impl Plan {
    /// Of the tables at `path` against those of `server`; with `prune`, what is not at `path` would go.
    ///
    /// # Errors
    /// When the tables would be wrong, or the server can't be asked.
    pub fn make(server: &Server, path: &Path, prune: bool) -> Result<Self, Failure> {
        let tables = check::tables(path)?.into_iter();
        let wanted = tables.map(|(name, document)| (name, Some(document.text)));
        let mut wanted: BTreeMap<Name, Option<Arc<str>>> = wanted.collect();
        if prune {
            let there: Vec<Listed> = server.get("/tables")?.json()?;
            for name in there.iter().filter_map(|table| Name::new(&table.name).ok()) {
                wanted.entry(name).or_default();
            }
        }
        let mut steps = Vec::new();
        for (name, after) in wanted {
            let found = server.find(&format!("/tables/{name}"))?;
            let (before, etag) = match found {
                Some(reply) => (Some(Arc::from(reply.text)), reply.etag),
                None => (None, None),
            };
            if after != before {
                steps.push(Step {
                    name,
                    before,
                    etag,
                    after,
                });
            }
        }
        let plan = Self { steps };
        plan.send(server, true)?;
        Ok(plan)
    }

    /// Makes the changes, or asks what would come of them; returns the version of the tables then. Nothing is changed if
    /// anything is other than it was read.
    ///
    /// # Errors
    /// When the server refuses, or would refuse.
    pub fn send(&self, server: &Server, dry_run: bool) -> Result<Option<String>, Failure> {
        if self.steps.is_empty() {
            return Ok(None);
        }
        let path = format!("/tables?dry_run={dry_run}");
        let told: Value = server.post_json(&path, &self.batch())?.json()?;
        match told["text"].as_str() {
            Some(problems) => Err(Failure::of_tables(problems)),
            None => Ok(told["version"].as_str().map(str::to_owned)),
        }
    }

    /// The names of the tables.
    pub fn names(&self) -> Vec<&str> {
        self.steps.iter().map(|step| step.name.as_str()).collect()
    }

    fn batch(&self) -> Batch {
        let written = |step: &Step| Written {
            text: step.after.as_ref().map(ToString::to_string),
            expected: Some(match &step.etag {
                Some(etag) => Expected::Etag(etag.clone()),
                None => Expected::Absent,
            }),
        };
        let steps = self.steps.iter();
        let tables = steps.map(|step| (step.name.to_string(), written(step)));
        Batch {
            tables: tables.collect(),
        }
    }

    /// Before and after.
    pub fn comparison(&self) -> Comparison {
        let texts = |side: fn(&Step) -> &Option<Arc<str>>| {
            let steps = self.steps.iter();
            let texts =
                steps.filter_map(|step| Some((step.name.clone(), side(step).as_ref()?.clone())));
            texts.collect()
        };
        Comparison {
            before: texts(|step| &step.before),
            after: texts(|step| &step.after),
        }
    }
}
