//! Messages, written.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, Method, header, request, response};
use hyper::ext::ReasonPhrase;

use super::{Framing, Outgoing, connection::has_token};
use crate::{date, downstream::forwarded::says_who_asked};

/// A body, written.
#[derive(Debug)]
pub enum Encoder {
    /// So many bytes are still owed.
    Length(u64),
    /// In chunks.
    Chunked,
    /// As it is: the end of the connection is its end.
    Close,
}

/// A body is not as long as its head said: nothing that follows it could be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body is not as long as its head says")]
pub struct WrongLength;

/// Writes the head of a request whose body is framed so; `te`: its client takes trailers.
pub fn request(head: &request::Parts, framing: Framing, te: bool, out: &mut BytesMut) {
    let target = head.uri.path_and_query().map_or("/", |path| path.as_str());
    // `http://a?b` has a query and no path.
    let root = match target.starts_with(['/', '*']) {
        true => "",
        false => "/",
    };
    out.reserve(HEAD + target.len());
    put(
        out,
        &[
            head.method.as_str().as_bytes(),
            b" ",
            root.as_bytes(),
            target.as_bytes(),
            b" HTTP/1.1\r\n",
        ],
    );
    let said = fields(&head.headers, true, out);
    if te {
        out.extend_from_slice(b"connection: te\r\n");
    }
    // Without it a server may wait for what never comes (RFC 9110, 8.6).
    let expected = matches!(head.method, Method::POST | Method::PUT | Method::PATCH);
    match framing {
        Framing::Length(0) if !expected && !said.length => {}
        framing => framed(framing, out),
    }
    out.extend_from_slice(b"\r\n");
}

/// What a response says of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasting {
    /// It goes on, as it does in HTTP/1.1.
    Yes,
    /// It goes on, which HTTP/1.0 has to be told.
    Kept,
    /// It ends after this.
    No,
}

/// Writes the head of a response, at about `tick` of the clock, in microseconds. Its body is framed so; `None`: it has none,
/// whatever its headers say. Returned is whether the connection lasts: the headers may have more to say of that.
pub fn response(
    head: &response::Parts,
    framing: Option<Framing>,
    lasting: Lasting,
    tick: u64,
    out: &mut BytesMut,
) -> Lasting {
    out.reserve(HEAD);
    let reason = match head.extensions.get::<ReasonPhrase>() {
        Some(reason) => reason.as_bytes(),
        None => head
            .status
            .canonical_reason()
            .unwrap_or_default()
            .as_bytes(),
    };
    put(
        out,
        &[
            b"HTTP/1.1 ",
            head.status.as_str().as_bytes(),
            b" ",
            reason,
            b"\r\n",
        ],
    );
    let said = fields(&head.headers, framing.is_some(), out);
    if !said.date {
        date::with(tick, |date| put(out, &[b"date: ", date, b"\r\n"]));
    }
    if let Some(framing) = framing {
        framed(framing, out);
    }
    let lasting = match said.close {
        true => Lasting::No,
        false => lasting,
    };
    match lasting {
        Lasting::No if !said.close => out.extend_from_slice(b"connection: close\r\n"),
        Lasting::Kept => out.extend_from_slice(b"connection: keep-alive\r\n"),
        Lasting::No | Lasting::Yes => {}
    }
    out.extend_from_slice(b"\r\n");
    lasting
}

/// Room for most heads.
const HEAD: usize = 512;

fn put(out: &mut BytesMut, parts: &[&[u8]]) {
    for part in parts {
        out.extend_from_slice(part);
    }
}

fn framed(framing: Framing, out: &mut BytesMut) {
    match framing {
        Framing::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        Framing::Length(length) => {
            let mut digits = itoa::Buffer::new();
            put(
                out,
                &[
                    b"content-length: ",
                    digits.format(length).as_bytes(),
                    b"\r\n",
                ],
            );
        }
        Framing::Close => {}
    }
}

/// What was met among headers.
#[derive(Default)]
struct Said {
    length: bool,
    date: bool,
    close: bool,
}

/// Writes headers. A length that they state is left out if the body is `framed`, which says that itself.
fn fields(headers: &HeaderMap, is_framed: bool, out: &mut BytesMut) -> Said {
    let mut said = Said::default();
    let lengths = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4);
    // At once: to make sure of the room for each part costs more than to put it there.
    let (from, most) = (out.len(), lengths.sum::<usize>());
    out.resize(from + most, 0);
    let mut room = &mut out[from..];
    for (name, value) in headers {
        match *name {
            header::CONTENT_LENGTH => {
                said.length = true;
                if is_framed {
                    continue;
                }
            }
            header::DATE => said.date = true,
            header::CONNECTION => said.close |= has_token(value, "close"),
            _ => {}
        }
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            place(part, &mut room);
        }
    }
    let left = room.len();
    out.truncate(out.len() - left);
    said
}

/// Puts `part` at the beginning of `room`, which is what remains of it then.
fn place(part: &[u8], room: &mut &mut [u8]) {
    let (here, rest) = std::mem::take(room).split_at_mut(part.len());
    here.copy_from_slice(part);
    *room = rest;
}

impl Encoder {
    /// For a body of this framing.
    pub fn new(framing: Framing) -> Self {
        match framing {
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::Chunked,
            Framing::Close => Self::Close,
        }
    }

    /// Adds a part of the body to `out`, which is open.
    ///
    /// # Errors
    /// When that is more than was promised.
    pub fn data(&mut self, data: Bytes, out: &mut Outgoing) -> Result<(), WrongLength> {
        match self {
            // An empty chunk would be the last one.
            _ if data.is_empty() => Ok(()),
            Self::Length(left) => {
                *left = left.checked_sub(data.len() as u64).ok_or(WrongLength)?;
                out.data(data, b"");
                Ok(())
            }
            Self::Close => {
                out.data(data, b"");
                Ok(())
            }
            Self::Chunked => {
                hex(data.len(), out.front());
                out.data(data, b"\r\n");
                Ok(())
            }
        }
    }

    /// Ends the body, with trailers where they can be told.
    ///
    /// # Errors
    /// When that is less than was promised.
    pub fn end(
        &mut self,
        trailers: Option<&HeaderMap>,
        out: &mut Outgoing,
    ) -> Result<(), WrongLength> {
        match self {
            Self::Length(0) | Self::Close => Ok(()),
            Self::Length(_) => Err(WrongLength),
            Self::Chunked => {
                let out = out.front();
                out.extend_from_slice(b"0\r\n");
                for (name, value) in trailers
                    .into_iter()
                    .flatten()
                    .filter(|(name, _)| may_trail(name))
                {
                    out.extend_from_slice(name.as_str().as_bytes());
                    out.extend_from_slice(b": ");
                    out.extend_from_slice(value.as_bytes());
                    out.extend_from_slice(b"\r\n");
                }
                out.extend_from_slice(b"\r\n");
                Ok(())
            }
        }
    }
}

/// What frames or directs a message, or says who sent it, comes too late at its end (RFC 9110, 6.5.1).
fn may_trail(name: &HeaderName) -> bool {
    let directs = matches!(
        *name,
        header::TRANSFER_ENCODING
            | header::CONTENT_LENGTH
            | header::HOST
            | header::CONNECTION
            | header::TE
            | header::TRAILER
            | header::UPGRADE
            | header::EXPECT
            | header::AUTHORIZATION
            | header::PROXY_AUTHORIZATION
            | header::COOKIE
            | header::SET_COOKIE
            | header::CONTENT_ENCODING
            | header::CONTENT_TYPE
            | header::CONTENT_RANGE
    );
    !directs && !says_who_asked(name)
}

/// The size of a chunk, with the end of its line.
fn hex(size: usize, out: &mut BytesMut) {
    let mut digits = [0; 16];
    let mut at = digits.len();
    let mut left = size;
    while left > 0 {
        at -= 1;
        digits[at] = b"0123456789abcdef"[left & 15];
        left >>= 4;
    }
    out.extend_from_slice(&digits[at..]);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use http::{HeaderValue, Request};
    use proptest::prelude::*;

    use super::*;
    use crate::http1::Decoder;

    fn head(method: Method, lines: &[(&'static str, &'static str)], framing: Framing) -> String {
        let mut head = Request::new(()).into_parts().0;
        (head.method, head.uri) = (method, "/a?b=c".parse().unwrap());
        for (name, value) in lines {
            head.headers.append(*name, HeaderValue::from_static(value));
        }
        let mut out = BytesMut::new();
        request(&head, framing, false, &mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn a_request_says_how_its_body_is_framed_and_says_it_once() {
        let get = head(Method::GET, &[("host", "a")], Framing::Length(0));
        assert_eq!(get, "GET /a?b=c HTTP/1.1\r\nhost: a\r\n\r\n");
        let post = head(Method::POST, &[("content-length", "3")], Framing::Length(3));
        assert_eq!(post, "POST /a?b=c HTTP/1.1\r\ncontent-length: 3\r\n\r\n");
        assert!(head(Method::POST, &[], Framing::Length(0)).contains("\r\ncontent-length: 0\r\n"));
        assert!(head(Method::GET, &[], Framing::Length(7)).contains("\r\ncontent-length: 7\r\n"));
        let chunked = head(Method::PUT, &[], Framing::Chunked);
        assert!(chunked.contains("\r\ntransfer-encoding: chunked\r\n"));
        assert!(!chunked.contains("content-length"));
    }

    #[test]
    fn a_body_of_another_length_than_promised_is_never_ended() {
        let mut out = Outgoing::default();
        let mut encoder = Encoder::new(Framing::Length(3));
        assert_eq!(
            encoder.data(Bytes::from_static(b"abcd"), &mut out),
            Err(WrongLength)
        );
        let mut encoder = Encoder::new(Framing::Length(3));
        encoder.data(Bytes::from_static(b"ab"), &mut out).unwrap();
        assert_eq!(encoder.end(None, &mut out), Err(WrongLength));
    }

    #[test]
    fn trailers_do_not_frame_or_direct() {
        let mut out = Outgoing::default();
        let mut trailers = HeaderMap::new();
        for name in [
            "x-sum",
            "content-length",
            "host",
            "authorization",
            "x-forwarded-for",
        ] {
            trailers.insert(name, HeaderValue::from_static("1"));
        }
        Encoder::Chunked.end(Some(&trailers), &mut out).unwrap();
        assert_eq!(&out.front()[..], b"0\r\nx-sum: 1\r\n\r\n");
    }

    proptest! {
        #[test]
        fn what_is_written_is_what_is_read(
            parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..5000), 0..5),
            chunked: bool,
        ) {
            let length = parts.iter().map(Vec::len).sum::<usize>();
            let framing = match chunked {
                true => Framing::Chunked,
                false => Framing::Length(length as u64),
            };
            let (mut encoder, mut out, mut wire) = (Encoder::new(framing), Outgoing::default(), BytesMut::new());
            for part in &parts {
                encoder.data(Bytes::copy_from_slice(part), &mut out).unwrap();
                out.take_all(&mut wire);
            }
            encoder.end(None, &mut out).unwrap();
            out.take_all(&mut wire);
            let (mut decoder, mut read) = (Decoder::new(framing), Vec::new());
            while let Some(frame) = decoder.decode(&mut wire).unwrap() {
                read.extend_from_slice(&frame.into_data().unwrap());
            }
            prop_assert!(decoder.is_done() && wire.is_empty());
            prop_assert_eq!(read, parts.concat());
        }
    }
}
