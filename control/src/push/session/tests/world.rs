//! The rules of the state-of-the-world form.

use super::*;

const THREE: &[&str] = &["cluster a 1", "cluster b 1", "cluster c 1"];
const ENDPOINTS: &[&str] = &["endpoints a 1", "endpoints b 1", "endpoints c 1"];

/// What comes, each accepted at once with these names, until nothing comes.
fn accepts(client: &mut Client, names: &[&str]) -> Vec<String> {
    let mut texts = Vec::new();
    while let Some((text, response)) = client.hears() {
        texts.push(text);
        client.answer_naming(response.kind, &response.nonce, names, "");
    }
    texts
}

#[test]
fn no_names_mean_all_clusters_and_a_change_sends_all_again() {
    let first = view(None, THREE);
    let mut client = Client::new(Form::World, &first);
    client.ask(Kind::Cluster, &[]);
    assert_eq!(accepts(&mut client, &[]), ["cluster a b c"]);
    client.see(&view(
        Some(&first),
        &["cluster a 1", "cluster b 2", "cluster c 1"],
    ));
    assert_eq!(accepts(&mut client, &[]), ["cluster a b c"]);
}

#[test]
fn a_cluster_that_is_missing_is_gone() {
    let first = view(None, THREE);
    let mut client = Client::new(Form::World, &first);
    client.ask(Kind::Cluster, &[]);
    accepts(&mut client, &[]);
    client.see(&view(Some(&first), &["cluster a 1"]));
    assert_eq!(accepts(&mut client, &[]), ["cluster a"]);
    assert_eq!(client.session.held(Kind::Cluster), 1);
}

#[test]
fn no_change_no_push() {
    let first = view(None, THREE);
    let mut client = Client::new(Form::World, &first);
    client.ask(Kind::Cluster, &["a"]);
    assert_eq!(accepts(&mut client, &["a"]), ["cluster a"]);
    client.see(&view(Some(&first), &["cluster a 1", "cluster b 2"]));
    client.hears_nothing();
}

#[test]
fn all_of_nothing_is_an_answer() {
    let mut client = Client::new(Form::World, &view(None, &[]));
    client.ask(Kind::Cluster, &[]);
    assert_eq!(accepts(&mut client, &[]), ["cluster"]);
    client.ask(Kind::Listener, &["unknown"]);
    assert_eq!(accepts(&mut client, &["unknown"]), ["listener"]);
}

#[test]
fn names_after_none_replace_all_and_none_after_names_is_nothing() {
    let first = view(None, THREE);
    let mut client = Client::new(Form::World, &first);
    client.ask(Kind::Cluster, &[]);
    accepts(&mut client, &[]);
    client.ask(Kind::Cluster, &["a", "b"]);
    assert_eq!(accepts(&mut client, &["a", "b"]), ["cluster a b"]);
    client.ask(Kind::Cluster, &[]);
    client.see(&view(Some(&first), &["cluster a 2"]));
    client.hears_nothing();
}

#[test]
fn endpoints_come_one_by_one() {
    let first = view(None, ENDPOINTS);
    let mut client = Client::new(Form::World, &first);
    client.ask(Kind::Endpoints, &["a", "b"]);
    assert_eq!(accepts(&mut client, &["a", "b"]), ["endpoints a b"]);
    client.ask(Kind::Endpoints, &["a", "b", "c"]);
    assert_eq!(accepts(&mut client, &["a", "b", "c"]), ["endpoints c"]);
    client.see(&view(Some(&first), &["endpoints a 1", "endpoints b 2"]));
    let rest = accepts(&mut client, &["a", "b", "c"]);
    assert_eq!(rest, ["endpoints b"], "those of `c` go with their cluster");
}

#[test]
fn an_unknown_name_is_answered_with_what_else_there_is() {
    let first = view(None, &["listener a 1"]);
    let mut client = Client::new(Form::World, &first);
    client.ask(Kind::Listener, &["nobody"]);
    assert_eq!(accepts(&mut client, &["nobody"]), ["listener"]);
    client.ask(Kind::Listener, &["a", "nobody"]);
    assert_eq!(accepts(&mut client, &["a", "nobody"]), ["listener a"]);
}

#[test]
fn unknown_endpoints_are_answered_with_none_and_sent_when_they_appear() {
    let first = view(None, &[]);
    let mut client = Client::new(Form::World, &first);
    client.ask(Kind::Endpoints, &["a"]);
    let empty = client.hears_only("endpoints a");
    client.answer_naming(Kind::Endpoints, &empty.nonce, &["a"], "");
    client.see(&view(Some(&first), &["endpoints a 1"]));
    assert_eq!(accepts(&mut client, &["a"]), ["endpoints a"]);
}

#[test]
fn unknown_routes_are_answered_and_sent_when_they_appear() {
    let first = view(None, &[]);
    let mut client = Client::new(Form::World, &first);
    client.ask(Kind::Routes, &["a"]);
    assert_eq!(accepts(&mut client, &["a"]), ["routes"]);
    client.see(&view(Some(&first), &["routes a 1"]));
    assert_eq!(accepts(&mut client, &["a"]), ["routes a"]);
}

#[test]
fn a_client_that_comes_back_is_answered() {
    let mut client = Client::new(Form::World, &view(None, ENDPOINTS));
    let request = DiscoveryRequest {
        version_info: client
            .session
            .reached()
            .map(|it| it.version(Kind::Endpoints).to_string())
            .unwrap_or_default(),
        resource_names: strings(&["a"]),
        ..DiscoveryRequest::default()
    };
    client.session.replace(Kind::Endpoints, &request).unwrap();
    assert_eq!(accepts(&mut client, &["a"]), ["endpoints a"]);
}

#[test]
fn a_refused_version_is_not_sent_again_until_it_changes() {
    let first = view(None, THREE);
    let mut client = Client::new(Form::World, &first);
    client.ask(Kind::Cluster, &[]);
    let response = client.hears_only("cluster a b c");
    let verdict = client.answer_naming(Kind::Cluster, &response.nonce, &[], "bad: a");
    assert!(matches!(verdict, Some(Verdict::Refused { names, .. }) if names == ["a".into()]));
    client.hears_nothing();
    let second = view(Some(&first), THREE);
    client.see(&second);
    client.hears_nothing();
    client.see(&view(Some(&second), &["cluster a 2"]));
    assert_eq!(accepts(&mut client, &[]), ["cluster a b c", "cluster a"]);
}

#[test]
fn an_old_version_in_an_acknowledgement_is_no_refusal() {
    let mut client = Client::new(Form::World, &view(None, THREE));
    client.ask(Kind::Cluster, &[]);
    let response = client.hears_only("cluster a b c");
    let request = DiscoveryRequest {
        version_info: "something older".into(),
        response_nonce: response.nonce,
        ..DiscoveryRequest::default()
    };
    let verdict = client.session.replace(Kind::Cluster, &request).unwrap();
    assert!(matches!(verdict, Some(Verdict::Accepted { .. })));
}

#[test]
fn a_stale_answer_says_nothing_but_its_names_count() {
    let mut client = Client::new(Form::World, &view(None, ENDPOINTS));
    client.ask(Kind::Endpoints, &["a"]);
    let response = client.hears_only("endpoints a");
    assert_eq!(
        client.answer_naming(Kind::Endpoints, "", &["a", "b"], "no"),
        None
    );
    client.hears_nothing();
    client.answer_naming(Kind::Endpoints, &response.nonce, &["a", "b"], "");
    assert_eq!(accepts(&mut client, &["a", "b"]), ["endpoints b"]);
}

#[test]
fn nothing_is_expected_of_a_client_that_wants_nothing_any_more() {
    let mut client = Client::new(Form::World, &view(None, &["endpoints a 1", "routes r 1"]));
    client.ask(Kind::Endpoints, &["a"]);
    let _ = client.hears_only("endpoints a");
    client.ask(Kind::Routes, &["r"]);
    client.hears_nothing();
    client.ask(Kind::Endpoints, &[]);
    let _ = client.hears_only("routes r");
}
