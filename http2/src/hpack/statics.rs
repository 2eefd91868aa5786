//! The table that everybody has (RFC 7541, Appendix A).

use std::sync::LazyLock;

use bytes::Bytes;

use super::field::{Field, Name};

/// Entries; the dynamic table's follow.
pub(super) const COUNT: usize = 61;

#[rustfmt::skip]
const ENTRIES: [(&str, &str); COUNT] = [
    (":authority", ""), (":method", "GET"), (":method", "POST"), (":path", "/"), (":path", "/index.html"),
    (":scheme", "http"), (":scheme", "https"),
    (":status", "200"), (":status", "204"), (":status", "206"), (":status", "304"), (":status", "400"), (":status", "404"), (":status", "500"),
    ("accept-charset", ""), ("accept-encoding", "gzip, deflate"), ("accept-language", ""), ("accept-ranges", ""), ("accept", ""),
    ("access-control-allow-origin", ""), ("age", ""), ("allow", ""), ("authorization", ""), ("cache-control", ""),
    ("content-disposition", ""), ("content-encoding", ""), ("content-language", ""), ("content-length", ""), ("content-location", ""),
    ("content-range", ""), ("content-type", ""), ("cookie", ""), ("date", ""), ("etag", ""), ("expect", ""), ("expires", ""),
    ("from", ""), ("host", ""), ("if-match", ""), ("if-modified-since", ""), ("if-none-match", ""), ("if-range", ""),
    ("if-unmodified-since", ""), ("last-modified", ""), ("link", ""), ("location", ""), ("max-forwards", ""),
    ("proxy-authenticate", ""), ("proxy-authorization", ""), ("range", ""), ("referer", ""), ("refresh", ""), ("retry-after", ""),
    ("server", ""), ("set-cookie", ""), ("strict-transport-security", ""), ("transfer-encoding", ""), ("user-agent", ""), ("vary", ""),
    ("via", ""), ("www-authenticate", ""),
];

/// An entry as it is used.
pub(super) struct Static {
    pub(super) name: Name,
    pub(super) field: Field,
    /// Bytes of name and value.
    pub(super) size: usize,
}

static TABLE: LazyLock<Vec<Static>> = LazyLock::new(|| {
    let entry = |&(name, value): &(&'static str, &'static str)| {
        let size = name.len() + value.len();
        let name = Name::read(name.as_bytes());
        let field = name.with(Bytes::from_static(value.as_bytes()), false);
        Static { name, field, size }
    };
    ENTRIES.iter().map(entry).collect()
});

/// The entry of an index from 1 to [`COUNT`].
pub(super) fn get(index: usize) -> Option<&'static Static> {
    TABLE.get(index.checked_sub(1)?)
}

/// The index of a header's name, 0 if it has none; none if it has no place in HTTP/2 (RFC 9113, 8.2.2).
pub(super) fn index_of(name: &str) -> Option<usize> {
    Some(match name {
        "connection" | "keep-alive" | "proxy-connection" | "transfer-encoding" | "upgrade" => {
            return None;
        }
        "accept-charset" => 15,
        "accept-encoding" => 16,
        "accept-language" => 17,
        "accept-ranges" => 18,
        "accept" => 19,
        "access-control-allow-origin" => 20,
        "age" => 21,
        "allow" => 22,
        "authorization" => 23,
        "cache-control" => 24,
        "content-disposition" => 25,
        "content-encoding" => 26,
        "content-language" => 27,
        "content-length" => 28,
        "content-location" => 29,
        "content-range" => 30,
        "content-type" => 31,
        "cookie" => 32,
        "date" => 33,
        "etag" => 34,
        "expect" => 35,
        "expires" => 36,
        "from" => 37,
        "host" => 38,
        "if-match" => 39,
        "if-modified-since" => 40,
        "if-none-match" => 41,
        "if-range" => 42,
        "if-unmodified-since" => 43,
        "last-modified" => 44,
        "link" => 45,
        "location" => 46,
        "max-forwards" => 47,
        "proxy-authenticate" => 48,
        "proxy-authorization" => 49,
        "range" => 50,
        "referer" => 51,
        "refresh" => 52,
        "retry-after" => 53,
        "server" => 54,
        "set-cookie" => 55,
        "strict-transport-security" => 56,
        "user-agent" => 58,
        "vary" => 59,
        "via" => 60,
        "www-authenticate" => 61,
        _ => 0,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_where_they_stand() {
        for (at, (name, _)) in ENTRIES.iter().enumerate().skip(14) {
            let expected = (*name != "transfer-encoding").then_some(at + 1);
            assert_eq!(index_of(name), expected, "{name}");
        }
        assert_eq!(index_of("x-request-id"), Some(0));
        assert_eq!(index_of("connection"), None);
    }

    #[test]
    fn every_entry_with_a_value_is_well_formed() {
        for (index, (name, value)) in (1..).zip(ENTRIES) {
            let entry = get(index).unwrap();
            assert_eq!(entry.size, name.len() + value.len());
            let whole = !value.is_empty() || !name.starts_with(':') && name != "transfer-encoding";
            assert_eq!(entry.field != Field::Malformed, whole, "{name}");
        }
        assert!(get(0).is_none() && get(COUNT + 1).is_none());
    }
}
