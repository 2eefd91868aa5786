//! Pairs, roots and lists, each read once, whoever needs it, and kept as long as anybody does.

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
    path::{Path, PathBuf},
    rc::Rc,
    sync::Arc,
    time::{Duration, SystemTime},
};

use httpdate::HttpDate;
use outrigger_config::model::Certificate;

use crate::{
    telemetry::metrics::{Gauge, TlsMetrics},
    tls::{
        certificate::Pair,
        flaw::{Flaw, rough},
        source::{Revoked, Roots, Source, system_roots},
    },
};

/// How seldom it is said of one certificate that it runs out.
const DAY: Duration = Duration::from_secs(86_400);

/// What there is.
pub(super) struct Shelf {
    source: Rc<dyn Source>,
    pairs: HashMap<Certificate, Kept<Arc<Pair>>>,
    roots: HashMap<Vec<PathBuf>, Kept<Roots>>,
    revoked: HashMap<Vec<PathBuf>, Kept<Revoked>>,
    /// The roots of the system: looked up when first needed, and then for good.
    system: Option<Roots>,
}

/// Something that was read, or could not be.
struct Kept<T> {
    good: Option<T>,
    /// When it was last said that its time runs out.
    warned: Option<SystemTime>,
    /// Shows when that is.
    expiry: Option<Gauge>,
}

impl<T> Kept<T> {
    fn new(good: Option<T>) -> Self {
        Self {
            good,
            warned: None,
            expiry: None,
        }
    }
}

impl<T: Clone> Clone for Kept<T> {
    fn clone(&self) -> Self {
        Self {
            good: self.good.clone(),
            warned: self.warned,
            expiry: self.expiry.clone(),
        }
    }
}

/// What is needed from now on: taken from the shelf, or read.
pub(super) struct Draft {
    source: Rc<dyn Source>,
    pairs: Half<Certificate, Arc<Pair>>,
    roots: Half<Vec<PathBuf>, Roots>,
    revoked: Half<Vec<PathBuf>, Revoked>,
    system: Option<Roots>,
}

/// One kind of it.
struct Half<K, T> {
    before: HashMap<K, Kept<T>>,
    needed: HashMap<K, Kept<T>>,
}

impl<K: Hash + Eq + Clone, T: Clone> Half<K, T> {
    fn of(before: &HashMap<K, Kept<T>>) -> Self {
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
            None => load(&key),
        };
        kept.good = result.as_ref().ok().cloned();
        self.needed.insert(key, kept);
        result
    }
}

impl Draft {
    pub(super) fn pair(&mut self, of: &Certificate) -> Result<Arc<Pair>, Flaw> {
        let source = &self.source;
        self.pairs
            .get(of.clone(), |of| source.pair(of).map(Arc::new))
    }

    pub(super) fn roots(&mut self, of: &[PathBuf]) -> Result<Roots, Flaw> {
        let source = &self.source;
        self.roots.get(of.to_vec(), |of| source.roots(of))
    }

    pub(super) fn revoked(&mut self, of: &[PathBuf]) -> Result<Revoked, Flaw> {
        let source = &self.source;
        self.revoked.get(of.to_vec(), |of| source.revoked(of))
    }

    pub(super) fn system_roots(&mut self) -> Result<Roots, Flaw> {
        let roots = match &self.system {
            Some(roots) => Arc::clone(roots),
            None => system_roots()?,
        };
        Ok(Arc::clone(self.system.insert(roots)))
    }
}

impl Shelf {
    pub(super) fn new(source: Box<dyn Source>) -> Self {
        Self {
            source: source.into(),
            pairs: HashMap::new(),
            roots: HashMap::new(),
            revoked: HashMap::new(),
            system: None,
        }
    }

    pub(super) fn begin(&self) -> Draft {
        Draft {
            source: Rc::clone(&self.source),
            pairs: Half::of(&self.pairs),
            roots: Half::of(&self.roots),
            revoked: Half::of(&self.revoked),
            system: self.system.clone(),
        }
    }

    /// What the draft did not need goes.
    pub(super) fn end(&mut self, draft: Draft) {
        self.pairs = draft.pairs.needed;
        self.roots = draft.roots.needed;
        self.revoked = draft.revoked.needed;
        self.system = draft.system;
    }

    /// All files that were read, or should have been.
    pub(super) fn files(&self) -> HashSet<PathBuf> {
        let pairs = self.pairs.keys().flat_map(|pair| [&pair.cert, &pair.key]);
        let lists = self.roots.keys().chain(self.revoked.keys()).flatten();
        pairs.chain(lists).cloned().collect()
    }

    /// Reads again what stands in `changed` files, and says of each what came of it.
    pub(super) fn renew(
        &mut self,
        changed: &HashSet<PathBuf>,
        now: SystemTime,
    ) -> Vec<(PathBuf, Result<String, Flaw>)> {
        let mut told = Vec::new();
        for (files, kept) in &mut self.pairs {
            if [&files.cert, &files.key]
                .iter()
                .any(|file| changed.contains(*file))
            {
                let pair = self
                    .source
                    .pair(files)
                    .and_then(|pair| in_time(pair, kept, files, now));
                let pair = pair.map(|pair| {
                    let ends = HttpDate::from(pair.facts.ends);
                    *kept = Kept::new(Some(Arc::new(pair)));
                    format!("a new certificate is shown from now on; it ends on {ends}")
                });
                told.push((files.cert.clone(), pair));
            }
        }
        let source = &self.source;
        let load = |files: &Vec<PathBuf>| source.roots(files);
        renew(
            &mut self.roots,
            changed,
            load,
            "new roots are believed from now on",
            &mut told,
        );
        let load = |files: &Vec<PathBuf>| source.revoked(files);
        renew(
            &mut self.revoked,
            changed,
            load,
            "a new revocation list holds from now on",
            &mut told,
        );
        told
    }

    /// When certificates end.
    pub(super) fn show(&mut self, metrics: &TlsMetrics) {
        for (files, kept) in &mut self.pairs {
            if let Some(pair) = &kept.good {
                let gauge = kept
                    .expiry
                    .get_or_insert_with(|| metrics.expiry(&files.cert));
                let ends = pair.facts.ends.duration_since(SystemTime::UNIX_EPOCH);
                gauge.set(ends.unwrap_or_default().as_secs_f64());
            }
        }
    }

    /// Says which certificates run out, each once a day.
    pub(super) fn warn(&mut self, now: SystemTime) {
        for (files, kept) in &mut self.pairs {
            let Some(pair) = &kept.good else { continue };
            let said = kept.warned.and_then(|said| now.duration_since(said).ok());
            if said.is_some_and(|since| since < DAY) {
                continue;
            }
            let file = files.cert.display();
            let names = &pair.facts.names.dns;
            if let Err(why) = pair.facts.now(now) {
                tracing::error!(certificate = %file, ?names, "{why}: clients refuse it");
            } else if let Some(left) = pair.facts.running_out(now) {
                let ends = HttpDate::from(pair.facts.ends);
                let left = rough(left);
                tracing::warn!(certificate = %file, ?names, %ends, left, "a certificate runs out");
            } else {
                continue;
            }
            kept.warned = Some(now);
        }
    }
}

/// What is there must be better than what comes: a pair whose time is wrong is taken only in place of none.
fn in_time(
    pair: Pair,
    kept: &Kept<Arc<Pair>>,
    files: &Certificate,
    now: SystemTime,
) -> Result<Pair, Flaw> {
    match pair.facts.now(now) {
        Err(kind) if kept.good.is_some() => Err(kind.of(&files.cert)),
        _ => Ok(pair),
    }
}

fn renew<T>(
    kept: &mut HashMap<Vec<PathBuf>, Kept<T>>,
    changed: &HashSet<PathBuf>,
    load: impl Fn(&Vec<PathBuf>) -> Result<T, Flaw>,
    news: &str,
    told: &mut Vec<(PathBuf, Result<String, Flaw>)>,
) {
    for (files, kept) in kept {
        let Some(file) = files.iter().find(|file| changed.contains(*file)) else {
            continue;
        };
        let loaded = load(files).map(|good| {
            *kept = Kept::new(Some(good));
            news.to_owned()
        });
        told.push((PathBuf::from(Path::new(file)), loaded));
    }
}
