//! The routing-table model of Outrigger: what a user may say, its file format and defaults, its checks and messages, and
//! its JSON Schema. No sockets.
//!
//! # From a file to a table
//!
//! ```text
//! text  --yaml-->  nodes with places  --shapes-->  Config
//!                          \________________________/
//!                              Problems, all of them
//! ```
//!
//! Each key of the format is declared once, in a file of `file/` named like its subject. That declaration reads the key,
//! writes it, and describes it to editors: `schema.json` beside this crate is made of it. What comes out is a [`Config`]
//! in which no string is a name that might not exist and no `Option` means "default".
//!
//! To add a key: a field in `model/`, its default in [`model::default`], one line in its `keys!` of `file/`, the key in
//! `examples/full.yaml`; then `UPDATE=1 cargo test -p outrigger-config` writes the schema anew.
//!
//! # Words
//!
//! One word everywhere: folder, type, key of the file, metric, page of the guide.
//!
//! | word | means |
//! |---|---|
//! | downstream, upstream | direction only: toward the caller, toward the callee |
//! | listener | a bound address that accepts downstream connections |
//! | route | match, then filters, then weighted clusters or the one of the host's name, with its policy: timeouts, retry |
//! | filter | one edit of a request or response, chosen by a route |
//! | cluster | a named set of endpoints with one policy; what users call a service |
//! | endpoint | one address of a cluster, with its load, health and zone |
//! | balancer | how a cluster picks an endpoint for an attempt |
//! | pool | the live connections of one worker to one endpoint |
//! | attempt | one try at one endpoint; a request has one or more |
//! | limits | hard caps of a cluster on what runs at once: connections, pending, requests, retries |
//! | circuit breaker | of a cluster or endpoint: opens on failures, then lets single probe requests through |
//! | outlier detection, ejection | passive removal of an endpoint, for a growing time, up to a share of the cluster |
//! | health check | an active probe |
//! | retry budget | the share of traffic that may be retries, earned by ordinary requests |
//! | table | what is configured: the listeners with their routes, and the clusters |
//! | snapshot | a table compiled to the immutable form that the workers read |
//! | trail | the decisions about one request, as one readable line |
//! | drain | orderly goodbye |

pub mod document;
mod file;
pub mod fragment;
pub mod model;
mod network;
mod pattern;
mod problem;
mod reader;
mod schema;
mod shape;
mod yaml;

use std::path::Path;

pub use model::Config;
pub use network::Network;
pub use pattern::Pattern;
pub use problem::{Problem, Problems};
pub use schema::schema;

use problem::Fault;
use reader::Reader;

/// Reads a table from YAML or JSON. `file_name` is what messages call the text.
///
/// Takes any text without panic, in bounded memory and depth: this is the function to fuzz, together with the messages'
/// `Display`.
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
    let bytes = std::fs::read(path).map_err(|error| unreadable(&name, &error.to_string()))?;
    parse(&name, utf8(&name, &bytes)?)
}

fn unreadable(name: &str, cause: &str) -> Problems {
    let fault = Fault::new("the file can't be read").cause(cause);
    Problems::new(name, "", vec![Problem::whole_file(fault)])
}

fn utf8<'b>(name: &str, bytes: &'b [u8]) -> Result<&'b str, Problems> {
    std::str::from_utf8(bytes).map_err(|error| {
        let text = String::from_utf8_lossy(bytes);
        let at = error.valid_up_to();
        let fault = Fault::new("the file is not UTF-8").cause("bytes that are no character");
        let problem = Problem::at(&(at..at), Vec::new(), fault);
        Problems::new(name, &text, vec![problem])
    })
}
