//! Who somebody is, in a mesh: a SPIFFE ID.
//!
//! Compared byte by byte, and therefore held to the letter of its form: what could be written in two ways is no identity.

/// `spiffe://trust-domain/path`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SpiffeId(String);

impl SpiffeId {
    /// `text`, if it is one (SPIFFE-ID, 2): at most 2,048 bytes, a trust domain in lower case, a path without empty, `.`
    /// or `..` segments, no query, no fragment.
    pub fn parse(text: &str) -> Option<Self> {
        const MOST_BYTES: usize = 2048;
        let rest = text
            .strip_prefix("spiffe://")
            .filter(|_| text.len() <= MOST_BYTES)?;
        let mut parts = rest.split('/');
        let domain = parts.next()?;
        let in_domain = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_');
        let in_path = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        let path = parts.all(|part| !matches!(part, "" | "." | "..") && part.bytes().all(in_path));
        let right =
            !domain.is_empty() && domain.len() <= 255 && domain.bytes().all(in_domain) && path;
        right.then(|| Self(text.to_owned()))
    }

    /// All of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part that one authority answers for.
    pub fn trust_domain(&self) -> &str {
        let rest = self.0.trim_start_matches("spiffe://");
        rest.split('/').next().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_a_trust_domain_and_a_path() {
        for id in [
            "spiffe://example.org",
            "spiffe://example.org/ns/shop/sa/cart-1_x",
        ] {
            assert_eq!(SpiffeId::parse(id).as_ref().map(SpiffeId::as_str), Some(id));
        }
        let id = SpiffeId::parse("spiffe://example.org/a/b");
        assert_eq!(id.as_ref().map(SpiffeId::trust_domain), Some("example.org"));
    }

    #[test]
    fn what_two_readers_could_take_for_two_things_is_none() {
        for text in [
            "spiffe://",
            "spiffe:///a",
            "spiffe://Example.org/a",
            "spiffe://example.org:80/a",
            "spiffe://user@example.org/a",
            "spiffe://example.org/",
            "spiffe://example.org//a",
            "spiffe://example.org/a/../b",
            "spiffe://example.org/a?b",
            "spiffe://example.org/a#b",
            "spiffe://example.org/%61",
            "SPIFFE://example.org/a",
            "https://example.org/a",
            "",
        ] {
            assert_eq!(SpiffeId::parse(text), None, "{text}");
        }
    }
}
