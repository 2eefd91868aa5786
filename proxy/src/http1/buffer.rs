//! Where bytes are read into. A buffer is a worker's, lent to a connection for as long as something arrives there: one
//! that rests holds none, and those in use stay warm in the cache.

use std::{
    cell::RefCell,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::BytesMut;
use tokio_util::io::poll_read_buf;

use crate::stream::Stream;

/// Room for nearly every head, and what a small body needs.
pub const SIZE: usize = 8 * 1024;

/// Of a body that comes faster than that: fewer system calls, and what a stalled download holds.
pub const LARGE: usize = 64 * 1024;

/// A read into less is hardly worth it.
const LEAST: usize = 1024;

/// More are given up.
const KEPT: usize = 64;

thread_local! {
    static SPARE: RefCell<Vec<BytesMut>> = const { RefCell::new(Vec::new()) };
}

/// One with nothing in it.
fn take() -> BytesMut {
    let reclaimed = SPARE.with_borrow_mut(|spare| {
        // The last one first: it is warm, if nothing that was read into it is held any more.
        let at = spare
            .iter_mut()
            .rposition(|buffer| buffer.try_reclaim(SIZE))?;
        Some(spare.swap_remove(at))
    });
    reclaimed.unwrap_or_else(|| BytesMut::with_capacity(SIZE))
}

/// Gives back what nothing is read into for now.
pub fn give(mut buffer: BytesMut) {
    if buffer.capacity() == 0 {
        return;
    }
    buffer.clear();
    // Large ones are few, and for the moment.
    if buffer.try_reclaim(SIZE + 1) {
        return;
    }
    SPARE.with_borrow_mut(|spare| {
        if spare.len() < KEPT {
            spare.push(buffer);
        }
    });
}

/// Reads what is there behind what is in `buffer`, with `room` for so much if it has none: how many bytes, 0 at the end.
pub fn poll_fill(
    stream: &mut Stream,
    buffer: &mut BytesMut,
    room: usize,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    if !buffer.is_empty() {
        if buffer.capacity() - buffer.len() < LEAST {
            buffer.reserve(room);
        }
    } else if buffer.capacity() < room {
        // What is not there needs no room.
        ready!(stream.poll_readable(cx))?;
        if !buffer.try_reclaim(room) {
            *buffer = match room {
                SIZE => take(),
                room => BytesMut::with_capacity(room),
            };
        }
    }
    let read = poll_read_buf(Pin::new(stream), cx, buffer);
    if read.is_pending() && buffer.is_empty() {
        give(std::mem::take(buffer));
    }
    read
}
