//! What the next table needs of pairs, roots and lists: as it is on the shelf, or read.

use std::{collections::HashMap, hash::Hash, path::PathBuf, rc::Rc, sync::Arc};

use outrigger_config::model::Certificate;

use super::kept::Kept;
use crate::tls::{
    certificate::Pair,
    flaw::Flaw,
    source::{Revoked, Roots, Source, system_roots},
    watch::{Stamps, stamp},
};

/// What is needed from now on: taken from the shelf, or read.
pub(super) struct Draft {
    pub(super) source: Rc<dyn Source>,
    pub(super) pairs: Half<Certificate, Arc<Pair>>,
    pub(super) roots: Half<Vec<PathBuf>, Roots>,
    pub(super) revoked: Half<Vec<PathBuf>, Revoked>,
    pub(super) system: Option<Roots>,
    /// Of the files that were read, before they were.
    pub(super) read: Stamps,
}

/// One kind of it.
pub(super) struct Half<K, T> {
    before: HashMap<K, Kept<T>>,
    pub(super) needed: HashMap<K, Kept<T>>,
}

impl<K: Hash + Eq + Clone, T: Clone> Half<K, T> {
    pub(super) fn of(before: &HashMap<K, Kept<T>>) -> Self {
        Self {
            before: before.clone(),
            needed: HashMap::new(),
        }
    }

    fn get(&mut self, key: K, load: impl FnOnce(&K) -> Result<T, Flaw>) -> Result<T, Flaw> {
        let mut kept = self
            .needed
            .remove(&key)
            .or_else(|| self.before.remove(&key))
            .unwrap_or_else(|| Kept::new(None));
        let result = match &kept.good {
            Some(good) => Ok(good.clone()),
            None => {
                let result = load(&key);
                kept.refused = result.as_ref().err().map(ToString::to_string);
                result
            }
        };
        kept.good = result.as_ref().ok().cloned();
        self.needed.insert(key, kept);
        result
    }
}

impl Draft {
    pub(super) fn pair(&mut self, of: &Certificate) -> Result<Arc<Pair>, Flaw> {
        let (source, read) = (&self.source, &mut self.read);
        self.pairs.get(of.clone(), |of| {
            note(read, [&of.cert, &of.key]);
            source.pair(of).map(Arc::new)
        })
    }

    pub(super) fn roots(&mut self, of: &[PathBuf]) -> Result<Roots, Flaw> {
        let (source, read) = (&self.source, &mut self.read);
        self.roots.get(of.to_vec(), |of| {
            note(read, of);
            source.roots(of)
        })
    }

    pub(super) fn revoked(&mut self, of: &[PathBuf]) -> Result<Revoked, Flaw> {
        let (source, read) = (&self.source, &mut self.read);
        self.revoked.get(of.to_vec(), |of| {
            note(read, of);
            source.revoked(of)
        })
    }

    pub(super) fn system_roots(&mut self) -> Result<Roots, Flaw> {
        let roots = match &self.system {
            Some(roots) => Arc::clone(roots),
            None => system_roots()?,
        };
        Ok(Arc::clone(self.system.insert(roots)))
    }
}

/// A file that is replaced between this and its reading has another stamp than this: it will be read once more.
fn note<'a>(read: &mut Stamps, files: impl IntoIterator<Item = &'a PathBuf>) {
    for file in files {
        read.entry(file.clone()).or_insert_with(|| stamp(file));
    }
}
