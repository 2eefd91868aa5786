//! HTTP/2 as a script of frames: written by hand, since a library would not write what must be refused.
//!
//! Records are split by [`PAUSE`](super::PAUSE). The first byte of one says which frame it is, the second on which stream,
//! the rest is what it carries. Headers are `name=value`, split by 0x1d, and are written without compression.

use super::PAUSE;

/// What a client begins with (RFC 9113, 3.4).
pub(in crate::fuzz) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What both begin with then: no settings.
pub(in crate::fuzz) const SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0";

/// The stream of a request that is made when all else has been said.
pub(in crate::fuzz) const LAST: u32 = 0x7fff_ffff;

/// Length, type, flags and stream.
const HEADER: usize = 9;

const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

/// One record.
#[derive(Clone, Copy)]
pub(in crate::fuzz) struct Record<'a> {
    pub kind: u8,
    pub stream: u32,
    pub rest: &'a [u8],
}

/// One frame of what came.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::fuzz) struct Frame {
    pub kind: Kind,
    pub ends: bool,
    pub stream: u32,
    pub length: usize,
}

/// The frames that matter here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::fuzz) enum Kind {
    Data,
    Headers,
    Reset,
    Other,
}

/// The records of a script.
pub(in crate::fuzz) fn records(bytes: &[u8]) -> impl Iterator<Item = Record<'_>> {
    let records = bytes.split(|byte| *byte == PAUSE);
    records.filter_map(|record| match record {
        [kind, stream, rest @ ..] => Some(Record {
            kind: *kind,
            stream: u32::from(stream & 0xf) * 2 + 1,
            rest,
        }),
        _ => None,
    })
}

impl<'a> Record<'a> {
    /// The headers that it carries, if it may.
    pub(in crate::fuzz) fn headers(self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let lines = self.rest.split(|byte| *byte == 0x1d);
        lines.filter_map(|line| {
            let at = line.iter().position(|byte| *byte == b'=')?;
            Some((&line[..at], &line[at + 1..]))
        })
    }

    /// It says what this client does not understand itself.
    pub(in crate::fuzz) fn is_wild(self) -> bool {
        self.kind == b'X'
    }

    /// It begins a request.
    pub(in crate::fuzz) fn begins(self) -> bool {
        matches!(self.kind, b'H' | b'E' | b'B')
    }

    /// As a frame.
    pub(in crate::fuzz) fn write(self, out: &mut Vec<u8>) {
        let block = || {
            let mut block = Vec::new();
            self.headers()
                .for_each(|(name, value)| literal(name, value, &mut block));
            block
        };
        let stream = self.stream;
        match self.kind {
            b'H' => frame(1, END_HEADERS, stream, &block(), out),
            b'E' => frame(1, END_HEADERS | END_STREAM, stream, &block(), out),
            b'B' => frame(1, 0, stream, &block(), out),
            b'C' => frame(9, END_HEADERS, stream, &block(), out),
            b'D' => frame(0, 0, stream, self.rest, out),
            b'F' => frame(0, END_STREAM, stream, self.rest, out),
            b'R' => frame(3, 0, stream, &self.fixed::<4>(), out),
            b'S' => frame(4, 0, 0, self.rest, out),
            b'P' => frame(6, 0, 0, &self.fixed::<8>(), out),
            b'W' => frame(8, 0, stream, &self.fixed::<4>(), out),
            b'V' => frame(8, 0, 0, &self.fixed::<4>(), out),
            b'X' => {
                let [kind, flags] = self.fixed();
                frame(
                    kind,
                    flags,
                    stream,
                    self.rest.get(2..).unwrap_or_default(),
                    out,
                );
            }
            _ => {}
        }
    }

    fn fixed<const N: usize>(self) -> [u8; N] {
        std::array::from_fn(|at| self.rest.get(at).copied().unwrap_or_default())
    }
}

/// The request that comes last.
pub(in crate::fuzz) fn last(out: &mut Vec<u8>) {
    let mut block = Vec::new();
    let headers = [
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/last"),
        (":authority", "a.test"),
    ];
    for (name, value) in headers {
        literal(name.as_bytes(), value.as_bytes(), &mut block);
    }
    frame(1, END_HEADERS | END_STREAM, LAST, &block, out);
}

/// The first frame of some bytes.
pub(in crate::fuzz) fn read(bytes: &[u8]) -> Option<Frame> {
    let [a, b, c, kind, flags, stream @ ..] = *bytes.first_chunk::<HEADER>()?;
    let length = u32::from_be_bytes([0, a, b, c]) as usize;
    bytes.get(HEADER..HEADER + length)?;
    let kind = match kind {
        0 => Kind::Data,
        1 => Kind::Headers,
        3 => Kind::Reset,
        _ => Kind::Other,
    };
    let ends = matches!(kind, Kind::Data | Kind::Headers) && flags & END_STREAM != 0;
    Some(Frame {
        kind,
        ends: ends || kind == Kind::Reset,
        stream: u32::from_be_bytes(stream),
        length: HEADER + length,
    })
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(payload.len() as u32).to_be_bytes()[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}

/// Literal, not indexed, no Huffman (RFC 7541, 6.2.2).
fn literal(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.push(0);
    for text in [name, value] {
        length(text.len(), out);
        out.extend_from_slice(text);
    }
}

/// With a prefix of seven bits (RFC 7541, 5.1).
fn length(length: usize, out: &mut Vec<u8>) {
    if length < 0x7f {
        return out.push(length as u8);
    }
    out.push(0x7f);
    let mut rest = length - 0x7f;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}
