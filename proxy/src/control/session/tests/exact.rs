//! Message by message.

use outrigger_xds::{
    discovery::{DeltaDiscoveryRequest, DeltaDiscoveryResponse, DeltaResource, DiscoveryResponse},
    encode,
    pb::envoy::config::core::v3::Node,
};
use std::{collections::BTreeSet, sync::Arc};

use super::{super::*, model::any};
use crate::control::{
    resources::Wanted,
    tests::{Anywhere, config},
};

fn node() -> Node {
    Node {
        id: "n".to_owned(),
        ..Node::default()
    }
}

fn clusters(names: &[&str]) -> Wanted {
    let clusters: BTreeSet<Arc<str>> = names.iter().map(|name| Arc::from(*name)).collect();
    Wanted {
        clusters,
        ..Wanted::default()
    }
}

fn cluster(name: &str) -> outrigger_xds::Resource {
    let config = config(&format!(
        "listeners: []\nclusters: {{ {name}: {{ endpoints: [] }} }}"
    ));
    encode::cluster(&config.clusters[0])
}

/// What a request asks for and no longer asks for.
fn names(request: &DeltaDiscoveryRequest) -> (Kind, String, String) {
    (
        Kind::of(&request.type_url).unwrap(),
        request.resource_names_subscribe.join(" "),
        request.resource_names_unsubscribe.join(" "),
    )
}

fn response(kind: Kind, nonce: &str, bodies: &[outrigger_xds::Resource]) -> DeltaDiscoveryResponse {
    let resources = bodies.iter().map(|resource| DeltaResource {
        version: resource.version.to_string(),
        resource: Some(any(resource)),
        name: resource.name.to_string(),
        aliases: Vec::new(),
    });
    DeltaDiscoveryResponse {
        type_url: kind.type_url().to_owned(),
        nonce: nonce.to_owned(),
        resources: resources.collect(),
        ..DeltaDiscoveryResponse::default()
    }
}

#[test]
fn delta_asks_for_all_listeners_and_for_the_rest_by_name() {
    let mut resources = Resources::default();
    let mut delta = Delta::new(node());
    resources.begin(false);
    let first = delta.ask(&mut resources, 0);
    assert_eq!(first.len(), 1);
    assert_eq!(names(&first[0]), (Kind::Listener, "*".into(), "".into()));
    assert_eq!(first[0].node, Some(node()));
    assert!(delta.ask(&mut resources, 0).is_empty());
    resources.want(clusters(&["a", "b"]));
    let more = delta.ask(&mut resources, 0);
    assert_eq!(names(&more[0]), (Kind::Cluster, "a b".into(), "".into()));
    assert_eq!(more[0].node, None);
    resources.want(clusters(&["b", "c"]));
    let other = delta.ask(&mut resources, 0);
    assert_eq!(names(&other[0]), (Kind::Cluster, "c".into(), "a".into()));
    // To name none any more is not to ask for all.
    resources.want(clusters(&[]));
    let none = delta.ask(&mut resources, 0);
    assert_eq!(names(&none[0]), (Kind::Cluster, "".into(), "b c".into()));
}

#[test]
fn delta_says_after_a_reconnect_what_it_has() {
    let mut resources = Resources::default();
    resources.begin(false);
    resources.want(clusters(&["a", "b"]));
    let mut delta = Delta::new(node());
    delta.ask(&mut resources, 0);
    let a = cluster("a");
    delta.receive(
        response(Kind::Cluster, "1", std::slice::from_ref(&a)),
        &mut resources,
        &Anywhere,
    );
    resources.begin(false);
    let first = Delta::new(node()).ask(&mut resources, 0);
    assert_eq!(names(&first[0]), (Kind::Cluster, "a b".into(), "".into()));
    let versions = [("a".to_owned(), a.version.to_string())];
    assert_eq!(first[0].initial_resource_versions, versions.into());
}

#[test]
fn delta_acknowledges_what_is_good_and_refuses_by_name_what_is_not() {
    let mut resources = Resources::default();
    resources.begin(false);
    resources.want(clusters(&["a", "b", "c"]));
    let mut delta = Delta::new(node());
    delta.ask(&mut resources, 0);
    let mut bad = response(Kind::Cluster, "7", &[cluster("a"), cluster("b")]);
    bad.resources[1].resource.as_mut().unwrap().value = b"\xff\xff".as_slice().into();
    bad.removed_resources = vec!["c".to_owned()];
    let receipt = delta.receive(bad, &mut resources, &Anywhere).unwrap();
    assert_eq!(receipt.refusals[0].name.as_deref(), Some("b"));
    let answer = &delta.ask(&mut resources, 0)[0];
    assert_eq!(answer.response_nonce, "7");
    let detail = answer.error_detail.as_ref().unwrap();
    assert_eq!(detail.code, INVALID_ARGUMENT);
    assert!(detail.message.contains("`b`") && !detail.message.contains("`a`"));
    assert!(resources.clusters.value("a").is_some());
    assert!(resources.clusters.settled("c", 0));
    let good = response(Kind::Cluster, "8", &[cluster("b")]);
    delta.receive(good, &mut resources, &Anywhere).unwrap();
    let answer = &delta.ask(&mut resources, 0)[0];
    assert_eq!(
        (&*answer.response_nonce, &answer.error_detail),
        ("8", &None)
    );
}

#[test]
fn nobody_answers_a_response_of_a_kind_that_was_not_asked_for() {
    let mut resources = Resources::default();
    let secrets = DeltaDiscoveryResponse {
        type_url: "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret".to_owned(),
        ..DeltaDiscoveryResponse::default()
    };
    let mut delta = Delta::new(node());
    assert_eq!(delta.receive(secrets, &mut resources, &Anywhere), None);
}

#[test]
fn the_text_of_a_refusal_is_bounded() {
    let refusal = Refusal {
        name: None,
        why: "ü".repeat(LONGEST_DETAIL),
    };
    let detail = detail(&[refusal]).unwrap();
    assert!(detail.message.len() <= LONGEST_DETAIL && !detail.message.is_empty());
}

fn world(kind: Kind, version: &str, bodies: &[outrigger_xds::Resource]) -> DiscoveryResponse {
    DiscoveryResponse {
        version_info: version.to_owned(),
        resources: bodies.iter().map(any).collect(),
        type_url: kind.type_url().to_owned(),
        nonce: format!("n{version}"),
        control_plane: None,
    }
}

#[test]
fn the_state_of_the_world_is_asked_for_whole_and_what_it_lacks_is_gone() {
    let mut resources = Resources::default();
    let mut stream = StateOfTheWorld::new(node());
    resources.begin(true);
    resources.want(clusters(&["asked"]));
    let first = stream.ask(&mut resources, 0);
    let kinds: Vec<_> = first.iter().map(|it| Kind::of(&it.type_url)).collect();
    assert_eq!(kinds, [Some(Kind::Cluster), Some(Kind::Listener)]);
    assert!(first.iter().all(|it| it.resource_names.is_empty()));
    assert_eq!(first[0].node, Some(node()));
    assert_eq!(first[1].node, None);

    let both = world(Kind::Cluster, "1", &[cluster("a"), cluster("b")]);
    stream.receive(both, &mut resources, &Anywhere).unwrap();
    let answer = stream.ask(&mut resources, 0);
    assert_eq!(
        (&*answer[0].version_info, &*answer[0].response_nonce),
        ("1", "n1")
    );
    assert!(resources.clusters.settled("asked", 0), "there is none");
    let one = world(Kind::Cluster, "2", &[cluster("b")]);
    stream.receive(one, &mut resources, &Anywhere).unwrap();
    assert_eq!(resources.present(Kind::Cluster), ["b".into()].into());
}

#[test]
fn a_refused_state_of_the_world_names_the_version_before() {
    let mut resources = Resources::default();
    let mut stream = StateOfTheWorld::new(node());
    resources.begin(true);
    stream.ask(&mut resources, 0);
    let good = world(Kind::Cluster, "1", &[cluster("a"), cluster("b")]);
    stream.receive(good, &mut resources, &Anywhere).unwrap();
    resources.want(clusters(&["a", "b"]));
    stream.ask(&mut resources, 0);
    let mut bad = world(Kind::Cluster, "2", &[cluster("a"), cluster("b")]);
    // It cannot even say its name, so that nobody can say what is missing.
    bad.resources[1].value = b"\xff\xff".as_slice().into();
    stream.receive(bad, &mut resources, &Anywhere).unwrap();
    let answer = &stream.ask(&mut resources, 0)[0];
    assert_eq!(
        (&*answer.version_info, &*answer.response_nonce),
        ("1", "n2")
    );
    assert!(answer.error_detail.is_some());
    assert_eq!(
        resources.present(Kind::Cluster),
        ["a".into(), "b".into()].into()
    );
}

#[test]
fn the_last_names_are_not_taken_back_since_none_would_be_all() {
    let mut resources = Resources::default();
    let mut stream = StateOfTheWorld::new(node());
    resources.begin(true);
    let endpoints = Wanted {
        endpoints: ["a".into()].into(),
        ..Wanted::default()
    };
    resources.want(endpoints);
    let asked = stream.ask(&mut resources, 0);
    assert!(asked.iter().any(|it| it.resource_names == ["a"]));
    resources.want(Wanted::default());
    assert!(stream.ask(&mut resources, 0).is_empty());
}
