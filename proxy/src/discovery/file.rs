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

use crate::settling::Settling;

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
    /// When the content is looked at next.
    settling: Settling,
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
            settling: Settling::new(SETTLE, POLL, Instant::now()),
            _watcher: watcher.ok(),
        }
    }

    /// Waits until the content is another than when it was last seen. May be dropped at any time and begun anew: what is
    /// waited for is not forgotten.
    pub async fn changed(&mut self) {
        loop {
            tokio::select! {
                Some(()) = self.events.recv() => self.settling.event(Instant::now()),
                () = sleep_until(self.settling.due()) => {
                    self.settling.looked(Instant::now());
                    let now = fs::read(&self.path).ok().map(|text| hash(&text));
                    if now != self.seen {
                        self.seen = now;
                        return;
                    }
                }
            }
        }
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_change_is_seen_by_those_who_are_called_away_all_the_time() {
        let path = std::env::temp_dir().join(format!("outrigger-watch-{}", std::process::id()));
        fs::write(&path, "one").unwrap();
        let mut watch = Watch::new(&path, b"one");
        fs::write(&path, "two").unwrap();
        let seen = async { while timeout(SETTLE / 3, watch.changed()).await.is_err() {} };
        let seen = timeout(Duration::from_secs(10), seen).await;
        fs::remove_file(&path).unwrap();
        assert!(seen.is_ok());
    }
}
