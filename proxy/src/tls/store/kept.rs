//! Pairs, roots and lists, each read once, whoever needs it, and kept as long as anybody does.

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    rc::Rc,
    sync::Arc,
    time::{Duration, SystemTime},
};

use httpdate::HttpDate;
use outrigger_config::model::Certificate;

use super::draft::{Draft, Half};
use crate::{
    telemetry::metrics::{Gauge, TlsMetrics},
    tls::{
        certificate::Pair,
        flaw::{Flaw, rough},
        source::{Revoked, Roots, Source},
        watch::Stamps,
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
pub(super) struct Kept<T> {
    pub(super) good: Option<T>,
    /// Why what its files said last can't be used, as it was told.
    pub(super) refused: Option<String>,
    /// When it was last said that its time runs out.
    warned: Option<SystemTime>,
    /// Shows when that is.
    expiry: Option<Gauge>,
}

impl<T> Kept<T> {
    pub(super) fn new(good: Option<T>) -> Self {
        Self {
            good,
            refused: None,
            warned: None,
            expiry: None,
        }
    }
}

impl<T> Kept<T> {
    /// What was read takes its place, or is refused; `None`: for what was told before.
    fn take(&mut self, read: Result<T, Flaw>) -> Option<Result<&T, Flaw>> {
        match read {
            Ok(good) => {
                *self = Self::new(Some(good));
                self.good.as_ref().map(Ok)
            }
            Err(flaw) => {
                let why = Some(flaw.to_string());
                let known = self.refused == why;
                self.refused = why;
                (!known).then_some(Err(flaw))
            }
        }
    }
}

impl<T: Clone> Clone for Kept<T> {
    fn clone(&self) -> Self {
        Self {
            good: self.good.clone(),
            refused: self.refused.clone(),
            warned: self.warned,
            expiry: self.expiry.clone(),
        }
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
            read: Stamps::new(),
        }
    }

    /// What the draft did not need goes. Returned is what its files were before they were read.
    pub(super) fn end(&mut self, draft: Draft) -> Stamps {
        self.pairs = draft.pairs.needed;
        self.roots = draft.roots.needed;
        self.revoked = draft.revoked.needed;
        self.system = draft.system;
        draft.read
    }

    /// All files that were read, or should have been.
    pub(super) fn files(&self) -> HashSet<PathBuf> {
        let pairs = self.pairs.keys().flat_map(|pair| [&pair.cert, &pair.key]);
        let lists = self.roots.keys().chain(self.revoked.keys()).flatten();
        pairs.chain(lists).cloned().collect()
    }

    /// The files that could not be used as they were last read. Nothing has to be written for them to become right: the time
    /// of a certificate may come, or a file that they lead to.
    pub(super) fn refused(&self) -> HashSet<PathBuf> {
        let pairs = self.pairs.iter().filter(|(_, kept)| kept.refused.is_some());
        let pairs = pairs.flat_map(|(files, _)| [&files.cert, &files.key]);
        let roots = self.roots.iter().filter(|(_, kept)| kept.refused.is_some());
        let revoked = self
            .revoked
            .iter()
            .filter(|(_, kept)| kept.refused.is_some());
        let lists = roots
            .map(|(files, _)| files)
            .chain(revoked.map(|(files, _)| files));
        pairs.chain(lists.flatten()).cloned().collect()
    }

    /// Reads again what stands in `changed` files, and says of each what came of it, unless that was said before.
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
                let pair = self.source.pair(files);
                let pair = pair.and_then(|pair| in_time(pair, kept, files, now));
                let Some(taken) = kept.take(pair.map(Arc::new)) else {
                    continue;
                };
                let news = taken.map(|pair| {
                    let ends = HttpDate::from(pair.facts.ends);
                    format!("a new certificate is shown from now on; it ends on {ends}")
                });
                told.push((files.cert.clone(), news));
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
        let taken = kept.take(load(files));
        told.extend(taken.map(|taken| (file.clone(), taken.map(|_| news.to_owned()))));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
