//! A caller and endpoints that speak HTTP/1, or what they take for it, with the proxy between them.

use std::net::Ipv4Addr;

use http::Method;
use outrigger::route::normal;

use super::{
    forwarded, http1,
    session::{
        Door,
        endpoint::{Manner, Told},
        play, say, split, strict, unpaused,
    },
};

/// What callers may not say for themselves: a stranger's word of it goes no further.
const WHO_ASKED: [(&str, &[u8]); 2] = [
    ("x-forwarded-for", b"127.0.0.1"),
    ("x-forwarded-proto", b"http"),
];

/// What belongs to one hop.
const OF_A_HOP: [&str; 4] = [
    "keep-alive",
    "proxy-connection",
    "http2-settings",
    "x-forwarded-client-cert",
];

/// The bytes up to the first 0x1e are a caller's, the others are answers of endpoints, split by the same.
///
/// Each request that an endpoint gets is one that the caller made, once it is whole; what is not is broken off. Each
/// response that the caller gets is the proxy's own, or what an endpoint answered to a request of its, in their order. And
/// everything ends.
pub fn http1_session(bytes: &[u8]) {
    let (said, script) = split(bytes);
    let (got, told) = play(Door::Http, Manner::Http1, script, async |stream| {
        say(stream, said).await
    });
    let said = unpaused(said);
    // Who begins like that, and falls silent perhaps, is taken for one who speaks HTTP/2, which is another target's.
    if said.starts_with(b"PRI ") {
        return;
    }
    let made = made(&said);
    for heard in &told.heard {
        each_was_made(heard, &told, &made);
    }
    each_was_answered(&got, &told, &made);
}

/// The requests that some bytes are, to who reads strictly.
fn made(mut bytes: &[u8]) -> Vec<http1::Read> {
    let mut made = Vec::new();
    while let Some(read) = http1::request(bytes, bytes.len().max(1)) {
        bytes = &bytes[bytes.len() - read.rest.len()..];
        made.push(read);
    }
    made
}

fn each_was_made(mut heard: &[u8], told: &Told, made: &[http1::Read]) {
    while let strict::Read::Whole(request, length) = strict::request(heard) {
        heard = &heard[length..];
        let [method, target, _] = request.words()[..] else {
            unreachable!("it has been read");
        };
        let same = |read: &http1::Read| {
            read.method == *method
                && sent_as(read) == Some(target.to_owned())
                && read.body == request.body
        };
        assert!(made.iter().any(same), "nobody made this: {request:?}");
        assert_eq!(request.all("host").count(), 1);
        for (name, value) in WHO_ASKED {
            assert_eq!(request.one(name), Some(value), "{name}");
        }
        let element = request.one("forwarded").expect("whose it is");
        forwarded::element(element, Ipv4Addr::LOCALHOST.into());
        for name in OF_A_HOP {
            assert_eq!(request.one(name), None);
        }
        let connection = request.one("connection");
        assert!(
            matches!(connection, None | Some(b"te" | b"upgrade")),
            "{connection:?}"
        );
        let switched = |(asked, answer): &(strict::Message, Vec<u8>)| {
            *asked == request
                && http1::answer(answer, method).is_some_and(|answer| answer.status == 101)
        };
        if connection == Some(b"upgrade") && told.answered.iter().any(switched) {
            return;
        }
    }
}

/// The target with which a request goes on.
fn sent_as(read: &http1::Read) -> Option<String> {
    let target = http1::origin_form(&read.target);
    let normal = normal::path(&target).ok()?;
    Some(normal.unwrap_or(target).to_string())
}

fn each_was_answered(mut got: &[u8], told: &Told, made: &[http1::Read]) {
    let mut answered = told.answered.iter();
    let mut methods = made.iter().map(|read| &read.method);
    let (mut method, mut refused) = (methods.next(), false);
    loop {
        let asked = method.map(Method::as_str);
        let (response, whole, length) = match strict::response(got, asked, true) {
            strict::Read::Whole(response, length) => (response, true, length),
            // The answer was broken off, and so is this.
            strict::Read::Part(Some(response)) => (response, false, got.len()),
            strict::Read::Part(None) => return assert!(got.is_empty(), "{}", got.escape_ascii()),
        };
        got = &got[length..];
        let status: u16 = response.words()[1].parse().unwrap();
        match status {
            100 => continue,
            101 => return,
            _ => {}
        }
        assert!(!refused, "{status} after the end");
        if response.one("server") == Some(b"outrigger") && response.one("proxy-status").is_some() {
            // There is one of these for what is no request.
            refused = method.is_none();
        } else {
            let same = |(_, answer): &(strict::Message, Vec<u8>)| {
                let said = http1::answer(answer, asked.unwrap_or_default());
                said.is_some_and(|said| {
                    said.status == status
                        && said.body.starts_with(&response.body)
                        && (!whole || said.body.len() == response.body.len())
                })
            };
            assert!(answered.any(same), "nobody answered this: {response:?}");
        }
        method = methods.next();
    }
}
