//! The clusters that no route names and requests asked for: subscribed to when first wanted, dropped when nobody has used
//! them for a while.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use super::{assembly::Assembly, resources::Resources};
use crate::clock;

/// A name that nobody answers for is asked for again every few seconds by whoever still wants it.
const UNANSWERED: Duration = Duration::from_secs(10);

/// More are not remembered: names come from clients, too.
const MOST: usize = 10_000;

/// What is wanted beside what routes name.
#[derive(Debug)]
pub struct Demand {
    /// When each was last used, in microseconds.
    used: BTreeMap<Arc<str>, u64>,
    /// How long one is kept that nobody uses.
    keep: Duration,
}

impl Demand {
    /// Nothing yet.
    pub fn new(keep: Duration) -> Self {
        let used = BTreeMap::new();
        Self { used, keep }
    }

    /// Somebody wants it, or did.
    pub fn want(&mut self, name: Arc<str>, now: u64) {
        if self.used.len() < MOST || self.used.contains_key(&name) {
            self.used.insert(name, now);
        }
    }

    /// The names.
    pub fn names(&self) -> BTreeSet<Arc<str>> {
        self.used.keys().cloned().collect()
    }

    /// Forgets the names that the control plane knows nothing of, and gives them.
    pub fn denied(
        &mut self,
        assembly: &Assembly,
        resources: &Resources,
        now: u64,
    ) -> Vec<Arc<str>> {
        let known = |name: &Arc<str>| {
            resources.clusters.value(name).is_some()
                || assembly.has_cluster(name)
                || !resources.clusters.settled(name, now)
        };
        let denied = self.used.extract_if(.., |name, _| !known(name));
        denied.map(|(name, _)| name).collect()
    }

    /// Forgets the names that are not used any more, and gives them. `look` is asked once of each whether it was used
    /// since the last time; `None`: there is no such cluster yet.
    pub fn unused(&mut self, now: u64, look: impl Fn(&str) -> Option<bool>) -> Vec<Arc<str>> {
        let keep = clock::micros(self.keep);
        let mut gone = Vec::new();
        self.used.retain(|name, used| {
            let bound = match look(name) {
                Some(true) => {
                    *used = now;
                    return true;
                }
                Some(false) => keep,
                None => clock::micros(UNANSWERED).min(keep),
            };
            let kept = now.saturating_sub(*used) <= bound;
            if !kept {
                gone.push(Arc::clone(name));
            }
            kept
        });
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    #[test]
    fn what_is_used_stays_and_what_is_not_goes() {
        let mut demand = Demand::new(Duration::from_secs(300));
        demand.want("a".into(), 0);
        demand.want("b".into(), 0);
        let only_a = |name: &str| Some(name == "a");
        assert!(demand.unused(200 * SECOND, only_a).is_empty());
        assert_eq!(demand.unused(301 * SECOND, |_| Some(false)), ["b".into()]);
        assert_eq!(demand.unused(501 * SECOND, |_| Some(false)), ["a".into()]);
        assert!(demand.names().is_empty());
    }

    #[test]
    fn a_name_that_nobody_answers_for_is_soon_forgotten() {
        let mut demand = Demand::new(Duration::from_secs(300));
        demand.want("a".into(), 0);
        assert!(demand.unused(9 * SECOND, |_| None).is_empty());
        assert_eq!(demand.unused(11 * SECOND, |_| None), ["a".into()]);
    }
}
