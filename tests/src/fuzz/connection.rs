//! First bytes of connections at listeners that speak TLS, carry bytes, are introduced by another proxy, or find out.

use outrigger::{
    downstream::detect::{Spoken, tell},
    proxy_protocol::{Parsed, parse},
};

use super::session::{Door, endpoint::Manner, play, say, split, strict, unpaused};

/// The longest record of TLS, which RFC 8446 (5.2) lets grow by this much when encrypted.
const LONGEST_RECORD: usize = 16_384 + 256;

/// The first byte picks the listener. What follows, up to the first 0x1e, is the caller's, the rest an endpoint's.
///
/// What is carried as bytes arrives as it was sent, both ways. Where it is found out what is spoken, nothing that may be
/// a request gets past who reads requests. A port of TLS answers in records, and everything ends.
pub fn connection(bytes: &[u8]) {
    let Some((pick, bytes)) = bytes.split_first() else {
        return;
    };
    let doors = [Door::Tls, Door::Tcp, Door::Introduced, Door::Detect];
    let door = doors[usize::from(*pick) % doors.len()];
    let (said, script) = split(bytes);
    let (got, told) = play(door, Manner::Bytes, script, async |stream| {
        say(stream, said).await
    });
    let said = unpaused(said);
    match door {
        Door::Tls => {
            assert_eq!(told.heard.len(), 0, "nobody shook hands");
            records(&got);
        }
        Door::Introduced => match parse(&said) {
            Ok(Parsed::Whole { length, .. }) => carried(&said[length..], script, &got, &told.heard),
            Ok(Parsed::Part) | Err(_) => assert_eq!((got.len(), told.heard.len()), (0, 0)),
        },
        Door::Detect => found_out(&said, script, &got, &told.heard),
        Door::Tcp | Door::Http | Door::ToHttp2 => carried(&said, script, &got, &told.heard),
    }
}

fn carried(said: &[u8], script: &[u8], got: &[u8], heard: &[Vec<u8>]) {
    let [heard] = heard else {
        panic!("{} connections", heard.len());
    };
    assert_eq!(
        heard.escape_ascii().to_string(),
        said.escape_ascii().to_string()
    );
    assert_eq!(got, script);
}

fn found_out(said: &[u8], script: &[u8], got: &[u8], heard: &[Vec<u8>]) {
    let line_ended = [said, b"\n"].concat();
    match tell(said).or_else(|| tell(&line_ended)) {
        None if said.is_empty() => assert_eq!((got.len(), heard.len()), (0, 0)),
        None | Some(Spoken::Opaque | Spoken::Tls) => carried(said, script, got, heard),
        Some(Spoken::Http1 | Spoken::Http2) => {
            for mut heard in heard.iter().map(|heard| &heard[..]) {
                while let strict::Read::Whole(_, length) = strict::request(heard) {
                    heard = &heard[length..];
                }
            }
        }
    }
}

fn records(mut bytes: &[u8]) {
    while let [kind, 3, _, high, low, rest @ ..] = bytes {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        assert!((20..=23).contains(kind) && length <= LONGEST_RECORD && length <= rest.len());
        bytes = &rest[length..];
    }
    assert!(bytes.is_empty(), "{}", bytes.escape_ascii());
}
