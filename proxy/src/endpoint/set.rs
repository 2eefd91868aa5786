//! An immutable set of endpoints in its partitions, with the plan by which requests are shared out among these.
//!
//! Set and plan are swapped in together, so that a pick reads one pointer and never half of a change. A new plan costs
//! no new set: members and partitions are shared.

use std::{iter, sync::Arc};

use fastrand::Rng;
use foldhash::HashSet;
use outrigger_config::model;

use super::{
    Endpoint, Member,
    atomic::Ordering::Relaxed,
    attempt::Attempt,
    condition::{Seen, State},
    partition::{Partition, divide},
    plan::{Part, Plan},
};
use crate::{
    balance::{self, Standing, View as _},
    telemetry::metrics::Locality,
};

/// An immutable set of endpoints.
#[derive(Clone)]
pub struct Set {
    /// Those of a partition stand side by side.
    members: Arc<[Member]>,
    partitions: Arc<[Partition]>,
    plan: Plan,
}

/// How a set is divided and shared out.
pub(super) struct Rules {
    pub(super) balancer: model::Balancer,
    /// The zone to stay in, if any.
    pub(super) home: Option<Arc<str>>,
    /// See [`Plan::new`].
    pub(super) panic_threshold: f64,
}

impl Set {
    pub(super) fn new(mut members: Vec<Member>, rules: &Rules) -> Self {
        let partitions = divide(&mut members, &rules.balancer, rules.home.as_deref());
        let set = Self {
            members: members.into(),
            partitions: partitions.into(),
            plan: Plan::new(&[], 0.0),
        };
        Self {
            plan: set.planned(rules),
            ..set
        }
    }

    /// Its endpoints, with what was listed of each: by priority and zone, otherwise as they were listed.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// What it is divided into, as the plan has it.
    pub fn partitions(&self) -> &[Partition] {
        &self.partitions
    }

    /// How requests are shared out.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How they should be now.
    pub(super) fn planned(&self, rules: &Rules) -> Plan {
        let parts: Vec<Part> = self
            .partitions
            .iter()
            .map(|partition| partition.part(&self.members))
            .collect();
        Plan::new(&parts, rules.panic_threshold)
    }

    /// The same endpoints under another plan.
    pub(super) fn under(&self, plan: Plan) -> Self {
        Self {
            plan,
            ..self.clone()
        }
    }

    /// Whether a member is in the proxy's own zone, if zones mean anything.
    pub(super) fn locality(&self, member: usize) -> Option<Locality> {
        self.partitions.first()?.locality?;
        let mut partitions = self.partitions.iter();
        partitions
            .find(|partition| partition.members.contains(&member))?
            .locality
    }

    /// A member for this attempt, by its place: of the partition that the plan says, of the others in their order if
    /// nobody is open there, in reserve if nobody is open at all.
    pub(super) fn pick(
        &self,
        attempt: Attempt<'_>,
        key: Option<u64>,
        rng: &mut Rng,
    ) -> Option<usize> {
        let pick = |partition: &Partition, rng: &mut Rng| {
            let members = &self.members[partition.members.clone()];
            let among = attempt.among(members);
            let index = partition.balancer.pick(&among, attempt.now, key, rng)?;
            Some((partition.members.start + index, among.standing(index)))
        };
        if let [only] = &*self.partitions {
            let among = attempt.among(&self.members);
            return only.balancer.pick(&among, attempt.now, key, rng);
        }
        // A key's place within the partition is by its upper bits: what is drawn here must say nothing of it.
        let random = key.map_or_else(|| rng.u64(..), |key| balance::hash(&key.to_le_bytes()));
        let planned = self.plan.draw(random);
        let others = (0..self.partitions.len()).filter(|&place| place != planned);
        let mut reserve = None;
        for place in iter::once(planned).chain(others) {
            match self.partitions.get(place).and_then(|it| pick(it, rng)) {
                Some((member, Standing::Open)) => return Some(member),
                Some((member, _)) => reserve = reserve.or(Some(member)),
                None => {}
            }
        }
        reserve
    }

    /// Whether a member, by its place, is one of those with these ids.
    pub(super) fn is_among(&self, member: usize, ids: &[u64]) -> bool {
        let member = self.members.get(member);
        member.is_some_and(|(endpoint, _)| ids.contains(&endpoint.id))
    }

    /// When the next of its ejected endpoints may be probed, in microseconds.
    pub(super) fn next_probe(&self) -> u64 {
        let times =
            self.members
                .iter()
                .filter_map(|(endpoint, _)| match endpoint.condition.load() {
                    Seen {
                        down: false,
                        state: State::Ejected { until },
                    } => Some(until),
                    _ => None,
                });
        times.min().unwrap_or(u64::MAX)
    }

    /// Marks those as gone that `kept` does not have.
    pub(super) fn retire_all_but(&self, kept: &Self) {
        let elsewhere: HashSet<_> = kept.moved_from(self).map(Arc::as_ptr).collect();
        for endpoint in self.moved_from(kept) {
            if !elsewhere.contains(&Arc::as_ptr(endpoint)) {
                endpoint.retired.store(true, Relaxed);
            }
        }
    }

    /// Those that `other` does not have in the same place.
    fn moved_from(&self, other: &Self) -> impl Iterator<Item = &Arc<Endpoint>> {
        let others = other.members.iter().map(Some).chain(iter::repeat(None));
        let moved =
            self.members.iter().zip(others).filter(|((one, _), other)| {
                !other.is_some_and(|(other, _)| Arc::ptr_eq(one, other))
            });
        moved.map(|((endpoint, _), _)| endpoint)
    }
}
