//! What a balancer sees of a proxy's endpoints.

use fastrand::Rng;
use outrigger::{
    balance::{Standing, View},
    endpoint::{
        condition::{Seen, State},
        load::Load,
    },
};

use super::Proxy;

/// What one attempt's pick sees.
struct Attempt<'a> {
    proxy: &'a Proxy,
    tried: &'a [u32],
    now: u64,
}

impl Proxy {
    pub(super) fn pick(&self, now: u64, key: u64, tried: &[u32], rng: &mut Rng) -> Option<u32> {
        let attempt = Attempt {
            proxy: self,
            tried,
            now,
        };
        let picked = self.balancer.pick(&attempt, now, Some(key), rng)?;
        Some(self.table.set[picked])
    }
}

impl Attempt<'_> {
    fn warming(&self, endpoint: u32, since: u64) -> Standing {
        match self.proxy.slow_start {
            Some(slow_start) if !slow_start.takes(u64::from(endpoint), since, self.now) => {
                Standing::Reserve
            }
            _ => Standing::Open,
        }
    }
}

impl View for Attempt<'_> {
    fn load(&self, index: usize) -> &Load {
        &self.proxy.loads[self.proxy.table.set[index] as usize]
    }

    fn standing(&self, index: usize) -> Standing {
        let endpoint = self.proxy.table.set[index];
        let Seen { down, state } = self.proxy.conditions[endpoint as usize].load();
        match state {
            _ if down => Standing::Out,
            State::Ejected { .. } | State::Probing { .. } => Standing::Out,
            _ if self.tried.contains(&endpoint) => Standing::Reserve,
            State::Ready => Standing::Open,
            State::Warming { since } => self.warming(endpoint, since),
        }
    }
}
