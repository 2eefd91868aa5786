//! Whose turn it is. A connection whose bytes come as fast as they are passed on would keep its worker for megabytes at a
//! time, and a few hundred of them would keep everybody else waiting for a second. So it goes to the back of the row after
//! so many: 64 KiB take 15 microseconds, a wait for the others' sake less than one.

use std::{
    future::Future as _,
    pin::pin,
    task::{Context, Poll},
};

use tokio::task::yield_now;

/// How many bytes are a turn.
const BYTES: usize = 64 * 1024;

/// What one way of a connection has moved since it last let others go first.
#[derive(Debug, Default)]
pub struct Turn(usize);

impl Turn {
    /// So many bytes were moved.
    pub fn took(&mut self, bytes: usize) {
        self.0 += bytes;
    }

    /// There was nothing to move: others go first as it is.
    pub fn rested(&mut self) {
        self.0 = 0;
    }

    /// Lets others go first if it is their turn.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.0 < BYTES {
            return Poll::Ready(());
        }
        self.0 = 0;
        // The runtime wakes the task when it has seen who else has something to do.
        pin!(yield_now()).poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, future::poll_fn};

    use super::*;

    /// Moves this much, in pieces, as fast as it may; how often somebody else went first.
    async fn turns_of_others(pieces: usize, piece: usize) -> usize {
        let others = Cell::new(0);
        let mut turn = Turn::default();
        let moves = async {
            for _ in 0..pieces {
                poll_fn(|cx| turn.poll(cx)).await;
                turn.took(piece);
            }
        };
        let other = async {
            loop {
                yield_now().await;
                others.update(|turns| turns + 1);
            }
        };
        tokio::select! {
            biased;
            () = moves => others.get(),
            () = other => 0,
        }
    }

    #[tokio::test]
    async fn who_moves_much_lets_others_go_first() {
        assert_eq!(turns_of_others(64, BYTES / 64).await, 0);
        assert!(turns_of_others(64, BYTES).await >= 32);
    }

    #[tokio::test]
    async fn who_has_waited_has_a_whole_turn() {
        let mut turn = Turn::default();
        let mut cx = Context::from_waker(std::task::Waker::noop());
        turn.took(BYTES);
        turn.rested();
        assert!(turn.poll(&mut cx).is_ready());
        turn.took(BYTES);
        assert!(turn.poll(&mut cx).is_pending());
        assert!(turn.poll(&mut cx).is_ready());
    }
}
