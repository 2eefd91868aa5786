//! What a client wants of one kind: everything, some by name, or both.

use std::{collections::HashSet, sync::Arc};

/// Stands for everything.
const EVERYTHING: &str = "*";

/// The names that a client asked for.
#[derive(Debug, Default)]
pub struct Wanted {
    all: bool,
    names: HashSet<Arc<str>>,
    /// It has asked for something by name, be it `*`: from then on no names mean nothing. Before, for clusters and
    /// listeners, they mean everything.
    by_name: bool,
    /// It has asked at all.
    asked: bool,
}

/// What a request changed.
#[derive(Debug, Default, PartialEq)]
pub struct Turn {
    /// Everything is wanted from now on.
    pub all: bool,
    /// Wanted by name from now on; to be answered also if the client has them.
    pub asked: Vec<Arc<str>>,
    /// No longer asked for by name.
    pub dropped: Vec<Arc<str>>,
}

impl Wanted {
    /// The names of a state-of-the-world request: all that is wanted. `whole`: see [`Kind::whole`](outrigger_xds::Kind::whole).
    pub fn replace(&mut self, names: &[String], whole: bool) -> Turn {
        let before = self.all;
        self.asked = true;
        self.by_name |= !names.is_empty();
        self.all = match self.by_name {
            true => names.iter().any(|name| name == EVERYTHING),
            false => whole,
        };
        let mut old = std::mem::take(&mut self.names);
        let mut asked = Vec::new();
        for name in names.iter().filter(|name| *name != EVERYTHING) {
            let known = old.take(name.as_str());
            let new = known.is_none();
            let name = known.unwrap_or_else(|| name.as_str().into());
            if self.names.insert(Arc::clone(&name)) && new {
                asked.push(name);
            }
        }
        Turn {
            all: self.all && !before,
            asked,
            dropped: old.into_iter().collect(),
        }
    }

    /// The names of a delta request: what is wanted from now on, and what no longer.
    pub fn change(&mut self, subscribe: &[String], unsubscribe: &[String], whole: bool) -> Turn {
        let before = self.all;
        self.by_name |= !subscribe.is_empty();
        if !self.asked && !self.by_name {
            self.all = whole;
        }
        self.asked = true;
        let mut turn = Turn::default();
        for name in unsubscribe {
            if name == EVERYTHING {
                self.all = false;
            } else if let Some(name) = self.names.take(name.as_str()) {
                turn.dropped.push(name);
            }
        }
        for name in subscribe {
            if name == EVERYTHING {
                self.all = true;
                continue;
            }
            let name: Arc<str> = name.as_str().into();
            self.names.insert(Arc::clone(&name));
            turn.asked.push(name);
        }
        turn.dropped.retain(|name| !self.names.contains(name));
        turn.all = self.all && !before;
        turn
    }

    /// Whether a resource of that name would be sent.
    pub fn covers(&self, name: &str) -> bool {
        self.all || self.names.contains(name)
    }

    /// Whether this very name was asked for.
    pub fn names(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Whether everything is wanted.
    pub fn all(&self) -> bool {
        self.all
    }

    /// What is wanted by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<str>> {
        self.names.iter()
    }

    /// How much is wanted by name.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether nothing is wanted.
    pub fn is_empty(&self) -> bool {
        !self.all && self.names.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn no_names_mean_everything_until_one_was_given() {
        let mut wanted = Wanted::default();
        assert!(wanted.replace(&[], true).all && wanted.all());
        assert_eq!(
            wanted.replace(&[], true),
            Turn::default(),
            "an acknowledgement"
        );
        let turn = wanted.replace(&names(&["a"]), true);
        assert_eq!(turn.asked, ["a".into()]);
        assert!(!wanted.all());
        assert_eq!(wanted.replace(&[], true).dropped, ["a".into()]);
        assert!(wanted.is_empty());
    }

    #[test]
    fn no_names_mean_nothing_for_endpoints() {
        let mut wanted = Wanted::default();
        wanted.replace(&[], false);
        assert!(wanted.is_empty());
        wanted.change(&[], &[], false);
        assert!(wanted.is_empty());
    }

    #[test]
    fn a_star_means_everything_beside_names() {
        let mut wanted = Wanted::default();
        assert!(wanted.replace(&names(&["*", "a"]), true).all);
        assert!(wanted.covers("b") && wanted.names("a") && !wanted.names("b"));
        wanted.replace(&names(&["a"]), true);
        assert!(!wanted.covers("b"));
    }

    #[test]
    fn a_name_twice_is_one_name() {
        let mut wanted = Wanted::default();
        assert_eq!(
            wanted.replace(&names(&["a", "a"]), true).asked,
            ["a".into()]
        );
        assert_eq!(wanted.len(), 1);
        assert_eq!(
            wanted.replace(&names(&["a", "a"]), true).asked,
            Vec::<Arc<str>>::new()
        );
    }

    #[test]
    fn a_delta_client_that_began_with_nothing_keeps_everything_when_it_names_one() {
        let mut wanted = Wanted::default();
        assert!(wanted.change(&[], &[], true).all);
        wanted.change(&names(&["a"]), &[], true);
        assert!(wanted.all() && wanted.names("a"));
        wanted.change(&[], &names(&["*"]), true);
        assert!(!wanted.covers("b") && wanted.covers("a"));
    }

    #[test]
    fn a_delta_client_that_named_one_and_drops_it_has_nothing() {
        let mut wanted = Wanted::default();
        wanted.change(&names(&["a"]), &[], true);
        assert_eq!(
            wanted.change(&[], &names(&["a"]), true).dropped,
            ["a".into()]
        );
        wanted.change(&[], &[], true);
        assert!(wanted.is_empty());
    }

    #[test]
    fn a_name_asked_for_again_is_to_be_answered_again() {
        let mut wanted = Wanted::default();
        wanted.change(&names(&["a"]), &[], true);
        let turn = wanted.change(&names(&["a"]), &names(&["a"]), true);
        assert_eq!((turn.asked.len(), turn.dropped.len()), (1, 0));
    }
}
