//! Notices that files have changed, however they are replaced, and however many there are.
//!
//! One watcher for all of their directories: a Secret's files change when the symbolic link `..data` beside them does, and
//! each watcher is an inotify instance, of which a user has 128. What is noticed is compared by inode, time and size, as a
//! proxy may have thousands of files, which can't all be read every few seconds.

use std::{
    collections::{HashMap, HashSet},
    fs,
    future::pending,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

/// Certificate and key are seldom written at once: so long after the last event they should both be there.
const SETTLE: Duration = Duration::from_millis(100);

/// How often is looked without an event: file systems without any (NFS, some containers), and links that lead elsewhere.
const POLL: Duration = Duration::from_secs(5);

/// What tells one content from the next: device, inode, seconds and nanoseconds of its change, size.
type Stamp = (u64, u64, i64, i64, u64);

/// Watched files.
#[derive(Default)]
pub(super) struct Watch {
    files: HashMap<PathBuf, Option<Stamp>>,
    directories: HashSet<PathBuf>,
    watcher: Option<(RecommendedWatcher, mpsc::UnboundedReceiver<()>)>,
    /// When files are looked at next.
    look: Option<Instant>,
}

impl Watch {
    /// Watches these files, and no others.
    pub(super) fn set(&mut self, files: impl IntoIterator<Item = PathBuf>) {
        let mut before = std::mem::take(&mut self.files);
        for file in files {
            let stamp = before.remove(&file).unwrap_or_else(|| stamp(&file));
            self.files.insert(file, stamp);
        }
        let directories: HashSet<PathBuf> = self.files.keys().map(|file| directory(file)).collect();
        if directories != self.directories {
            self.directories = directories;
            self.watcher = self.watcher();
        }
        self.look = (!self.files.is_empty()).then(|| Instant::now() + POLL);
    }

    fn watcher(&self) -> Option<(RecommendedWatcher, mpsc::UnboundedReceiver<()>)> {
        if self.directories.is_empty() {
            return None;
        }
        let (sender, events) = mpsc::unbounded_channel();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Our own reading is an event, too.
            if !event.is_ok_and(|event| event.kind.is_access()) {
                let _ = sender.send(());
            }
        });
        let mut watcher = watcher
            .inspect_err(|error| tracing::warn!(%error, "no file events: certificates are looked at every {POLL:?} only"))
            .ok()?;
        for directory in &self.directories {
            if let Err(error) = watcher.watch(directory, RecursiveMode::NonRecursive) {
                tracing::warn!(directory = %directory.display(), %error, "no file events: its files are looked at every {POLL:?} only");
            }
        }
        Some((watcher, events))
    }

    /// Waits until some have changed, and says which. May be dropped at any time and begun anew.
    pub(super) async fn changed(&mut self) -> HashSet<PathBuf> {
        loop {
            let Some(look) = self.look else {
                return pending().await;
            };
            let event = async {
                match &mut self.watcher {
                    Some((_, events)) => events.recv().await,
                    None => pending().await,
                }
            };
            tokio::select! {
                event = event => match event {
                    Some(()) => self.look = Some(Instant::now() + SETTLE),
                    None => self.watcher = None,
                },
                () = sleep_until(look) => {
                    self.look = Some(Instant::now() + POLL);
                    let changed = self.look();
                    if !changed.is_empty() {
                        return changed;
                    }
                }
            }
        }
    }

    fn look(&mut self) -> HashSet<PathBuf> {
        let mut changed = HashSet::new();
        for (file, seen) in &mut self.files {
            let now = stamp(file);
            if now != *seen {
                *seen = now;
                changed.insert(file.clone());
            }
        }
        changed
    }
}

/// Of what the path leads to, through whatever links.
fn stamp(file: &Path) -> Option<Stamp> {
    let found = fs::metadata(file).ok()?;
    Some((
        found.dev(),
        found.ino(),
        found.mtime(),
        found.mtime_nsec(),
        found.size(),
    ))
}

fn directory(file: &Path) -> PathBuf {
    let parent = file
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new(".")).to_owned()
}
