//! HTTP/1 connections of one worker to one endpoint: one request at a time each, the last used first.
//!
//! ```text
//! Connection --exchange: the request, then the head--> Response, whose body is Reading --at its end--> the pool
//! ```
//!
//! A connection has no task. Whoever waits for its response drives it, and one that is idle is a socket and nothing more.

mod exchange;
mod idle;
mod reading;

use std::sync::Arc;

use bytes::BytesMut;

pub use exchange::{Answer, Failure, Message};
pub use idle::Idle;
pub use reading::Reading;

use super::pool::Opened;
use crate::{limits::connections::Slot, proxy_protocol::Addresses, stream::Stream};

/// A connection that speaks HTTP/1.
pub struct Connection {
    stream: Stream,
    /// What has come and is not read yet.
    buffer: BytesMut,
    /// When it is too old for another request, in microseconds.
    expires: u64,
    /// Since when it has been idle.
    idle_since: Option<u64>,
    /// It has carried a request before: the endpoint may close it at any moment.
    pub reused: bool,
    /// Whose it is, where its endpoint was told so: nobody else may use it.
    pub client: Option<Addresses>,
    open: Opened,
}

impl Connection {
    /// Takes over a fresh `stream`.
    pub fn new(stream: Stream, expires: u64, client: Option<Addresses>, open: Opened) -> Box<Self> {
        Box::new(Self {
            stream,
            buffer: BytesMut::new(),
            expires,
            idle_since: None,
            reused: false,
            client,
            open,
        })
    }

    /// It has carried a request.
    pub fn rest(&mut self) {
        self.reused = true;
        self.idle_since = None;
    }

    /// Its place among the connections of its cluster.
    pub fn slot(&self) -> &Arc<Slot> {
        &self.open.slot
    }

    /// What has come and is not read yet, and what all else comes on.
    pub fn into_parts(self) -> (BytesMut, Stream) {
        (self.buffer, self.stream)
    }

    /// How long sweeps have met it idle until `now`, in microseconds.
    fn idle_for(&mut self, now: u64) -> u64 {
        now.saturating_sub(*self.idle_since.get_or_insert(now))
    }

    /// Whether it can take a request: it is young enough, and its endpoint has said nothing since the last.
    pub fn is_usable(&mut self, now: u64) -> bool {
        now < self.expires && self.stream.is_quiet()
    }
}
