//! Keeps keys out of messages: whoever pastes one into a table must not find it in a log.

use std::borrow::Cow;

/// After which nothing is shown.
const BEGIN: &str = "PRIVATE KEY-----";

/// `text` with the content of private keys in PEM blacked out, byte for byte, so that places in it stay what they are.
pub(super) fn hidden(text: &str) -> Cow<'_, str> {
    let Some(first) = text.find(BEGIN) else {
        return Cow::Borrowed(text);
    };
    let mut out = text[..first].to_owned();
    let mut within = false;
    for (index, part) in text[first..].split(BEGIN).enumerate() {
        if index > 0 {
            out.push_str(BEGIN);
            // `-----BEGIN ... PRIVATE KEY-----` and `-----END ...` take turns.
            within = !within;
        }
        let hide = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
        let end = part.find("-----").filter(|_| within);
        let (key, rest) = part.split_at(end.unwrap_or(if within { part.len() } else { 0 }));
        out.extend(key.chars().map(|c| if hide(c) { '*' } else { c }));
        out.push_str(rest);
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_blacked_out_and_nothing_else() {
        let text = "a: 1\nkey: |\n  -----BEGIN PRIVATE KEY-----\n  MIIB+/=\n  -----END PRIVATE KEY-----\nb: 2\n";
        let hidden = hidden(text);
        assert_eq!(hidden, text.replace("MIIB+/=", "*******"));
    }

    #[test]
    fn a_key_without_end_is_blacked_out_to_the_end() {
        let text = "key: \"-----BEGIN EC PRIVATE KEY-----\\nMIIB\" }";
        assert!(!hidden(text).contains("MIIB"));
        assert_eq!(hidden(text).len(), text.len());
        assert_eq!(hidden("no key: MIIB"), "no key: MIIB");
    }
}
