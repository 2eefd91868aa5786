//! How late a worker gets to what is ready to be done.
//!
//! A sleep that should end now and ends later shows it, at the price of a timer every tenth of a second, and only while
//! there are requests: an idle worker is not woken for it. Of the last few the shortest counts, as in CoDel: one that
//! was late is a hiccup, and only what never drains is a queue. Sans-IO; `worker.rs` sleeps.

/// From one look to the next, in microseconds.
pub const EVERY: u64 = 100_000;

/// So many looks that were all late make a queue.
const LOOKS: usize = 4;

/// The last looks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Delay {
    looks: [u64; LOOKS],
    next: usize,
}

impl Delay {
    /// A sleep was late by so much, in microseconds; what the delay is now.
    pub fn observe(&mut self, late: u64) -> u64 {
        self.looks[self.next % LOOKS] = late;
        self.next += 1;
        self.looks.into_iter().min().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_late_again_and_again_is_a_delay_and_once_is_none() {
        let mut delay = Delay::default();
        let observed: Vec<u64> = [500, 1, 300, 400, 350, 320, 900, 2]
            .into_iter()
            .map(|late| delay.observe(late))
            .collect();
        assert_eq!(observed, [0, 0, 0, 1, 1, 300, 320, 2]);
    }
}
