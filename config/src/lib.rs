//! The routing-table model: what a user may say, its file format and defaults, its checks and messages, its JSON schema.

mod file;
pub mod model;
mod network;
mod pattern;
mod problem;
mod reader;
mod schema;
mod shape;
mod yaml;

use std::path::Path;

use serde::{Serialize, Serializer};

pub use model::Config;
pub use network::Network;
pub use pattern::Pattern;
pub use problem::{Problem, Problems};
pub use schema::schema;

use problem::Fault;
use reader::Reader;

/// Reads a table from YAML or JSON. `file_name` is what messages call the text.
///
/// # Errors
/// Everything that is wrong with `text`, at once.
pub fn parse(file_name: &str, text: &str) -> Result<Config, Problems> {
    // Some editors begin a file with a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut problems = Vec::new();
    let mut config = None;
    if let Some(root) = yaml::parse(text, &mut problems) {
        let mut reader = Reader::new(root.get("clusters"));
        config = file::config().read(&root, &mut reader);
        problems.extend(reader.into_problems());
    }
    match config {
        Some(config) if problems.is_empty() => Ok(config),
        _ => Err(Problems::new(file_name, text, problems)),
    }
}

/// Reads a table from a file.
///
/// # Errors
/// Everything that is wrong with it, at once; also that it can't be read.
pub fn load(path: impl AsRef<Path>) -> Result<Config, Problems> {
    let path = path.as_ref();
    let name = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| {
        let fault = Fault::new("the file can't be read").cause(error.to_string());
        Problems::new(&name, "", vec![Problem::whole_file(fault)])
    })?;
    match std::str::from_utf8(&bytes) {
        Ok(text) => parse(&name, text),
        Err(error) => {
            let text = String::from_utf8_lossy(&bytes);
            let at = error.valid_up_to();
            let fault = Fault::new("the file is not UTF-8").cause("bytes that are no character");
            let problem = Problem::at(&(at..at), Vec::new(), fault);
            Err(Problems::new(&name, &text, vec![problem]))
        }
    }
}

/// The table as a file may say it, with every default written out: [`parse`] reads it back to the same.
impl Serialize for Config {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        file::config().write(self).serialize(serializer)
    }
}
