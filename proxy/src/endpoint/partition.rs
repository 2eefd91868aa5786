//! The parts of a set among which requests are shared out before an endpoint is picked: one for each level of failover
//! and, where zones matter, for each zone in it. Usually there is a single one.

use std::{ops::Range, sync::Arc};

use outrigger_config::model;

use super::{Member, plan::Part};
use crate::{
    balance::{self, Balancer},
    telemetry::metrics::Locality,
};

/// Zones other than the own that are told apart. Of more, which are hosts or racks by another name, all but the own are
/// taken together: a balancer is made for each partition, and a table of `maglev` has 256 KB.
const ZONES: usize = 16;

/// Some endpoints of a set, side by side, and the balancer made for just these.
pub struct Partition {
    /// Their level of failover.
    pub priority: u16,
    /// Whether their zone is the proxy's own; `None` where zones mean nothing.
    pub locality: Option<Locality>,
    /// Their zone, if it is one.
    pub zone: Option<Arc<str>>,
    /// How many zones they are in.
    zones: u32,
    pub(super) members: Range<usize>,
    pub(super) balancer: Balancer,
}

impl Partition {
    /// Its part in the plan.
    pub(super) fn part(&self, members: &[Member]) -> Part {
        let members = &members[self.members.clone()];
        let weight = |(_, listed): &Member| u64::from(listed.weight);
        let available = members
            .iter()
            .filter(|(endpoint, _)| endpoint.condition.load().available());
        Part {
            priority: self.priority,
            local: self.locality != Some(Locality::Other),
            zones: self.zones,
            weight: members.iter().map(weight).sum(),
            available: available.map(weight).sum(),
        }
    }
}

/// Divides a set by priority and, if the proxy's zone matters, by zone: puts the members of each partition side by side,
/// the own zone's first, and otherwise leaves their order as it is.
pub(super) fn divide(
    members: &mut [Member],
    balancer: &model::Balancer,
    home: Option<&str>,
) -> Vec<Partition> {
    let home = home.filter(|_| members.iter().any(|(_, listed)| listed.zone.is_some()));
    let mut others: Vec<Option<Arc<str>>> = members
        .iter()
        .map(|(_, listed)| listed.zone.clone())
        .filter(|zone| home.is_some() && zone.as_deref() != home)
        .collect();
    others.sort_unstable();
    others.dedup();
    let together = others.len() > ZONES;
    // 0 for the own zone, and for all where zones mean nothing.
    let place = |listed: &model::Endpoint| match others.binary_search(&listed.zone) {
        Ok(_) if together => 1,
        Ok(place) => place + 1,
        Err(_) => 0,
    };
    members.sort_by_cached_key(|(_, listed)| (listed.priority, place(listed)));

    let mut partitions = Vec::new();
    let mut start = 0;
    let alike = |(_, one): &Member, (_, next): &Member| {
        (one.priority, place(one)) == (next.priority, place(next))
    };
    for chunk in members.chunk_by(alike) {
        let (_, first) = &chunk[0];
        let local = place(first) == 0;
        let zones = if together && !local { others.len() } else { 1 };
        partitions.push(Partition {
            priority: first.priority,
            locality: home.map(|_| {
                if local {
                    Locality::Local
                } else {
                    Locality::Other
                }
            }),
            zone: first.zone.clone().filter(|_| home.is_some() && zones == 1),
            zones: zones as u32,
            members: start..start + chunk.len(),
            balancer: balancer_of(chunk, balancer),
        });
        start += chunk.len();
    }
    partitions
}

fn balancer_of(members: &[Member], config: &model::Balancer) -> Balancer {
    let members: Vec<balance::Member> = members
        .iter()
        .map(|(_, listed)| balance::Member {
            address: listed.address,
            weight: listed.weight,
        })
        .collect();
    Balancer::new(config, &members, &mut fastrand::Rng::new())
}
