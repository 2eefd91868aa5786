//! Where a route sends requests.

use crate::{
    file::{MAX_WEIGHT, filter::answer},
    model::{ClusterRef, Destination, WeightedCluster},
    problem::Fault,
    reader::Reader,
    shape::{Shape, choice, map, whole, word},
    yaml::Node,
};

use serde_json::json;

/// One cluster that takes all.
pub(in crate::file) fn cluster() -> Shape<WeightedCluster> {
    let all = |cluster| WeightedCluster { cluster, weight: 1 };
    reference().convert(all, |weighted| weighted.cluster.clone())
}

/// Clusters by weight.
pub(in crate::file) fn clusters() -> Shape<Vec<WeightedCluster>> {
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

/// A cluster that the request names itself.
pub(super) fn cluster_by() -> Shape<Destination> {
    let host = word(
        "host",
        "The cluster whose name is the request's host: with the port that it names, else without.",
        Destination::Host,
    );
    choice("a part of the request", [host])
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

/// Rule of a route: it goes somewhere, and nobody has to guess where.
pub(super) fn one_destination(route: &Node, reader: &mut Reader) {
    let hint = "`cluster` names one, `clusters` several with their weights; with `cluster_by: host` each request names its own";
    let given = one_of_several(&["cluster", "clusters", "cluster_by"], hint, route, reader);
    if !given && route.is_mapping() && !route.get("filters").is_some_and(answer) {
        let fault = Fault::new("this route goes nowhere").hint(
            "give it `cluster`, `clusters`, `cluster_by: host`, or a filter that answers (`redirect`, `respond`)",
        );
        reader.report(&route.span, fault);
    }
}

/// Rule of keys of which no more than one may be given; whether any is.
pub(in crate::file) fn one_of_several(
    keys: &[&str],
    hint: &str,
    node: &Node,
    reader: &mut Reader,
) -> bool {
    let entries = node.entries().iter();
    let mut given = entries.filter(|entry| keys.contains(&entry.key.as_str()));
    let first = given.next();
    if let (Some(first), Some(second)) = (first, given.next()) {
        let (one, other) = (&first.key, &second.key);
        let fault = Fault::new(format!("`{one}` and `{other}` exclude each other")).hint(hint);
        reader.clash(&second.key_span, fault, &first.key_span, "first here");
    }
    first.is_some()
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
