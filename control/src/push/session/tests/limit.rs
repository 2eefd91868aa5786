//! What a client may make us remember, and what it may not.

use super::*;

const STAR: &[&str] = &["*"];

/// So many names, from this one on.
fn many(from: usize, count: usize) -> Vec<String> {
    (from..from + count).map(|name| name.to_string()).collect()
}

fn subscribe(names: Vec<String>) -> DeltaDiscoveryRequest {
    DeltaDiscoveryRequest {
        resource_names_subscribe: names,
        ..DeltaDiscoveryRequest::default()
    }
}

fn resume(names: &[&str], has: Vec<String>, version: &str) -> DeltaDiscoveryRequest {
    DeltaDiscoveryRequest {
        resource_names_subscribe: strings(names),
        initial_resource_versions: has.into_iter().map(|it| (it, version.into())).collect(),
        ..DeltaDiscoveryRequest::default()
    }
}

fn world(names: Vec<String>, nonce: &str) -> DiscoveryRequest {
    DiscoveryRequest {
        resource_names: names,
        response_nonce: nonce.to_owned(),
        ..DiscoveryRequest::default()
    }
}

#[test]
fn no_more_names_are_remembered_than_is_sane() {
    let mut session = Session::new(Form::Delta, false);
    let long = subscribe(vec!["x".repeat(513)]);
    assert_eq!(session.change(Kind::Cluster, &long), Err(TooMuch::Length));
    let some = subscribe(many(0, 30_000));
    assert_eq!(session.change(Kind::Cluster, &some), Ok(None));
    assert_eq!(session.change(Kind::Cluster, &some), Ok(None), "the same");
    assert_eq!(session.change(Kind::Endpoints, &some), Err(TooMuch::Names));
}

#[test]
fn who_names_all_again_with_each_answer_asks_for_no_more() {
    let mut client = Client::new(Form::World, &view(None, &["endpoints 7 1"]));
    let names = || many(0, 30_000);
    let first = client.session.replace(Kind::Endpoints, &world(names(), ""));
    assert_eq!(first, Ok(None));
    let response = client.session.respond().unwrap();
    let answer = world(names(), &response.nonce);
    let verdict = client.session.replace(Kind::Endpoints, &answer);
    assert!(matches!(verdict, Ok(Some(Verdict::Accepted { .. }))));
    let others = client.session.replace(Kind::Routes, &world(names(), ""));
    assert_eq!(others, Err(TooMuch::Names));
}

#[test]
fn what_a_client_has_it_says_once() {
    let mut client = Client::new(Form::Delta, &view(None, &["cluster a 1"]));
    let first = resume(STAR, many(0, 30_000), "1");
    assert_eq!(client.session.change(Kind::Cluster, &first), Ok(None));
    // It never answers, and has more and more.
    for round in 1..4 {
        let more = resume(&[], many(round * 30_000, 30_000), "1");
        assert_eq!(client.session.change(Kind::Cluster, &more), Ok(None));
    }
    assert_eq!(client.session.held(Kind::Cluster), 30_000);
}

#[test]
fn what_a_client_has_is_limited_as_what_it_wants_is() {
    let mut session = Session::new(Form::Delta, false);
    for (request, refusal) in [
        (resume(STAR, many(0, 50_001), "1"), TooMuch::Names),
        (resume(STAR, vec!["x".repeat(513)], "1"), TooMuch::Length),
        (resume(STAR, many(0, 1), &"x".repeat(513)), TooMuch::Length),
    ] {
        assert_eq!(session.change(Kind::Cluster, &request), Err(refusal));
    }
}

#[test]
fn what_is_dropped_counts_until_it_is_answered() {
    let mut client = Client::new(Form::Delta, &view(None, &["cluster a 1"]));
    client.change(Kind::Cluster, STAR, &[]);
    // It never answers this.
    client.session.respond().unwrap();
    let mut refused = None;
    for round in 0..4 {
        let names = many(round * 20_000, 20_000);
        let dropped = DeltaDiscoveryRequest {
            resource_names_unsubscribe: names.clone(),
            ..DeltaDiscoveryRequest::default()
        };
        let some = client.session.change(Kind::Cluster, &subscribe(names));
        refused = refused.or(some.err());
        client.session.change(Kind::Cluster, &dropped).unwrap();
    }
    assert_eq!(refused, Some(TooMuch::Names));
}
