//! Frames by hand, and the two who say them: a client before a server of ours, and a server before a client of ours.
#![allow(dead_code)]

pub mod client;
pub mod server;

use std::time::Duration;

use outrigger_http2::Reason;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
    time::timeout,
};

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PUSH_PROMISE: u8 = 5;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;
pub const UNKNOWN: u8 = 0x99;

pub const END: u8 = 1;
pub const ACK: u8 = 1;
pub const END_HEADERS: u8 = 4;
pub const PADDED: u8 = 8;
/// A message of one frame.
pub const WHOLE: u8 = END | END_HEADERS;

pub const WINDOW: usize = 65_535;
/// What we let come on one stream, and on all of them.
pub const STREAM: usize = 256 * 1024;
pub const CONNECTION: usize = 1024 * 1024;
pub const LONGEST: usize = 16_384;
pub const HIGHEST: u32 = (1 << 31) - 1;

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = (payload.len() as u32).to_be_bytes();
    let [s, t, u, v] = stream.to_be_bytes();
    [&[a, b, c, kind, flags, s, t, u, v], payload].concat()
}

pub fn setting(name: u8, value: u32) -> Vec<u8> {
    let [a, b, c, d] = value.to_be_bytes();
    frame(SETTINGS, 0, 0, &[0, name, a, b, c, d])
}

pub fn initial_window(size: u32) -> Vec<u8> {
    setting(4, size)
}

pub fn update(stream: u32, more: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &more.to_be_bytes())
}

pub fn reset(stream: u32, reason: Reason) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &u32::from(reason).to_be_bytes())
}

/// A line in full; `first` is 0, or 0x40 if it is to be kept.
pub fn line(first: u8, name: &str, value: &str) -> Vec<u8> {
    let mut line = vec![first];
    for text in [name, value] {
        match text.len() {
            short @ 0..127 => line.push(short as u8),
            long => {
                let more = long - 127;
                line.extend([127, more as u8 | 128, (more >> 7) as u8 | 128]);
                line.push((more >> 14) as u8);
            }
        }
        line.extend(text.as_bytes());
    }
    line
}

pub fn head(pseudo: &[u8], name: &str, value: &str) -> Vec<u8> {
    [pseudo, &line(0, name, value)].concat()
}

/// Kind, flags, stream and payload.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame(pub u8, pub u8, pub u32, pub Vec<u8>);

impl Frame {
    /// The last number of its payload: an increment, or a reason.
    pub fn number(&self) -> u32 {
        u32::from_be_bytes(*self.3.last_chunk().unwrap())
    }
}

pub async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(60), work).await.unwrap()
}

/// What comes and goes.
pub struct Wire {
    pub io: DuplexStream,
}

impl From<DuplexStream> for Wire {
    fn from(io: DuplexStream) -> Self {
        Self { io }
    }
}

impl Wire {
    pub async fn say(&mut self, bytes: &[u8]) {
        soon(self.io.write_all(bytes)).await.unwrap();
    }

    pub async fn say_data(&mut self, stream: u32, length: usize) {
        for part in vec![7; length].chunks(LONGEST) {
            self.say(&frame(DATA, 0, stream, part)).await;
        }
    }

    /// So many bytes that are no frames.
    pub async fn read_raw(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        soon(self.io.read_exact(&mut bytes)).await.unwrap();
        bytes
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

    /// What comes until everything has been looked at, by our side and then by those who use it.
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
    pub async fn resets(&mut self, stream: u32, reason: Reason) {
        let payload = u32::from(reason).to_be_bytes().to_vec();
        let expected = Frame(RST_STREAM, 0, stream, payload);
        assert_eq!(self.answers().await, [expected]);
    }

    /// The last frame is a farewell for this reason.
    pub async fn is_dismissed(&mut self, reason: Reason) {
        let mut last = None;
        while let Some(frame) = self.read().await {
            last = Some(frame);
        }
        let last = last.unwrap();
        assert_eq!((last.0, Reason::from(last.number())), (GOAWAY, reason));
    }
}
