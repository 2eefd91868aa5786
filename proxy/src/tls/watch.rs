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

use crate::settling::Settling;

/// Certificate and key are seldom written at once: so long after the last event they should both be there.
const SETTLE: Duration = Duration::from_millis(100);

/// How often is looked without an event: file systems without any (NFS, some containers), and links that lead elsewhere.
const POLL: Duration = Duration::from_secs(5);

/// What tells one content from the next: device, inode, seconds and nanoseconds of its change, size. The change of the inode
/// (ctime), not of the content alone: a file that could not be read can be once its mode is another.
type Stamp = (u64, u64, i64, i64, u64);

/// Of files; `None`: it is not there.
pub(super) type Stamps = HashMap<PathBuf, Option<Stamp>>;

/// Watched files.
#[derive(Default)]
pub(super) struct Watch {
    files: Stamps,
    /// Those of them that are read again with every look, changed or not.
    again: HashSet<PathBuf>,
    directories: HashSet<PathBuf>,
    watcher: Option<(RecommendedWatcher, mpsc::UnboundedReceiver<()>)>,
    /// When files are looked at next, if there are any.
    settling: Option<Settling>,
}

impl Watch {
    /// Watches these files, and no others. `read`: the stamps that they had before they were read.
    pub(super) fn set(&mut self, files: impl IntoIterator<Item = PathBuf>, mut read: Stamps) {
        let mut before = std::mem::take(&mut self.files);
        for file in files {
            let seen = before.remove(&file).or_else(|| read.remove(&file));
            let stamp = seen.unwrap_or_else(|| stamp(&file));
            self.files.insert(file, stamp);
        }
        let directories: HashSet<PathBuf> = self.files.keys().map(|file| directory(file)).collect();
        if directories != self.directories {
            self.directories = directories;
            self.watcher = self.watcher();
        }
        // A look that is due stays so: tables may come more often than that.
        let settling = self.settling.take();
        let settling = settling.unwrap_or_else(|| Settling::new(SETTLE, POLL, Instant::now()));
        self.settling = (!self.files.is_empty()).then_some(settling);
    }

    /// From now on has these files be read with every look: what they say was refused, and its time may come.
    pub(super) fn again(&mut self, files: HashSet<PathBuf>) {
        self.again = files;
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

    /// Waits until some have changed, or are to be read again, and says which. May be dropped at any time and begun anew.
    pub(super) async fn changed(&mut self) -> HashSet<PathBuf> {
        loop {
            let Some(settling) = &mut self.settling else {
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
                    Some(()) => settling.event(Instant::now()),
                    None => self.watcher = None,
                },
                () = sleep_until(settling.due()) => {
                    settling.looked(Instant::now());
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
            if now != *seen || self.again.contains(file) {
                *seen = now;
                changed.insert(file.clone());
            }
        }
        changed
    }
}

/// Of what the path leads to, through whatever links.
pub(super) fn stamp(file: &Path) -> Option<Stamp> {
    let found = fs::metadata(file).ok()?;
    Some((
        found.dev(),
        found.ino(),
        found.ctime(),
        found.ctime_nsec(),
        found.size(),
    ))
}

fn directory(file: &Path) -> PathBuf {
    let parent = file
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new(".")).to_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use tokio::time::timeout;

    use super::*;

    /// A file of this test's, watched as one that was read just now.
    fn watched(name: &str) -> (PathBuf, Watch) {
        let name = format!("outrigger-watch-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, "one").unwrap();
        let mut watch = Watch::default();
        watch.set([path.clone()], Stamps::from([(path.clone(), stamp(&path))]));
        (path, watch)
    }

    async fn changes(watch: &mut Watch) -> HashSet<PathBuf> {
        let changed = timeout(Duration::from_secs(20), watch.changed()).await;
        changed.unwrap()
    }

    #[tokio::test]
    async fn what_may_be_read_all_of_a_sudden_has_changed() {
        let (path, mut watch) = watched("mode");
        // The hour of the content is kept, as `cp -p` and `chmod` keep it.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(changes(&mut watch).await.contains(&path));
        fs::remove_file(&path).unwrap();
    }

    #[tokio::test]
    async fn what_changed_while_it_was_read_has_changed() {
        let (path, mut watch) = watched("race");
        let before = stamp(&path);
        fs::write(&path, "two, and longer").unwrap();
        let mut late = Watch::default();
        late.set([path.clone()], Stamps::from([(path.clone(), before)]));
        assert!(changes(&mut late).await.contains(&path));
        assert!(changes(&mut watch).await.contains(&path));
        fs::remove_file(&path).unwrap();
    }

    #[tokio::test]
    async fn what_was_refused_is_read_again_unchanged() {
        let (path, mut watch) = watched("again");
        watch.again(HashSet::from([path.clone()]));
        assert!(changes(&mut watch).await.contains(&path));
        assert!(changes(&mut watch).await.contains(&path));
        watch.again(HashSet::new());
        assert_eq!(watch.look(), HashSet::new());
        fs::remove_file(&path).unwrap();
    }
}
