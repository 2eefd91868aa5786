//! What a line of a header block stands for.

use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Method, StatusCode, header,
    uri::{Authority, PathAndQuery, Scheme},
};

/// A name, once it has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Authority,
    Method,
    Path,
    Scheme,
    Status,
    Header(HeaderName),
    /// One that no message may have, of so many bytes.
    Malformed(usize),
}

/// A name with its value, in the form in which it is used. What comes again comes without being looked at again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Authority(Authority),
    Method(Method),
    Path(PathAndQuery),
    Scheme(Scheme),
    Status(StatusCode),
    Header(HeaderName, HeaderValue),
    /// One that makes its message malformed (RFC 9113, 8.1.1), whatever else is in it.
    Malformed,
}

impl Name {
    /// Of these bytes.
    pub(super) fn read(name: &[u8]) -> Self {
        match name {
            b":authority" => Self::Authority,
            b":method" => Self::Method,
            b":path" => Self::Path,
            b":scheme" => Self::Scheme,
            b":status" => Self::Status,
            // What the http crate takes for a name may have quotation marks, which no token has (RFC 9110, 5.6.2).
            _ => match HeaderName::from_lowercase(name) {
                Ok(header) if !is_of_connection(&header) && !name.contains(&b'"') => {
                    Self::Header(header)
                }
                _ => Self::Malformed(name.len()),
            },
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Authority => ":authority".len(),
            Self::Method | Self::Scheme | Self::Status => ":method".len(),
            Self::Path => ":path".len(),
            Self::Header(name) => name.as_str().len(),
            Self::Malformed(length) => *length,
        }
    }

    /// With this value; `sensitive`: it must never get into a table, wherever it goes.
    pub(super) fn with(&self, value: Bytes, sensitive: bool) -> Field {
        let field = match self {
            // Nobody is told whose password it would be (RFC 9113, 8.3.1).
            Self::Authority if value.contains(&b'@') => None,
            Self::Authority => Authority::from_maybe_shared(value)
                .ok()
                .map(Field::Authority),
            Self::Method => Method::from_bytes(&value).ok().map(Field::Method),
            // What the http crate would make a path of, or take a part of (RFC 9113, 8.3.1).
            Self::Path if !is_path(&value) => None,
            Self::Path => PathAndQuery::from_maybe_shared(value).ok().map(Field::Path),
            Self::Scheme => Scheme::try_from(&value[..]).ok().map(Field::Scheme),
            Self::Status => StatusCode::from_bytes(&value).ok().map(Field::Status),
            Self::Header(name) if *name == header::TE && &value[..] != b"trailers" => None,
            Self::Header(name) => HeaderValue::from_maybe_shared(value).ok().map(|mut value| {
                value.set_sensitive(sensitive);
                Field::Header(name.clone(), value)
            }),
            Self::Malformed(_) => None,
        };
        field.unwrap_or(Field::Malformed)
    }
}

fn is_path(value: &[u8]) -> bool {
    (value.starts_with(b"/") || value == b"*") && !value.contains(&b'#')
}

/// What HTTP/1 says of its connection has no place here (RFC 9113, 8.2.2).
fn is_of_connection(name: &HeaderName) -> bool {
    matches!(
        *name,
        header::CONNECTION | header::TRANSFER_ENCODING | header::UPGRADE
    ) || matches!(name.as_str(), "keep-alive" | "proxy-connection")
}
