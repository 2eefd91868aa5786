//! A connection without its bytes: what has been said on it, and what may be.
//!
//! ```text
//! frames --receive--> streams --handles--> those who read      those who write --handles--> Output
//! ```
//!
//! Nothing here waits, and nothing is shared between threads. Who writes finds out whether there is room for it, and waits for
//! it outside if there is not; so a body is never held twice.

mod ending;
mod receive;
mod sending;
mod streams;
mod windows;

use std::{collections::VecDeque, task::Waker};

use bytes::BytesMut;
use http::Request;
use slab::Slab;
use streams::{Finished, Ids};
use windows::Incoming;

use crate::{
    error::Error,
    frame,
    growth::{self, Growth},
    hpack::{Decoder, Encoder},
    output::Output,
    settings::{self, Settings, Theirs},
    stream::Stream,
};

/// Which side we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

/// A stream's place among the streams of its connection.
pub(crate) type Key = usize;

/// A header block of which more is to come.
#[derive(Debug)]
struct Block {
    stream: u32,
    ends_stream: bool,
    fragments: u32,
    bytes: BytesMut,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct State {
    side: Side,
    ours: Settings,
    pub(crate) theirs: Theirs,
    /// Their first SETTINGS have come.
    pub(crate) settled: bool,

    streams: Slab<Stream>,
    ids: Ids,
    /// The highest number of a stream of the other side's.
    last: u32,
    /// The number of our next stream.
    next: u32,
    /// Numbers of streams that we have ended before the other side had.
    finished: Finished,
    /// How many streams have been malformed, less those that came to a good end since.
    broken: u32,
    /// How many streams were reset by the other side before they were looked at, less those that were looked at since.
    hasty: u32,

    decoder: Decoder,
    encoder: Encoder,
    block: Option<Block>,
    /// Requests that nobody has taken yet.
    arrived: VecDeque<(Request<()>, Key)>,

    incoming: Incoming,
    growth: Growth,

    pub(crate) output: Output,
    /// Bytes that may be sent on all streams together.
    window: i64,
    /// Streams that would send if the connection had room.
    line: VecDeque<Key>,
    /// Which of them has been told that it has.
    turn: Option<Key>,

    ending: ending::Ending,
    /// The connection is gone, for this reason.
    pub(crate) error: Option<Error>,
    /// Who may begin another stream.
    pub(crate) requesters: u32,
    /// What reads and writes the bytes.
    pub(crate) driver: Option<Waker>,
}

impl State {
    /// At the beginning, of which what is to be said is in the output.
    pub(crate) fn new(side: Side, ours: Settings) -> Self {
        let mut output = Output::default();
        match side {
            Side::Client => {
                output.tail().extend_from_slice(crate::PREFACE);
                settings::of_client(&ours, growth::STREAM, output.tail());
            }
            Side::Server => settings::of_server(&ours, growth::STREAM, output.tail()),
        }
        frame::window_update(0, growth::CONNECTION - settings::WINDOW, output.tail());
        Self {
            side,
            ours,
            theirs: Theirs::default(),
            settled: false,
            streams: Slab::new(),
            ids: Ids::default(),
            last: 0,
            next: 1,
            finished: Finished::default(),
            broken: 0,
            hasty: 0,
            decoder: Decoder::default(),
            encoder: Encoder::default(),
            block: None,
            arrived: VecDeque::new(),
            incoming: Incoming::new(growth::CONNECTION),
            growth: Growth::default(),
            output,
            window: settings::WINDOW.into(),
            line: VecDeque::new(),
            turn: None,
            ending: ending::Ending::default(),
            error: None,
            requesters: 0,
            driver: None,
        }
    }

    /// A request that nobody has taken yet.
    pub(crate) fn take_arrived(&mut self) -> Option<(Request<()>, Key)> {
        let taken = self.arrived.pop_front()?;
        self.hasty = self.hasty.saturating_sub(1);
        Some(taken)
    }

    /// Has what is in the output written.
    pub(crate) fn wake_driver(&mut self) {
        if let Some(driver) = self.driver.take() {
            driver.wake();
        }
    }

    /// Whether no stream is open.
    pub(crate) fn is_idle(&self) -> bool {
        self.ids.is_empty()
    }
}
