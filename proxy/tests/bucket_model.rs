//! The bucket that workers share: under every interleaving of threads nobody gets a place twice, by loom.
//!
//! The file under test is included with loom's atomics in place of the standard ones; it needs no flags:
//! `cargo test -p outrigger --test bucket_model --release`.
#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use loom::sync::atomic;

#[path = "../src/rate_limit/bucket.rs"]
mod bucket;
#[path = "../src/rate_limit/rate.rs"]
mod rate;

use bucket::Bucket;
use rate::Rate;

/// How many of two requests on each of two threads a bucket of `burst` lets through.
fn admitted(burst: u32) -> u32 {
    let most = Arc::new(AtomicU32::new(0));
    let seen = most.clone();
    loom::model(move || {
        let rate = Rate::new(1, Duration::from_secs(1), burst);
        let (bucket, count) = (Arc::new(Bucket::full()), Arc::new(AtomicU32::new(0)));
        let threads = [1, 2].map(|_| {
            let (bucket, count) = (bucket.clone(), count.clone());
            loom::thread::spawn(move || {
                for _ in 0..2 {
                    count.fetch_add(u32::from(bucket.take(&rate, 5).admitted), Relaxed);
                }
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
        let count = count.load(Relaxed);
        assert_eq!(count, burst.min(4), "of a burst of {burst}");
        seen.fetch_max(count, Relaxed);
    });
    most.load(Relaxed)
}

#[test]
fn of_those_who_ask_at_once_as_many_get_through_as_there_is_room_for() {
    for burst in [1, 2, 3, 4] {
        assert_eq!(admitted(burst), burst);
    }
}
