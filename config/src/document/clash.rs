//! What is wrong between documents, each of which is right by itself.

use std::{collections::HashMap, sync::Arc};

use super::{
    Document,
    place::{Item, Place},
};
use crate::{
    Problems,
    model::{Listener, Selector},
    problem::{Fault, Problem, quote},
    reader::{nearest, suggest},
};

/// Something wrong between documents, which are meant by their places in what was [checked](check).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clash<'d> {
    /// The one that says it.
    pub here: usize,
    /// The one that says it too, or that has what is missing, for other proxies only.
    pub there: Option<usize>,
    kind: Kind<'d>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind<'d> {
    /// Two that may reach one proxy say the same thing.
    Twice(Item<'d>),
    /// A cluster is named that some proxies would not have.
    Missing(&'d str),
}

impl<'d> Clash<'d> {
    /// The cluster that some proxies would not have, if that is it.
    pub fn missing(&self) -> Option<&'d str> {
        match self.kind {
            Kind::Missing(name) => Some(name),
            Kind::Twice(_) => None,
        }
    }
}

/// Everything that is wrong between `documents`, in their order. Of two that say the same, the later is `here`.
pub fn check<'d>(documents: &[&'d Document]) -> Vec<Clash<'d>> {
    let mut said: HashMap<Item<'d>, Vec<usize>> = HashMap::new();
    let mut clashes = Vec::new();
    for (here, document) in documents.iter().enumerate() {
        for item in items(document) {
            let others = said.entry(item.clone()).or_default();
            let both = |there: &usize| documents[*there].proxies.overlaps(&document.proxies);
            if let Some(there) = others.iter().copied().find(both) {
                clashes.push(Clash {
                    here,
                    there: Some(there),
                    kind: Kind::Twice(item),
                });
            }
            others.push(here);
        }
    }
    for (here, document) in documents.iter().enumerate() {
        for name in document.references.iter().map(|it| &*it.name) {
            let there = said.get(&Item::Cluster(name));
            let there = there.map(Vec::as_slice).unwrap_or_default();
            let selectors: Vec<&Selector> =
                there.iter().map(|it| &documents[*it].proxies).collect();
            if !document.proxies.within_all(&selectors) {
                clashes.push(Clash {
                    here,
                    there: there.first().copied(),
                    kind: Kind::Missing(name),
                });
            }
        }
    }
    clashes
}

fn items(document: &Document) -> impl Iterator<Item = Item<'_>> {
    let clusters = document.clusters.iter().map(|it| Item::Cluster(&it.name));
    let listeners = document.listeners.iter();
    // Port 0 is another port each time.
    let fixed = |listener: &&Arc<Listener>| listener.address.port() != 0;
    let addresses = listeners.clone().filter(fixed).map(|it| it.address);
    // A name that was made of the address would be the same mistake told twice.
    let named = listeners.filter(move |it| !fixed(it) || *it.name != *it.address.to_string());
    let names = named.map(|it| Item::Listener(&it.name));
    clusters.chain(names).chain(addresses.map(Item::Address))
}

/// `clashes` as they are seen from one of the checked `documents`, or from one called `file` that is to go.
///
/// What is wrong with a change is said of the file that has changed, even if it is another that can't do without.
pub fn problems(
    clashes: &[Clash<'_>],
    documents: &[&Document],
    file: &str,
    from: Option<usize>,
) -> Problems {
    let seen = clashes.iter().map(|clash| clash.seen(documents, from));
    let text = from.map_or("", |from| &*documents[from].text);
    Problems::new(file, text, seen.collect())
}

impl Clash<'_> {
    fn seen(&self, documents: &[&Document], from: Option<usize>) -> Problem {
        let there = self.there.map(|there| documents[there]);
        match &self.kind {
            Kind::Twice(item) => {
                let here = documents[self.here];
                let there = there.unwrap_or(here);
                match from {
                    Some(from) if from == self.here => twice(item, Some(here), there),
                    Some(from) if Some(from) == self.there => twice(item, Some(there), here),
                    _ => twice(item, None, here),
                }
            }
            Kind::Missing(name) if from == Some(self.here) => {
                missing(name, documents, documents[self.here], there)
            }
            Kind::Missing(name) => {
                needed(name, from.map(|from| documents[from]), documents[self.here])
            }
        }
    }
}

/// Seen from one of those that say it, or from a third.
fn twice(item: &Item<'_>, here: Option<&Document>, there: &Document) -> Problem {
    let message = match item {
        Item::Cluster(name) => format!("another table defines the cluster {} too", quote(name)),
        Item::Listener(name) => format!("a listener of another table is named {} too", quote(name)),
        Item::Address(address) => format!("the address `{address}` is taken by another table"),
    };
    let fault = Fault::new(message)
        .cause("here")
        .hint("a proxy could get both: let one go, or keep them apart by `proxies`");
    let problem = at(here.and_then(|here| here.place(item)), fault);
    also(problem, there, there.place(item), "and here")
}

/// Seen from the document that names it.
fn missing(
    name: &str,
    documents: &[&Document],
    here: &Document,
    there: Option<&Document>,
) -> Problem {
    let Some(there) = there else {
        let fault = Fault::new(format!("no cluster named {}", quote(name)));
        return at(here.reference(name), fault.hint(known(name, documents)));
    };
    let fault = Fault::new(format!(
        "some proxies would get this without the cluster {}",
        quote(name)
    ))
    .cause("named here")
    .hint("`proxies` of the tables that define it must take all that `proxies` of this one takes");
    let problem = at(here.reference(name), fault);
    let place = there.place(&Item::Cluster(name));
    also(problem, there, place, "for other proxies")
}

/// Which cluster may have been meant.
fn known(name: &str, documents: &[&Document]) -> String {
    let known = documents.iter().flat_map(|document| &document.clusters);
    let mut known: Vec<&str> = known.map(|cluster| &*cluster.name).collect();
    known.sort_unstable();
    known.dedup();
    // A long list helps nobody.
    match known.len() {
        0 => "define it under `clusters:` of a table".to_owned(),
        1..=10 => suggest(name, &known),
        _ => nearest(name, known).map_or_else(
            || "no table defines it under `clusters:`".to_owned(),
            |near| format!("did you mean `{near}`?"),
        ),
    }
}

/// Seen from the document that had it, or has it for fewer proxies: `None` if that is to go.
fn needed(name: &str, from: Option<&Document>, needs: &Document) -> Problem {
    let place = from.and_then(|from| from.place(&Item::Cluster(name)));
    let cluster = quote(name);
    let fault = match place {
        Some(_) => Fault::new(format!("other proxies still need the cluster {cluster}"))
            .hint("`proxies` of this table must take all that `proxies` of the other one takes"),
        None => Fault::new(format!("the cluster {cluster} is still needed"))
            .hint("first take it out of the routes and breakers that name it"),
    };
    let problem = at(place, fault);
    also(problem, needs, needs.reference(name), "named here")
}

fn at(place: Option<Place>, fault: Fault) -> Problem {
    match place {
        Some(place) => Problem::at(&place.span, place.path, fault),
        None => Problem::whole_file(fault),
    }
}

fn also(problem: Problem, there: &Document, place: Option<Place>, label: &str) -> Problem {
    match place {
        Some(place) => problem.also_in(there.source(), &place.span, label),
        None => problem,
    }
}
