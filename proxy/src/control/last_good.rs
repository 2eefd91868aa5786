//! The last table on the disk: what a start without a control plane serves from.
//!
//! One file, replaced whole: a line that says what it is and how to know that it is unhurt, then the table in the file
//! format, so that a person can read it and `outrigger check` can judge it.

use std::{
    fs::{self, File},
    hash::Hasher as _,
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use outrigger_config::Config;
use tokio::{sync::watch, task::spawn_blocking, time::sleep};
use twox_hash::XxHash64;

use super::table::Table;

/// In the directory that the command line names.
const NAME: &str = "table.yaml";

/// The first words. The number is that of the format of the line.
const HEAD: &str = "# outrigger table 1";

/// The last field of that line.
const CHECKSUM: &str = "; checksum=";

/// The largest table that is kept or read, in bytes: ten thousands of clusters.
const LARGEST: u64 = 64 * 1024 * 1024;

/// A table is written this often at most: under a flood of changes, the disk gets the last of each second.
const PACE: Duration = Duration::from_secs(1);

/// Why a table could not be kept, or what lies there is not used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// The file system says no.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Over the bound.
    #[error("it is larger than {LARGEST} bytes")]
    Large,
    /// It is not one of ours, or of another version.
    #[error("it does not begin with `{HEAD}`")]
    Foreign,
    /// Cut short, or changed.
    #[error("it is damaged: its checksum is {found}, it says `{said}`")]
    Damaged {
        /// Of what lies there.
        found: String,
        /// What it should be.
        said: String,
    },
    /// Unhurt, but not understood: another version of the program wrote it, perhaps.
    #[error("{0}")]
    Config(#[from] outrigger_config::Problems),
}

/// Where the table lies.
pub fn path(directory: &Path) -> PathBuf {
    directory.join(NAME)
}

/// The table that lies there; `None`: none was ever kept.
///
/// # Errors
/// Why what lies there is not used.
pub fn load(path: &Path) -> Result<Option<Table>, Unusable> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut text = String::new();
    file.take(LARGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST {
        return Err(Unusable::Large);
    }
    let (head, body) = text.split_once('\n').unwrap_or((&text, ""));
    let (head, said) = head.rsplit_once(CHECKSUM).unwrap_or((head, ""));
    let fields = head.strip_prefix(HEAD).ok_or(Unusable::Foreign)?;
    let found = checksum(head, body);
    if said != found {
        let said = said.to_owned();
        return Err(Unusable::Damaged { found, said });
    }
    let field = |key: &str| {
        let mut fields = fields.split("; ").filter_map(|field| field.split_once('='));
        fields.find(|(name, _)| *name == key).map(|(_, said)| said)
    };
    let config = outrigger_config::parse(&path.display().to_string(), body)?;
    let since = field("time").and_then(|time| time.parse().ok());
    let since = since.and_then(|time| Duration::try_from_secs_f64(time).ok());
    Ok(Some(Table {
        version: field("version").unwrap_or_default().into(),
        since: since.map(|since| UNIX_EPOCH + since),
        whole: true,
        ..Table::of(config)
    }))
}

/// Keeps a table; the one before is there until it is.
///
/// # Errors
/// Why not.
pub fn keep(path: &Path, table: &Table) -> Result<(), Unusable> {
    let config = table.on(&Config::default()).config;
    let body = serde_json::to_string(&config).map_err(io::Error::from)?;
    if body.len() as u64 > LARGEST {
        return Err(Unusable::Large);
    }
    let since = table.since.unwrap_or_else(SystemTime::now);
    let since = since.duration_since(UNIX_EPOCH).unwrap_or_default();
    // It is the control plane's word, and stands in a line of ours.
    let version: String = table
        .version
        .chars()
        .filter(char::is_ascii_graphic)
        .collect();
    let (version, time) = (version.replace(';', ""), since.as_secs_f64());
    let head = format!("{HEAD}; version={version}; time={time:.3}");
    let checksum = checksum(&head, &body);
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory)?;
    let unfinished = path.with_extension(format!("{}.new", std::process::id()));
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        // It says where everything is.
        .mode(0o600)
        .open(&unfinished)?;
    for part in [&*head, CHECKSUM, &checksum, "\n", &body] {
        file.write_all(part.as_bytes())?;
    }
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    // The new name has to last, too.
    File::open(directory)?.sync_all()?;
    Ok(())
}

/// Keeps each table that comes, off the thread that calls, for ever.
pub async fn follow(path: PathBuf, mut tables: watch::Receiver<Arc<Table>>) {
    let mut failing = false;
    while tables.changed().await.is_ok() {
        let (table, to) = (Arc::clone(&tables.borrow_and_update()), path.clone());
        let kept = spawn_blocking(move || keep(&to, &table)).await;
        match kept {
            Ok(Err(error)) if !failing => {
                failing = true;
                tracing::error!(path = %path.display(), %error, "cannot keep the table: the next start begins with an older one");
            }
            Ok(Ok(())) if failing => {
                failing = false;
                tracing::info!(path = %path.display(), "the table is kept again");
            }
            _ => {}
        }
        sleep(PACE).await;
    }
}

/// Of all that stands before it in its line, and after that line.
fn checksum(head: &str, body: &str) -> String {
    let mut hasher = XxHash64::with_seed(0);
    hasher.write(head.as_bytes());
    hasher.write(body.as_bytes());
    format!("{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests;
