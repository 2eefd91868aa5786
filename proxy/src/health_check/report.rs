//! What the last checks of an endpoint came to, for people to read.

use std::{
    sync::{Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

use super::failure::Failure;

/// Written by the endpoint's checker, read by `/clusters`; both are on the control thread, where no lock is waited for.
/// Empty, and nearly nothing, where nobody checks.
#[derive(Debug, Default)]
pub struct Report(Mutex<Option<Box<Entry>>>);

#[derive(Debug)]
struct Entry {
    /// `None`: not checked yet.
    up: Option<bool>,
    /// When it came to be so.
    since: SystemTime,
    last: Result<(), Failure>,
    in_a_row: u32,
}

impl Report {
    /// The last check came to this, as often in a row, and the endpoint is now taken for that.
    pub(super) fn write(&self, up: Option<bool>, last: Result<(), Failure>, in_a_row: u32) {
        let mut report = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = report.as_ref().filter(|before| before.up == up);
        let since = before.map_or_else(SystemTime::now, |before| before.since);
        *report = Some(Box::new(Entry {
            up,
            since,
            last,
            in_a_row,
        }));
    }

    /// Nobody checks any more, or not in the same way.
    pub(super) fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// As JSON; `null` if it was not checked.
    pub fn show(&self) -> Value {
        let report = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(report) = &*report else {
            return Value::Null;
        };
        let since = report.since.duration_since(UNIX_EPOCH).unwrap_or_default();
        json!({
            "up": report.up,
            "since": since.as_secs_f64(),
            "last_result": match &report.last {
                Ok(()) => "pass".to_owned(),
                Err(failure) => failure.to_string(),
            },
            "in_a_row": report.in_a_row,
        })
    }
}
