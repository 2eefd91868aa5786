//! HTTP/1 as the strictest peer reads it: written apart from the proxy's own reading, to judge what the proxy sends.
//!
//! No leniency at all: one spelling for each thing, which is how the proxy is meant to write. What this refuses, two
//! servers could understand in two ways.

/// What stands at the beginning of some bytes.
#[derive(Debug, PartialEq)]
pub(in crate::fuzz) enum Read {
    /// A message, and how many bytes of it.
    Whole(Message, usize),
    /// The beginning of one; what is there of it.
    Part(Option<Message>),
}

/// A message, or as much of it as has come.
#[derive(Debug, Default, PartialEq)]
pub(in crate::fuzz) struct Message {
    /// The first line.
    pub line: String,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}

/// Where a body ends.
#[derive(Clone, Copy)]
enum Framing {
    Length(usize),
    Chunked,
    Close,
}

impl Message {
    /// All values of a header.
    pub(in crate::fuzz) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let named = self.headers.iter().filter(move |(known, _)| known == name);
        named.map(|(_, value)| &**value)
    }

    /// The value of a header that is there once at most.
    pub(in crate::fuzz) fn one<'a>(&'a self, name: &'a str) -> Option<&'a [u8]> {
        let mut all = self.all(name);
        let one = all.next();
        assert_eq!(all.next(), None, "`{name}` twice");
        one
    }

    /// The words of the first line.
    pub(in crate::fuzz) fn words(&self) -> Vec<&str> {
        self.line.splitn(3, ' ').collect()
    }

    fn framing(&self) -> Option<Framing> {
        let chunked = self.one("transfer-encoding").map(|coding| {
            assert_eq!(coding, b"chunked");
            Framing::Chunked
        });
        let length = self.one("content-length").map(|length| {
            assert!(chunked.is_none(), "two framings");
            assert!(!length.is_empty() && length.iter().all(u8::is_ascii_digit));
            let length = std::str::from_utf8(length).unwrap();
            Framing::Length(length.parse().unwrap_or(usize::MAX))
        });
        chunked.or(length)
    }
}

/// Reads a request.
pub(in crate::fuzz) fn request(bytes: &[u8]) -> Read {
    let Some((message, rest)) = head(bytes) else {
        return Read::Part(None);
    };
    let words = message.words();
    let [method, target, version] = words[..] else {
        panic!("no request line: {:?}", message.line);
    };
    assert!(
        !method.is_empty() && method.bytes().all(is_token),
        "{method:?}"
    );
    assert!(target.starts_with('/') || target == "*", "{target:?}");
    let plain = |byte: u8| byte > b' ' && byte != 0x7f;
    assert!(target.bytes().all(plain), "{target:?}");
    assert_eq!(version, "HTTP/1.1");
    let framing = message.framing().unwrap_or(Framing::Length(0));
    with_body(message, framing, bytes.len() - rest.len(), rest, false)
}

/// Reads a response, which has a body if its request and its status let it. `ended`: no more will come.
pub(in crate::fuzz) fn response(bytes: &[u8], method: Option<&str>, ended: bool) -> Read {
    let Some((message, rest)) = head(bytes) else {
        return Read::Part(None);
    };
    let words = message.words();
    assert!(words.len() == 3, "no status line: {:?}", message.line);
    assert_eq!(words[0], "HTTP/1.1");
    let code = words[1];
    assert!(code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_digit()));
    let bodiless = code.starts_with('1') || matches!(code, "204" | "304") || method == Some("HEAD");
    let framing = match bodiless {
        true => Framing::Length(0),
        false => message.framing().unwrap_or(Framing::Close),
    };
    with_body(message, framing, bytes.len() - rest.len(), rest, ended)
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn head(bytes: &[u8]) -> Option<(Message, &[u8])> {
    let end = find(bytes, b"\r\n\r\n")?;
    let mut lines = split_lines(&bytes[..end]);
    let line = lines.next().unwrap_or_default();
    let mut message = Message {
        line: String::from_utf8_lossy(line).into_owned(),
        ..Message::default()
    };
    message.headers.extend(lines.map(field));
    Some((message, &bytes[end + 4..]))
}

fn split_lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(bytes);
    std::iter::from_fn(move || {
        let bytes = rest?;
        let end = find(bytes, b"\r\n");
        rest = end.map(|end| &bytes[end + 2..]);
        let line = &bytes[..end.unwrap_or(bytes.len())];
        let broken = |byte: &u8| matches!(byte, b'\r' | b'\n' | 0);
        assert!(!line.iter().any(broken), "{}", line.escape_ascii());
        Some(line)
    })
}

/// A header or trailer.
fn field(line: &[u8]) -> (String, Vec<u8>) {
    let colon = line.iter().position(|byte| *byte == b':');
    let colon = colon.unwrap_or_else(|| panic!("no header: {}", line.escape_ascii()));
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    let lower = |byte: &u8| is_token(*byte) && !byte.is_ascii_uppercase();
    assert!(
        !name.is_empty() && name.iter().all(lower),
        "{}",
        line.escape_ascii()
    );
    let value = value.strip_prefix(b" ").expect("a blank before a value");
    let plain = |byte: &u8| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f);
    assert!(value.iter().all(plain), "{}", line.escape_ascii());
    let name = String::from_utf8_lossy(name).into_owned();
    (name, value.to_vec())
}

fn with_body(
    mut message: Message,
    framing: Framing,
    head: usize,
    rest: &[u8],
    ended: bool,
) -> Read {
    let (whole, length) = match framing {
        Framing::Length(length) => {
            let here = length.min(rest.len());
            message.body.extend_from_slice(&rest[..here]);
            (here == length, here)
        }
        Framing::Close => {
            message.body.extend_from_slice(rest);
            (ended, rest.len())
        }
        Framing::Chunked => match chunks(rest, &mut message.body) {
            Some(length) => (true, length),
            None => (false, rest.len()),
        },
    };
    match whole {
        true => Read::Whole(message, head + length),
        false => Read::Part(Some(message)),
    }
}

/// Takes a body out of its chunks; how many bytes these and the trailers are. `None`: there is no end.
fn chunks(bytes: &[u8], body: &mut Vec<u8>) -> Option<usize> {
    let mut rest = bytes;
    loop {
        let end = find(rest, b"\r\n")?;
        let size = std::str::from_utf8(&rest[..end]).expect("the size of a chunk");
        assert!(
            size.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "{size:?}"
        );
        let size = usize::from_str_radix(size, 16).expect("the size of a chunk");
        rest = &rest[end + 2..];
        if size == 0 {
            break;
        }
        body.extend_from_slice(&rest[..size.min(rest.len())]);
        let end = rest.get(size..size + 2)?;
        assert_eq!(end, b"\r\n");
        rest = &rest[size + 2..];
    }
    loop {
        let end = find(rest, b"\r\n")?;
        let line = &rest[..end];
        rest = &rest[end + 2..];
        if line.is_empty() {
            return Some(bytes.len() - rest.len());
        }
        let (name, _) = field(line);
        let framing = ["transfer-encoding", "content-length", "host", "connection"];
        assert!(!framing.contains(&&*name), "`{name}` in trailers");
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
