//! Consistent hashing on a ring, after ketama: each endpoint owns the arcs before its many points.
//!
//! A point is the hash of the endpoint's address (as text, `10.0.0.1:80`) seeded with the point's number; a key goes to
//! the first point at or after its hash. An endpoint that leaves gives its arcs to its neighbours, and nothing else
//! moves.

use super::{Member, View, active, first, hash::seeded, once_through};

/// Points of the heaviest endpoint, as long as the ring has room: shares are then even to about 6 % (1/sqrt).
const POINTS: usize = 256;

/// Points of the whole ring, 3 MB: with more than 1,024 endpoints each gets fewer, down to 16 of 10,000. Halved in
/// steps, so that one endpoint more or less seldom moves the others' points.
const RING: usize = 1 << 18;

/// Points that are looked at past a key's own before endpoints are looked at in turn.
const WALK: usize = 64;

/// The balancer.
#[derive(Debug)]
pub(super) struct Ring {
    /// Sorted.
    points: Box<[u64]>,
    /// Whose they are.
    owners: Box<[u32]>,
    active: Box<[u32]>,
}

impl Ring {
    pub(super) fn new(members: &[Member]) -> Self {
        let weights: Vec<u32> = members.iter().map(|member| member.weight).collect();
        let heaviest = weights.iter().copied().max().unwrap_or(0).max(1);
        let most = points_of_the_heaviest(members.len());
        let mut ring: Vec<(u64, u32)> = Vec::new();
        for (index, member) in (0u32..)
            .zip(members)
            .filter(|(_, member)| member.weight > 0)
        {
            let address = member.address.to_string();
            // Relative to the heaviest, not to the sum: a lighter endpoint comes and goes without moving others.
            let share = most as u64 * u64::from(member.weight) / u64::from(heaviest);
            let points = (0..share.max(1)).map(|point| seeded(address.as_bytes(), point));
            ring.extend(points.map(|point| (point, index)));
        }
        ring.sort_unstable();
        let (points, owners): (Vec<_>, Vec<_>) = ring.into_iter().unzip();
        Self {
            points: points.into(),
            owners: owners.into(),
            active: active(&weights),
        }
    }

    /// An endpoint that is not open passes its keys on along the ring.
    pub(super) fn pick(&self, view: &impl View, key: u64) -> Option<usize> {
        let start = self.points.partition_point(|&point| point < key);
        let (before, after) = self.owners.split_at(start);
        let walk = after
            .iter()
            .chain(before)
            .map(|&index| index as usize)
            .take(WALK);
        first(view, walk.chain(once_through(&self.active, start)))
    }
}

fn points_of_the_heaviest(members: usize) -> usize {
    let room = RING / members.next_power_of_two();
    room.clamp(1, POINTS)
}
