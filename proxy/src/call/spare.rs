//! What is kept of a request so that it can be sent again.

use http::{HeaderName, HeaderValue, Method, Uri, Version, request::Parts};

use super::nothing;
use crate::body::Body;

/// A request, packed: it is kept for nearly every one and needed by nearly none, so keeping has to be cheap. A list of
/// headers is copied for half of what a map of them costs.
pub struct Spare {
    method: Method,
    uri: Uri,
    version: Version,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Read from its start.
    pub body: Body,
}

impl Spare {
    /// Packs a head, and what can be read again of its body.
    pub fn of(head: &Parts, body: Body) -> Self {
        Self {
            method: head.method.clone(),
            uri: head.uri.clone(),
            version: head.version,
            headers: head
                .headers
                .iter()
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            body,
        }
    }

    /// The same once more.
    pub fn again(&mut self, limit: usize) -> Self {
        Self {
            method: self.method.clone(),
            uri: self.uri.clone(),
            version: self.version,
            headers: self.headers.clone(),
            body: self.body.again(limit),
        }
    }

    /// The request as it was, to be sent in place of whatever was sent of it before.
    pub fn unpack(self) -> (Parts, Body) {
        self.body.take_over();
        let mut head = nothing();
        (head.method, head.uri, head.version) = (self.method, self.uri, self.version);
        head.headers.reserve(self.headers.len());
        for (name, value) in self.headers {
            head.headers.append(name, value);
        }
        (head, self.body)
    }
}
