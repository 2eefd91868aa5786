//! The chunked transfer coding, read (RFC 9112, 7.1).

use bytes::{Buf, Bytes, BytesMut};
use http::HeaderMap;
use http_body::Frame;
use memchr::memchr;

use super::{
    Malformed,
    lines::{self, Lines},
};

/// The most that a line with a chunk's size may have: its extensions are read past.
const LONGEST_LINE: usize = 4 * 1024;

/// The most that all of a body's extensions may have: chunks of one byte must not carry kilobytes each.
const MOST_EXTENSIONS: usize = 16 * 1024;

/// The most that trailers may have.
const MOST_TRAILERS: usize = 16 * 1024;

/// As many trailers.
const TRAILERS: usize = 32;

/// Where in a body the next byte stands.
#[derive(Debug, Default)]
pub struct Chunked {
    place: Place,
    /// What the extensions of all chunks may still have.
    extensions: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Size,
    /// In a chunk of which so many bytes are left.
    Data(u64),
    /// Behind a chunk.
    End,
    Trailers,
    Done,
}

impl Chunked {
    /// The body has been read to its end.
    pub fn is_done(&self) -> bool {
        self.place == Place::Done
    }

    /// The next frame of what is in `buffer`; `None`: more is needed, or it is done.
    pub fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Frame<Bytes>>, Malformed> {
        loop {
            match self.place {
                Place::Size => match self.size(buffer)? {
                    Some(0) => self.place = Place::Trailers,
                    Some(size) => self.place = Place::Data(size),
                    None => return Ok(None),
                },
                Place::Data(_) if buffer.is_empty() => return Ok(None),
                Place::Data(left) => {
                    let here =
                        usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
                    self.place = match left - here as u64 {
                        0 => Place::End,
                        left => Place::Data(left),
                    };
                    return Ok(Some(Frame::data(buffer.split_to(here).freeze())));
                }
                Place::End => match buffer.get(..2) {
                    Some(b"\r\n") => {
                        buffer.advance(2);
                        self.place = Place::Size;
                    }
                    Some(_) => return Err(Malformed::Body("no line end behind a chunk")),
                    None => return Ok(None),
                },
                Place::Trailers => {
                    let Some(trailers) = trailers(buffer)? else {
                        return Ok(None);
                    };
                    self.place = Place::Done;
                    return Ok((!trailers.is_empty()).then(|| Frame::trailers(trailers)));
                }
                Place::Done => return Ok(None),
            }
        }
    }

    /// The size of the next chunk.
    fn size(&mut self, buffer: &mut BytesMut) -> Result<Option<u64>, Malformed> {
        const BAD: Malformed = Malformed::Body("the size of a chunk");
        let end = memchr(b'\n', buffer);
        // However much of it comes at once.
        if end.unwrap_or(buffer.len()) > LONGEST_LINE {
            return Err(Malformed::Body("the line of a chunk is too long"));
        }
        let Some(end) = end else {
            return Ok(None);
        };
        let line = buffer[..end].strip_suffix(b"\r").ok_or(BAD)?;
        let digits = line
            .iter()
            .take_while(|byte| byte.is_ascii_hexdigit())
            .count();
        let (digits, rest) = line.split_at(digits);
        if digits.is_empty() || digits.len() > 16 {
            return Err(BAD);
        }
        let size = digits.iter().fold(0_u64, |size, digit| {
            (size << 4) | u64::from(char::from(*digit).to_digit(16).unwrap_or_default())
        });
        if !rest.is_empty() {
            self.extensions += rest.len();
            // Blanks alone are what old servers fill their lines with.
            let begin = rest.iter().find(|byte| !matches!(byte, b' ' | b'\t'));
            let text = |byte: &u8| *byte == b'\t' || !byte.is_ascii_control();
            if !matches!(begin, Some(b';') | None) || !rest.iter().all(text) {
                return Err(BAD);
            }
            if self.extensions > MOST_EXTENSIONS {
                return Err(Malformed::Body("the extensions of chunks are too long"));
            }
        }
        buffer.advance(end + 1);
        Ok(Some(size))
    }
}

/// The trailers, with the empty line behind them.
fn trailers(buffer: &mut BytesMut) -> Result<Option<HeaderMap>, Malformed> {
    match buffer.get(..2) {
        Some(b"\r\n") => {
            buffer.advance(2);
            return Ok(Some(HeaderMap::new()));
        }
        Some(_) => {}
        None => return Ok(None),
    }
    let malformed = |_| Malformed::Body("its trailers");
    let lines = Lines::find(buffer, 0).map_err(malformed)?;
    match lines {
        None if buffer.len() <= MOST_TRAILERS => Ok(None),
        Some(lines) if lines.count() <= TRAILERS && lines.length() <= MOST_TRAILERS => {
            let bytes = buffer.split_to(lines.length()).freeze();
            let mut trailers = HeaderMap::new();
            lines::read(lines.of(&bytes), &bytes, &mut trailers).map_err(malformed)?;
            Ok(Some(trailers))
        }
        _ => Err(Malformed::Body("its trailers are too large")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Whole = (Vec<u8>, Option<HeaderMap>, Vec<u8>);

    /// What is read of `bytes` that come in pieces of `step`: data, trailers, what is left over.
    fn read(bytes: &[u8], step: usize) -> Result<Whole, Malformed> {
        let (mut chunked, mut buffer) = (Chunked::default(), BytesMut::new());
        let (mut data, mut trailers) = (Vec::new(), None);
        for piece in bytes.chunks(step) {
            buffer.extend_from_slice(piece);
            while let Some(frame) = chunked.decode(&mut buffer)? {
                match frame.into_data() {
                    Ok(bytes) => data.extend_from_slice(&bytes),
                    Err(frame) => trailers = frame.into_trailers().ok(),
                }
            }
        }
        match chunked.is_done() {
            true => Ok((data, trailers, buffer.to_vec())),
            false => Err(Malformed::Body("not at its end")),
        }
    }

    #[test]
    fn chunks_and_trailers_are_read_wherever_the_reads_cut() {
        let bytes = b"3\r\nabc\r\nA;x=\"y\"\r\n0123456789\r\n0\r\nx-sum: 7\r\n\r\nGET";
        for step in 1..bytes.len() {
            // What follows in the same piece is the next message's.
            let (data, trailers, rest) = read(bytes, step).unwrap();
            assert_eq!(data, b"abc0123456789", "{step}");
            assert_eq!(trailers.unwrap()["x-sum"], "7");
            assert!(b"GET".starts_with(&rest[..]) || rest == b"GET", "{step}");
        }
    }

    #[test]
    fn what_two_readers_could_understand_in_two_ways_is_refused() {
        for bad in [
            "\r\n",
            "g\r\n",
            "-1\r\n",
            "+1\r\n",
            "0x1\r\n",
            "3\nabc\r\n",
            " 3\r\nabc",
            "3 4\r\nabc",
            "3\r\nabcd\r\n",
            "3\r\nabc\n",
            "3\r\nabc0\r\n\r\n",
            "11111111111111111\r\n",
            "3\r;\r\nabc\r\n0\r\n\r\n",
            "3;\0\r\nabc\r\n0\r\n\r\n",
            "3\x0c;\r\nabc\r\n0\r\n\r\n",
            "0\r\n\n",
            "0\r\nx: y\n\r\n",
            "0\r\nx: y\r\n\n",
            "0\r\nx: y\nz: \r\n\r\n",
            "0\r\nno colon\r\n\r\n",
            "0\r\n folded: x\r\n\r\n",
        ] {
            assert!(read(bad.as_bytes(), 64).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_is_read_past_has_bounds_wherever_the_reads_cut() {
        let line = format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(LONGEST_LINE));
        let many = format!("1;{}\r\na\r\n", "x".repeat(1000)).repeat(17) + "0\r\n\r\n";
        let trailers = format!("0\r\nx: {}\r\n\r\n", "x".repeat(MOST_TRAILERS));
        for large in [line, many, trailers] {
            for step in [1, 64, 5_000, large.len()] {
                assert!(read(large.as_bytes(), step).is_err(), "{step} {large}");
            }
        }
    }

    proptest! {
        #[test]
        fn nothing_panics_and_nothing_grows(bytes in proptest::collection::vec(prop_oneof![
            Just(b'\r'), Just(b'\n'), Just(b';'), Just(b'0'), Just(b'f'), any::<u8>()
        ], 0..200), step in 1..20_usize) {
            if let Ok((data, _, rest)) = read(&bytes, step) {
                prop_assert!(data.len() + rest.len() < bytes.len());
            }
        }
    }
}
