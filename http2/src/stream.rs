//! What is known of one stream.

use std::{collections::VecDeque, task::Waker};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Response};

use crate::error::Error;

/// What comes in next on a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Awaits {
    /// The head of a response.
    Head,
    /// Data, or trailers.
    Body,
    /// Nothing: its end has come.
    Nothing,
}

/// See the module. Windows are in bytes, and may be below zero after SETTINGS have made them smaller.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) id: u32,
    /// How many may still ask for what comes, or send; nobody else would.
    pub(crate) handles: u8,
    pub(crate) awaits: Awaits,
    /// We have sent our end.
    pub(crate) sent: bool,
    /// It has been reset, or its connection is gone.
    pub(crate) error: Option<Error>,
    /// Nobody will ask for the rest of what comes.
    pub(crate) unwanted: bool,
    /// It is a response's to HEAD, whose length is of what is not sent.
    pub(crate) bodiless: bool,

    pub(crate) response: Option<Box<Response<()>>>,
    data: VecDeque<Bytes>,
    /// What comes after that, in pieces so small that each for itself would be mostly overhead.
    crumbs: BytesMut,
    pub(crate) trailers: Option<Box<HeaderMap>>,
    /// Bytes that are still to come by what Content-Length says.
    pub(crate) left: Option<u64>,
    /// Bytes that may come.
    pub(crate) room: i64,
    /// Bytes that are done with, and are not told of yet.
    pub(crate) taken: u32,
    /// Bytes that have been taken out, and are not done with.
    pub(crate) lent: usize,
    pub(crate) reader: Option<Waker>,

    /// Bytes that may be sent.
    pub(crate) window: i64,
    /// It stands in the line of those who wait for the connection.
    pub(crate) in_line: bool,
    /// Bytes that are left of its turn.
    pub(crate) due: usize,
    pub(crate) writer: Option<Waker>,
}

impl Stream {
    pub(crate) fn new(id: u32, awaits: Awaits, room: u32, window: u32) -> Self {
        Self {
            id,
            handles: 2,
            awaits,
            sent: false,
            error: None,
            unwanted: false,
            bodiless: false,
            response: None,
            data: VecDeque::new(),
            crumbs: BytesMut::new(),
            trailers: None,
            left: None,
            room: room.into(),
            taken: 0,
            lent: 0,
            reader: None,
            window: window.into(),
            in_line: false,
            due: 0,
            writer: None,
        }
    }

    /// Whether nothing more comes or goes on the wire.
    pub(crate) fn is_over(&self) -> bool {
        self.error.is_some() || self.sent && self.awaits == Awaits::Nothing
    }

    /// Keeps data that has come; what is short is copied out of what was read, which has room for other frames then.
    pub(crate) fn keep(&mut self, data: &[u8]) {
        self.crumbs.extend_from_slice(data);
    }

    /// The same, of data that is not short.
    pub(crate) fn keep_whole(&mut self, data: Bytes) {
        if !self.crumbs.is_empty() {
            self.data.push_back(self.crumbs.split().freeze());
        }
        self.data.push_back(data);
    }

    /// Takes out the next data.
    pub(crate) fn take_data(&mut self) -> Option<Bytes> {
        let data = match self.data.pop_front() {
            Some(data) => data,
            None if self.crumbs.is_empty() => return None,
            None => self.crumbs.split().freeze(),
        };
        self.lent += data.len();
        Some(data)
    }

    /// Bytes that have come and have not been taken out.
    pub(crate) fn held(&self) -> usize {
        self.data.iter().map(Bytes::len).sum::<usize>() + self.crumbs.len()
    }

    /// How many bytes nobody will be done with any more: what has come and what has been taken out.
    pub(crate) fn abandon(&mut self) -> usize {
        let held = self.held();
        self.data = VecDeque::new();
        self.crumbs = BytesMut::new();
        held + std::mem::take(&mut self.lent)
    }

    pub(crate) fn wake_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    pub(crate) fn wake_writer(&mut self) {
        if let Some(writer) = self.writer.take() {
            writer.wake();
        }
    }
}

/// Keeps `waker` in `place`.
pub(crate) fn remember(place: &mut Option<Waker>, waker: &Waker) {
    match place {
        Some(known) if known.will_wake(waker) => {}
        _ => *place = Some(waker.clone()),
    }
}
