//! Who plays a scenario: proxies, some of them in several forms.

use super::catalogue::Scenario;
use crate::peer::{Balancer, Peer, Policy};

/// Who takes part, with which balancers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Versus {
    /// Each with the balancer that it has by default.
    Defaults,
    /// The peers with their best against slow endpoints, and Outrigger with its default.
    LeastRequest,
    /// So, and Outrigger also with its others that have no key.
    Balancers,
}

/// A proxy with a balancer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Contestant {
    pub(super) peer: Peer,
    pub(super) balancer: Balancer,
}

impl Versus {
    /// Those of `peers` that take part, in each of their forms.
    pub(super) fn contestants(self, peers: &[Peer]) -> Vec<Contestant> {
        let others = [
            Balancer::LeastRequest,
            Balancer::RoundRobin,
            Balancer::Random,
        ];
        let mut contestants = Vec::new();
        for &peer in peers {
            let is_ours = peer == Peer::Outrigger;
            let balancer = match self {
                Self::LeastRequest | Self::Balancers if !is_ours => Balancer::LeastRequest,
                _ => Balancer::Default,
            };
            contestants.push(Contestant { peer, balancer });
            if self == Self::Balancers && is_ours {
                contestants.extend(others.map(|balancer| Contestant { peer, balancer }));
            }
        }
        contestants
    }
}

impl Contestant {
    /// As in tables and plots.
    pub(super) fn name(self) -> String {
        match self.balancer.name() {
            None => self.peer.name().to_owned(),
            Some(balancer) => format!("{}, {balancer}", self.peer.name()),
        }
    }

    /// Whether this is Outrigger as it comes, whom the bars are for.
    pub(super) fn is_ours(self) -> bool {
        self.peer == Peer::Outrigger && self.balancer == Balancer::Default
    }

    pub(super) fn policy(self, scenario: &Scenario) -> Policy {
        Policy {
            balancer: self.balancer,
            ..scenario.policy
        }
    }
}
