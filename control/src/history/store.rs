//! History on disk: one file of an embedded store, written by a thread of its own so that no change waits for the disk.
//!
//! What was changed in the last moments before a crash may be missing; the tables themselves are with their source. A
//! damaged file is put aside and history begins anew: it explains, nothing lives from it.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::mpsc,
    thread::{self, JoinHandle},
    time::{SystemTime, UNIX_EPOCH},
};

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, TableError};

use super::{Entry, Texts};
use crate::source::Name;

/// Entries by serial number, as JSON.
const ENTRIES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("entries");

/// The texts before the first entry, by table.
const BASE: TableDefinition<'_, &str, &str> = TableDefinition::new("base");

/// Of the store, in bytes: history is read once, at the start.
const CACHE: usize = 4 << 20;

/// Changes that may wait for the disk: a slow one must not become a leak, and this many are seconds of a storm.
const MOST_WAITING: usize = 1_000;

/// Why nothing can be kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Two processes can't write one history.
    #[error("{}: another process keeps its history here", .0.display())]
    InUse(PathBuf),
    /// The directory or the file can't be written.
    #[error("{path}: {1}", path = .0.display())]
    Disk(PathBuf, io::Error),
}

/// What is on disk.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// The texts before the first entry.
    pub(super) base: Texts,
    /// The oldest first.
    pub(super) entries: Vec<Entry>,
}

/// The way to the disk. When dropped, it waits until all is written.
#[derive(Debug)]
pub(super) struct Store {
    /// `None` while it is dropped.
    orders: Option<mpsc::SyncSender<Order>>,
    writer: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Order {
    Keep(Entry),
    /// To become part of the base.
    Forget(Entry),
}

impl Store {
    pub(super) fn open(directory: &Path) -> Result<(Self, Kept), StoreError> {
        let path = directory.join("history.redb");
        let disk = |error| StoreError::Disk(path.clone(), error);
        fs::create_dir_all(directory).map_err(disk)?;
        let opened = match open(&path) {
            Err(Trouble::Damaged(reason)) => {
                let aside = put_aside(&path).map_err(disk)?;
                let aside = aside.display();
                tracing::error!(path = %path.display(), %aside, %reason, "the history is damaged: it is put aside and begins anew");
                open(&path)
            }
            opened => opened,
        };
        let (database, kept) = opened.map_err(|trouble| match trouble {
            Trouble::InUse => StoreError::InUse(path.clone()),
            Trouble::Disk(error) => disk(error),
            Trouble::Damaged(reason) => disk(io::Error::other(reason)),
        })?;
        let (orders, received) = mpsc::sync_channel(MOST_WAITING);
        let writer = thread::Builder::new()
            .name("history".to_owned())
            .spawn(move || write(&database, &received))
            .map_err(disk)?;
        let store = Self {
            orders: Some(orders),
            writer: Some(writer),
        };
        Ok((store, kept))
    }

    pub(super) fn keep(&mut self, entry: &Entry) {
        self.order(Order::Keep(entry.clone()));
    }

    pub(super) fn forget(&mut self, entry: &Entry) {
        self.order(Order::Forget(entry.clone()));
    }

    /// An entry tells what is other than in the one before: after a gap the rest would be wrong.
    fn order(&mut self, order: Order) {
        if let Some(orders) = &self.orders
            && orders.try_send(order).is_err()
        {
            tracing::error!("the disk is too slow for the history: no more of it is kept there");
            self.orders = None;
            self.writer = None;
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        drop(self.orders.take());
        if let Some(writer) = self.writer.take() {
            // It logs its troubles itself.
            let _ = writer.join();
        }
    }
}

/// Why a file can't be used.
enum Trouble {
    InUse,
    Disk(io::Error),
    Damaged(String),
}

impl From<redb::Error> for Trouble {
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::DatabaseAlreadyOpen => Self::InUse,
            // What is no store at all, or one cut short.
            redb::Error::Io(error) if is_content(error.kind()) => Self::Damaged(error.to_string()),
            redb::Error::Io(error) => Self::Disk(error),
            error => Self::Damaged(error.to_string()),
        }
    }
}

fn is_content(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof
    )
}

fn open(path: &Path) -> Result<(Database, Kept), Trouble> {
    let new = !path.exists();
    let opened = Database::builder().set_cache_size(CACHE).create(path);
    let mut database = opened.map_err(redb::Error::from)?;
    // Its checksums are looked at here once, rather than half-way through a read.
    if !new && !database.check_integrity().map_err(redb::Error::from)? {
        return Err(Trouble::Damaged("its checksums are wrong".to_owned()));
    }
    let kept = read(&database)?;
    Ok((database, kept))
}

fn read(database: &Database) -> Result<Kept, Trouble> {
    let transaction = database.begin_read().map_err(redb::Error::from)?;
    let mut kept = Kept::default();
    match transaction.open_table(BASE) {
        Ok(base) => {
            for item in base.iter().map_err(redb::Error::from)? {
                let (name, text) = item.map_err(redb::Error::from)?;
                let name = Name::new(name.value());
                let name = name.map_err(|bad| Trouble::Damaged(bad.to_string()))?;
                kept.base.insert(name, text.value().into());
            }
        }
        Err(TableError::TableDoesNotExist(_)) => {}
        Err(error) => return Err(redb::Error::from(error).into()),
    }
    match transaction.open_table(ENTRIES) {
        Ok(entries) => {
            for item in entries.iter().map_err(redb::Error::from)? {
                let (_, entry) = item.map_err(redb::Error::from)?;
                let entry = serde_json::from_slice(entry.value());
                let entry = entry.map_err(|error| Trouble::Damaged(error.to_string()))?;
                kept.entries.push(entry);
            }
        }
        Err(TableError::TableDoesNotExist(_)) => {}
        Err(error) => return Err(redb::Error::from(error).into()),
    }
    Ok(kept)
}

fn put_aside(path: &Path) -> io::Result<PathBuf> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since.map_or(0, |since| since.as_secs());
    let aside = path.with_extension(format!("redb.damaged-{seconds}"));
    fs::rename(path, &aside)?;
    Ok(aside)
}

/// Until there are no more orders, or one fails.
fn write(database: &Database, orders: &mpsc::Receiver<Order>) {
    while let Ok(first) = orders.recv() {
        // What has gathered meanwhile is one commit.
        let batch = [first].into_iter().chain(orders.try_iter());
        if let Err(error) = commit(database, batch) {
            tracing::error!(%error, "the history can't be written: no more of it is kept on disk");
            return;
        }
    }
}

fn commit(database: &Database, orders: impl IntoIterator<Item = Order>) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        let mut entries = transaction.open_table(ENTRIES)?;
        let mut base = transaction.open_table(BASE)?;
        for order in orders {
            match order {
                Order::Keep(entry) => {
                    let written = serde_json::to_vec(&entry).map_err(io::Error::from)?;
                    entries.insert(entry.version.serial, &*written)?;
                }
                Order::Forget(entry) => {
                    entries.remove(entry.version.serial)?;
                    for (name, text) in &entry.changes {
                        match text {
                            Some(text) => base.insert(name.as_str(), &**text)?,
                            None => base.remove(name.as_str())?,
                        };
                    }
                }
            }
        }
    }
    transaction.commit()?;
    Ok(())
}
