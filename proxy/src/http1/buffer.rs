//! Where bytes are read into. A buffer is a worker's, lent to a connection for as long as something arrives there: one
//! that rests holds none, and those in use stay warm in the cache.

use std::{
    cell::RefCell,
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::BytesMut;
use tokio::io::AsyncRead;
use tokio_util::io::poll_read_buf;

/// Room for nearly every head, and what a small body needs.
const SIZE: usize = 8 * 1024;

/// Of a body that comes faster than it is read: fewer system calls, and what a stalled download holds.
const LARGE: usize = 64 * 1024;

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
    SPARE.with_borrow_mut(|spare| {
        if spare.len() < KEPT {
            spare.push(buffer);
        }
    });
}

/// Reads what is there behind what is in `buffer`, which has no room of its own before: how many bytes, 0 at the end.
pub fn poll_fill<S: AsyncRead + Unpin>(
    stream: &mut S,
    buffer: &mut BytesMut,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    if buffer.is_empty() && !buffer.try_reclaim(1) {
        *buffer = take();
    } else if buffer.len() == buffer.capacity() {
        buffer.reserve(buffer.len().clamp(SIZE, LARGE));
    }
    let read = poll_read_buf(Pin::new(stream), cx, buffer);
    if read.is_pending() && buffer.is_empty() {
        give(std::mem::take(buffer));
    }
    read
}
