//! A server by hand, and a client of ours before it.
#![allow(dead_code)]

use std::{future::poll_fn, time::Duration};

use http::{Request, Response, StatusCode};
use outrigger_http2::{
    By, Error, PREFACE, Reason, Receiving, Settings,
    client::{Requests, Responded, connect},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    task::{JoinHandle, LocalSet, spawn_local},
    time::timeout,
};

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PUSH_PROMISE: u8 = 5;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;

pub const END: u8 = 1;
pub const ACK: u8 = 1;
pub const END_HEADERS: u8 = 4;
/// A message of one frame.
pub const WHOLE: u8 = END | END_HEADERS;

pub const OK: &[u8] = &[0x88];
pub const NOT_MODIFIED: &[u8] = &[0x8b];
pub const EARLY_HINTS: &[u8] = b"\x08\x03103";

/// What the client lets come on one stream.
pub const STREAM: usize = 256 * 1024;
pub const LONGEST: usize = 16_384;
pub const NO_MORE: Error = Error::Reset(Reason::REFUSED_STREAM, By::Us);
pub const MALFORMED: Error = Error::Reset(Reason::PROTOCOL_ERROR, By::Us);

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = (payload.len() as u32).to_be_bytes();
    let [s, t, u, v] = stream.to_be_bytes();
    [&[a, b, c, kind, flags, s, t, u, v], payload].concat()
}

pub fn setting(name: u8, value: u32) -> Vec<u8> {
    let [a, b, c, d] = value.to_be_bytes();
    frame(SETTINGS, 0, 0, &[0, name, a, b, c, d])
}

pub fn max_streams(number: u32) -> Vec<u8> {
    setting(3, number)
}

pub fn reset(stream: u32, reason: Reason) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &u32::from(reason).to_be_bytes())
}

pub fn go_away(last: u32) -> Vec<u8> {
    frame(GOAWAY, 0, 0, &[last.to_be_bytes(), [0; 4]].concat())
}

/// A head with one short header.
pub fn head(pseudo: &[u8], name: &str, value: &str) -> Vec<u8> {
    let [name, value] = [name, value].map(|text| [&[text.len() as u8], text.as_bytes()].concat());
    [pseudo, &[0], &name, &value].concat()
}

pub fn get() -> Request<()> {
    Request::get("http://a.test/").body(()).unwrap()
}

/// Kind, flags, stream and payload.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame(pub u8, pub u8, pub u32, pub Vec<u8>);

/// A server by hand, and the client's connection.
pub struct Peer {
    pub io: DuplexStream,
    pub driven: JoinHandle<Result<(), Error>>,
}

/// Runs `test` from the beginning. Time stands still while anything happens; when nothing does, all waits are over at once.
pub fn raw(test: impl AsyncFnOnce(Peer, Requests)) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let (ours, io) = duplex(64 * 1024);
        let (requests, connection) = connect(ours, Settings::default());
        let driven = spawn_local(connection);
        test(Peer { io, driven }, requests).await;
    });
}

/// The same, after what is said at the beginning.
pub fn begun(test: impl AsyncFnOnce(Peer, Requests)) {
    raw(async |mut peer, requests| {
        peer.preface().await;
        peer.say(&frame(SETTINGS, 0, 0, &[])).await;
        for kind in [SETTINGS, WINDOW_UPDATE, SETTINGS] {
            assert_eq!(peer.next().await.0, kind);
        }
        test(peer, requests).await;
    });
}

pub async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(60), work).await.unwrap()
}

impl Peer {
    pub async fn preface(&mut self) {
        let mut preface = [0; PREFACE.len()];
        soon(self.io.read_exact(&mut preface)).await.unwrap();
        assert_eq!(preface, *PREFACE);
    }

    pub async fn say(&mut self, bytes: &[u8]) {
        soon(self.io.write_all(bytes)).await.unwrap();
    }

    pub async fn read(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        soon(self.io.read_exact(&mut head)).await.ok()?;
        let [a, b, c, kind, flags, s, t, u, v] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        soon(self.io.read_exact(&mut payload)).await.unwrap();
        let stream = u32::from_be_bytes([s, t, u, v]);
        Some(Frame(kind, flags, stream, payload))
    }

    pub async fn next(&mut self) -> Frame {
        self.read().await.unwrap()
    }

    /// What comes until everything has been looked at, by the client and then by those who use it.
    pub async fn answers(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        for round in [*b"answered", *b"by tasks"] {
            self.say(&frame(PING, 0, 0, &round)).await;
            let pong = Frame(PING, ACK, 0, round.to_vec());
            loop {
                match self.next().await {
                    frame if frame == pong => break,
                    frame => frames.push(frame),
                }
            }
        }
        frames
    }

    /// What was said breaks its stream, and nothing else.
    pub async fn is_told(&mut self, stream: u32, reason: Reason) {
        let payload = u32::from(reason).to_be_bytes().to_vec();
        let expected = Frame(RST_STREAM, 0, stream, payload);
        assert_eq!(self.answers().await, [expected]);
    }

    pub async fn ends_by(&mut self, reason: Reason) {
        let mut last = None;
        while let Some(frame) = self.read().await {
            last = Some(frame);
        }
        let Some(Frame(GOAWAY, 0, 0, payload)) = last else {
            panic!("{last:?}")
        };
        assert_eq!(payload[4..], u32::from(reason).to_be_bytes());
        let driven = soon(&mut self.driven).await.unwrap();
        assert_eq!(driven, Err(Error::GoAway(reason, By::Us)));
    }

    /// The client has sent such a request by `stream`.
    pub async fn hears(
        &mut self,
        requests: &Requests,
        request: Request<()>,
        stream: u32,
    ) -> Responded {
        let responded = requests.send_whole(request).unwrap();
        let Frame(kind, flags, id, _) = self.next().await;
        assert_eq!((kind, flags, id), (HEADERS, WHOLE, stream));
        responded
    }

    /// The connection is of use for one more.
    pub async fn still_answers(&mut self, requests: &Requests, stream: u32) {
        let responded = self.hears(requests, get(), stream).await;
        self.say(&frame(HEADERS, WHOLE, stream, OK)).await;
        let response = soon(responded).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    }
}

/// How many bytes a body has, if it ends well.
pub async fn length(response: &mut Response<Receiving>) -> Result<usize, Error> {
    let mut length = 0;
    while let Some(data) = soon(poll_fn(|cx| response.body_mut().poll_data(cx))).await {
        length += data?.len();
    }
    Ok(length)
}
