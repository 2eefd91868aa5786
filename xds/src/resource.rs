//! A resource as it travels.

use std::{hash::Hasher as _, sync::Arc};

use bytes::Bytes;
use twox_hash::XxHash64;

use crate::Kind;

/// Raised when the same table is encoded differently than before, so that proxies get it anew.
const ENCODING: u64 = 1;

/// One resource: encoded once, shared by all who get it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// What it is.
    pub kind: Kind,
    /// Its name, unique within its kind.
    pub name: Arc<str>,
    /// Made of its content: equal tables have equal versions, whoever encodes them.
    pub version: Arc<str>,
    /// The encoded message: the value of the `Any` that carries it.
    pub body: Bytes,
}

impl Resource {
    /// A resource that says what `canonical` says. The version is made of that text, not of `body`: the order of a
    /// protobuf map is not fixed.
    pub fn new(kind: Kind, name: Arc<str>, canonical: &str, body: Bytes) -> Self {
        Self {
            kind,
            name,
            version: version(canonical),
            body,
        }
    }
}

/// The version of what has this text: 16 hexadecimal digits.
pub fn version(canonical: &str) -> Arc<str> {
    let mut hasher = XxHash64::with_seed(ENCODING);
    hasher.write(canonical.as_bytes());
    format!("{:016x}", hasher.finish()).into()
}
