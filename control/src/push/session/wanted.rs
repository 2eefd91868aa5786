//! What a client wants of one kind: everything, some by name, or both.

use std::sync::Arc;

use super::names::Names;

/// Stands for everything.
const EVERYTHING: &str = "*";

/// The names that a client asked for.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    all: bool,
    names: Names,
    /// It has asked for something by name, be it `*`: from then on no names mean nothing. Before, for clusters and
    /// listeners, they mean everything.
    by_name: bool,
    /// It has asked at all.
    asked: bool,
}

/// What a request changed.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Turn {
    /// Everything is wanted from now on.
    pub(super) all: bool,
    /// Wanted by name from now on; to be answered also if the client has them.
    pub(super) asked: Names,
    /// No longer asked for by name.
    pub(super) dropped: Names,
    /// Something is no longer wanted.
    pub(super) less: bool,
}

impl Wanted {
    /// The names of a state-of-the-world request: all that is wanted. `whole`: see [`Kind::whole`](outrigger_xds::Kind::whole).
    /// `keep` makes a name ours.
    pub(super) fn replace(
        &mut self,
        names: &[String],
        whole: bool,
        keep: impl Fn(&str) -> Arc<str>,
    ) -> Turn {
        let before = self.all;
        self.asked = true;
        self.by_name |= !names.is_empty();
        self.all = match self.by_name {
            true => names.iter().any(|name| name == EVERYTHING),
            false => whole,
        };
        let old = std::mem::take(&mut self.names);
        let known = |name: &String| old.get(name).map_or_else(|| keep(name), Arc::clone);
        self.names = names
            .iter()
            .filter(|name| *name != EVERYTHING)
            .map(known)
            .collect();
        let without = |names: &Names, others: &Names| -> Names {
            let new = names.iter().filter(|name| !others.contains(name));
            new.map(Arc::clone).collect()
        };
        let dropped = without(&old, &self.names);
        Turn {
            all: self.all && !before,
            asked: without(&self.names, &old),
            less: before && !self.all || !dropped.is_empty(),
            dropped,
        }
    }

    /// The names of a delta request: what is wanted from now on, and what no longer. `keep` makes a name ours.
    pub(super) fn change(
        &mut self,
        subscribe: &[String],
        unsubscribe: &[String],
        whole: bool,
        keep: impl Fn(&str) -> Arc<str>,
    ) -> Turn {
        let before = self.all;
        self.by_name |= !subscribe.is_empty();
        if !self.asked && !self.by_name {
            self.all = whole;
        }
        self.asked = true;
        if unsubscribe.iter().any(|name| name == EVERYTHING) {
            self.all = false;
        }
        self.all |= subscribe.iter().any(|name| name == EVERYTHING);
        let named = |names: &[String]| -> Names {
            let names = names.iter().filter(|name| *name != EVERYTHING);
            names.map(|name| keep(name)).collect()
        };
        let asked = named(subscribe);
        let mut dropped = self.names.take(&named(unsubscribe));
        dropped.take(&asked);
        self.names.add(asked.iter().map(Arc::clone));
        Turn {
            all: self.all && !before,
            asked,
            less: before && !self.all || !dropped.is_empty(),
            dropped,
        }
    }

    /// Whether a resource of that name would be sent.
    pub(super) fn covers(&self, name: &str) -> bool {
        self.all || self.names.contains(name)
    }

    /// Whether this very name was asked for.
    pub(super) fn names(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Whether there was a request at all.
    pub(super) fn asked(&self) -> bool {
        self.asked
    }

    /// Whether everything is wanted.
    pub(super) fn all(&self) -> bool {
        self.all
    }

    /// What is wanted by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<str>> {
        self.names.iter()
    }

    /// How much is wanted by name.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether nothing is wanted.
    pub(super) fn is_empty(&self) -> bool {
        !self.all && self.names.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|name| (*name).to_owned()).collect()
    }

    fn set(list: &[&str]) -> Names {
        list.iter().map(|name| Arc::from(*name)).collect()
    }

    impl Wanted {
        fn asks(&mut self, list: &[&str], whole: bool) -> Turn {
            self.replace(&names(list), whole, |name| name.into())
        }

        fn turns(&mut self, subscribe: &[&str], unsubscribe: &[&str]) -> Turn {
            self.change(&names(subscribe), &names(unsubscribe), true, |name| {
                name.into()
            })
        }
    }

    #[test]
    fn no_names_mean_everything_until_one_was_given() {
        let mut wanted = Wanted::default();
        assert!(wanted.asks(&[], true).all && wanted.all());
        assert_eq!(
            wanted.asks(&[], true),
            Turn::default(),
            "an acknowledgement"
        );
        let turn = wanted.asks(&["a"], true);
        assert_eq!(turn.asked, set(&["a"]));
        assert!(!wanted.all());
        assert_eq!(wanted.asks(&[], true).dropped, set(&["a"]));
        assert!(wanted.is_empty());
    }

    #[test]
    fn no_names_mean_nothing_for_endpoints() {
        let mut wanted = Wanted::default();
        wanted.asks(&[], false);
        assert!(wanted.is_empty());
        wanted.change(&[], &[], false, |name| name.into());
        assert!(wanted.is_empty());
    }

    #[test]
    fn a_star_means_everything_beside_names() {
        let mut wanted = Wanted::default();
        assert!(wanted.asks(&["*", "a"], true).all);
        assert!(wanted.covers("b") && wanted.names("a") && !wanted.names("b"));
        wanted.asks(&["a"], true);
        assert!(!wanted.covers("b"));
    }

    #[test]
    fn a_name_twice_is_one_name() {
        let mut wanted = Wanted::default();
        assert_eq!(wanted.asks(&["a", "a"], true).asked, set(&["a"]));
        assert_eq!(wanted.len(), 1);
        assert_eq!(wanted.asks(&["a", "a"], true).asked, Names::default());
    }

    #[test]
    fn a_delta_client_that_began_with_nothing_keeps_everything_when_it_names_one() {
        let mut wanted = Wanted::default();
        assert!(wanted.turns(&[], &[]).all);
        wanted.turns(&["a"], &[]);
        assert!(wanted.all() && wanted.names("a"));
        wanted.turns(&[], &["*"]);
        assert!(!wanted.covers("b") && wanted.covers("a"));
    }

    #[test]
    fn a_delta_client_that_named_one_and_drops_it_has_nothing() {
        let mut wanted = Wanted::default();
        wanted.turns(&["a"], &[]);
        assert_eq!(wanted.turns(&[], &["a"]).dropped, set(&["a"]));
        wanted.turns(&[], &[]);
        assert!(wanted.is_empty());
    }

    #[test]
    fn a_name_asked_for_again_is_to_be_answered_again() {
        let mut wanted = Wanted::default();
        wanted.turns(&["a"], &[]);
        let turn = wanted.turns(&["a"], &["a"]);
        assert_eq!((turn.asked.len(), turn.dropped.len()), (1, 0));
    }
}
