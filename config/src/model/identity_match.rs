//! Which identities of a mesh are meant.

use std::fmt;

use super::SpiffeId;

/// A SPIFFE ID in which `*` stands for a segment of the path, at the end for one or more; `*` alone is every identity.
///
/// By segment, so that `spiffe://example.org/ns/shop/*` is never `spiffe://example.org/ns/shopping/...`, and never a part
/// of a trust domain, for which another authority answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdentityMatch(String);

/// Any segment.
const ANY: &str = "*";

impl IdentityMatch {
    /// `text`, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        let whole: Vec<&str> = text.split('/').collect();
        // `spiffe:`, nothing, the trust domain; then the path.
        const PATH: usize = 3;
        let likeness = whole.iter().enumerate().map(|(place, part)| match *part {
            ANY if place >= PATH => "any",
            part => part,
        });
        let likeness: Vec<&str> = likeness.collect();
        let right = text == ANY || SpiffeId::parse(&likeness.join("/")).is_some();
        right.then(|| Self(text.to_owned()))
    }

    /// Whether it means `id`.
    pub fn takes(&self, id: &SpiffeId) -> bool {
        let mut pattern = self.0.split('/').peekable();
        let mut parts = id.as_str().split('/');
        loop {
            match (pattern.next(), parts.next()) {
                (None, None) => return true,
                (Some(ANY), Some(_)) if pattern.peek().is_none() => return true,
                (Some(ANY), Some(_)) => {}
                (Some(pattern), Some(part)) if pattern == part => {}
                _ => return false,
            }
        }
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IdentityMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for IdentityMatch {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text).ok_or("expected an identity like `spiffe://example.org/ns/shop/*`")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn takes(pattern: &str, id: &str) -> bool {
        let id = SpiffeId::parse(id).unwrap();
        IdentityMatch::parse(pattern).unwrap().takes(&id)
    }

    #[test]
    fn a_whole_identity_means_itself() {
        let id = "spiffe://example.org/ns/shop/sa/cart";
        assert!(takes(id, id));
        assert!(!takes(id, "spiffe://example.org/ns/shop/sa/carts"));
        assert!(!takes(id, "spiffe://example.org/ns/shop/sa"));
        assert!(!takes(id, "spiffe://example.com/ns/shop/sa/cart"));
        assert!(!takes("spiffe://example.org", id));
    }

    #[test]
    fn a_star_at_the_end_means_all_below() {
        let shop = "spiffe://example.org/ns/shop/*";
        assert!(takes(shop, "spiffe://example.org/ns/shop/sa/cart"));
        assert!(takes(shop, "spiffe://example.org/ns/shop/sa"));
        assert!(!takes(shop, "spiffe://example.org/ns/shop"));
        assert!(!takes(shop, "spiffe://example.org/ns/shopping/sa/cart"));
        assert!(takes("spiffe://example.org/*", "spiffe://example.org/x"));
        assert!(!takes(
            "spiffe://example.org/*",
            "spiffe://example.org.evil.com/x"
        ));
        assert!(takes("*", "spiffe://example.org") && takes("*", "spiffe://other/a/b"));
    }

    #[test]
    fn a_star_within_means_one_segment() {
        let cart = "spiffe://example.org/ns/*/sa/cart";
        assert!(takes(cart, "spiffe://example.org/ns/shop/sa/cart"));
        assert!(!takes(cart, "spiffe://example.org/ns/a/b/sa/cart"));
        assert!(!takes(cart, "spiffe://example.org/ns/shop/sa/web"));
    }

    #[test]
    fn what_could_mean_more_than_it_seems_is_refused() {
        for text in [
            "",
            "**",
            "spiffe://*",
            "spiffe://*/ns/shop",
            "spiffe://*.example.org/a",
            "spiffe://example.org/ns/sh*",
            "spiffe://example.org/*/",
            "spiffe://example.org//a",
            "spiffe://example.org/a/../*",
            "*/a",
            "https://example.org/a",
            "cart",
        ] {
            assert_eq!(IdentityMatch::parse(text), None, "{text}");
        }
    }
}
