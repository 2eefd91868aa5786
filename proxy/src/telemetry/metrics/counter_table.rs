//! Counters found by a small key without a lock: for labels whose values are seen only as requests come.

use std::{array, sync::OnceLock};

use super::Counter;

/// A route sees a handful of methods and statuses; more go to further blocks.
const BLOCK: usize = 6;

/// Append-only: a slot is filled once, in order of first use, so the commonest keys tend to be found first. Never shrinks;
/// its owner bounds the keys.
#[derive(Debug)]
pub(super) struct CounterTable<K> {
    slots: [OnceLock<(K, Counter)>; BLOCK],
    next: OnceLock<Box<Self>>,
}

impl<K> Default for CounterTable<K> {
    fn default() -> Self {
        Self {
            slots: array::from_fn(|_| OnceLock::new()),
            next: OnceLock::new(),
        }
    }
}

impl<K: Copy + PartialEq> CounterTable<K> {
    /// The counter of a key; `register` makes it when the key is new.
    pub(super) fn get(&self, key: K, register: impl Fn() -> Counter) -> &Counter {
        let mut block = self;
        loop {
            for slot in &block.slots {
                // Who loses the race for a slot reads the winner's key and, if it is another, goes on to the next.
                let (taken_by, counter) = slot.get_or_init(|| (key, register()));
                if *taken_by == key {
                    return counter;
                }
            }
            block = block.next.get_or_init(Box::default);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering::Relaxed},
        thread,
    };

    use super::*;

    #[test]
    fn a_key_finds_its_counter_again_however_many_there_are() {
        let table = CounterTable::default();
        for _ in 0..3 {
            for key in 0..100 {
                table.get(key, Counter::default).increment();
            }
        }
        assert!((0..100).all(|key| table.get(key, Counter::default).value() == 3));
    }

    #[test]
    fn threads_that_race_for_slots_lose_no_count_and_share_each_counter() {
        let table = CounterTable::default();
        let registered = AtomicUsize::new(0);
        thread::scope(|scope| {
            for offset in 0..4 {
                let (table, registered) = (&table, &registered);
                scope.spawn(move || {
                    for key in (0..50).map(|key| (key + offset * 13) % 50) {
                        let register = || {
                            registered.fetch_add(1, Relaxed);
                            Counter::default()
                        };
                        table.get(key, register).increment();
                    }
                });
            }
        });
        assert!((0..50).all(|key| table.get(key, Counter::default).value() == 4));
        assert_eq!(registered.load(Relaxed), 50);
    }
}
