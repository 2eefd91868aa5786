//! Values of a query, read as forms write them (`a=b&c=d`, `+` and `%20` for a space), without building a map.

use std::borrow::Cow;

/// The first value of `key`, decoded; empty when it stands without `=`. Allocates only for an escaped value.
pub(super) fn first<'a>(query: &'a str, key: &str) -> Option<Cow<'a, [u8]>> {
    query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .find(|(name, _)| decoded(name).eq(key.bytes()))
        .map(|(_, value)| decode(value))
}

fn decode(raw: &str) -> Cow<'_, [u8]> {
    if raw.contains(['%', '+']) {
        Cow::Owned(decoded(raw).collect())
    } else {
        Cow::Borrowed(raw.as_bytes())
    }
}

/// The bytes that a text of a query stands for. A `%` without two hexadecimal digits stands for itself (WHATWG URL).
fn decoded(raw: &str) -> impl Iterator<Item = u8> {
    let mut rest = raw.as_bytes();
    std::iter::from_fn(move || {
        let (&byte, tail) = rest.split_first()?;
        rest = tail;
        Some(match byte {
            b'+' => b' ',
            b'%' => match escaped(tail) {
                Some(byte) => {
                    rest = &tail[2..];
                    byte
                }
                None => b'%',
            },
            byte => byte,
        })
    })
}

/// The byte of two hexadecimal digits after a `%`.
pub(super) fn escaped(digits: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*digits.get(at)?).to_digit(16);
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn first_text(query: &str, key: &str) -> Option<String> {
        first(query, key).map(|value| String::from_utf8_lossy(&value).into_owned())
    }

    #[test]
    fn the_first_value_of_a_key_counts() {
        assert_eq!(first_text("a=1&b=2&a=3", "a").as_deref(), Some("1"));
        assert_eq!(first_text("aa=1", "a"), None);
        assert_eq!(first_text("", "a"), None);
    }

    #[test]
    fn a_key_without_value_has_the_empty_one() {
        assert_eq!(first_text("debug", "debug").as_deref(), Some(""));
        assert_eq!(first_text("debug=", "debug").as_deref(), Some(""));
    }

    #[test]
    fn keys_and_values_are_decoded() {
        assert_eq!(first_text("a%20b=c%2Bd+e", "a b").as_deref(), Some("c+d e"));
        assert_eq!(first_text("a=100%&b=%2", "a").as_deref(), Some("100%"));
        assert_eq!(first_text("a=100%&b=%2", "b").as_deref(), Some("%2"));
        assert_eq!(first_text("a=x=y", "a").as_deref(), Some("x=y"));
    }

    proptest! {
        #[test]
        fn whatever_is_encoded_is_read_back(key in ".{1,8}", value in ".{0,8}", before in "[a-z&=%+]{0,8}") {
            let encode = |text: &str| text.bytes().map(|b| format!("%{b:02x}")).collect::<String>();
            // Keys before it are ASCII or broken; make ours differ from them.
            let key = format!("é{key}");
            let query = format!("{before}&{}={}", encode(&key), encode(&value));
            prop_assert_eq!(first_text(&query, &key), Some(value));
        }
    }
}
