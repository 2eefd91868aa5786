//! A server by hand, and a client of ours before it.

use std::{
    future::poll_fn,
    ops::{Deref, DerefMut},
};

use http::{Request, Response, StatusCode};
use outrigger_http2::{
    By, Error, PREFACE, Reason, Receiving, Settings,
    client::{Requests, Responded, connect},
};
use tokio::{
    io::duplex,
    task::{JoinHandle, LocalSet, spawn_local},
};

use super::{Frame, GOAWAY, HEADERS, SETTINGS, WHOLE, WINDOW_UPDATE, Wire, frame, setting, soon};

pub const OK: &[u8] = &[0x88];
pub const NOT_MODIFIED: &[u8] = &[0x8b];
pub const EARLY_HINTS: &[u8] = b"\x08\x03103";

pub const NO_MORE: Error = Error::Reset(Reason::REFUSED_STREAM, By::Us);
pub const MALFORMED: Error = Error::Reset(Reason::PROTOCOL_ERROR, By::Us);

pub fn max_streams(number: u32) -> Vec<u8> {
    setting(3, number)
}

pub fn go_away(last: u32) -> Vec<u8> {
    frame(GOAWAY, 0, 0, &[last.to_be_bytes(), [0; 4]].concat())
}

pub fn get() -> Request<()> {
    Request::get("http://a.test/").body(()).unwrap()
}

/// A server by hand, and the client's connection.
pub struct Peer {
    wire: Wire,
    pub driven: JoinHandle<Result<(), Error>>,
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

/// Runs `test` from the beginning. Time stands still while anything happens; when nothing does, all waits are over at once.
pub fn raw(test: impl AsyncFnOnce(Peer, Requests)) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let (ours, io) = duplex(64 * 1024);
        let (requests, connection) = connect(ours, Settings::default());
        let driven = spawn_local(connection);
        let wire = io.into();
        test(Peer { wire, driven }, requests).await;
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

impl Peer {
    pub async fn preface(&mut self) {
        assert_eq!(self.read_raw(PREFACE.len()).await, PREFACE);
    }

    pub async fn ends_by(&mut self, reason: Reason) {
        self.is_dismissed(reason).await;
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
        let responded = requests.send_whole(&request).unwrap();
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
