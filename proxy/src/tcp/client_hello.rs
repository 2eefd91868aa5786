//! The name that a TLS client asks for (SNI), read from its first message and nothing decided but that.
//!
//! A parser of its own: rustls' `Acceptor` wants all of a hello to be as it would accept it, and here the endpoint decides
//! that, whatever it is. RFC 8446, 4.1.2 and RFC 6066, 3; the same since TLS 1.0.

/// Much more than any client says, hybrid key shares included.
pub const LONGEST: usize = 16 * 1024;

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;
const HOST_NAME: u8 = 0;

/// Type, version, length.
const RECORD_HEADER: usize = 5;
/// Type, length.
const MESSAGE_HEADER: usize = 4;

/// What the first bytes of a connection are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hello {
    /// The beginning of a hello.
    Part,
    /// A hello, with the name that it asks for, in lower case.
    Whole(Option<String>),
    /// Something else.
    Foreign,
}

/// Reads the hello that `bytes` begin with.
pub fn read(bytes: &[u8]) -> Hello {
    let message = match message(bytes) {
        Ok(message) => message,
        Err(other) => return other,
    };
    match server_name(&message) {
        Some(name) => Hello::Whole(name),
        None => Hello::Foreign,
    }
}

/// Whether `bytes` begin as a TLS connection does; `None`: so far. A version of 3 was never anything else.
pub fn is_begun(bytes: &[u8]) -> Option<bool> {
    match bytes {
        [] => None,
        [HANDSHAKE] | [HANDSHAKE, 3] => None,
        [HANDSHAKE, 3, minor, ..] => Some(*minor <= 4),
        _ => Some(false),
    }
}

/// The first message of the handshake, which may lie in several records.
fn message(bytes: &[u8]) -> Result<Vec<u8>, Hello> {
    let mut message = Vec::new();
    let mut rest = bytes;
    loop {
        match is_begun(rest) {
            Some(true) => {}
            Some(false) => return Err(Hello::Foreign),
            None => return Err(Hello::Part),
        }
        let Some(([_, _, _, high, low], payload)) = rest.split_first_chunk::<RECORD_HEADER>()
        else {
            return Err(Hello::Part);
        };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        if length == 0 {
            return Err(Hello::Foreign);
        }
        let there = &payload[..length.min(payload.len())];
        message.extend_from_slice(there);
        if let Some(([kind, a, b, c], body)) = message.split_first_chunk::<MESSAGE_HEADER>() {
            let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
            if *kind != CLIENT_HELLO || length > LONGEST {
                return Err(Hello::Foreign);
            }
            if body.len() >= length {
                return Ok(body[..length].to_vec());
            }
        }
        if there.len() < length {
            return Err(Hello::Part);
        }
        rest = &payload[length..];
    }
}

/// `None`: it is no hello. `Some(None)`: it asks for no name.
fn server_name(body: &[u8]) -> Option<Option<String>> {
    let mut body = Reader(body);
    let _version_and_random = body.take(2 + 32)?;
    let _session = body.short()?;
    let _suites = body.long()?;
    let _compression = body.short()?;
    if body.0.is_empty() {
        // As old as TLS 1.0 itself: no extensions.
        return Some(None);
    }
    let mut extensions = Reader(body.long()?);
    while !extensions.0.is_empty() {
        let kind = extensions.number()?;
        let content = extensions.long()?;
        if kind == SERVER_NAME {
            return host_name(content).map(Some);
        }
    }
    Some(None)
}

fn host_name(content: &[u8]) -> Option<String> {
    let mut names = Reader(Reader(content).long()?);
    while let [kind, ..] = *names.0 {
        names.take(1)?;
        let name = names.long()?;
        if kind == HOST_NAME {
            return name_of(name);
        }
    }
    None
}

/// ASCII without control characters: it becomes a line of a log.
fn name_of(bytes: &[u8]) -> Option<String> {
    let visible = !bytes.is_empty() && bytes.iter().all(u8::is_ascii_graphic);
    let name = std::str::from_utf8(bytes).ok().filter(|_| visible)?;
    Some(name.trim_end_matches('.').to_ascii_lowercase())
}

/// Takes parts from the front.
struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn take(&mut self, length: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u16> {
        let bytes = self.take(2)?;
        Some(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// What has its length before it, in one byte.
    fn short(&mut self) -> Option<&'b [u8]> {
        let length = self.take(1)?[0];
        self.take(length.into())
    }

    /// The same, in two.
    fn long(&mut self) -> Option<&'b [u8]> {
        let length = self.number()?;
        self.take(length.into())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn long(bytes: &[u8]) -> Vec<u8> {
        [&(bytes.len() as u16).to_be_bytes()[..], bytes].concat()
    }

    fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
        [&kind.to_be_bytes()[..], &long(content)].concat()
    }

    /// A hello that asks for `name`, in records of up to `size` bytes.
    fn hello(name: Option<&str>, size: usize) -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend_from_slice(&[7; 32]);
        body.extend_from_slice(&[4, 1, 2, 3, 4]);
        body.extend_from_slice(&long(&[0x13, 1, 0x13, 2]));
        body.extend_from_slice(&[1, 0]);
        let name = name.map(|name| {
            let entry = [&[0][..], &long(name.as_bytes())].concat();
            extension(0, &long(&entry))
        });
        let key_share = extension(51, &[9; 1200]);
        body.extend_from_slice(&long(&[key_share, name.unwrap_or_default()].concat()));
        let length = (body.len() as u32).to_be_bytes();
        let message = [&[1][..], &length[1..], &body].concat();
        let records = message.chunks(size);
        records
            .flat_map(|part| [&[22, 3, 1][..], &long(part)].concat())
            .collect()
    }

    #[test]
    fn the_name_is_read_however_the_hello_is_cut() {
        for size in [16_384, 600, 7, 1] {
            let hello = hello(Some("Shop.Example.com."), size);
            assert_eq!(read(&hello), Hello::Whole(Some("shop.example.com".into())));
            let more = [&hello[..], b"early data"].concat();
            assert_eq!(read(&more), Hello::Whole(Some("shop.example.com".into())));
            for cut in 0..hello.len() {
                assert_eq!(read(&hello[..cut]), Hello::Part, "{size}, {cut}");
            }
        }
        assert_eq!(read(&hello(None, 16_384)), Hello::Whole(None));
    }

    #[test]
    fn what_is_no_hello_is_told_by_its_first_bytes() {
        for foreign in [
            &b"GET / HTTP/1.1\r\n"[..],
            b"\x16\x02",
            b"\x16\x03\x05",
            b"\x16\x03\x01\x00\x00",
            b"\x16\x03\x01\x00\x05\x02\x00\x00\x01\x00",
            b"\x16\x03\x01\x00\x05\x01\x01\x00\x00\x00",
            b"\x15\x03\x01\x00\x02\x01\x00",
        ] {
            assert_eq!(read(foreign), Hello::Foreign, "{}", foreign.escape_ascii());
        }
        let evil = hello(Some("a\nb"), 16_384);
        assert_eq!(read(&evil), Hello::Foreign);
    }

    proptest! {
        #[test]
        fn any_bytes_are_something(bytes in proptest::collection::vec(any::<u8>(), 0..200), at: prop::sample::Index, byte: u8) {
            let _ = read(&bytes);
            let mut damaged = hello(Some("shop.example.com"), 300);
            let at = at.index(damaged.len());
            damaged[at] = byte;
            let _ = read(&damaged);
        }
    }
}
