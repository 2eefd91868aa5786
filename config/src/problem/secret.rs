//! Keeps keys and tokens out of messages: whoever pastes one into a table must not find it in a log.

use std::borrow::Cow;

/// After which nothing is shown.
const BEGIN: &str = "PRIVATE KEY-----";

/// Keys that no table has, and under which people put what is secret.
const SECRETS: [&str; 4] = ["token:", "password:", "secret:", "authorization: Bearer"];

/// `text` with what is secret blacked out, byte for byte, so that places in it stay what they are.
pub(super) fn hidden(text: &str) -> Cow<'_, str> {
    if !SECRETS.iter().any(|key| text.contains(key)) {
        return keys(text);
    }
    let text = keys(text);
    let lines = text.split_inclusive('\n').map(without_values);
    Cow::Owned(lines.collect())
}

/// A line without the values of [`SECRETS`]. What comes after the first of them goes, up to the end of a value.
fn without_values(line: &str) -> String {
    let found = SECRETS
        .iter()
        .filter_map(|key| Some(line.find(key)? + key.len()));
    let Some(begin) = found.min() else {
        return line.to_owned();
    };
    let (before, value) = line.split_at(begin);
    let end = value.find([',', '}', '#']).unwrap_or(value.len());
    let (value, after) = value.split_at(end);
    let hide = |c: char| if c.is_ascii_graphic() { '*' } else { c };
    let value: String = value.chars().map(hide).collect();
    format!("{before}{value}{}", without_values(after))
}

/// `text` without the content of private keys in PEM.
fn keys(text: &str) -> Cow<'_, str> {
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
    fn a_token_is_blacked_out_wherever_it_was_put() {
        assert_eq!(
            hidden("a: { token: 'abc', b: c }\nhttp-token: x # y\ntoken_file: z\n"),
            "a: { token: *****, b: c }\nhttp-token: * # y\ntoken_file: z\n"
        );
        let twice = "{ password: \"a b\", secret: c }";
        assert_eq!(hidden(twice), "{ password: ** **, secret: * }");
    }

    #[test]
    fn a_key_without_end_is_blacked_out_to_the_end() {
        let text = "key: \"-----BEGIN EC PRIVATE KEY-----\\nMIIB\" }";
        assert!(!hidden(text).contains("MIIB"));
        assert_eq!(hidden(text).len(), text.len());
        assert_eq!(hidden("no key: MIIB"), "no key: MIIB");
    }
}
