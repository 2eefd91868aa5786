//! The rules of the delta form.

use super::*;

const THREE: &[&str] = &["cluster a 1", "cluster b 1", "cluster c 1"];

#[test]
fn no_names_in_the_first_request_mean_all_clusters() {
    let mut client = Client::new(Form::Delta, &view(None, THREE));
    client.change(Kind::Cluster, &[], &[]);
    assert_eq!(client.accepts(), ["cluster a b c"]);
    client.change(Kind::Cluster, &["*"], &[]);
    client.hears_nothing();
}

#[test]
fn a_star_means_all_of_any_kind() {
    let mut client = Client::new(
        Form::Delta,
        &view(None, &["endpoints a 1", "endpoints b 1"]),
    );
    client.change(Kind::Endpoints, &[], &[]);
    client.hears_nothing();
    client.change(Kind::Endpoints, &["*"], &[]);
    assert_eq!(client.accepts(), ["endpoints a b"]);
}

#[test]
fn all_of_nothing_is_an_answer() {
    let mut client = Client::new(Form::Delta, &view(None, &[]));
    client.change(Kind::Cluster, &[], &[]);
    assert_eq!(client.accepts(), ["cluster"]);
    client.change(Kind::Listener, &["*"], &[]);
    assert_eq!(client.accepts(), ["listener"]);
}

#[test]
fn only_what_changed_is_sent() {
    let first = view(None, THREE);
    let mut client = Client::new(Form::Delta, &first);
    client.change(Kind::Cluster, &["a", "b"], &[]);
    assert_eq!(client.accepts(), ["cluster a b"]);
    client.see(&view(
        Some(&first),
        &["cluster a 1", "cluster b 2", "cluster c 2"],
    ));
    assert_eq!(client.accepts(), ["cluster b"]);
}

#[test]
fn no_change_no_push() {
    let first = view(None, THREE);
    let mut client = Client::new(Form::Delta, &first);
    client.change(Kind::Cluster, &[], &[]);
    client.accepts();
    client.see(&view(Some(&first), THREE));
    client.hears_nothing();
    assert!(client.session.settled());
}

#[test]
fn a_name_asked_for_is_answered_also_if_the_client_has_it() {
    let mut client = Client::new(Form::Delta, &view(None, THREE));
    client.change(Kind::Cluster, &["a"], &[]);
    client.accepts();
    client.change(Kind::Cluster, &["a"], &[]);
    assert_eq!(client.accepts(), ["cluster a"]);
}

#[test]
fn an_unknown_name_is_answered_at_once_and_again_when_it_appears() {
    let first = view(None, &["cluster a 1"]);
    let mut client = Client::new(Form::Delta, &first);
    client.change(Kind::Cluster, &["z"], &[]);
    assert_eq!(client.accepts(), ["cluster -z"]);
    client.see(&view(Some(&first), &["cluster a 1", "cluster z 1"]));
    assert_eq!(client.accepts(), ["cluster z"]);
}

#[test]
fn what_is_no_longer_asked_for_is_not_sent() {
    let first = view(None, THREE);
    let mut client = Client::new(Form::Delta, &first);
    client.change(Kind::Cluster, &["a", "b"], &[]);
    client.accepts();
    client.change(Kind::Cluster, &[], &["a"]);
    client.see(&view(Some(&first), &["cluster a 2"]));
    assert_eq!(client.accepts(), ["cluster -b"]);
}

#[test]
fn one_of_all_that_is_dropped_by_name_is_sent_again() {
    let mut client = Client::new(Form::Delta, &view(None, THREE));
    client.change(Kind::Cluster, &["*", "a", "z"], &[]);
    assert_eq!(client.accepts(), ["cluster a b c -z"]);
    client.change(Kind::Cluster, &[], &["a", "z"]);
    assert_eq!(client.accepts(), ["cluster a -z"]);
}

#[test]
fn a_client_that_comes_back_gets_what_it_has_not() {
    let mut client = Client::new(
        Form::Delta,
        &view(None, &["cluster a 2", "cluster b 1", "cluster c 1"]),
    );
    client.resume(Kind::Cluster, &[], &[("a", "1"), ("b", "1"), ("old", "1")]);
    assert_eq!(client.accepts(), ["cluster a c", "cluster -old"]);
}

#[test]
fn a_client_that_comes_back_up_to_date_gets_nothing() {
    let mut client = Client::new(Form::Delta, &view(None, THREE));
    let has = [("a", "1"), ("b", "1"), ("c", "1")];
    client.resume(Kind::Cluster, &[], &has);
    client.hears_nothing();
    let mut client = Client::new(Form::Delta, &view(None, THREE));
    client.resume(Kind::Cluster, &["a", "b"], &has[..2]);
    client.hears_nothing();
    assert!(client.session.settled());
}

#[test]
fn it_is_the_same_when_the_view_comes_after_the_request() {
    let mut session = Session::new(Form::Delta, false);
    session
        .change(Kind::Cluster, &DeltaDiscoveryRequest::default())
        .unwrap();
    assert!(session.respond().is_none());
    let mut client = Client { session };
    client.see(&view(None, THREE));
    assert_eq!(client.accepts(), ["cluster a b c"]);
}

#[test]
fn a_refused_version_is_not_sent_again_until_it_changes() {
    let first = view(None, THREE);
    let mut client = Client::new(Form::Delta, &first);
    client.change(Kind::Cluster, &["a", "b"], &[]);
    let response = client.hears_only("cluster a b");
    let verdict = client.answer(&response, "cluster `b`: no such balancer");
    let version = Arc::clone(first.version(Kind::Cluster));
    let names = vec!["b".into()];
    assert_eq!(verdict, Some(Verdict::Refused { version, names }));
    client.hears_nothing();
    let second = view(Some(&first), &["cluster a 1", "cluster b 1", "cluster c 2"]);
    client.see(&second);
    client.hears_nothing();
    client.see(&view(
        Some(&second),
        &["cluster a 1", "cluster b 2", "cluster c 2"],
    ));
    assert_eq!(client.accepts(), ["cluster b"]);
}

#[test]
fn an_answer_to_what_is_history_says_nothing_but_its_names_count() {
    let mut client = Client::new(Form::Delta, &view(None, THREE));
    client.change(Kind::Cluster, &["a"], &[]);
    let response = client.hears_only("cluster a");
    let stale = DeltaDiscoveryRequest {
        response_nonce: "older".into(),
        resource_names_subscribe: strings(&["b"]),
        error_detail: refusal("no"),
        ..DeltaDiscoveryRequest::default()
    };
    assert_eq!(client.session.change(Kind::Cluster, &stale), Ok(None));
    client.hears_nothing();
    client.answer(&response, "");
    assert_eq!(client.accepts(), ["cluster b"]);
}

#[test]
fn a_stream_that_missed_many_views_compares() {
    let first = view(None, THREE);
    let mut client = Client::new(Form::Delta, &first);
    client.change(Kind::Cluster, &[], &[]);
    client.accepts();
    let mut newest = first;
    for round in 0..200 {
        newest = view(
            Some(&newest),
            &["cluster a 1", &format!("cluster b {round}"), "cluster d 1"],
        );
    }
    client.see(&newest);
    assert_eq!(client.accepts(), ["cluster b d", "cluster -c"]);
}

#[test]
fn much_is_sent_in_parts() {
    let large = "x".repeat(150 << 10);
    let lines: Vec<_> = ["a", "b", "c"]
        .map(|name| format!("cluster {name} {large}{name}"))
        .to_vec();
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    let mut client = Client::new(Form::Delta, &view(None, &lines));
    client.change(Kind::Cluster, &[], &[]);
    assert_eq!(client.accepts(), ["cluster a b", "cluster c"]);
}
