//! Versions of the table: which endpoints it lists from when on.

use std::{collections::BTreeSet, rc::Rc};

use fastrand::Rng;
use outrigger::balance::{Balancer, Member};
use outrigger_config::model;

use super::{nanos, plan::Plan};

/// One version of it.
pub(super) struct Table {
    pub version: usize,
    /// In force from then on, in nanoseconds.
    pub since: u64,
    /// The endpoints, in order.
    pub set: Vec<u32>,
    members: Vec<Member>,
    config: model::Balancer,
    /// What is made of the set, where it has no state of its own: one for all proxies, or their rings would not fit
    /// into memory.
    shared: Option<Rc<Balancer>>,
}

impl Table {
    /// All versions that a run has.
    pub(super) fn versions(
        plans: &[Plan],
        config: &model::Balancer,
        rng: &mut Rng,
    ) -> Vec<Rc<Self>> {
        let changes = plans
            .iter()
            .flat_map(|plan| [nanos(plan.listed.start), nanos(plan.listed.end)]);
        let mut times: BTreeSet<u64> = changes.filter(|&time| time < u64::MAX).collect();
        times.insert(0);
        let table = |(version, since)| Rc::new(Self::new(version, since, plans, config, rng));
        times.into_iter().enumerate().map(table).collect()
    }

    fn new(
        version: usize,
        since: u64,
        plans: &[Plan],
        config: &model::Balancer,
        rng: &mut Rng,
    ) -> Self {
        let listed =
            |plan: &Plan| (nanos(plan.listed.start)..nanos(plan.listed.end)).contains(&since);
        let set: Vec<u32> = (0u32..)
            .zip(plans)
            .filter(|(_, plan)| listed(plan))
            .map(|(endpoint, _)| endpoint)
            .collect();
        let member = |&endpoint: &u32| Member {
            address: ([10, 0, (endpoint >> 8) as u8, endpoint as u8], 8080).into(),
            weight: plans[endpoint as usize].weight,
        };
        let members: Vec<Member> = set.iter().map(member).collect();
        let shared = match config {
            model::Balancer::Random
            | model::Balancer::RingHash { .. }
            | model::Balancer::Maglev { .. } => Some(Rc::new(Balancer::new(config, &members, rng))),
            _ => None,
        };
        Self {
            version,
            since,
            set,
            members,
            config: config.clone(),
            shared,
        }
    }

    /// A balancer for one proxy.
    pub(super) fn balancer(&self, rng: &mut Rng) -> Rc<Balancer> {
        let own = || Rc::new(Balancer::new(&self.config, &self.members, rng));
        self.shared.clone().unwrap_or_else(own)
    }

    pub(super) fn lists(&self, endpoint: u32) -> bool {
        self.set.binary_search(&endpoint).is_ok()
    }
}
