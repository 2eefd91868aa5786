//! A message as the strict reader understands it.

use std::fmt;

use super::bytes::shown;

/// A request or a response, whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Message {
    /// The first line.
    pub first: String,
    /// Names in lower case, values without the blanks around them.
    pub headers: Vec<(String, String)>,
    /// Without its framing.
    pub body: Vec<u8>,
    /// Behind the last chunk.
    pub trailers: Vec<(String, String)>,
    /// What a sender may do, and one that takes care does not.
    pub liberties: Vec<&'static str>,
}

impl Message {
    /// All values of a header.
    pub fn values(&self, name: &str) -> Vec<&str> {
        let lines = self.headers.iter().filter(|(key, _)| key == name);
        lines.map(|(_, value)| value.as_str()).collect()
    }

    /// Of a request.
    pub fn method(&self) -> &str {
        self.first.split(' ').next().unwrap_or_default()
    }

    /// Of a request.
    pub fn target(&self) -> &str {
        self.first.split(' ').nth(1).unwrap_or_default()
    }

    /// Of a response.
    pub fn status(&self) -> u16 {
        let status = self.first.split(' ').nth(1);
        status.and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    /// Whether it is a response before the response.
    pub fn is_interim(&self) -> bool {
        (100..200).contains(&self.status()) && self.status() != 101
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}", self.first)?;
        for (name, value) in self.headers.iter().chain(&self.trailers) {
            write!(f, ", {name}: {}", shown(value.as_bytes()))?;
        }
        write!(f, "` with body `{}`", shown(&self.body))?;
        match self.liberties.is_empty() {
            true => Ok(()),
            false => write!(f, ", having {}", self.liberties.join(" and ")),
        }
    }
}
