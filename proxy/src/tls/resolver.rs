//! Which certificate a caller is shown: that with the name it asks for, exactly, then by wildcard, else the first.
//!
//! Of several with one name (an RSA key for the old, an ECDSA key for the quick) the first that the caller can check.

use std::sync::Arc;

use foldhash::HashMap;
use rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use smallvec::SmallVec;

use super::{certificate::Pair, names::below};
use crate::acme::Challenges;

/// What a listener can show.
#[derive(Debug)]
pub struct Certificates {
    pairs: Vec<Arc<Pair>>,
    /// By name; wildcards by what is behind the star, with its dot.
    places: HashMap<Box<str>, SmallVec<[usize; 2]>>,
    /// Of listeners whose certificates the proxy gets for itself.
    challenges: Option<Arc<Challenges>>,
}

impl Certificates {
    /// In order of preference.
    pub fn new(pairs: Vec<Arc<Pair>>, challenges: Option<Arc<Challenges>>) -> Self {
        let mut places: HashMap<Box<str>, SmallVec<[usize; 2]>> = HashMap::default();
        for (index, pair) in pairs.iter().enumerate() {
            for name in &pair.facts.names.dns {
                let name = name.strip_prefix('*').unwrap_or(name);
                places.entry(name.into()).or_default().push(index);
            }
        }
        Self {
            pairs,
            places,
            challenges,
        }
    }

    /// Those for a caller that asks for `name`, in lower case.
    fn for_name(&self, name: Option<&str>) -> &[usize] {
        let name = name.map(|name| name.strip_suffix('.').unwrap_or(name));
        let by_wildcard = |name| self.places.get(below(name)?);
        name.and_then(|name| self.places.get(name).or_else(|| by_wildcard(name)))
            .map_or(&[0], |found| found)
    }

    /// Whether who asked for `name`, and was shown one of those with it, may ask this connection for `host`.
    pub fn cover(&self, name: &str, host: &str) -> bool {
        self.for_name(Some(name))
            .iter()
            .filter_map(|&index| self.pairs.get(index))
            .any(|pair| pair.facts.names.cover(host))
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if let Some(challenges) = &self.challenges
            && Challenges::asked(&hello)
        {
            return challenges.certificate(hello.server_name());
        }
        let schemes = hello.signature_schemes();
        let found = self.for_name(hello.server_name());
        let mut pairs = found.iter().filter_map(|&index| self.pairs.get(index));
        let checkable = |pair: &&Arc<Pair>| pair.key.key.choose_scheme(schemes).is_some();
        let pair = pairs.clone().find(checkable).or_else(|| pairs.next());
        pair.map(|pair| Arc::clone(&pair.key))
    }
}
