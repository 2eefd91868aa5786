//! A caller that speaks HTTP/2 in frames of its own, and endpoints that speak HTTP/1, with the proxy between them.

use std::{collections::HashSet, net::Ipv4Addr};

use http::Uri;
use outrigger::route::normal;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};

use super::{
    forwarded,
    session::{
        Door,
        endpoint::Manner,
        frames::{self, Frame, Kind, Record},
        play, split, strict, turns,
    },
};

/// Frames are no longer than a client allows, which this one does not change.
const LONGEST: usize = 16_384 + 9;

/// The records up to the first 0x1e are a caller's frames, the rest are answers of endpoints, split by the same.
///
/// What endpoints get are well-formed requests of HTTP/1, with what the caller asked for and nothing that belongs to a
/// hop. What comes back are frames of the caller's streams, and none after a stream's end. A request after all that is
/// answered, unless the connection is over; and everything ends.
pub fn http2_session(bytes: &[u8]) {
    let (said, script) = split(bytes);
    let records: Vec<_> = frames::records(said).collect();
    let (got, told) = play(Door::Http, Manner::Http1, script, async |stream| {
        say(stream, &records).await
    });
    let wild = records.iter().any(|record| record.is_wild());
    for heard in &told.heard {
        each_is_clean(heard, &records, wild);
    }
    if !wild {
        each_has_its_place(&got, &records);
    }
    assert!(
        told.answered.len() <= 2 * (records.len() + 1),
        "more than was asked for"
    );
}

/// Says all of it, and one request more; what comes back until that is answered, or all is over.
async fn say(mut stream: UnixStream, records: &[Record<'_>]) -> Vec<u8> {
    let mut bytes = [frames::PREFACE, frames::SETTINGS].concat();
    for record in records {
        record.write(&mut bytes);
        if record.kind == b'.' {
            let _ = stream.write_all(&bytes).await;
            bytes.clear();
            turns().await;
        }
    }
    frames::last(&mut bytes);
    let _ = stream.write_all(&bytes).await;
    let (mut got, mut read) = (Vec::new(), 0);
    while stream.read_buf(&mut got).await.is_ok_and(|more| more > 0) {
        let mut answered = false;
        while let Some(frame) = frames::read(&got[read..]) {
            read += frame.length;
            answered |= frame.stream == frames::LAST;
        }
        if answered {
            // The others may be on their way.
            turns().await;
            let _ = stream.shutdown().await;
        }
    }
    got
}

fn each_is_clean(mut heard: &[u8], records: &[Record<'_>], wild: bool) {
    while let strict::Read::Whole(request, length) = strict::request(heard) {
        heard = &heard[length..];
        let words = request.words();
        assert!(
            wild || asked(records, words[0], words[1]),
            "nobody asked: {request:?}"
        );
        assert_eq!(request.all("host").count(), 1);
        assert!(request.all("cookie").count() <= 1);
        assert_eq!(request.one("x-forwarded-for"), Some(&b"127.0.0.1"[..]));
        let element = request.one("forwarded").expect("whose it is");
        forwarded::element(element, Ipv4Addr::LOCALHOST.into());
        assert!(matches!(request.one("connection"), None | Some(b"te")));
        assert!(matches!(request.one("te"), None | Some(b"trailers")));
        for name in [
            "upgrade",
            "keep-alive",
            "proxy-connection",
            "http2-settings",
        ] {
            assert_eq!(request.one(name), None);
        }
    }
}

fn asked(records: &[Record<'_>], method: &str, target: &str) -> bool {
    let asks = |record: &Record<'_>| {
        let has = |pseudo: &[u8], is: &dyn Fn(&[u8]) -> bool| {
            record
                .headers()
                .any(|(name, value)| name == pseudo && is(value))
        };
        has(b":method", &|value| value == method.as_bytes())
            && has(b":path", &|value| {
                sent_as(value).is_some_and(|path| path == target)
            })
    };
    target == "/last" || records.iter().any(asks)
}

fn sent_as(path: &[u8]) -> Option<String> {
    let target = Uri::try_from(path).ok()?;
    let normal = normal::path(&target).ok()?;
    Some(normal.unwrap_or(target).path_and_query()?.to_string())
}

fn each_has_its_place(mut got: &[u8], records: &[Record<'_>]) {
    let begun = records.iter().filter(|record| record.begins());
    let begun: HashSet<u32> = begun
        .map(|record| record.stream)
        .chain([frames::LAST])
        .collect();
    let (mut headed, mut ended) = (HashSet::new(), HashSet::new());
    while let Some(frame) = frames::read(got) {
        got = &got[frame.length..];
        let Frame {
            kind,
            ends,
            stream,
            length,
        } = frame;
        assert!(length <= LONGEST, "{frame:?}");
        match kind {
            Kind::Other => continue,
            Kind::Headers => _ = headed.insert(stream),
            Kind::Data => assert!(headed.contains(&stream), "{frame:?}"),
            // Also for streams that nobody begun.
            Kind::Reset => {}
        }
        if kind != Kind::Reset {
            assert!(begun.contains(&stream), "{frame:?}");
            assert!(!ended.contains(&stream), "{frame:?} after its end");
        }
        if ends {
            ended.insert(stream);
        }
    }
}
