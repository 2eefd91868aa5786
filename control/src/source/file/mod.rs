//! Tables in a directory, a file a table named like it; or in one file.
//!
//! The *directory* is watched, because editors and Kubernetes replace a file by renaming another over it (for a
//! ConfigMap, the symlink `..data` beside it). File systems without events (NFS, some containers) are served by a slow
//! look at the content, which also decides whether anything changed at all.

mod folder;
mod touched;
mod watch;

use std::{
    collections::{BTreeMap, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    task::spawn_blocking,
    time::{Instant, sleep_until},
};

use super::{BadName, Event, Name, Source, Text, WriteError};
use folder::Folder;
use touched::Touched;
use watch::Watch;

/// How often the content is looked at without an event.
const POLL: Duration = Duration::from_secs(2);

/// A watched directory, or file.
#[derive(Debug)]
pub struct FileSource {
    folder: Folder,
    watch: Watch,
    /// Of each text as it was last said; `None`: nothing was said since the source was lost, or ever.
    said: Option<BTreeMap<Name, u64>>,
    /// Whether it was said that nothing can be seen.
    lost: bool,
    /// Files that look like tables but for their names.
    strangers: Vec<PathBuf>,
    /// What is still to be said.
    waiting: VecDeque<Event>,
    /// When all of it is looked at next.
    look: Instant,
}

/// Why there is nothing to watch.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no such file, or it can't be read.
    #[error("{0}: {1}")]
    Unreadable(PathBuf, io::Error),
    /// A file whose name is that of no table.
    #[error("{0}: {1}")]
    Name(PathBuf, BadName),
}

/// A table as it lies on disk.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its name.
    pub name: Name,
    /// Its file.
    pub place: PathBuf,
    /// What it says.
    pub text: Text,
}

/// Reads the tables that a [`FileSource`] of `path` would watch, once; and the files that it would warn of, since they
/// are none for their names.
///
/// # Errors
/// As [`FileSource::open`].
pub fn read(path: &Path) -> Result<(Vec<Found>, Vec<PathBuf>), OpenError> {
    let folder = Folder::open(path)?;
    let unreadable = |error| OpenError::Unreadable(path.to_owned(), error);
    let texts = folder.read().map_err(unreadable)?.into_iter();
    let found = texts.map(|(name, text)| Found {
        place: folder.place(&name),
        name,
        text,
    });
    Ok((found.collect(), folder.strangers()))
}

impl FileSource {
    /// Watches a directory, or a file.
    ///
    /// # Errors
    /// When it isn't there: a directory that is misspelt should not look like one without tables.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let folder = Folder::open(path)?;
        let unreadable = |error| OpenError::Unreadable(path.to_owned(), error);
        folder.read().map_err(unreadable)?;
        Ok(Self {
            watch: Watch::new(folder.directory()),
            folder,
            said: None,
            lost: false,
            strangers: Vec::new(),
            waiting: VecDeque::new(),
            look: Instant::now(),
        })
    }

    /// Compares everything with what was said of it.
    fn look_at_all(&mut self) {
        self.watch.follow(self.folder.directory());
        self.look = Instant::now() + POLL;
        self.warn_of_strangers();
        match (self.folder.read(), &mut self.said) {
            (Err(error), said) => {
                *said = None;
                if !self.lost {
                    let place = self.folder.directory().display();
                    self.waiting.clear();
                    self.waiting
                        .push_back(Event::Lost(format!("{place}: {error}")));
                }
                self.lost = true;
            }
            (Ok(texts), said @ None) => {
                self.lost = false;
                let hashes = texts.iter().map(|(name, text)| (name.clone(), hash(text)));
                *said = Some(hashes.collect());
                self.waiting.push_back(Event::All(texts));
            }
            (Ok(mut texts), Some(said)) => {
                let gone = said.keys().filter(|name| !texts.contains_key(*name));
                let gone: Vec<Name> = gone.cloned().collect();
                for name in gone {
                    self.say(name, None);
                }
                while let Some((name, text)) = texts.pop_first() {
                    self.say(name, Some(text));
                }
            }
        }
    }

    /// Nobody should wonder why a file does nothing.
    fn warn_of_strangers(&mut self) {
        let strangers = self.folder.strangers();
        let new = strangers.iter().filter(|it| !self.strangers.contains(it));
        for path in new {
            let hint = "letters, digits, `-`, `_` and `.` make the name of a table";
            tracing::warn!(path = %path.display(), hint, "a file is ignored for its name");
        }
        self.strangers = strangers;
    }

    /// Compares some tables with what was said of them.
    fn look_at(&mut self, names: impl IntoIterator<Item = Name>) {
        // The one file that was named is not deleted but lost.
        if matches!(self.folder, Folder::File(..)) {
            return self.look_at_all();
        }
        for name in names {
            let text = self.folder.read_one(&name);
            self.say(name, text);
        }
    }

    /// Says what there is of a table unless it was said.
    fn say(&mut self, name: Name, text: Option<Text>) {
        let Some(said) = &mut self.said else { return };
        let before = match &text {
            Some(text) => said.insert(name.clone(), hash(text)),
            None => said.remove(&name),
        };
        match text {
            Some(text) if before != Some(hash(&text)) => {
                self.waiting.push_back(Event::Put(name, text));
            }
            None if before.is_some() => self.waiting.push_back(Event::Deleted(name)),
            _ => {}
        }
    }

    /// Takes note of what was written, so that it is not said, and nothing older is.
    fn written(&mut self, name: &Name, text: Option<&Bytes>) {
        let about = |event: &Event| match event {
            Event::Put(other, _) | Event::Deleted(other) => other == name,
            Event::All(_) | Event::Lost(_) => false,
        };
        self.waiting.retain(|event| !about(event));
        if let Some(said) = &mut self.said {
            match text {
                Some(text) => said.insert(name.clone(), hash(&Ok(text.clone()))),
                None => said.remove(name),
            };
        }
    }
}

impl Source for FileSource {
    async fn next(&mut self) -> Event {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return event;
            }
            tokio::select! {
                // What is there must be said before what happens to it.
                biased;
                () = sleep_until(self.look) => self.look_at_all(),
                touched = self.watch.touched() => match touched {
                    Touched::Anything => self.look_at_all(),
                    Touched::Tables(names) => self.look_at(names),
                },
            }
        }
    }

    fn refresh(&mut self) {
        self.look = Instant::now();
    }

    async fn look(&mut self, names: Option<&[Name]>) -> Vec<Event> {
        match names {
            Some(names) if !self.lost => self.look_at(names.iter().cloned()),
            _ => self.look_at_all(),
        }
        self.waiting.drain(..).collect()
    }

    async fn write(&mut self, name: &Name, text: &Bytes) -> Result<(), WriteError> {
        let path = self.folder.place_to_write(name)?;
        let (at, bytes) = (path.clone(), text.clone());
        blocking(move || folder::replace(&at, &bytes), &path).await?;
        self.written(name, Some(text));
        Ok(())
    }

    async fn delete(&mut self, name: &Name) -> Result<(), WriteError> {
        for path in self.folder.places_to_delete(name)? {
            let at = path.clone();
            blocking(move || folder::remove(&at), &path).await?;
        }
        self.written(name, None);
        Ok(())
    }

    fn place(&self, name: &Name) -> String {
        self.folder.place(name).display().to_string()
    }

    fn kind(&self) -> &'static str {
        "file"
    }
}

/// Does what waits for the disk where nobody else waits for it.
async fn blocking(
    work: impl FnOnce() -> io::Result<()> + Send + 'static,
    path: &Path,
) -> Result<(), WriteError> {
    let done = spawn_blocking(work).await.map_err(io::Error::other);
    done.flatten().map_err(|error| match error.kind() {
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            WriteError::ReadOnly(format!(
                "{} can't be written ({error}): change it where it comes from",
                path.display()
            ))
        }
        _ => WriteError::Failed(path.display().to_string(), error),
    })
}

fn hash(text: &Text) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
