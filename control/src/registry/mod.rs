//! The one registry: what sources and the API say becomes one set of tables, checked as a whole, versioned by content.
//!
//! One task owns the source and all that may change ([`keeper`]); this handle asks it, and reads what it publishes.

mod burst;
mod keeper;
mod labels;
mod refusal;
mod shelf;
mod table;
mod tables;
mod write;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use bytes::Bytes;
use outrigger_config::{Problems, model::Selector};
use serde::Serialize;
use tokio::sync::{Notify, mpsc, oneshot, watch};

use crate::{
    app::Stop,
    history::{Comparison, Difference, History, Texts, Version},
    source::{Name, Source},
};
use burst::Burst;
use keeper::{Change, Keeper, Request};
use shelf::Shelf;

pub use labels::Labels;
pub use refusal::{Precondition, Refusal};
pub use table::{Part, Table};
pub use tables::{Scope, Tables};

/// Tells of each new set of tables. What changes nothing for a proxy, such as a comment, is not told.
pub type Feed = watch::Receiver<Arc<Tables>>;

/// A handle; a clone is the same registry.
#[derive(Clone, Debug)]
pub struct Registry {
    feed: Feed,
    shelf: watch::Receiver<Arc<Shelf>>,
    history: Arc<Mutex<History>>,
    ask: mpsc::Sender<Request>,
    refresh: Arc<Notify>,
}

/// How many may wait to change tables; others wait to be heard.
const MOST_REQUESTS: usize = 64;

/// A change of one table.
#[derive(Clone, Debug)]
pub struct Edit {
    /// Its name.
    pub name: Name,
    /// What it shall say; `None`: it goes.
    pub text: Option<Bytes>,
    /// What must hold of it before.
    pub expected: Option<Precondition>,
}

/// What a change did, or would do.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Of the tables, after it.
    pub version: Arc<str>,
    /// Of the table's text, after it; `None`: it is gone. Of a change of many, one of them.
    pub etag: Option<Arc<str>>,
    /// Whether there was no such table before.
    pub created: bool,
    /// What it means for the tables in force.
    pub differences: Vec<Difference>,
    /// Why it would be refused; only of a dry run.
    pub problems: Vec<Problems>,
}

/// A table as the source has it now, whether or not that is in force.
#[derive(Clone, Debug, Serialize)]
pub struct Listed {
    /// Its name.
    pub name: Name,
    /// Of its content in force; `None`: nothing of it is.
    pub version: Option<Arc<str>>,
    /// Of the text.
    pub etag: Arc<str>,
    /// Where it is: `tables/shop.yaml`.
    pub place: Arc<str>,
    /// Which proxies it is for; `None`: it can't be read, and never could.
    pub proxies: Option<Arc<Selector>>,
    /// When it was seen to be another than before.
    #[serde(skip)]
    pub since: SystemTime,
    /// Why it is not in force as it is; the last right one is, if there was one.
    #[serde(skip)]
    pub problems: Option<Arc<Problems>>,
    /// The text. Of a table that is gone but still needed, and of one that can't be read, the one in force.
    #[serde(skip)]
    pub text: Bytes,
}

impl Registry {
    /// Waits for what the source has, and puts it in force. The future keeps the registry, until it is told to stop.
    ///
    /// # Errors
    /// What is wrong with it. Later, what is wrong is refused and what was in force stays; now there is nothing in force
    /// that could, and whoever has just started it is there to hear.
    pub async fn start<S: Source>(
        mut source: S,
        history: History,
        stop: Stop,
    ) -> Result<(Self, impl Future<Output = ()> + Send), Vec<Problems>> {
        let mut shelf = Shelf::default();
        loop {
            let event = source.next().await;
            if keeper::offer(&source, &mut shelf, event) {
                break;
            }
        }
        shelf.settle();
        let wrong = shelf.wrong();
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let tables = Tables::new(shelf.in_force().clone(), SystemTime::now());
        let history = history.begin(&tables, source.kind());
        let history = Arc::new(Mutex::new(history));
        let (shelf_sender, shelf) = watch::channel(Arc::new(shelf));
        let (feed_sender, feed) = watch::channel(Arc::new(tables));
        let (ask, requests) = mpsc::channel(MOST_REQUESTS);
        let refresh = Arc::new(Notify::new());
        let keeper = Keeper {
            source,
            burst: Burst::default(),
            requests,
            refresh: Arc::clone(&refresh),
            shelf: shelf_sender,
            feed: feed_sender,
            history: Arc::clone(&history),
        };
        let registry = Self {
            feed,
            shelf,
            history,
            ask,
            refresh,
        };
        Ok((registry, keeper.run(stop)))
    }

    /// The tables in force, and those to come.
    pub fn feed(&self) -> Feed {
        self.feed.clone()
    }

    /// Has the source look at everything.
    pub fn refresh(&self) {
        self.refresh.notify_one();
    }

    /// What the source has, by name.
    pub fn tables(&self) -> Vec<Listed> {
        self.shelf().listed()
    }

    /// One table that the source has.
    ///
    /// # Errors
    /// When there is none.
    pub fn table(&self, name: &str) -> Result<Listed, Refusal> {
        let found = self.shelf().list(&Name::new(name)?);
        found.ok_or_else(|| Refusal::NoTable(name.to_owned()))
    }

    /// Puts a table through the source in force; or, as a dry run, says what that would do. `by` is who asks, as history
    /// shall say: `api by 127.0.0.1:40312`.
    ///
    /// # Errors
    /// Why not; nothing has changed then.
    pub async fn put(
        &self,
        name: &str,
        text: Bytes,
        expected: Option<Precondition>,
        by: &str,
        dry_run: bool,
    ) -> Result<Outcome, Refusal> {
        let edit = Edit {
            name: Name::new(name)?,
            text: Some(text),
            expected,
        };
        self.edit(vec![edit], by, dry_run).await
    }

    /// Takes a table away, through the source.
    ///
    /// # Errors
    /// Why not; nothing has changed then.
    pub async fn delete(
        &self,
        name: &str,
        expected: Option<Precondition>,
        by: &str,
        dry_run: bool,
    ) -> Result<Outcome, Refusal> {
        let edit = Edit {
            name: Name::new(name)?,
            text: None,
            expected,
        };
        self.edit(vec![edit], by, dry_run).await
    }

    /// Makes several changes through the source, all of them or none: what is only right together comes together.
    ///
    /// # Errors
    /// Why not; nothing has changed then.
    pub async fn edit(
        &self,
        edits: Vec<Edit>,
        by: &str,
        dry_run: bool,
    ) -> Result<Outcome, Refusal> {
        self.change(Change::Some(edits), by, dry_run).await
    }

    /// The versions that are remembered, the newest first.
    pub fn history(&self) -> Vec<Version> {
        self.remembered().versions()
    }

    /// A version and the texts of its tables.
    ///
    /// # Errors
    /// When it is not remembered.
    pub fn version(&self, version: &str) -> Result<(Version, Texts), Refusal> {
        let found = self.remembered().version(version);
        found.ok_or_else(|| Refusal::NoVersion(version.to_owned()))
    }

    /// What lies between two versions. `None`, of the latter: the one in force.
    ///
    /// # Errors
    /// When a version is not remembered.
    pub fn diff(&self, from: &str, to: Option<&str>) -> Result<Comparison, Refusal> {
        let to = to.map_or_else(|| Arc::clone(&self.feed.borrow().version), Into::into);
        Ok(Comparison {
            before: self.version(from)?.1,
            after: self.version(&to)?.1,
        })
    }

    /// Puts the tables of an old version back, through the source. `by` is who asks.
    ///
    /// # Errors
    /// Why not; nothing has changed then.
    pub async fn rollback(&self, to: &str, by: &str, dry_run: bool) -> Result<Outcome, Refusal> {
        let (version, texts) = self.version(to)?;
        let by = format!("rollback to {}, {by}", version.version);
        self.change(Change::All(texts), &by, dry_run).await
    }

    async fn change(&self, change: Change, by: &str, dry_run: bool) -> Result<Outcome, Refusal> {
        let (answer, answered) = oneshot::channel();
        let request = Request {
            change,
            by: by.to_owned(),
            dry_run,
            answer,
        };
        let asked = self.ask.send(request).await;
        asked.map_err(|_| Refusal::Stopped)?;
        answered.await.map_err(|_| Refusal::Stopped)?
    }

    fn shelf(&self) -> Arc<Shelf> {
        Arc::clone(&self.shelf.borrow())
    }

    fn remembered(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
