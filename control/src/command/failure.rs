//! How a command ends when it did not do what was asked.
//!
//! | exit code | means |
//! |--:|---|
//! | 1 | refused, as when somebody else changed the table meanwhile; of `diff`: there are differences |
//! | 64 | wrong usage (sysexits.h: EX_USAGE) |
//! | 69 | no control plane answers, or not in our words (EX_UNAVAILABLE) |
//! | 78 | tables are wrong (EX_CONFIG) |

use std::{fmt, process::ExitCode};

use http::StatusCode;
use outrigger_entrance::Mistake;
use serde_json::Value;

use super::columns::printable;

const REFUSED: u8 = 1;
const USAGE: u8 = 64;
const UNAVAILABLE: u8 = 69;
/// Of what is wrong in tables.
pub const CONFIGURATION: u8 = 78;

/// What is printed, and the exit code.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    text: String,
}

impl Failure {
    fn new(code: u8, message: &str) -> Self {
        Self {
            code,
            text: format!("error: {}", printable(message)),
        }
    }

    /// It was asked for in a way that means nothing.
    pub fn usage(message: impl AsRef<str>) -> Self {
        Self::new(USAGE, message.as_ref())
    }

    /// What is to be shown to a control plane is not right. Its hint is in it.
    pub fn mistake(mistake: &Mistake) -> Self {
        Self {
            code: CONFIGURATION,
            text: format!("error: {mistake}"),
        }
    }

    /// It can't be had.
    pub fn refused(message: impl AsRef<str>) -> Self {
        Self::new(REFUSED, message.as_ref())
    }

    /// There is no control plane, or none that can be understood.
    pub fn unavailable(message: impl AsRef<str>) -> Self {
        Self::new(UNAVAILABLE, message.as_ref())
    }

    /// Tables, or files that should be some, are wrong.
    pub fn wrong(message: impl AsRef<str>) -> Self {
        Self::new(CONFIGURATION, message.as_ref())
    }

    /// What is wrong in tables, rendered already.
    pub fn of_tables(text: &str) -> Self {
        Self {
            code: CONFIGURATION,
            text: text.trim_end().to_owned(),
        }
    }

    /// What to do about it.
    pub fn hint(mut self, hint: impl AsRef<str>) -> Self {
        self.text
            .push_str(&format!("\nhint: {}", printable(hint.as_ref())));
        self
    }

    /// An answer that is an error, with the body that says why.
    pub fn answered(status: StatusCode, said: &Value) -> Self {
        let word = |key: &str| said.get(key).and_then(Value::as_str);
        // Rendered there: the lines of the tables that are spoken of are not all here.
        if let Some(text) = word("text") {
            return Self::of_tables(text);
        }
        let Some(message) = word("error") else {
            return Self::unavailable(format!("the server answers {status}"))
                .hint("is it the HTTP address of a control plane?");
        };
        let failure = Self::new(REFUSED, message);
        match word("hint") {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }

    /// Says it on standard error.
    pub fn report(&self) -> ExitCode {
        eprintln!("{self}");
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
