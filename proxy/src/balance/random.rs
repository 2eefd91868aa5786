//! Weighted random picks by the alias method (Walker; Vose's construction): one random number, one table entry,
//! whatever the weights.

use fastrand::Rng;

use super::{Standing, View, active, first, once_through};

/// Draws before every endpoint is looked at in turn: enough that a set of which half is out is still drawn evenly.
const DRAWS: usize = 16;

/// The balancer, and the source of challengers for others.
#[derive(Debug)]
pub(super) struct Random {
    entries: Box<[Entry]>,
    active: Box<[u32]>,
}

/// One equal part of the whole, shared by at most two endpoints.
#[derive(Debug)]
struct Entry {
    /// The part of it, in 2^-32, that goes to `own`.
    threshold: u32,
    own: u32,
    other: u32,
}

impl Random {
    pub(super) fn new(weights: &[u32]) -> Self {
        Self {
            entries: entries(weights),
            active: active(weights),
        }
    }

    pub(super) fn pick(&self, view: &impl View, rng: &mut Rng) -> Option<usize> {
        if self.active.is_empty() {
            return None;
        }
        let start = rng.usize(..);
        let draws = (0..DRAWS).map(|_| self.draw(rng));
        first(view, draws.chain(once_through(&self.active, start)))
    }

    /// An open endpoint other than `index`, if there is one.
    pub(super) fn other_than(
        &self,
        index: usize,
        view: &impl View,
        rng: &mut Rng,
    ) -> Option<usize> {
        if self.active.len() < 2 {
            return None;
        }
        let wanted = |&other: &usize| other != index && view.standing(other) == Standing::Open;
        if let Some(other) = (0..DRAWS).map(|_| self.draw(rng)).find(wanted) {
            return Some(other);
        }
        once_through(&self.active, rng.usize(..)).find(wanted)
    }

    fn draw(&self, rng: &mut Rng) -> usize {
        let random = rng.u64(..);
        let place = ((random >> 32) * self.entries.len() as u64) >> 32;
        let entry = &self.entries[place as usize];
        (if random as u32 <= entry.threshold {
            entry.own
        } else {
            entry.other
        }) as usize
    }
}

/// Cuts the whole into equal parts: each lighter endpoint's part is filled up by a heavier one.
fn entries(weights: &[u32]) -> Box<[Entry]> {
    let sum: f64 = weights.iter().copied().map(f64::from).sum();
    let count = weights.iter().filter(|&&weight| weight > 0).count() as f64;
    let parts = (0u32..)
        .zip(weights)
        .filter(|&(_, &weight)| weight > 0)
        .map(|(index, &weight)| (index, f64::from(weight) * count / sum));
    let (mut light, mut heavy): (Vec<_>, Vec<_>) = parts.partition(|&(_, part)| part < 1.0);

    let mut entries = Vec::with_capacity(light.len() + heavy.len());
    while let (Some(&(own, part)), Some((other, rest))) = (light.last(), heavy.last_mut()) {
        light.pop();
        entries.push(Entry {
            threshold: fraction(part),
            own,
            other: *other,
        });
        *rest -= 1.0 - part;
        if *rest < 1.0 {
            light.extend(heavy.pop());
        }
    }
    // What is left is a whole part each, but for rounding.
    let whole = light.into_iter().chain(heavy);
    entries.extend(whole.map(|(own, _)| Entry {
        threshold: u32::MAX,
        own,
        other: own,
    }));
    entries.into()
}

fn fraction(part: f64) -> u32 {
    (part * f64::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The exact share that the table gives each endpoint.
    fn shares(weights: &[u32]) -> Vec<f64> {
        let entries = entries(weights);
        let mut shares = vec![0.0; weights.len()];
        for entry in &entries {
            let own = (f64::from(entry.threshold) + 1.0) / 2f64.powi(32);
            shares[entry.own as usize] += own / entries.len() as f64;
            shares[entry.other as usize] += (1.0 - own) / entries.len() as f64;
        }
        shares
    }

    proptest! {
        #[test]
        fn the_table_gives_each_endpoint_its_exact_share(
            weights in prop::collection::vec(0u32..1000, 1..40)
        ) {
            let sum: u32 = weights.iter().sum();
            prop_assume!(sum > 0);
            for (share, weight) in shares(&weights).iter().zip(&weights) {
                let wanted = f64::from(*weight) / f64::from(sum);
                prop_assert!((share - wanted).abs() < 1e-8, "{share} {wanted}");
            }
        }
    }
}
