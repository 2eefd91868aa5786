//! What a push would do: the tables on disk beside those of the control plane.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use serde::Deserialize;

use super::{Failure, check, server::Server, texts};
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
        let wanted = texts::read(path)?;
        let there: Vec<Listed> = server.get("/tables")?.json()?;
        let mut steps = Vec::new();
        let mut texts: BTreeMap<String, Arc<str>> = BTreeMap::new();
        let mut names: BTreeSet<Name> = wanted.keys().cloned().collect();
        let listed = there.iter().filter_map(|table| Name::new(&table.name).ok());
        names.extend(listed);
        for name in names {
            // Between the list and this, it may have gone.
            let found = server.find(&format!("/tables/{name}"))?;
            let before = found.as_ref().map(|reply| Arc::from(reply.text.as_str()));
            let after = match wanted.get(&name) {
                Some(table) => Some(Arc::from(table.text.as_str())),
                None if prune => None,
                None => before.clone(),
            };
            if let Some(after) = &after {
                let place = wanted.get(&name).map(|table| &table.path);
                let place = place.map_or_else(
                    || format!("{server}/tables/{name}"),
                    |path| path.display().to_string(),
                );
                texts.insert(place, Arc::clone(after));
            }
            if after != before {
                steps.push(Step {
                    name,
                    before,
                    etag: found.and_then(|reply| reply.etag),
                    after,
                });
            }
        }
        let texts = texts.iter().map(|(place, text)| (place.clone(), &**text));
        check::documents(texts)?;
        Ok(Self { steps })
    }

    /// The names of the tables.
    pub fn names(&self) -> Vec<&str> {
        self.steps.iter().map(|step| step.name.as_str()).collect()
    }

    /// As the API takes it: nothing is to change if anything is other than it was read.
    pub fn batch(&self) -> Batch {
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
