//! One kind on one stream: what is wanted, what the client has, what is due, what is under way.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use outrigger_xds::{Kind, Resource};

use super::{Response, Verdict, names::Names, wanted::Wanted};
use crate::view::{Shelf, View};

/// How much one response holds before what is left goes into the next (delta; endpoints and routes in the other form). The
/// client accepts each before the next is sent, so that a large table takes a few round trips; but nothing else is sent to
/// it meanwhile, and it has to hold a response as a whole.
pub(super) const CHUNK: usize = 256 << 10;

/// A name of a client, as ours: that of the resource, if there is one, is shared by all who ask for it.
pub(super) fn keep(kind: Kind, view: Option<&View>) -> impl Fn(&str) -> Arc<str> {
    move |name| match view.and_then(|view| view.get(kind, name)) {
        Some(resource) => Arc::clone(&resource.name),
        None => name.into(),
    }
}

/// Of one kind.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) kind: Kind,
    pub(super) wanted: Wanted,
    /// What the client was sent, refused or not: a version that was refused is not sent again until it changes.
    pub(super) held: Shelf,
    /// Names to look at in this round; `true`: to be answered even if the client has it.
    pub(super) due: BTreeMap<Arc<str>, bool>,
    /// The client has it, and there is none any more: it goes at the end of the round.
    pub(super) gone: Vec<Arc<str>>,
    /// A response is expected even if there is nothing to say.
    pub(super) owed: bool,
    pub(super) in_flight: Option<InFlight>,
}

/// A response that the client has not answered.
#[derive(Debug)]
pub(super) struct InFlight {
    nonce: String,
    version: Arc<str>,
    /// What is in it, and what it says to be gone.
    names: Vec<Arc<str>>,
}

/// A response without its nonce.
pub(super) struct Draft {
    pub(super) version: Arc<str>,
    pub(super) resources: Vec<Arc<Resource>>,
    pub(super) removed: Vec<Arc<str>>,
    /// The names of those of `resources` that the client has not in this version, or that it asked for.
    pub(super) changed: Vec<Arc<str>>,
}

impl Lane {
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            kind,
            wanted: Wanted::default(),
            held: Shelf::default(),
            due: BTreeMap::new(),
            gone: Vec::new(),
            owed: false,
            in_flight: None,
        }
    }

    /// Something happened to the resource of that name.
    pub(super) fn note(&mut self, name: &Arc<str>) {
        if self.wanted.covers(name) {
            self.due.entry(Arc::clone(name)).or_insert(false);
        }
    }

    /// Anything may have happened since the client was told last.
    pub(super) fn compare(&mut self, view: &View) {
        let mut names = Vec::new();
        if self.wanted.all() {
            names = self.held.differences(view.all(self.kind));
        }
        names.extend(self.wanted.iter().map(Arc::clone));
        names.iter().for_each(|name| self.note(name));
    }

    /// Everything is wanted from now on.
    pub(super) fn all(&mut self, view: &View) {
        for name in self.held.differences(view.all(self.kind)) {
            self.note(&name);
        }
    }

    /// The endpoints of these clusters are sent again: a client that takes a changed cluster waits for them before it
    /// uses it, also when they are the same.
    pub(super) fn warm(&mut self, clusters: &[Arc<str>], view: &View) {
        for name in clusters {
            if self.wanted.covers(name) && view.get(self.kind, name).is_some() {
                self.due.insert(Arc::clone(name), true);
            }
        }
    }

    /// What the client gets under that name.
    pub(super) fn find(&self, name: &str, view: &View, proxyless: bool) -> Option<Arc<Resource>> {
        let own = || view.get(self.kind, name).map(Arc::clone);
        if self.kind != Kind::Listener || !self.wanted.names(name) {
            return own();
        }
        match proxyless {
            true => view.target(name).or_else(own),
            false => own().or_else(|| view.target(name)),
        }
    }

    /// Whether the client has it just so.
    pub(super) fn has(&self, resource: &Resource) -> bool {
        let held = self.held.get(&resource.name);
        held.is_some_and(|held| held.version == resource.version)
    }

    /// These are no longer asked for by name: the client has dropped them.
    pub(super) fn forget(&mut self, dropped: &Names) {
        let all = self.wanted.all();
        let dropped = |name: &str| match all {
            true => dropped.contains(name),
            // Nor is what was one of all.
            false => dropped.contains(name) || !self.wanted.covers(name),
        };
        self.held.retain(|resource| !dropped(&resource.name));
        self.due.retain(|name, _| !dropped(name));
        self.gone.retain(|name| !dropped(name));
    }

    /// What has nothing to wait for: some clients say nothing to a response when they want nothing of its kind any more.
    pub(super) fn rest(&mut self) {
        if self.wanted.is_empty() {
            self.in_flight = None;
            self.owed = false;
        }
    }

    /// Whether there is something to do or to wait for.
    pub(super) fn busy(&self) -> bool {
        self.owed || self.in_flight.is_some() || !self.due.is_empty() || !self.gone.is_empty()
    }

    /// It is under way.
    pub(super) fn sent(&mut self, response: &Response) {
        let resources = response.resources.iter();
        let names = resources.map(|resource| Arc::clone(&resource.name));
        self.in_flight = Some(InFlight {
            nonce: response.nonce.clone(),
            version: Arc::clone(&response.version),
            names: names
                .chain(response.removed.iter().map(Arc::clone))
                .collect(),
        });
    }

    /// What the client says to a response; `None`: nothing, or something about one that is history. Whether it refuses is
    /// told by `refusal` alone, never by versions.
    pub(super) fn verdict(&mut self, nonce: &str, refusal: Option<&str>) -> Option<Verdict> {
        let answered = self.in_flight.take_if(|it| it.nonce == nonce)?;
        let (version, names) = (answered.version, answered.names);
        Some(match refusal {
            None => Verdict::Accepted { version, names },
            Some(text) => Verdict::Refused {
                version,
                names: named(text, names),
            },
        })
    }
}

/// Bytes of a refusal that are searched for names: a client may send megabytes, and others wait for this thread.
const READ: usize = 64 << 10;

/// Those of `names` that a text names; if it names none, and there is but one, it must be that one.
///
/// The text is taken apart once, not searched for each name: a response may hold tens of thousands.
fn named(text: &str, names: Vec<Arc<str>>) -> Vec<Arc<str>> {
    if names.len() < 2 {
        return names;
    }
    let text = &text[..text.floor_char_boundary(READ)];
    let around = |c: char| c.is_whitespace() || "`'\"()[]{},;".contains(c);
    let part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    // What stands alone, be it `in|80||a.svc`, and simple names within it: `name=web`.
    let words = text.split(around).chain(text.split(|c| !part(c)));
    // A full stop after a name ends a sentence more often than it goes on with the name.
    let words = words.flat_map(|word| [word, word.trim_end_matches(['.', ':'])]);
    let words: HashSet<&str> = words.collect();
    let names = names.into_iter();
    names.filter(|name| words.contains(&**name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_what_it_is_about() {
        let names = || ["api", "web", "web-2"].map(Arc::from).to_vec();
        assert_eq!(named("cluster `web-2`: bad", names()), ["web-2".into()]);
        assert_eq!(named("cluster web: bad", names()), ["web".into()]);
        assert_eq!(named("that is bad", names()), Vec::<Arc<str>>::new());
        assert_eq!(named("that is bad", vec!["web".into()]), ["web".into()]);
        let odd = || ["in|80||a.svc", "in|81||a.svc"].map(Arc::from).to_vec();
        assert_eq!(
            named("cluster(s) in|80||a.svc: bad", odd()),
            ["in|80||a.svc".into()]
        );
        assert_eq!(named("It is web. Not api-2", names()), ["web".into()]);
    }

    #[test]
    fn a_long_refusal_is_read_at_its_beginning() {
        let names: Vec<Arc<str>> = (0..20_000).map(|it| format!("c{it}").into()).collect();
        let rest = "é, ".repeat(1 << 20);
        let text = format!("c7: bad; c19999: bad; {rest} c8: bad");
        assert_eq!(named(&text, names), ["c7".into(), "c19999".into()]);
    }
}
