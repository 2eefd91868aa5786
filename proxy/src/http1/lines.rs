//! Lines, and the headers on them (RFC 9112, 2.2 and 5).

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use memchr::memchr_iter;
use smallvec::SmallVec;

use super::{Malformed, head::Noted};

/// Lines, the last of which is empty: where each of them ends.
///
/// Each ends with CR LF. A lone LF may be taken for a line end as well, so that what is a header to one reader is a part of a
/// value to another.
pub(super) struct Lines {
    ends: SmallVec<[usize; 32]>,
}

impl Lines {
    /// Those that `bytes` begin with, up to an empty one; `None`: it has not come yet. So many bytes were `seen` before, and
    /// it did not end among them.
    ///
    /// # Errors
    /// When one ends with a lone LF.
    pub fn find(bytes: &[u8], seen: usize) -> Result<Option<Self>, Malformed> {
        if seen > 0 && !ends(bytes, seen.saturating_sub(2)) {
            return Ok(None);
        }
        let mut lines = Self {
            ends: SmallVec::new(),
        };
        let mut from = 0;
        for end in memchr_iter(b'\n', bytes) {
            match &bytes[from..end] {
                b"\r" => {
                    lines.ends.push(end);
                    return Ok(Some(lines));
                }
                [.., b'\r'] => lines.ends.push(end),
                _ => return Err(Malformed::Head("line end")),
            }
            from = end + 1;
        }
        Ok(None)
    }

    /// How many bytes they have.
    pub fn length(&self) -> usize {
        self.ends.last().map_or(0, |end| end + 1)
    }

    /// How many there are, but for the empty one.
    pub fn count(&self) -> usize {
        self.ends.len() - 1
    }

    /// All but the empty one, of `bytes`, without what ends them.
    pub fn of<'a>(&self, bytes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let mut from = 0;
        self.ends[..self.count()].iter().map(move |end| {
            let line = &bytes[from..*end - 1];
            from = *end + 1;
            line
        })
    }
}

/// Whether a line that ends at `from` or later is followed by an empty one.
fn ends(bytes: &[u8], from: usize) -> bool {
    memchr_iter(b'\n', &bytes[from..]).any(|end| {
        let rest = &bytes[from + end + 1..];
        rest.starts_with(b"\n") || rest.starts_with(b"\r\n")
    })
}

/// Reads the headers on `lines` of `bytes`, whose memory they share.
///
/// Names and values are what the `http` crate lets be one, which is what may be one (RFC 9110, 5): no blank before a colon, no
/// line that goes on with the next, no control characters.
pub(super) fn read<'a>(
    lines: impl Iterator<Item = &'a [u8]>,
    bytes: &Bytes,
    headers: &mut HeaderMap,
) -> Result<Noted, Malformed> {
    let mut noted = Noted::default();
    for line in lines {
        // Names are short: to look for it byte by byte is as fast as it gets.
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
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
