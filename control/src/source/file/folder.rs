//! Which files are tables, and how they are replaced.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use bytes::Bytes;

use super::{OpenError, WriteError};
use crate::source::{Name, Text};

/// Of tables. The first is that of new ones.
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

/// Where tables lie.
#[derive(Debug)]
pub(super) enum Folder {
    /// Any number of them.
    Directory(PathBuf),
    /// One.
    File(PathBuf, Name),
}

impl Folder {
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        let unreadable = |error| OpenError::Unreadable(path.to_owned(), error);
        if fs::metadata(path).map_err(unreadable)?.is_dir() {
            return Ok(Self::Directory(path.to_owned()));
        }
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let name = Name::new(&stem).map_err(|error| OpenError::Name(path.to_owned(), error))?;
        Ok(Self::File(path.to_owned(), name))
    }

    /// The one to watch.
    pub(super) fn directory(&self) -> &Path {
        match self {
            Self::Directory(path) => path,
            Self::File(path, _) => path
                .parent()
                .filter(|parent| !parent.as_os_str().is_empty())
                .unwrap_or(Path::new(".")),
        }
    }

    /// All tables.
    pub(super) fn read(&self) -> io::Result<BTreeMap<Name, Text>> {
        let directory = match self {
            Self::Directory(path) => path,
            // The one that was named has to be there.
            Self::File(path, name) => {
                return Ok(BTreeMap::from([(name.clone(), Ok(fs::read(path)?.into()))]));
            }
        };
        let mut files: BTreeMap<Name, Vec<PathBuf>> = BTreeMap::new();
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            if let Some(name) = table(&path)
                && may_be_file(&path)
            {
                files.entry(name).or_default().push(path);
            }
        }
        let texts = files.into_iter().filter_map(|(name, mut paths)| {
            paths.sort();
            Some((name, text(&paths)?))
        });
        Ok(texts.collect())
    }

    /// Files that would be tables, had they another name.
    pub(super) fn strangers(&self) -> Vec<PathBuf> {
        let Self::Directory(directory) = self else {
            return Vec::new();
        };
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        let paths = entries.map(|entry| entry.path());
        let strange = |path: &PathBuf| {
            let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
            EXTENSIONS.contains(&extension)
                && table(path).is_none()
                && !path
                    .file_name()
                    .is_some_and(|it| it.as_encoded_bytes().starts_with(b"."))
        };
        paths.filter(strange).collect()
    }

    /// One table, if it is there.
    pub(super) fn read_one(&self, name: &Name) -> Option<Text> {
        text(&self.places(name))
    }

    /// The files that there are of a table; more than one is a mistake.
    fn places(&self, name: &Name) -> Vec<PathBuf> {
        let mut places = match self {
            Self::Directory(directory) => EXTENSIONS
                .map(|extension| directory.join(format!("{name}.{extension}")))
                .to_vec(),
            Self::File(path, own) if own == name => vec![path.clone()],
            Self::File(..) => Vec::new(),
        };
        places.retain(|path| may_be_file(path));
        places.sort();
        places
    }

    /// Where a table is, or would be.
    pub(super) fn place(&self, name: &Name) -> PathBuf {
        let found = self.places(name).into_iter().next();
        found.unwrap_or_else(|| match self {
            Self::Directory(directory) => directory.join(format!("{name}.{}", EXTENSIONS[0])),
            Self::File(path, _) => path.clone(),
        })
    }

    pub(super) fn place_to_write(&self, name: &Name) -> Result<PathBuf, WriteError> {
        match self {
            Self::File(path, own) if own != name => Err(WriteError::ReadOnly(format!(
                "`{}` is one file, which is the table `{own}`: start with a directory to hold more",
                path.display()
            ))),
            _ => match &self.places(name)[..] {
                [one, two, ..] => Err(WriteError::ReadOnly(format!(
                    "{}: take one of them away",
                    ambiguous(one, two)
                ))),
                _ => Ok(self.place(name)),
            },
        }
    }

    pub(super) fn places_to_delete(&self, name: &Name) -> Result<Vec<PathBuf>, WriteError> {
        match self {
            Self::File(path, _) => Err(WriteError::ReadOnly(format!(
                "`{}` is the one file that there is: start with a directory to take tables away",
                path.display()
            ))),
            Self::Directory(_) => Ok(self.places(name)),
        }
    }
}

/// The table that a file would be. What is hidden, and what editors leave behind (`a.yaml~`, `#a.yaml#`), is none.
pub(super) fn table(path: &Path) -> Option<Name> {
    let extension = path.extension().and_then(OsStr::to_str)?;
    if !EXTENSIONS.contains(&extension) {
        return None;
    }
    let stem = path.file_stem().and_then(OsStr::to_str)?;
    Name::new(stem).ok()
}

/// Whether there is a file, as far as can be seen: one that can't be looked at (rights, a share that is away for a moment)
/// is no table that is gone.
fn may_be_file(path: &Path) -> bool {
    match fs::metadata(path) {
        Ok(found) => found.is_file(),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

fn text(paths: &[PathBuf]) -> Option<Text> {
    match paths {
        [] => None,
        [path] => match fs::read(path) {
            Ok(text) => Some(Ok(text.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => Some(Err(error.to_string())),
        },
        [one, two, ..] => Some(Err(ambiguous(one, two))),
    }
}

/// Why two files are none.
fn ambiguous(one: &Path, two: &Path) -> String {
    // Where nothing can be looked at, each place may be one.
    if let Some(error) = [one, two].iter().find_map(|path| fs::metadata(path).err()) {
        return error.to_string();
    }
    format!(
        "`{}` and `{}` would be the same table",
        one.display(),
        two.display()
    )
}

/// Puts a text in place of a file so that a reader sees the old or the new one, whole, also after a crash.
pub(super) fn replace(path: &Path, text: &Bytes) -> io::Result<()> {
    // What a symlink leads to is replaced, not the symlink.
    let real = match fs::canonicalize(path) {
        Ok(real) => real,
        Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
        Err(error) => return Err(error),
    };
    let name = real.file_name().unwrap_or_default().to_string_lossy();
    let beside = real.with_file_name(format!(".{name}.{}.new", std::process::id()));
    let written = write(&beside, text, &real).and_then(|()| fs::rename(&beside, &real));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written?;
    sync_directory(&real)
}

fn write(path: &Path, text: &Bytes, like: &Path) -> io::Result<()> {
    let mut file = File::create(path)?;
    if let Ok(metadata) = fs::metadata(like) {
        file.set_permissions(metadata.permissions())?;
    }
    file.write_all(text)?;
    file.sync_all()
}

/// Takes a file away; that it is gone already is no error.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => sync_directory(path),
    }
}

/// A name is on the disk when its directory is.
fn sync_directory(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|it| !it.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}
