//! Frames of HTTP/2 (RFC 9113, 4.1), also such as no library would send.

/// What a client says first (RFC 9113, 3.4).
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const PRIORITY: u8 = 2;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;

/// Appends a frame.
pub(super) fn put(to: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let length = payload.len() as u32;
    to.extend_from_slice(&length.to_be_bytes()[1..]);
    to.extend_from_slice(&[kind, flags]);
    to.extend_from_slice(&stream.to_be_bytes());
    to.extend_from_slice(payload);
}

/// The header block of a request for `path`. Static indexes (RFC 7541, appendix A) but for path and authority.
pub(super) fn request(method: Method, path: &str) -> Vec<u8> {
    let method = match method {
        Method::Get => 0x82,
        Method::Post => 0x83,
    };
    // `:scheme: http`; then literals without indexing, of `:path` and `:authority`.
    let mut block = vec![method, 0x86, 0x04];
    string(&mut block, path);
    block.push(0x01);
    string(&mut block, "a");
    block
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Post,
}

/// A header that enters the dynamic table (RFC 7541, 6.2.1), from then on its first entry.
pub(super) fn remembered(block: &mut Vec<u8>, name: &str, value: &str) {
    block.push(0x40);
    string(block, name);
    string(block, value);
}

/// The first entry of the dynamic table (RFC 7541, 2.3.3), in one byte.
pub(super) const FIRST_REMEMBERED: u8 = 0x80 | 62;

/// A string without Huffman coding (RFC 7541, 5.2); its length is an integer of a prefix of 7 bits (5.1).
fn string(block: &mut Vec<u8>, text: &str) {
    match text.len() {
        short @ ..127 => block.push(short as u8),
        long => {
            block.push(127);
            let mut rest = long - 127;
            while rest >= 128 {
                block.push((rest % 128) as u8 | 0x80);
                rest /= 128;
            }
            block.push(rest as u8);
        }
    }
    block.extend_from_slice(text.as_bytes());
}

/// Looks for a GOAWAY in what comes in whatever pieces, and keeps nothing else.
#[derive(Debug, Default)]
pub(super) struct Watch {
    head: Vec<u8>,
    /// Bytes of the present frame's payload that are still to come.
    left: usize,
    goaway: Vec<u8>,
    /// The code of the GOAWAY that came.
    pub(super) code: Option<u32>,
}

impl Watch {
    pub(super) fn take(&mut self, mut piece: &[u8]) {
        while !piece.is_empty() {
            if self.left == 0 {
                let wanted = (9 - self.head.len()).min(piece.len());
                self.head.extend_from_slice(&piece[..wanted]);
                piece = &piece[wanted..];
                if let [a, b, c, _, _, _, _, _, _] = self.head[..] {
                    self.left = u32::from_be_bytes([0, a, b, c]) as usize;
                }
                if self.head.len() < 9 || self.left > 0 {
                    continue;
                }
            }
            let taken = self.left.min(piece.len());
            if self.head.get(3) == Some(&GOAWAY) {
                self.goaway.extend_from_slice(&piece[..taken]);
            }
            piece = &piece[taken..];
            self.left -= taken;
            if self.left == 0 {
                self.end();
            }
        }
    }

    fn end(&mut self) {
        self.head.clear();
        if let [_, _, _, _, a, b, c, d, ..] = self.goaway[..] {
            self.code = Some(u32::from_be_bytes([a, b, c, d]));
        }
        self.goaway.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goaway_is_found_among_others_in_whatever_pieces_it_comes() {
        let mut bytes = Vec::new();
        put(&mut bytes, SETTINGS, 0, 0, &[]);
        put(&mut bytes, DATA, 0, 1, b"some bytes");
        put(&mut bytes, GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 11, b'c']);
        for size in [1, 2, 9, 10, 1000] {
            let mut watch = Watch::default();
            for piece in bytes.chunks(size) {
                assert_eq!(watch.code, None);
                watch.take(piece);
            }
            assert_eq!(watch.code, Some(11), "{size}");
        }
    }

    #[test]
    fn a_long_string_has_its_length_in_more_than_a_byte() {
        let mut block = Vec::new();
        string(&mut block, &"a".repeat(1337));
        // 1337 - 127 = 1210 = 9 * 128 + 58.
        assert_eq!(block[..3], [127, 0x80 | 58, 9]);
    }
}
