//! Where a route sends requests.

use crate::{
    file::MAX_WEIGHT,
    model::{ClusterRef, WeightedCluster},
    problem::Fault,
    reader::Reader,
    shape::{Shape, map, whole},
    yaml::Node,
};

use serde_json::json;

/// One cluster that takes all.
pub(super) fn cluster() -> Shape<WeightedCluster> {
    let all = |cluster| WeightedCluster { cluster, weight: 1 };
    reference().convert(all, |weighted| weighted.cluster.clone())
}

/// Clusters by weight.
pub(super) fn clusters() -> Shape<Vec<WeightedCluster>> {
    let into = |pairs: Vec<(ClusterRef, u32)>| {
        let pairs = pairs.into_iter();
        pairs
            .map(|(cluster, weight)| WeightedCluster { cluster, weight })
            .collect()
    };
    let from = |clusters: &Vec<WeightedCluster>| {
        let clusters = clusters.iter();
        clusters
            .map(|weighted| (weighted.cluster.clone(), weighted.weight))
            .collect()
    };
    map(reference(), whole(0..=MAX_WEIGHT))
        .rule(some_weight)
        .convert(into, from)
}

/// The name of a cluster that the file defines.
pub(in crate::file) fn reference() -> Shape<ClusterRef> {
    Shape::new(
        || json!({"type": ["string", "number", "boolean"]}),
        |node, reader| {
            let name = reader.text(node, "the name of a cluster")?;
            reader.cluster(name, &node.span)
        },
        |cluster| (*cluster.name).into(),
    )
}

fn some_weight(node: &Node, reader: &mut Reader) {
    let entries = node.entries();
    if node.is_mapping() && entries.iter().all(|entry| entry.value.text() == Some("0")) {
        let message = match entries {
            [] => "no cluster is named",
            _ => "every weight is 0: no request could be sent",
        };
        let fault =
            Fault::new(message).hint("`clusters: { a: 90, b: 10 }` sends nine in ten to `a`");
        reader.report(&node.span, fault);
    }
}
