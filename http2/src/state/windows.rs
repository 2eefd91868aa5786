//! How much may come: windows of the connection and of its streams (RFC 9113, 5.2).

use super::{Key, State};
use crate::{
    error::{Fault, Reason},
    frame, growth,
    settings::{self},
    stream::Awaits,
};

/// By this a measuring PING is known.
const MEASURE: [u8; 8] = *b"measure\0";

/// The connection's window, and what has come by it.
#[derive(Debug)]
pub(super) struct Incoming {
    /// Bytes that may come.
    room: i64,
    /// Bytes that were taken out, and are not told of yet.
    taken: u32,
    /// As large as it is when nothing is on its way.
    size: u32,
    /// Bytes that have been done with since the connection began.
    done: u64,
}

impl Incoming {
    pub(super) fn new(size: u32) -> Self {
        Self {
            room: size.into(),
            taken: 0,
            size,
            done: 0,
        }
    }
}

impl State {
    /// So much has come, whatever for.
    pub(super) fn account(&mut self, bytes: usize) -> Result<(), Fault> {
        let incoming = &mut self.incoming;
        incoming.room -= bytes as i64;
        if incoming.room < 0 {
            return Err(Fault::Connection(Reason::FLOW_CONTROL_ERROR));
        }
        Ok(())
    }

    /// A PING was answered.
    pub(super) fn measure(&mut self, payload: [u8; 8]) {
        let before = self.growth.window();
        if payload != MEASURE {
            return;
        }
        let Some(window) = self.growth.answered(self.incoming.done) else {
            return;
        };
        settings::of_window(window, self.output.tail());
        for (_, stream) in &mut self.streams {
            stream.room += i64::from(window - before);
        }
        let size = growth::CONNECTION.max(2 * window);
        let more = size - self.incoming.size;
        if more > 0 {
            self.incoming.size = size;
            self.incoming.room += i64::from(more);
            frame::window_update(0, more, self.output.tail());
        }
    }

    /// So much of what was taken out of a stream is done with: as much may come again.
    pub(crate) fn release(&mut self, key: Key, bytes: usize) {
        let stream = &mut self.streams[key];
        let bytes = bytes.min(stream.lent);
        stream.lent -= bytes;
        self.credit(key, bytes);
        // What nobody reads is no reason for more of it.
        self.incoming.done += bytes as u64;
        if self.growth.is_due(self.incoming.done) {
            self.growth.ask(self.incoming.done);
            frame::ping(MEASURE, 0, self.output.tail());
            self.wake_driver();
        }
    }

    /// As much may come again on a stream, and on the connection.
    pub(super) fn credit(&mut self, key: Key, bytes: usize) {
        let half = self.growth.window() / 2;
        let stream = &mut self.streams[key];
        if stream.awaits != Awaits::Nothing && stream.error.is_none() {
            stream.taken += bytes as u32;
            if stream.taken >= half {
                frame::window_update(stream.id, stream.taken, self.output.tail());
                stream.room += i64::from(stream.taken);
                stream.taken = 0;
                self.wake_driver();
            }
        }
        self.release_connection(bytes);
    }

    /// The same, of the connection alone.
    pub(super) fn release_connection(&mut self, bytes: usize) {
        let incoming = &mut self.incoming;
        incoming.taken += bytes as u32;
        if incoming.taken >= incoming.size / 2 {
            frame::window_update(0, incoming.taken, self.output.tail());
            incoming.room += i64::from(incoming.taken);
            incoming.taken = 0;
            self.wake_driver();
        }
    }
}
