//! Tables on disk: a file, or a directory of them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use super::failure::Failure;
use crate::source::Name;

/// What a table's file may be called, after the point.
const EXTENSIONS: &[&str] = &["yaml", "yml", "json"];

/// A table on disk.
#[derive(Clone, Debug)]
pub struct OnDisk {
    /// Where.
    pub path: PathBuf,
    /// What it says.
    pub text: String,
}

/// Reads the table of the file `path`, or all of the directory `path`.
///
/// # Errors
/// When there is none, or one can't be read.
pub fn read(path: &Path) -> Result<BTreeMap<Name, OnDisk>, Failure> {
    let unreadable = |path: &Path, error: &std::io::Error| {
        Failure::wrong(format!("{}: can't be read: {error}", path.display()))
    };
    let is_directory = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    let files = match is_directory.is_dir() {
        true => files(path).map_err(|error| unreadable(path, &error))?,
        false => vec![path.to_owned()],
    };
    let mut tables: BTreeMap<Name, OnDisk> = BTreeMap::new();
    for path in files {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let name =
            Name::new(&name).map_err(|bad| Failure::wrong(format!("{}: {bad}", path.display())))?;
        let bytes = fs::read(&path).map_err(|error| unreadable(&path, &error))?;
        let text = String::from_utf8(bytes)
            .map_err(|_| Failure::wrong(format!("{}: the file is not UTF-8", path.display())))?;
        if let Some(other) = tables.get(&name) {
            let (one, two) = (other.path.display(), path.display());
            let twice = format!("{one} and {two} are both the table `{name}`");
            return Err(Failure::wrong(twice).hint("a table is named like its file"));
        }
        tables.insert(name, OnDisk { path, text });
    }
    match tables.is_empty() {
        false => Ok(tables),
        true => Err(
            Failure::wrong(format!("{}: there is no table in it", path.display()))
                .hint("tables are files named `*.yaml`, `*.yml` or `*.json`"),
        ),
    }
}

/// The files of a directory that are tables. What begins with a point is an editor's, or a ConfigMap's inside.
fn files(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let extension = path.extension().and_then(|extension| extension.to_str());
        let hidden = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !hidden && extension.is_some_and(|it| EXTENSIONS.contains(&it)) && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
