//! Messages of HTTP/1, as any client or endpoint may send them.

use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header, request};
use outrigger::http1::{Decoder, Encoder, Framing, Outgoing, encode, head::Awaited};

const LIMIT: usize = 64 * 1024;

/// A message as it was understood, and what follows it.
#[derive(Debug, PartialEq)]
pub(super) struct Read {
    pub method: Method,
    pub target: Uri,
    headers: HeaderMap,
    framing: Framing,
    pub body: Vec<u8>,
    trailers: Option<HeaderMap>,
    pub rest: Vec<u8>,
}

/// A response, or as much of it as there is.
pub(super) struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
    /// All of it is there.
    pub whole: bool,
    /// It has no end but that of the connection.
    pub to_the_end: bool,
}

/// However the bytes of a request are cut, it is understood in one way or refused; and what is passed on of it is exactly
/// one message, which says the same. A response is read to its end or refused, and nothing panics.
pub fn http1(bytes: &[u8]) {
    let whole = request(bytes, bytes.len().max(1));
    for step in [1, 7] {
        assert_eq!(request(bytes, step), whole, "in pieces of {step}");
    }
    // CONNECT is not passed on as a request.
    if let Some(read) = whole.filter(|read| read.method != Method::CONNECT) {
        let written = write(&read);
        let mut again = request(&written, written.len())
            .unwrap_or_else(|| panic!("no request: {:?}", String::from_utf8_lossy(&written)));
        let trailers = again.trailers.take().unwrap_or_default();
        for (name, value) in &trailers {
            let came = read.trailers.as_ref().map(|came| came.get_all(name));
            assert!(came.is_some_and(|came| came.iter().any(|came| came == value)));
        }
        let expected = Read {
            target: origin_form(&read.target),
            headers: stated(&read),
            trailers: None,
            rest: Vec::new(),
            ..read
        };
        assert_eq!(again, expected);
    }
    response(bytes);
}

/// The target as an endpoint is asked for it.
pub(super) fn origin_form(target: &Uri) -> Uri {
    let path = target.path_and_query();
    let path = path.map_or_else(|| "/".to_owned(), ToString::to_string);
    path.parse().expect("a path")
}

/// The headers with which it was sent on: its framing is said anew.
fn stated(read: &Read) -> HeaderMap {
    let mut headers = read.headers.clone();
    match read.framing {
        Framing::Chunked => {
            headers.insert(
                header::TRANSFER_ENCODING,
                HeaderValue::from_static("chunked"),
            );
        }
        Framing::Length(length) => {
            let expected = [Method::POST, Method::PUT, Method::PATCH].contains(&read.method);
            if length > 0 || expected || headers.contains_key(header::CONTENT_LENGTH) {
                headers.insert(header::CONTENT_LENGTH, length.into());
            }
        }
        Framing::Close => unreachable!("a request ends by itself"),
    }
    headers
}

/// A request that comes in pieces; `None`: there is no whole one, or it is refused.
pub(super) fn request(bytes: &[u8], step: usize) -> Option<Read> {
    let (mut awaited, mut buffer) = (Awaited::default(), BytesMut::new());
    let mut begun = None;
    let (mut body, mut trailers) = (Vec::new(), None);
    let mut pieces = bytes.chunks(step);
    loop {
        if begun.is_none()
            && !buffer.is_empty()
            && let Some((mut head, noted)) = awaited.request(&mut buffer, LIMIT).ok()?
        {
            let framing = Framing::of_request(head.version, noted, &mut head.headers).ok()?;
            begun = Some((head, framing, Decoder::new(framing)));
        }
        if let Some((_, _, decoder)) = &mut begun {
            while let Some(frame) = decoder.decode(&mut buffer).ok()? {
                match frame.into_data() {
                    Ok(data) => body.extend_from_slice(&data),
                    Err(frame) => trailers = frame.into_trailers().ok(),
                }
            }
            if decoder.is_done() {
                break;
            }
        }
        buffer.extend_from_slice(pieces.next()?);
    }
    let (head, framing, _) = begun?;
    let request::Parts {
        method,
        uri,
        headers,
        ..
    } = head;
    Some(Read {
        method,
        target: uri,
        headers,
        framing,
        body,
        trailers,
        rest: [&buffer[..], &pieces.collect::<Vec<_>>().concat()].concat(),
    })
}

/// What is sent on.
fn write(read: &Read) -> Vec<u8> {
    let mut head = http::Request::new(()).into_parts().0;
    (head.method, head.uri) = (read.method.clone(), read.target.clone());
    head.headers = read.headers.clone();
    head.headers.remove(header::TRANSFER_ENCODING);
    let mut bytes = BytesMut::new();
    encode::request(&head, read.framing, false, &mut bytes);
    let (mut encoder, mut outgoing, mut wire) = (
        Encoder::new(read.framing),
        Outgoing::from(bytes),
        Vec::new(),
    );
    let mut flush = |outgoing: &mut Outgoing| {
        let written = outgoing.poll_write(&mut wire, &mut Context::from_waker(Waker::noop()));
        assert!(matches!(written, Poll::Ready(Ok(()))));
    };
    flush(&mut outgoing);
    encoder
        .data(Bytes::from(read.body.clone()), &mut outgoing)
        .expect("as long as it was");
    flush(&mut outgoing);
    encoder
        .end(read.trailers.as_ref(), &mut outgoing)
        .expect("as long as it was");
    flush(&mut outgoing);
    wire
}

fn response(bytes: &[u8]) {
    let mut buffer = BytesMut::from(bytes);
    if buffer.is_empty() {
        return;
    }
    let head = Awaited::default().response(&mut buffer, LIMIT);
    let Ok(Some((mut head, noted))) = head else {
        return;
    };
    let framing = Framing::of_response(
        &Method::GET,
        head.status,
        head.version,
        noted,
        &mut head.headers,
    );
    let Ok(framing) = framing else { return };
    let (mut decoder, here) = (Decoder::new(framing), buffer.len() as u64);
    while let Ok(Some(_)) = decoder.decode(&mut buffer) {}
    if let Framing::Length(length) = framing {
        assert_eq!(decoder.is_done(), length <= here);
    }
}

/// What answers a request, of some bytes; `None`: nothing does.
pub(super) fn answer(bytes: &[u8], method: &str) -> Option<Answer> {
    let mut buffer = BytesMut::from(bytes);
    let (mut head, noted) = loop {
        if buffer.is_empty() {
            return None;
        }
        let (head, noted) = Awaited::default().response(&mut buffer, LIMIT).ok()??;
        if !head.status.is_informational() || head.status == StatusCode::SWITCHING_PROTOCOLS {
            break (head, noted);
        }
    };
    let method = Method::from_bytes(method.as_bytes()).ok()?;
    let framing =
        Framing::of_response(&method, head.status, head.version, noted, &mut head.headers);
    let framing = framing.ok()?;
    let (mut decoder, mut body) = (Decoder::new(framing), Vec::new());
    while let Ok(Some(frame)) = decoder.decode(&mut buffer) {
        body.extend(frame.into_data().unwrap_or_default());
    }
    Some(Answer {
        status: head.status.as_u16(),
        body,
        whole: decoder.is_done(),
        to_the_end: framing == Framing::Close,
    })
}
