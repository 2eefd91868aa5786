//! The shares of a route's clusters.

use outrigger_config::model::WeightedCluster;

/// Weighted clusters, compiled. A pick is one binary search; of a single cluster not even that.
#[derive(Clone, Debug)]
pub struct Split {
    /// The sum of the weights up to each cluster, itself included.
    ends: Box<[u64]>,
}

impl Split {
    /// Of a route's clusters, in their order.
    pub fn new(clusters: &[WeightedCluster]) -> Self {
        let ends = clusters.iter().scan(0, |sum, cluster| {
            *sum += u64::from(cluster.weight);
            Some(*sum)
        });
        Self {
            ends: ends.collect(),
        }
    }

    /// The index of a cluster, in exact proportion to its weight; `None` when all are 0.
    pub fn pick(&self, rng: &mut fastrand::Rng) -> Option<usize> {
        match *self.ends {
            [] | [.., 0] => None,
            [_] => Some(0),
            [.., total] => {
                let ticket = rng.u64(..total);
                Some(self.ends.partition_point(|&end| end <= ticket))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrigger_config::model::ClusterRef;
    use proptest::prelude::*;

    fn split(weights: &[u32]) -> Split {
        let clusters: Vec<_> = weights
            .iter()
            .enumerate()
            .map(|(index, &weight)| WeightedCluster {
                cluster: ClusterRef {
                    name: "c".into(),
                    index,
                },
                weight,
            })
            .collect();
        Split::new(&clusters)
    }

    #[test]
    fn shares_are_those_of_the_weights() {
        let split = split(&[90, 0, 10]);
        let mut rng = fastrand::Rng::with_seed(7);
        let mut picks = [0_u32; 3];
        for _ in 0..100_000 {
            picks[split.pick(&mut rng).unwrap_or(1)] += 1;
        }
        assert!(picks[0].abs_diff(90_000) < 500, "{picks:?}");
        assert_eq!(picks[1], 0);
    }

    #[test]
    fn nothing_is_picked_of_nothing() {
        let mut rng = fastrand::Rng::with_seed(7);
        assert_eq!(split(&[]).pick(&mut rng), None);
        assert_eq!(split(&[0]).pick(&mut rng), None);
        assert_eq!(split(&[0, 0]).pick(&mut rng), None);
        assert_eq!(split(&[0, 1]).pick(&mut rng), Some(1));
    }

    proptest! {
        #[test]
        fn a_cluster_of_weight_0_is_never_picked(weights in prop::collection::vec(0_u32..4, 0..6), seed: u64) {
            let pick = split(&weights).pick(&mut fastrand::Rng::with_seed(seed));
            prop_assert_eq!(pick.is_some(), weights.iter().any(|&weight| weight > 0));
            prop_assert!(pick.is_none_or(|pick| weights[pick] > 0));
        }
    }
}
