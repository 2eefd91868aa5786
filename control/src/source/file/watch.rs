//! The events of a directory.

use std::path::{Path, PathBuf};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use super::{POLL, Touched};

/// A watched directory.
#[derive(Debug)]
pub(super) struct Watch {
    /// Where the path led when it was watched.
    real: Option<PathBuf>,
    events: mpsc::UnboundedReceiver<Touched>,
    /// Stops watching when dropped.
    _watcher: Option<RecommendedWatcher>,
}

impl Watch {
    pub(super) fn new(directory: &Path) -> Self {
        let (sender, events) = mpsc::unbounded_channel();
        let watcher = watcher(directory, sender).inspect_err(|error| {
            let path = directory.display();
            tracing::warn!(%path, %error, "no file events: the tables are looked at every {POLL:?} only");
        });
        Self {
            real: directory.canonicalize().ok(),
            events,
            _watcher: watcher.ok(),
        }
    }

    /// Watches anew if the path leads elsewhere now, as when a symlink was turned.
    pub(super) fn follow(&mut self, directory: &Path) {
        if directory.canonicalize().ok() != self.real {
            *self = Self::new(directory);
        }
    }

    /// Waits until something is touched. Loses nothing when dropped.
    pub(super) async fn touched(&mut self) -> Touched {
        let Some(mut touched) = self.events.recv().await else {
            // Without a watcher there is nothing to wait for.
            return std::future::pending().await;
        };
        // Many events are one look.
        while let Ok(more) = self.events.try_recv() {
            touched = touched.and(more);
        }
        touched
    }
}

fn watcher(
    directory: &Path,
    sender: mpsc::UnboundedSender<Touched>,
) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let touched = match event {
            // Our own reading is an event, too.
            Ok(event) if event.kind.is_access() => return,
            Ok(event) => Touched::new(event.paths.iter().map(PathBuf::as_path)),
            Err(_) => Touched::Anything,
        };
        let _ = sender.send(touched);
    })?;
    watcher.watch(directory, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}
