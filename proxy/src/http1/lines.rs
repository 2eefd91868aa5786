//! Lines, and the headers on them (RFC 9112, 2.2 and 5).

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use memchr::{memchr, memchr_iter};

use super::{Malformed, head::Noted};

/// How long what ends with an empty line is, with that line; `None`: it has not come yet. So many bytes were `seen` before.
pub(super) fn length(bytes: &[u8], seen: usize) -> Option<usize> {
    let from = seen.saturating_sub(2);
    memchr_iter(b'\n', &bytes[from..]).find_map(|at| {
        let after = from + at + 1;
        match &bytes[after..] {
            [b'\n', ..] => Some(after + 1),
            [b'\r', b'\n', ..] => Some(after + 2),
            _ => None,
        }
    })
}

/// Lines up to an empty one.
///
/// Each ends with CR LF. A lone LF may be taken for a line end as well, so that what is a header to one reader is a part of a
/// value to another.
pub(super) struct Lines<'a>(pub &'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = Result<&'a [u8], Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let end = memchr(b'\n', self.0)?;
        let (line, rest) = (&self.0[..end], &self.0[end + 1..]);
        self.0 = rest;
        match line.strip_suffix(b"\r") {
            Some([]) => None,
            Some(line) => Some(Ok(line)),
            None => Some(Err(Malformed::Head("line end"))),
        }
    }
}

/// Reads the headers on `lines` of `bytes`, whose memory they share; there may be `most` of them.
///
/// Names and values are what the `http` crate lets be one, which is what may be one (RFC 9110, 5): no blank before a colon, no
/// line that goes on with the next, no control characters.
pub(super) fn read(
    lines: Lines<'_>,
    bytes: &Bytes,
    most: usize,
    headers: &mut HeaderMap,
) -> Result<Noted, Malformed> {
    let mut noted = Noted::default();
    for (count, line) in lines.enumerate() {
        if count == most {
            return Err(Malformed::TooLarge);
        }
        let line = line?;
        let Some(colon) = memchr(b':', line) else {
            return Err(Malformed::Head("the name of a header"));
        };
        let name = HeaderName::from_bytes(&line[..colon]);
        let name = name.map_err(|_| Malformed::Head("the name of a header"))?;
        let value = bytes.slice_ref(trimmed(&line[colon + 1..]));
        let value = HeaderValue::from_maybe_shared(value);
        let value = value.map_err(|_| Malformed::Head("the value of a header"))?;
        noted.note(&name);
        headers.append(name, value);
    }
    Ok(noted)
}

/// Without the blanks around it.
fn trimmed(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}
