//! Consistent hashing by table (Eisenbud et al., Maglev, 2016): even to about a percent, and one access a pick.
//!
//! Each endpoint has its own permutation of the table's slots; in turns, by weight, each takes the first slot of it
//! that is still free. An endpoint that leaves frees its slots, and few others move.

use super::{Member, View, active, first, hash::seeded, once_through, round_robin::round};

/// Slots of a table: primes, the smallest that has a hundred for each endpoint, else the largest (2.6 MB).
const SIZES: [usize; 2] = [65_537, 655_373];

/// Slots that are looked at past a key's own before endpoints are looked at in turn.
const WALK: usize = 64;

/// The balancer.
#[derive(Debug)]
pub(super) struct Maglev {
    slots: Box<[u32]>,
    active: Box<[u32]>,
}

impl Maglev {
    pub(super) fn new(members: &[Member]) -> Self {
        let weights: Vec<u32> = members.iter().map(|member| member.weight).collect();
        Self {
            slots: table(members),
            active: active(&weights),
        }
    }

    /// An endpoint that is not open passes its keys on to the owners of the slots behind.
    pub(super) fn pick(&self, view: &impl View, key: u64) -> Option<usize> {
        if self.slots.is_empty() {
            return None;
        }
        let start = ((u128::from(key) * self.slots.len() as u128) >> 64) as usize;
        let (before, after) = self.slots.split_at(start);
        let walk = after
            .iter()
            .chain(before)
            .map(|&index| index as usize)
            .take(WALK);
        first(view, walk.chain(once_through(&self.active, start)))
    }
}

/// An endpoint's way through the table: from `next`, in steps of `skip`. As the size is prime, it meets every slot.
struct Preference {
    index: u32,
    next: usize,
    skip: usize,
}

impl Preference {
    fn new(index: u32, member: &Member, size: usize) -> Self {
        let address = member.address.to_string();
        let hash = |seed, size: usize| (seeded(address.as_bytes(), seed) % size as u64) as usize;
        Self {
            index,
            next: hash(0, size),
            skip: 1 + hash(1, size - 1),
        }
    }
}

fn table(members: &[Member]) -> Box<[u32]> {
    const FREE: u32 = u32::MAX;
    let enough = |&size: &usize| size >= members.len() * 100;
    let size = SIZES
        .into_iter()
        .find(enough)
        .unwrap_or(SIZES[SIZES.len() - 1]);
    let mut preferences: Vec<Preference> = (0u32..)
        .zip(members)
        .filter(|(_, member)| member.weight > 0)
        .map(|(index, member)| Preference::new(index, member, size))
        .collect();
    // The order of turns must not depend on the order in which a name server lists the addresses.
    preferences.sort_by_key(|preference| members[preference.index as usize].address);
    let weights: Vec<u32> = preferences
        .iter()
        .map(|it| members[it.index as usize].weight)
        .collect();
    let turns = round(&weights);
    if turns.is_empty() {
        return Box::default();
    }

    let mut slots = vec![FREE; size];
    for &turn in turns.iter().cycle().take(size) {
        let Preference { index, next, skip } = &mut preferences[turn as usize];
        while slots[*next] != FREE {
            *next = (*next + *skip) % size;
        }
        slots[*next] = *index;
    }
    slots.into()
}
