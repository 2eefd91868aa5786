//! Endpoints that no cluster lists: they are there because somebody called them, and go when nobody does any more.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering::Relaxed},
};

use crate::endpoint::Endpoint;

/// What has not been called for so long is forgotten with its idle connections, in microseconds.
const FORGOTTEN: u64 = 60_000_000;

/// See the module.
#[derive(Default)]
pub struct Callees(Mutex<HashMap<SocketAddr, Callee>>);

struct Callee {
    endpoint: Arc<Endpoint>,
    /// In microseconds.
    called: u64,
}

impl Callees {
    /// The endpoint at this address, called at `now` in microseconds.
    pub fn at(&self, address: SocketAddr, now: u64) -> Arc<Endpoint> {
        let mut callees = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let callee = callees.entry(address).or_insert_with(|| Callee {
            endpoint: Endpoint::new(address),
            called: now,
        });
        callee.called = now;
        Arc::clone(&callee.endpoint)
    }

    /// All of now.
    pub fn all(&self) -> Vec<Arc<Endpoint>> {
        let callees = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let endpoints = callees.values().map(|callee| &callee.endpoint);
        endpoints.map(Arc::clone).collect()
    }

    /// Forgets those that nobody calls any more.
    pub fn tend(&self, now: u64) {
        let mut callees = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        callees.retain(|_, Callee { endpoint, called }| {
            let in_use = endpoint.load.in_flight() > 0;
            let kept = in_use || now.saturating_sub(*called) < FORGOTTEN;
            if !kept {
                endpoint.retired.store(true, Relaxed);
            }
            kept
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callee_is_the_same_until_nobody_calls_it() {
        let callees = Callees::default();
        let address = SocketAddr::from(([10, 0, 0, 1], 80));
        let first = callees.at(address, 0);
        assert_eq!(callees.at(address, 1).id, first.id);
        first.load.begin();
        callees.tend(2 * FORGOTTEN);
        assert_eq!(callees.at(address, 2 * FORGOTTEN).id, first.id, "in use");
        first.load.end();
        callees.tend(3 * FORGOTTEN);
        assert_ne!(callees.at(address, 3 * FORGOTTEN).id, first.id);
        assert!(first.retired.load(Relaxed));
    }
}
