//! Watches the raw head of a request for framing that two servers could read differently.
//!
//! A request with both Transfer-Encoding and Content-Length is how requests are smuggled (RFC 9112, 6.1). hyper goes by
//! the former, drops the latter and closes afterwards, which is safe, but tells nobody; we refuse such a request. hyper
//! offers the head only when the trace is gone, so the bytes are looked at on their way to it: line starts only, a few
//! dozen instructions a request.

use memchr::memchr;

/// `transfer-encoding`, the longer of the two names.
const LONGEST: usize = 17;

/// What the raw head of a request says of its framing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// Nobody looked: it came behind another request that was still under way (pipelined), or over HTTP/2.
    #[default]
    Unseen,
    /// One way at most.
    Clear,
    /// Two ways.
    Ambiguous,
}

/// Looks at one request head after the other.
#[derive(Clone, Copy, Debug, Default)]
pub struct Guard {
    transfer_encoding: bool,
    content_length: bool,
    /// A line with something in it has been seen: empty ones before the first are passed over (RFC 9112, 2.2), by hyper too.
    begun: bool,
    /// The head has been seen whole; what follows in the same read is body, or a pipelined request, which hyper closes after.
    done: bool,
    /// Start of a line that the last read cut off.
    start: [u8; LONGEST + 1],
    len: u8,
}

impl Guard {
    /// Takes the next bytes of a head, and says what is known after them.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Framing {
        while !self.done && !bytes.is_empty() {
            let end = memchr(b'\n', bytes);
            let line = &bytes[..end.unwrap_or(bytes.len())];
            if self.len == 0 && end.is_some() {
                self.line(line);
            } else {
                self.collect(line);
                if end.is_some() {
                    let (start, len) = (self.start, usize::from(self.len));
                    self.line(&start[..len]);
                    self.len = 0;
                }
            }
            bytes = end.map_or(&[], |end| &bytes[end + 1..]);
        }
        match (self.transfer_encoding && self.content_length, self.done) {
            (true, _) => Framing::Ambiguous,
            (false, true) => Framing::Clear,
            (false, false) => Framing::Unseen,
        }
    }

    fn collect(&mut self, line: &[u8]) {
        let len = usize::from(self.len);
        let more = line.len().min(self.start.len() - len);
        self.start[len..len + more].copy_from_slice(&line[..more]);
        self.len += more as u8;
    }

    /// `line` is without its line feed, or only the start of a line.
    fn line(&mut self, line: &[u8]) {
        match line.first() {
            None | Some(b'\r') => self.done = self.begun,
            // The first is the request line.
            Some(_) if !self.begun => self.begun = true,
            Some(b'T' | b't') => self.transfer_encoding |= named(line, b"transfer-encoding"),
            Some(b'C' | b'c') => self.content_length |= named(line, b"content-length"),
            Some(_) => {}
        }
    }
}

fn named(line: &[u8], name: &[u8]) -> bool {
    line.len() > name.len()
        && line[name.len()] == b':'
        && line[..name.len()].eq_ignore_ascii_case(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: &[u8] =
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-LENGTH: 3\r\n\r\n";

    #[test]
    fn both_ways_of_framing_are_seen_wherever_the_reads_cut() {
        for cut in 0..BOTH.len() {
            let mut guard = Guard::default();
            let first = guard.feed(&BOTH[..cut]);
            let whole = guard.feed(&BOTH[cut..]);
            assert!([first, whole].contains(&Framing::Ambiguous), "cut at {cut}");
        }
        let mut guard = Guard::default();
        let mut bytes = BOTH
            .iter()
            .map(|byte| guard.feed(std::slice::from_ref(byte)));
        assert!(bytes.any(|framing| framing == Framing::Ambiguous));
    }

    #[test]
    fn empty_lines_before_a_head_do_not_end_it() {
        for before in ["\r\n", "\n", "\r\n\r\n\n"] {
            let head = [before.as_bytes(), BOTH].concat();
            for cut in 0..head.len() {
                let mut guard = Guard::default();
                let first = guard.feed(&head[..cut]);
                let whole = guard.feed(&head[cut..]);
                assert!([first, whole].contains(&Framing::Ambiguous), "cut at {cut}");
            }
        }
    }

    #[test]
    fn one_way_of_framing_is_fine() {
        for head in [
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
            "POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n",
            "GET /content-length: HTTP/1.1\r\ntransfer-encodingx: content-length:\r\n\r\n",
        ] {
            assert_eq!(
                Guard::default().feed(head.as_bytes()),
                Framing::Clear,
                "{head}"
            );
        }
    }

    #[test]
    fn a_body_that_looks_like_a_head_is_not_one() {
        let chunked = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n20\r\nx\r\nContent-Length: 3\r\n0\r\n\r\n";
        assert_eq!(Guard::default().feed(chunked), Framing::Clear);
    }
}
