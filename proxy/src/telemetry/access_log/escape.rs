//! What peers send, made harmless: no line begins and no terminal obeys because of what is in a header.

/// Whether a space may stay.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Spaces {
    /// Between quotes.
    Stay,
    /// Where a space ends the field.
    Escaped,
}

/// Adds bytes as text that is safe between double quotes, in JSON's way of escaping: quotes, backslashes, and all control
/// characters, the second set of them (U+0080 to U+009F) too, which terminals obey and JSON would let pass. What is not
/// UTF-8 becomes U+FFFD.
pub(super) fn escape(line: &mut Vec<u8>, bytes: &[u8], spaces: Spaces) {
    if is_plain(bytes, spaces) {
        line.extend_from_slice(bytes);
        return;
    }
    for chunk in bytes.utf8_chunks() {
        for char in chunk.valid().chars() {
            match char {
                '"' => line.extend_from_slice(b"\\\""),
                '\\' => line.extend_from_slice(b"\\\\"),
                '\n' => line.extend_from_slice(b"\\n"),
                '\r' => line.extend_from_slice(b"\\r"),
                '\t' => line.extend_from_slice(b"\\t"),
                ' ' if spaces == Spaces::Stay => line.push(b' '),
                // Line and paragraph separator end a line for some readers.
                ' ' | '\u{2028}' | '\u{2029}' => unicode(line, char),
                char if char.is_control() => unicode(line, char),
                char => line.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        if !chunk.invalid().is_empty() {
            line.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
}

/// Nearly all that ever comes is. No early return, so that the compiler checks 16 bytes at once.
pub(super) fn is_plain(bytes: &[u8], spaces: Spaces) -> bool {
    let first = if spaces == Spaces::Stay { b' ' } else { b'!' };
    let plain = |byte: u8| (byte >= first) & (byte <= b'~') & (byte != b'"') & (byte != b'\\');
    bytes
        .iter()
        .fold(true, |so_far, &byte| so_far & plain(byte))
}

/// `\u001b`; all that come here are in the first plane.
fn unicode(line: &mut Vec<u8>, char: char) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |shift: u32| DIGITS[(char as usize >> shift) & 15];
    line.extend_from_slice(&[b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped(bytes: &[u8], spaces: Spaces) -> String {
        let mut line = Vec::new();
        escape(&mut line, bytes, spaces);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn what_ends_lines_or_quotes_or_moves_cursors_is_escaped() {
        let nasty = "a \"b\" \\ \r\n\t\u{1b}[2J\u{7f}\u{9b}\u{2028} \u{e9}";
        assert_eq!(
            escaped(nasty.as_bytes(), Spaces::Stay),
            "a \\\"b\\\" \\\\ \\r\\n\\t\\u001b[2J\\u007f\\u009b\\u2028 \u{e9}"
        );
        assert_eq!(escaped(b"a b", Spaces::Escaped), "a\\u0020b");
        assert_eq!(escaped(b"caf\xe9!", Spaces::Stay), "caf\u{fffd}!");
    }

    proptest! {
        #[test]
        fn json_reads_back_what_was_written(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            for spaces in [Spaces::Stay, Spaces::Escaped] {
                let text = escaped(&bytes, spaces);
                prop_assert!(!text.chars().any(char::is_control));
                let read: String = serde_json::from_str(&format!("\"{text}\"")).unwrap();
                prop_assert_eq!(&*read, &*String::from_utf8_lossy(&bytes));
            }
        }
    }
}
