//! Encodes each part of the tables once, for all views and all proxies.

use std::{collections::HashMap, sync::Arc};

use outrigger_config::model::{Cluster, Listener};
use outrigger_xds::{Resource, encode};

use super::Shelf;

/// What was encoded, as long as it is in use.
#[derive(Debug, Default)]
pub struct Press {
    clusters: Plates<Cluster>,
    listeners: Plates<Listener>,
}

/// Resources in the order of [`Kind::ALL`](outrigger_xds::Kind::ALL).
pub type Sheets = [Shelf; 4];

impl Press {
    /// The resources of these parts.
    pub fn print(&mut self, listeners: &[Arc<Listener>], clusters: &[Arc<Cluster>]) -> Sheets {
        let cluster = |it: &Cluster| [Some(encode::cluster(it)), encode::endpoints(it)];
        let listener = |it: &Listener| {
            let routes = it.speaks.http().then(|| encode::routes(it));
            [Some(encode::listener(it)), routes]
        };
        let [clusters, endpoints] = self.clusters.print(clusters, |it| &it.name, cluster);
        let [listeners, routes] = self.listeners.print(listeners, |it| &it.name, listener);
        [clusters, endpoints, listeners, routes]
    }

    /// Forgets what nobody asked for since this was called last.
    pub fn tidy(&mut self) {
        self.clusters.tidy();
        self.listeners.tidy();
    }
}

/// Of parts of one kind. Two scopes may have different parts of one name.
#[derive(Debug)]
struct Plates<T>(HashMap<Arc<str>, Vec<Plate<T>>>);

#[derive(Debug)]
struct Plate<T> {
    of: Arc<T>,
    resources: [Option<Arc<Resource>>; 2],
    used: bool,
}

impl<T> Default for Plates<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T> Plates<T> {
    fn print(
        &mut self,
        parts: &[Arc<T>],
        name: impl Fn(&T) -> &Arc<str>,
        encode: impl Fn(&T) -> [Option<Resource>; 2],
    ) -> [Shelf; 2] {
        let (mut first, mut second) = (Vec::with_capacity(parts.len()), Vec::new());
        for part in parts {
            let plates = match self.0.get_mut(name(part)) {
                Some(plates) => plates,
                None => self.0.entry(Arc::clone(name(part))).or_default(),
            };
            let [one, other] = &plate(plates, part, &encode).resources;
            first.extend(one.clone());
            second.extend(other.clone());
        }
        [first.into_iter().collect(), second.into_iter().collect()]
    }

    fn tidy(&mut self) {
        self.0.retain(|_, plates| {
            plates.retain_mut(|plate| std::mem::take(&mut plate.used));
            !plates.is_empty()
        });
    }
}

/// The plate of `part`: a part that did not change is the same `Arc` from one set of tables to the next.
fn plate<'a, T>(
    plates: &'a mut Vec<Plate<T>>,
    part: &Arc<T>,
    encode: impl Fn(&T) -> [Option<Resource>; 2],
) -> &'a Plate<T> {
    let place = plates.iter().position(|plate| Arc::ptr_eq(&plate.of, part));
    let place = place.unwrap_or_else(|| {
        let mut resources = encode(part).map(|resource| resource.map(Arc::new));
        // Of a cluster whose endpoints change, the other half stays the one that streams hold already.
        let known = plates.iter().flat_map(|plate| &plate.resources).flatten();
        for known in known {
            let same = |new: &&mut Arc<Resource>| ***new == **known;
            if let Some(new) = resources.iter_mut().flatten().find(same) {
                *new = Arc::clone(known);
            }
        }
        plates.push(Plate {
            of: Arc::clone(part),
            resources,
            used: false,
        });
        plates.len() - 1
    });
    plates[place].used = true;
    &plates[place]
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;

    use outrigger_config::fragment;

    use super::*;

    fn cluster(text: &str) -> Arc<Cluster> {
        let cluster = fragment::cluster("web", text).unwrap();
        Arc::new(Cluster {
            name: "web".into(),
            ..cluster
        })
    }

    fn addresses(sheets: &Sheets) -> BTreeSet<*const Resource> {
        sheets
            .iter()
            .flat_map(Shelf::iter)
            .map(Arc::as_ptr)
            .collect()
    }

    #[test]
    fn what_did_not_change_is_not_encoded_again() {
        let mut press = Press::default();
        let web = cluster("{ endpoints: [127.0.0.1:1] }");
        let first = press.print(&[], std::slice::from_ref(&web));
        press.tidy();
        let second = press.print(&[], &[web]);
        assert_eq!(addresses(&first), addresses(&second));
        let moved = press.print(&[], &[cluster("{ endpoints: [127.0.0.1:2] }")]);
        let common: Vec<_> = addresses(&first)
            .intersection(&addresses(&moved))
            .copied()
            .collect();
        assert_eq!(common.len(), 1, "the cluster without its endpoints");
    }

    #[test]
    fn what_nobody_uses_is_forgotten() {
        let mut press = Press::default();
        press.print(&[], &[cluster("{ endpoints: [127.0.0.1:1] }")]);
        press.tidy();
        assert_eq!(press.clusters.0.len(), 1);
        press.tidy();
        assert!(press.clusters.0.is_empty());
    }
}
