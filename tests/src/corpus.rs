//! The corpus of hostile and odd messages of HTTP/1: what is in `tests/corpus/http1`, played to a proxy and judged.
//!
//! ```text
//! files --file--> Cases --stage: raw client, the proxy, raw endpoint--> Outcomes --judge--> what is wrong
//! ```
//!
//! Any proxy can be played to: `make test` judges ours, `outrigger-bench corpus` shows where others differ. How a file is
//! written stands in `tests/corpus/http1/README.md`.

mod bytes;
mod file;
mod judge;
pub mod message;
mod read;
mod stage;

use std::{fs, path::PathBuf};

pub use judge::{differences, judge};
pub use message::Message;
pub use stage::{Outcome, Seen, Stage};

/// What the proxy has a rule for: nothing below it may reach the endpoint.
pub const FORBIDDEN: &str = "/admin";

/// In what no endpoint and no client may ever see as a message of its own.
pub const SMUGGLED: &str = "smuggled";

/// One conversation, and what has to come of it.
#[derive(Clone, Debug, Default)]
pub struct Case {
    /// Its file, without path and ending.
    pub group: String,
    /// A sentence.
    pub name: String,
    /// Why that has to come of it, with its source.
    pub why: String,
    /// What the client sends.
    pub request: Vec<u8>,
    /// The client says nothing more, and says so, rather than to wait.
    pub ends: bool,
    /// What the endpoint answers to the first request.
    pub answer: Option<Answer>,
    /// What has to come of it, in order.
    pub steps: Vec<Step>,
}

/// An endpoint's bytes.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// As they are sent.
    pub bytes: Vec<u8>,
    /// As soon as the request's head is there.
    pub early: bool,
    /// It hangs up behind them.
    pub closes: bool,
}

/// What has to come of a request.
#[derive(Clone, Debug)]
pub enum Step {
    /// The proxy refuses it with this status and closes; the endpoint sees nothing.
    Refused(u16),
    /// The proxy answers itself, with this status; the endpoint sees nothing.
    Answered(u16),
    /// The endpoint gets a part of it at most; the client this status, if any, and the end.
    CutOff(Option<u16>),
    /// The endpoint gets it, and the client gets its answer.
    Forwarded(Wanted, Wanted),
    /// The endpoint gets it, and the client's answer of this status ends before its end.
    BrokenOff(Wanted, u16),
}

/// What a message has to be like.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The request line, or a response's status.
    pub first: Option<String>,
    /// Each name's values, all of them.
    pub headers: Vec<(String, Vec<String>)>,
    /// What must not be there.
    pub absent: Vec<String>,
    /// The body; `None`: any.
    pub body: Option<Vec<u8>>,
    /// All trailers.
    pub trailers: Option<Vec<(String, String)>>,
}

impl Case {
    /// `file: name`.
    pub fn title(&self) -> String {
        format!("{}: {}", self.group, self.name)
    }

    /// Whether it must be refused, and with it whatever hides behind it.
    pub fn is_hostile(&self) -> bool {
        matches!(self.steps.last(), Some(Step::Refused(_) | Step::CutOff(_)))
    }

    /// Whether the beginning of a request may reach the endpoint, without its end.
    pub fn may_leave_a_part(&self) -> bool {
        self.steps
            .iter()
            .any(|step| matches!(step, Step::CutOff(_)))
    }

    /// What is sent: behind what must be refused, a request that must not be seen.
    pub fn sent(&self) -> Vec<u8> {
        let mut bytes = self.request.clone();
        if self.is_hostile() && !self.ends {
            bytes.extend_from_slice(b"GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n");
        }
        bytes
    }
}

/// Where the files are.
pub fn directory() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "corpus/http1"]
        .iter()
        .collect()
}

/// All cases, in the order of their files' names. A file that cannot be read is a panic with its line.
pub fn all() -> Vec<Case> {
    let files = fs::read_dir(directory()).expect("the corpus");
    let mut paths: Vec<PathBuf> = files
        .map(|file| file.expect("a file").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    paths.sort();
    paths.iter().flat_map(|path| file::read(path)).collect()
}
