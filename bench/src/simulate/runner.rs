//! Many seeds, on as many threads as there are cores; what comes out does not depend on how many.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
};

use super::{policies::Policies, scenario::Scenario, total::Total, world::World};

/// Runs a scenario under each seed from 1 up, and adds up what comes of it.
pub(super) fn run(scenario: &Scenario, policies: &Policies, seeds: u64) -> Total {
    let next = AtomicU64::new(1);
    let total = Mutex::new(Total::new());
    let worker = || {
        let mut own = Total::new();
        loop {
            let seed = next.fetch_add(1, Relaxed);
            if seed > seeds {
                break;
            }
            own.add(seed, &World::run(scenario, policies, seed));
        }
        total
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .merge(own);
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        (0..threads).for_each(|_| {
            scope.spawn(worker);
        });
    });
    total.into_inner().unwrap_or_else(PoisonError::into_inner)
}
