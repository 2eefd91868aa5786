//! Which endpoint takes the next attempt.
//!
//! One [`Balancer`] is built for each set of endpoints and shared by all workers by reference: what changes with every
//! pick is an atomic cursor, and what is learned lies with the endpoints ([`Load`]), which outlive the balancer. A pick
//! takes no lock and allocates nothing. It costs the same at 10 endpoints and at 10,000 (the ring: one binary search
//! more), as long as most endpoints are open; the fewer are, the longer it looks, at worst once through all.
//!
//! Every balancer is an order in which endpoints are proposed, and takes the first that is open. In two of them a
//! random challenger may then take its place (`contest`).

mod contest;
pub mod estimate;
mod hash;
mod least_request;
mod maglev;
mod peak_ewma;
mod random;
mod ring_hash;
mod round_robin;
mod seed;

use std::net::SocketAddr;

use fastrand::Rng;
use outrigger_config::model;

use crate::endpoint::load::Load;

pub use hash::{hash, hash_address};
pub use seed::seed;

/// One endpoint of the set, as far as it matters to a balancer. It is known by its place in the set from then on.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// What ring and table are made of: any process that knows the same addresses and weights sends a key to the same
    /// endpoint.
    pub address: SocketAddr,
    /// Its share among its peers; 0 takes no requests.
    pub weight: u32,
}

/// Whether an endpoint may be picked for this attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It may.
    Open,
    /// Only if no other is open: an earlier attempt of the request failed there, or it is warming up and this request
    /// is not for it.
    Reserve,
    /// It is ejected, or down: never.
    Out,
}

/// What a pick sees of the endpoints, by their place in the set.
pub trait View {
    /// Its load.
    fn load(&self, index: usize) -> &Load;
    /// Its standing. Asked for two or three endpoints in an ordinary pick.
    fn standing(&self, index: usize) -> Standing;
}

/// A way of picking, made ready for one set of endpoints.
#[derive(Debug)]
pub struct Balancer(Policy);

#[derive(Debug)]
enum Policy {
    RoundRobin(round_robin::RoundRobin),
    Random(random::Random),
    LeastRequest(least_request::LeastRequest),
    PeakEwma(peak_ewma::PeakEwma),
    RingHash(ring_hash::Ring),
    Maglev(maglev::Maglev),
}

impl Balancer {
    /// Makes a way of picking ready. `rng` says where the rounds start: a thousand proxies that learn of a new set at
    /// once must not all begin with its first endpoint.
    pub fn new(config: &model::Balancer, members: &[Member], rng: &mut Rng) -> Self {
        let weights: Vec<u32> = members.iter().map(|member| member.weight).collect();
        Self(match config {
            model::Balancer::RoundRobin => {
                Policy::RoundRobin(round_robin::RoundRobin::new(&weights, rng))
            }
            model::Balancer::Random => Policy::Random(random::Random::new(&weights)),
            model::Balancer::LeastRequest => {
                Policy::LeastRequest(least_request::LeastRequest::new(&weights, rng))
            }
            model::Balancer::PeakEwma { decay } => {
                Policy::PeakEwma(peak_ewma::PeakEwma::new(&weights, *decay, rng))
            }
            model::Balancer::RingHash { .. } => Policy::RingHash(ring_hash::Ring::new(members)),
            model::Balancer::Maglev { .. } => Policy::Maglev(maglev::Maglev::new(members)),
        })
    }

    /// Picks an endpoint by its place in the set; `None` if none may be picked. `now` is in microseconds; `key` is the
    /// [`hash`] of what the request is to stay with its endpoint by: one that has none goes anywhere.
    pub fn pick(
        &self,
        view: &impl View,
        now: u64,
        key: Option<u64>,
        rng: &mut Rng,
    ) -> Option<usize> {
        match &self.0 {
            Policy::RoundRobin(policy) => policy.pick(view),
            Policy::Random(policy) => policy.pick(view, rng),
            Policy::LeastRequest(policy) => policy.pick(view, rng),
            Policy::PeakEwma(policy) => policy.pick(view, now, rng),
            Policy::RingHash(policy) => policy.pick(view, key.unwrap_or_else(|| rng.u64(..))),
            Policy::Maglev(policy) => policy.pick(view, key.unwrap_or_else(|| rng.u64(..))),
        }
    }
}

/// The first open endpoint in the order of proposal, else the first in reserve.
fn first(view: &impl View, order: impl IntoIterator<Item = usize>) -> Option<usize> {
    let mut reserve = None;
    for index in order {
        match view.standing(index) {
            Standing::Open => return Some(index),
            Standing::Reserve => reserve = reserve.or(Some(index)),
            Standing::Out => {}
        }
    }
    reserve
}

/// The places of the members that take requests at all.
fn active(weights: &[u32]) -> Box<[u32]> {
    (0u32..)
        .zip(weights)
        .filter(|&(_, &weight)| weight > 0)
        .map(|(index, _)| index)
        .collect()
}

/// Once through `members` from any place: the end of every order, so that the last open endpoint is found.
fn once_through(members: &[u32], start: usize) -> impl Iterator<Item = usize> {
    let (head, tail) = members.split_at(start % members.len().max(1));
    tail.iter().chain(head).map(|&index| index as usize)
}

#[cfg(test)]
mod tests;
