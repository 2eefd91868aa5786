//! Bytes in a line of text: `\r \n \t \0 \\ \xNN`, and `\(1000 text)` for a thousand times `text`.

/// The bytes that `text` stands for.
pub(super) fn unescaped(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let escape = rest[at + 1..].chars().next();
        rest = rest.get(at + 2..).unwrap_or_default();
        match escape {
            Some('r') => bytes.push(b'\r'),
            Some('n') => bytes.push(b'\n'),
            Some('t') => bytes.push(b'\t'),
            Some('0') => bytes.push(0),
            Some('\\') => bytes.push(b'\\'),
            Some('x') => {
                let digits = rest.get(..2).ok_or("`\\x` takes two digits")?;
                bytes.push(u8::from_str_radix(digits, 16).map_err(|error| error.to_string())?);
                rest = &rest[2..];
            }
            Some('(') => {
                let (repeated, behind) = rest.split_once(')').ok_or("`\\(` without `)`")?;
                let (times, what) = repeated.split_once(' ').ok_or("`\\(` takes a number")?;
                let times = times.parse().map_err(|_| "`\\(` takes a number")?;
                bytes.extend(unescaped(what)?.repeat(times));
                rest = behind;
            }
            _ => return Err(format!("no such escape: {escape:?}")),
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}

/// Bytes for people; the middle of many is left out.
pub(super) fn shown(bytes: &[u8]) -> String {
    const MOST: usize = 600;
    match bytes.len() > MOST {
        false => bytes.escape_ascii().to_string(),
        true => format!(
            "{} ... {} ({} bytes)",
            bytes[..MOST / 2].escape_ascii(),
            bytes[bytes.len() - MOST / 2..].escape_ascii(),
            bytes.len()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_stand_for_bytes_and_repeat() {
        let bytes = |text| unescaped(text).unwrap();
        assert_eq!(bytes(r"a\r\n\t\0\\\x7fb"), b"a\r\n\t\0\\\x7fb");
        assert_eq!(bytes(r"x\(3 a\n)y"), b"xa\na\na\ny");
        for bad in [r"\", r"\q", r"\x1", r"\(a b)", r"\(2 b"] {
            assert!(unescaped(bad).is_err(), "{bad}");
        }
    }
}
