//! A client by hand, and a server of ours before it.
#![allow(dead_code)]

use std::{future::poll_fn, time::Duration};

use bytes::Bytes;
use http::Response;
use outrigger_http2::{By, Error, PREFACE, Reason, Sending, Settings, server};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    task::{JoinHandle, LocalSet, spawn_local},
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

/// `:method: GET`, `:scheme: http` and `:path: /`.
pub const GET: &[u8] = &[0x82, 0x86, 0x84];
pub const POST: &[u8] = &[0x83, 0x86, 0x84];

pub const WINDOW: usize = 65_535;
/// What the server lets come on one stream, and on all of them.
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

pub fn cancel(stream: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())
}

pub fn get(stream: u32) -> Vec<u8> {
    frame(HEADERS, WHOLE, stream, GET)
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

/// A client by hand, and the server's requests.
pub struct Peer {
    pub io: DuplexStream,
    pub arrived: UnboundedReceiver<server::Arrived>,
    pub served: JoinHandle<Result<(), Error>>,
}

/// Runs `test` after the preface. Time stands still while anything happens; when nothing does, all waits are over at once.
/// The server shuts down after so many `requests`.
pub fn raw(settings: Settings, requests: usize, test: impl AsyncFnOnce(Peer)) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let (ours, mut io) = duplex(64 * 1024);
        let (tell, arrived) = unbounded_channel();
        let served = spawn_local(async move {
            let mut connection = server::handshake(ours, settings).await?;
            let mut left = requests;
            while let Some(arrived) = connection.accept().await {
                let _ = tell.send(arrived?);
                left = left.saturating_sub(1);
                if left == 0 {
                    connection.shut_down();
                }
            }
            Ok(())
        });
        io.write_all(PREFACE).await.unwrap();
        let peer = Peer {
            io,
            arrived,
            served,
        };
        test(peer).await;
    });
}

/// The same, after what is said at the beginning.
pub fn with(settings: Settings, requests: usize, test: impl AsyncFnOnce(Peer)) {
    raw(settings, requests, async |mut peer| {
        peer.say(&frame(SETTINGS, 0, 0, &[])).await;
        for _ in 0..3 {
            peer.next().await;
        }
        test(peer).await;
    });
}

pub fn begun(test: impl AsyncFnOnce(Peer)) {
    with(Settings::default(), usize::MAX, test);
}

/// That these end a connection on which there is stream 1.
pub fn all_end(frames: &[Vec<u8>], reason: Reason) {
    for frame in frames {
        begun(async |mut peer| {
            peer.say(&frame_of_post(1)).await;
            peer.say(frame).await;
            peer.ends_by(reason).await;
        });
    }
}

pub fn frame_of_post(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, POST)
}

pub async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(60), work).await.unwrap()
}

impl Peer {
    pub async fn say(&mut self, bytes: &[u8]) {
        soon(self.io.write_all(bytes)).await.unwrap();
    }

    pub async fn say_data(&mut self, stream: u32, length: usize) {
        for part in vec![7; length].chunks(LONGEST) {
            self.say(&frame(DATA, 0, stream, part)).await;
        }
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

    /// What comes until everything has been looked at, by the server and then by those who use it.
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

    pub async fn ends_by(&mut self, reason: Reason) {
        let mut last = None;
        while let Some(frame) = self.read().await {
            last = Some(frame);
        }
        let last = last.unwrap();
        assert_eq!((last.0, Reason::from(last.number())), (GOAWAY, reason));
        let served = soon(&mut self.served).await.unwrap();
        assert_eq!(served, Err(Error::GoAway(reason, By::Us)));
    }

    /// What was said breaks its stream, and nothing else.
    pub async fn resets(&mut self, stream: u32, reason: Reason) {
        let payload = u32::from(reason).to_be_bytes().to_vec();
        let expected = Frame(RST_STREAM, 0, stream, payload);
        assert_eq!(self.answers().await, [expected]);
    }

    pub async fn request(&mut self) -> server::Arrived {
        soon(self.arrived.recv()).await.unwrap()
    }

    pub async fn serves(&mut self, stream: u32) {
        self.say(&get(stream)).await;
        let (_, responding) = self.request().await;
        responding.send_whole(Response::new(())).unwrap();
        let expected = Frame(HEADERS, WHOLE, stream, vec![0x88]);
        assert_eq!(self.next().await, expected);
    }

    /// Asks, and has it answered with so many bytes as fast as they may go.
    pub async fn ask(&mut self, stream: u32, length: usize) -> JoinHandle<Result<(), Error>> {
        self.say(&get(stream)).await;
        let (_, responding) = self.request().await;
        let mut sending = responding.send(Response::new(())).unwrap();
        let expected = Frame(HEADERS, END_HEADERS, stream, vec![0x88]);
        assert_eq!(self.next().await, expected);
        spawn_local(async move { send(&mut sending, length, true).await })
    }

    /// How much comes on each of these streams, of `length` bytes in all.
    pub async fn shares<const N: usize>(&mut self, streams: [u32; N], length: usize) -> [usize; N] {
        let mut shares = [0; N];
        while shares.iter().sum::<usize>() < length {
            let Frame(kind, _, stream, payload) = self.next().await;
            assert_eq!(kind, DATA);
            let at = streams.iter().position(|other| *other == stream);
            shares[at.unwrap()] += payload.len();
        }
        assert_eq!(shares.iter().sum::<usize>(), length);
        shares
    }
}

pub async fn send(sending: &mut Sending, length: usize, end: bool) -> Result<(), Error> {
    let mut data = Bytes::from(vec![0; length]);
    poll_fn(|cx| sending.poll_send(&mut data, end, cx)).await
}

/// Flags and lengths.
pub fn sizes(frames: &[Frame]) -> Vec<(u8, usize)> {
    let sizes = frames.iter().map(|frame| (frame.1, frame.3.len()));
    sizes.collect()
}
