//! What one kind of proxy sees: its resources, encoded once for all who get them.
//!
//! Proxies to which the same tables apply share a view. When the tables change, the next view takes over what did not, so
//! that a change costs what it is, not what there is; and it knows which names differ from the views before it, so that a
//! stream that wants everything needs not look at everything.

mod audience;
mod change;
mod press;
mod shelf;
mod targets;

use std::{sync::Arc, time::Instant};

use outrigger_xds::{Kind, Resource};

pub use audience::{Audience, Seat};
pub use change::{Change, Changes};
pub use press::Press;
pub use shelf::Shelf;
pub use targets::Targets;

/// All that a proxy could ask for, at one time.
#[derive(Debug)]
pub struct View {
    /// Which views descend from each other.
    lineage: u64,
    /// Raised from view to view of a lineage, by one.
    revision: u64,
    content: Content,
    /// Of each kind: made of the names and versions of all its resources.
    versions: [Arc<str>; 4],
    changes: Changes,
}

/// What a view is made of.
#[derive(Debug)]
pub struct Content {
    /// The version of the tables.
    pub table: Arc<str>,
    /// When these tables were seen first.
    pub seen: Instant,
    /// The resources, in the order of [`Kind::ALL`].
    pub shelves: [Shelf; 4],
    /// What proxyless clients may ask for.
    pub targets: Targets,
}

impl View {
    /// The first of a lineage.
    pub fn first(lineage: u64, content: Content) -> Self {
        Self {
            lineage,
            revision: 1,
            versions: content.shelves.each_ref().map(version),
            content,
            changes: Changes::default(),
        }
    }

    /// The view that comes after this one.
    pub fn next(&self, content: Content) -> Self {
        let revision = self.revision + 1;
        let mut change = Change::default();
        let mut versions = self.versions.clone();
        for (place, new) in content.shelves.iter().enumerate() {
            change.0[place] = self.content.shelves[place].differences(new);
            if !change.0[place].is_empty() {
                versions[place] = version(new);
            }
        }
        let targets = self.content.targets.differences(&content.targets);
        change.0[Kind::Listener as usize].extend(targets);
        Self {
            lineage: self.lineage,
            revision,
            content,
            versions,
            changes: self.changes.and(revision, change),
        }
    }

    /// The resource of that name. Of a listener: by the name that it has in the tables.
    pub fn get(&self, kind: Kind, name: &str) -> Option<&Arc<Resource>> {
        self.all(kind).get(name)
    }

    /// What a proxyless client gets that dials `xds:///name`.
    pub fn target(&self, name: &str) -> Option<Arc<Resource>> {
        self.content.targets.get(name)
    }

    /// All resources of a kind.
    pub fn all(&self, kind: Kind) -> &Shelf {
        &self.content.shelves[kind as usize]
    }

    /// The version of all resources of a kind together.
    pub fn version(&self, kind: Kind) -> &Arc<str> {
        &self.versions[kind as usize]
    }

    /// The version of the tables that it was made of.
    pub fn table(&self) -> &Arc<str> {
        &self.content.table
    }

    /// When these tables were seen first.
    pub fn seen(&self) -> Instant {
        self.content.seen
    }

    /// Whether it is the very same.
    pub fn is(&self, other: &Self) -> bool {
        (self.lineage, self.revision) == (other.lineage, other.revision)
    }

    /// What differs from an older one; `None`: that is too old, or of another lineage, to say.
    pub fn since(&self, older: &Self) -> Option<impl Iterator<Item = (Kind, &Arc<str>)>> {
        let related = self.lineage == older.lineage;
        let changes = related.then(|| self.changes.since(older.revision));
        Some(changes??.flat_map(Change::names))
    }

    /// Whether nothing differs from the one before.
    pub fn repeats(&self) -> bool {
        let newest = self.changes.since(self.revision.saturating_sub(1));
        newest.is_some_and(|mut changes| changes.all(Change::is_empty))
    }
}

fn version(shelf: &Shelf) -> Arc<str> {
    let mut text = String::new();
    for resource in shelf.iter() {
        text.extend([resource.name.as_ref(), "\0", &resource.version, "\0"]);
    }
    outrigger_xds::version(&text)
}
