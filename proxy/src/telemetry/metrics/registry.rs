//! All series that exist: where handles come from, and what a scrape shows.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fmt::Write,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{
    Family,
    family::{Handle, Instrument, Kind},
    process, text,
};

/// How long a counter or histogram outlives its last handle: ten minutes, so that the last scrapes see how it ended and a
/// route that comes back with the next table goes on counting where it was. A gauge goes at once: what it told of is gone.
const KEEP: Duration = Duration::from_secs(600);

/// Shared by all who register or render; a clone is another reference to the same.
///
/// One lock, never taken on a request's way except when a route or cluster meets something for the first time.
#[derive(Clone, Debug, Default)]
pub struct Registry(Arc<Mutex<Families>>);

/// Sorted by name, and within a family by labels, as both are shown.
type Families = BTreeMap<Cow<'static, str>, Group>;

#[derive(Debug)]
struct Group {
    help: Cow<'static, str>,
    kind: Kind,
    /// By their labels as they are rendered: `a="b",c="d"`.
    series: BTreeMap<Arc<str>, Series>,
}

#[derive(Debug)]
struct Series {
    instrument: Instrument,
    owner: Owner,
}

/// Who keeps a series alive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Owner {
    /// Handles.
    Handles,
    /// It had no handle when somebody looked at this time.
    NobodySince(Instant),
    /// The registry: made by a macro, which throws its handle away after each use.
    Registry,
}

impl Registry {
    /// The series of a family with these label values, made when there is none.
    pub(super) fn handle<H: Handle, const N: usize>(
        &self,
        family: &Family<H, N>,
        values: [&str; N],
    ) -> H {
        let labels = text::labels(family.labels.into_iter().zip(values));
        self.lookup(
            Cow::Borrowed(family.name),
            labels,
            Owner::Handles,
            family.help,
        )
    }

    /// As [`handle`](Self::handle), for any name. A name that already means another kind of metric gives a handle that
    /// works and is never shown.
    pub(super) fn lookup<H: Handle>(
        &self,
        name: Cow<'static, str>,
        labels: String,
        owner: Owner,
        help: &'static str,
    ) -> H {
        let mut families = self.lock();
        let group = families
            .entry(name)
            .or_insert_with(|| Group::new(H::KIND, Cow::Borrowed(help)));
        if group.kind != H::KIND {
            return H::default();
        }
        let series = group.series.entry(labels.into()).or_insert_with(|| Series {
            instrument: H::default().into_instrument(),
            owner,
        });
        series.owner = owner;
        H::of(&series.instrument).cloned().unwrap_or_default()
    }

    /// Gives a family that macros use its help.
    pub(super) fn describe(&self, name: Cow<'static, str>, kind: Kind, help: String) {
        let help = Cow::Owned(help);
        self.lock()
            .entry(name)
            .or_insert_with(|| Group::new(kind, Cow::Borrowed("")))
            .help = help;
    }

    /// Forgets the counters and histograms that have had no handle for ten minutes of looking, and gauges without one.
    ///
    /// Each [`render`](Self::render) sweeps; the application also does now and then, since a proxy that nobody scrapes
    /// must not grow either. Ten minutes count from the first sweep that finds a series without handles, not from the
    /// handle's end, which nobody was told of.
    pub fn sweep(&self, now: Instant) {
        for group in self.lock().values_mut() {
            group.series.retain(|_, series| series.stays(now));
        }
    }

    /// Everything, in Prometheus' text format. Holds the lock only to copy references, not to write text: with thousands
    /// of routes that takes milliseconds, in which a worker may want to register a status it has not yet seen.
    pub fn render(&self, now: Instant) -> String {
        self.sweep(now);
        let families: Vec<_> = self
            .lock()
            .iter()
            .filter(|(_, group)| !group.series.is_empty())
            .map(|(name, group)| {
                (
                    name.clone(),
                    group.kind,
                    group.help.clone(),
                    group.instruments(),
                )
            })
            .collect();
        let mut out = String::new();
        for (name, kind, help, series) in families {
            text::head(&mut out, &name, kind, &help);
            for (labels, instrument) in series {
                text::series(&mut out, &name, &labels, &instrument);
            }
        }
        out
    }

    fn lock(&self) -> MutexGuard<'_, Families> {
        // Nothing in here leaves a map half-changed when it panics.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Group {
    fn new(kind: Kind, help: Cow<'static, str>) -> Self {
        Self {
            help,
            kind,
            series: BTreeMap::new(),
        }
    }

    fn instruments(&self) -> Vec<(Arc<str>, Instrument)> {
        self.series
            .iter()
            .map(|(labels, series)| (Arc::clone(labels), series.instrument.clone()))
            .collect()
    }
}

impl Series {
    fn stays(&mut self, now: Instant) -> bool {
        // One is the registry's own. More can only come from the registry, whose lock the caller holds.
        let alone = self.instrument.handles() == 1;
        match self.owner {
            Owner::Registry => true,
            Owner::Handles | Owner::NobodySince(_) if alone && self.is_gauge() => false,
            Owner::NobodySince(since) if alone => now.saturating_duration_since(since) < KEEP,
            Owner::Handles | Owner::NobodySince(_) => {
                self.owner = if alone {
                    Owner::NobodySince(now)
                } else {
                    Owner::Handles
                };
                true
            }
        }
    }

    fn is_gauge(&self) -> bool {
        matches!(self.instrument, Instrument::Gauge(_))
    }
}

/// A whole scrape: the registry, and the process as the kernel sees it.
pub fn page(registry: &Registry, now: Instant) -> String {
    let mut page = registry.render(now);
    // A `String` takes all that is written to it.
    let _ = write!(page, "{}", process::Process::observe());
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::metrics::{Counter, Gauge};

    const HITS: Family<Counter, 1> = Family::new("hits_total", "Hits.", ["who"]);
    const LEVEL: Family<Gauge, 0> = Family::new("level", "Level.", []);

    #[test]
    fn the_same_labels_are_the_same_series() {
        let registry = Registry::default();
        registry.handle(&HITS, ["a"]).increment();
        registry.handle(&HITS, ["a"]).increment();
        registry.handle(&HITS, ["b"]).increment();
        assert_eq!(registry.handle(&HITS, ["a"]).value(), 2);
    }

    #[test]
    fn a_series_is_forgotten_ten_minutes_after_it_was_first_seen_without_a_handle() {
        let (registry, start) = (Registry::default(), Instant::now());
        let handle = registry.handle(&HITS, ["a"]);
        assert!(
            registry
                .render(start + 2 * KEEP)
                .contains("hits_total{who=\"a\"} 0")
        );
        drop(handle);
        let orphaned = start + 3 * KEEP;
        assert!(registry.render(orphaned).contains("hits_total"));
        assert!(
            registry
                .render(orphaned + KEEP - Duration::from_secs(1))
                .contains("hits_total")
        );
        assert_eq!(registry.render(orphaned + KEEP), "");
    }

    #[test]
    fn a_series_that_is_taken_up_again_goes_on_and_starts_its_time_anew() {
        let (registry, start) = (Registry::default(), Instant::now());
        registry.handle(&HITS, ["a"]).increment();
        registry.sweep(start);
        drop(registry.handle(&HITS, ["a"]));
        registry.sweep(start + KEEP);
        assert_eq!(registry.handle(&HITS, ["a"]).value(), 1);
    }

    #[test]
    fn a_gauge_goes_with_its_last_handle() {
        let (registry, now) = (Registry::default(), Instant::now());
        let level = registry.handle(&LEVEL, []);
        assert_ne!(registry.render(now), "");
        drop(level);
        assert_eq!(registry.render(now), "");
    }

    #[test]
    fn a_series_made_by_a_macro_stays() {
        let (registry, start) = (Registry::default(), Instant::now());
        registry
            .lookup::<Gauge>("level".into(), String::new(), Owner::Registry, "Level.")
            .set(2.5);
        registry.sweep(start);
        registry.sweep(start + 2 * KEEP);
        assert_eq!(
            registry.render(start + 3 * KEEP),
            "# HELP level Level.\n# TYPE level gauge\nlevel 2.5\n"
        );
    }

    #[test]
    fn a_name_that_means_another_kind_gives_a_handle_that_is_not_shown() {
        let registry = Registry::default();
        let _level = registry.handle(&LEVEL, []);
        registry
            .lookup::<Counter>("level".into(), String::new(), Owner::Handles, "")
            .increment();
        assert!(registry.render(Instant::now()).ends_with("\nlevel 0\n"));
    }
}
