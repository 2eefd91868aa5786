//! Notices that the config file has changed, however it is replaced.
//!
//! The *parent directory* is watched: editors and Kubernetes replace a file by renaming another (for a ConfigMap, the
//! symlink `..data` beside it), and a watch on the file itself would die with its inode. File systems without events
//! (NFS, some containers) are served by a slow look at the content, which also decides whether anything changed at all.

use std::{
    collections::hash_map::DefaultHasher,
    fs,
    hash::{Hash, Hasher},
    path::{Path, PathBuf},
    time::Duration,
};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

/// A writer is given this long to finish, counted from its last event.
const SETTLE: Duration = Duration::from_millis(30);

/// How often the content is looked at without an event.
const POLL: Duration = Duration::from_secs(2);

/// A watched file.
pub struct Watch {
    path: PathBuf,
    /// Of the content when last seen; `None` if it could not be read.
    seen: Option<u64>,
    events: mpsc::UnboundedReceiver<()>,
    /// Something happened to it since it was looked at. Kept here, as is the time of the next look, because whoever waits
    /// for a change may have other things to do in between, and waits anew.
    stirred: bool,
    next_look: Instant,
    /// Stops watching when dropped.
    _watcher: Option<RecommendedWatcher>,
}

impl Watch {
    /// Watches a file whose content just was `text`.
    pub fn new(path: &Path, text: &[u8]) -> Self {
        let (sender, events) = mpsc::unbounded_channel();
        let watcher = watcher(path, sender).inspect_err(|error| {
            tracing::warn!(path = %path.display(), %error, "no file events: the file is looked at every {POLL:?} only");
        });
        Self {
            path: path.to_owned(),
            seen: Some(hash(text)),
            events,
            stirred: false,
            next_look: Instant::now() + POLL,
            _watcher: watcher.ok(),
        }
    }

    /// Waits until the content is another than when it was last seen. May be dropped and called anew: nothing is missed.
    pub async fn changed(&mut self) {
        loop {
            if !self.stirred {
                tokio::select! {
                    Some(()) = self.events.recv() => {}
                    () = sleep_until(self.next_look) => {}
                }
                self.stirred = true;
            }
            self.settle().await;
            self.stirred = false;
            self.next_look = Instant::now() + POLL;
            let now = fs::read(&self.path).ok().map(|text| hash(&text));
            if now != self.seen {
                self.seen = now;
                return;
            }
        }
    }

    async fn settle(&mut self) {
        while tokio::time::timeout(SETTLE, self.events.recv())
            .await
            .is_ok_and(|event| event.is_some())
        {}
    }
}

fn watcher(path: &Path, sender: mpsc::UnboundedSender<()>) -> notify::Result<RecommendedWatcher> {
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Our own reading is an event, too.
        if !event.is_ok_and(|event| event.kind.is_access()) {
            let _ = sender.send(());
        }
    })?;
    watcher.watch(directory, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}

fn hash(text: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}
