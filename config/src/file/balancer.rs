//! How an endpoint is picked.

use std::time::Duration;

use super::{duration::duration, header::header_name, name::cookie};
use crate::{
    model::{Balancer, HashKey, default as defaults},
    shape::{Shape, choice, default, keys, required, variant, variant_with, word},
};

#[derive(Clone, Copy)]
struct Ewma {
    decay: Duration,
}

struct Hash {
    key: HashKey,
}

/// A word, or a mapping of the word to its settings.
pub(super) fn balancer() -> Shape<Balancer> {
    const EWMA: &str = "Latency x requests in flight, the better of two at random.";
    const RING: &str = "Consistent hashing on a ring. The word alone hashes the source address.";
    const MAGLEV: &str = "Consistent hashing by table. The word alone hashes the source address.";
    let ewma = keys!(Ewma {
        /// The time in which an old latency fades to 1/e.
        decay: default(duration(), defaults::EWMA_DECAY),
    });
    let decay = defaults::EWMA_DECAY;
    let key = HashKey::SourceAddress;
    choice(
        "a balancer",
        [
            word("peak_ewma", EWMA, Balancer::PeakEwma { decay }),
            variant_with("peak_ewma", EWMA, ewma, into_ewma, from_ewma),
            word(
                "least_request",
                "The fewer requests in flight of two at random.",
                Balancer::LeastRequest,
            ),
            word("round_robin", "In turn, by weight.", Balancer::RoundRobin),
            word("random", "At random, by weight.", Balancer::Random),
            word("ring_hash", RING, Balancer::RingHash { key: key.clone() }),
            variant_with("ring_hash", RING, hash(), into_ring, from_ring),
            word("maglev", MAGLEV, Balancer::Maglev { key }),
            variant_with("maglev", MAGLEV, hash(), into_maglev, from_maglev),
        ],
    )
}

fn into_ewma(keys: Ewma) -> Balancer {
    Balancer::PeakEwma { decay: keys.decay }
}

fn from_ewma(balancer: &Balancer) -> Option<Ewma> {
    match balancer {
        Balancer::PeakEwma { decay } => Some(Ewma { decay: *decay }),
        _ => None,
    }
}

fn into_ring(keys: Hash) -> Balancer {
    Balancer::RingHash { key: keys.key }
}

fn from_ring(balancer: &Balancer) -> Option<Hash> {
    match balancer {
        Balancer::RingHash { key } => Some(Hash { key: key.clone() }),
        _ => None,
    }
}

fn into_maglev(keys: Hash) -> Balancer {
    Balancer::Maglev { key: keys.key }
}

fn from_maglev(balancer: &Balancer) -> Option<Hash> {
    match balancer {
        Balancer::Maglev { key } => Some(Hash { key: key.clone() }),
        _ => None,
    }
}

fn hash() -> Shape<Hash> {
    keys!(Hash {
        /// What is hashed: requests of the same key stay with the same endpoint.
        key: required(hash_key()),
    })
}

fn hash_key() -> Shape<HashKey> {
    let header = variant!(
        "header",
        "The value of a request header.",
        header_name(),
        HashKey::Header
    );
    let cookie = variant!(
        "cookie",
        "The value of a cookie.",
        cookie(),
        HashKey::Cookie
    );
    let source = word(
        "source_address",
        "The IP address of the client.",
        HashKey::SourceAddress,
    );
    choice("what to hash", [header, cookie, source])
}
