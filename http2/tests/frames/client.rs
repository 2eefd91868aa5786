//! A client by hand, and a server of ours before it.

use std::{
    future::poll_fn,
    ops::{Deref, DerefMut},
};

use bytes::Bytes;
use http::Response;
use outrigger_http2::{By, Error, PREFACE, Reason, Sending, Settings, server};
use tokio::{
    io::{AsyncWriteExt as _, duplex},
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    task::{JoinHandle, LocalSet, spawn_local},
};

use super::{DATA, END_HEADERS, Frame, HEADERS, SETTINGS, WHOLE, Wire, frame, reset, soon};

/// `:method: GET`, `:scheme: http` and `:path: /`.
pub const GET: &[u8] = &[0x82, 0x86, 0x84];
pub const POST: &[u8] = &[0x83, 0x86, 0x84];

pub fn get(stream: u32) -> Vec<u8> {
    frame(HEADERS, WHOLE, stream, GET)
}

pub fn post(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, POST)
}

pub fn cancel(stream: u32) -> Vec<u8> {
    reset(stream, Reason::CANCEL)
}

/// A client by hand, and the server's requests.
pub struct Peer {
    wire: Wire,
    pub arrived: UnboundedReceiver<server::Arrived>,
    pub served: JoinHandle<Result<(), Error>>,
}

impl Deref for Peer {
    type Target = Wire;

    fn deref(&self) -> &Wire {
        &self.wire
    }
}

impl DerefMut for Peer {
    fn deref_mut(&mut self) -> &mut Wire {
        &mut self.wire
    }
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
            wire: io.into(),
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
            peer.say(&post(1)).await;
            peer.say(frame).await;
            peer.ends_by(reason).await;
        });
    }
}

impl Peer {
    pub async fn ends_by(&mut self, reason: Reason) {
        self.is_dismissed(reason).await;
        let served = soon(&mut self.served).await.unwrap();
        assert_eq!(served, Err(Error::GoAway(reason, By::Us)));
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
