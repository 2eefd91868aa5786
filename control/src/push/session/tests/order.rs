//! The order of a round: make before break, one thing at a time.

use super::*;

const KINDS: [Kind; 4] = Kind::ALL;

const BLUE: &[&str] = &[
    "cluster blue 1",
    "endpoints blue 1",
    "listener l 1",
    "routes l blue",
];
const GREEN: &[&str] = &[
    "cluster green 1",
    "endpoints green 1",
    "listener l 1",
    "routes l green",
];

fn with_everything(form: Form, first: &Arc<View>) -> Client {
    let mut client = Client::new(form, first);
    for kind in KINDS {
        match form {
            Form::Delta => client.change(kind, &["*"], &[]),
            Form::World => client.ask(kind, &["*"]),
        }
    }
    client
}

#[test]
fn clusters_endpoints_listeners_routes() {
    let mut client = with_everything(Form::Delta, &view(None, BLUE));
    let order = ["cluster blue", "endpoints blue", "listener l", "routes l"];
    assert_eq!(client.accepts(), order);
}

#[test]
fn what_is_gone_goes_last() {
    let first = view(None, BLUE);
    let mut client = with_everything(Form::Delta, &first);
    client.accepts();
    client.see(&view(Some(&first), GREEN));
    let order = [
        "cluster green",
        "endpoints green",
        "routes l",
        "cluster -blue",
        "endpoints -blue",
    ];
    assert_eq!(client.accepts(), order);
}

#[test]
fn in_the_other_form_an_old_cluster_stays_in_the_set_until_routes_have_left_it() {
    let first = view(None, BLUE);
    let mut client = Client::new(Form::World, &first);
    client.ask(Kind::Cluster, &[]);
    let accept = |client: &mut Client, text: &str, names: &[&str]| {
        let response = client.hears_only(text);
        client.answer_naming(response.kind, &response.nonce, names, "");
        response
    };
    accept(&mut client, "cluster blue", &[]);
    client.ask(Kind::Routes, &["l"]);
    accept(&mut client, "routes l", &["l"]);
    let second = view(Some(&first), GREEN);
    client.see(&second);
    let both = accept(&mut client, "cluster blue green", &[]);
    accept(&mut client, "routes l", &["l"]);
    let one = accept(&mut client, "cluster green", &[]);
    assert_ne!(both.version, one.version);
    assert_eq!(one.version, *second.version(Kind::Cluster));
    client.hears_nothing();
}

#[test]
fn routes_wait_until_their_clusters_are_accepted() {
    let first = view(None, BLUE);
    let mut client = with_everything(Form::Delta, &first);
    client.accepts();
    client.see(&view(Some(&first), GREEN));
    let cluster = client.hears_only("cluster green");
    // Envoy accepts a cluster when it is warm, which takes its endpoints.
    let endpoints = client.hears_only("endpoints green");
    client.answer(&endpoints, "");
    client.hears_nothing();
    client.answer(&cluster, "");
    let _ = client.hears_only("routes l");
}

#[test]
fn endpoints_follow_a_changed_cluster_though_they_are_the_same() {
    for form in [Form::Delta, Form::World] {
        let first = view(
            None,
            &[
                "cluster a 1",
                "endpoints a 1",
                "cluster b 1",
                "endpoints b 1",
            ],
        );
        let mut client = Client::new(form, &first);
        let names: &[&str] = match form {
            Form::Delta => {
                client.change(Kind::Cluster, &[], &[]);
                client.change(Kind::Endpoints, &["a", "b"], &[]);
                &[]
            }
            Form::World => {
                client.ask(Kind::Cluster, &["a", "b"]);
                client.ask(Kind::Endpoints, &["a", "b"]);
                &["a", "b"]
            }
        };
        let all = |client: &mut Client| {
            let mut texts = Vec::new();
            while let Some((text, response)) = client.hears() {
                texts.push(text);
                match form {
                    Form::Delta => client.answer(&response, ""),
                    Form::World => client.answer_naming(response.kind, &response.nonce, names, ""),
                };
            }
            texts
        };
        assert_eq!(all(&mut client), ["cluster a b", "endpoints a b"]);
        client.see(&view(
            Some(&first),
            &[
                "cluster a 2",
                "endpoints a 1",
                "cluster b 1",
                "endpoints b 1",
            ],
        ));
        assert_eq!(all(&mut client).last().unwrap(), "endpoints a", "{form:?}");
    }
}

#[test]
fn a_burst_becomes_one_push() {
    let first = view(None, &["endpoints a 1"]);
    let mut client = Client::new(Form::Delta, &first);
    client.change(Kind::Endpoints, &["a"], &[]);
    let mut newest = first;
    let response = client.hears_only("endpoints a");
    for version in 2..50 {
        newest = view(Some(&newest), &[&format!("endpoints a {version}")]);
        client.see(&newest);
        client.hears_nothing();
    }
    client.answer(&response, "");
    assert_eq!(client.accepts(), ["endpoints a"]);
    assert!(client.session.reached().unwrap().is(&newest));
}

#[test]
fn a_change_that_is_taken_back_in_time_is_not_sent() {
    let first = view(None, &["endpoints a 1"]);
    let mut client = Client::new(Form::Delta, &first);
    client.change(Kind::Endpoints, &["a"], &[]);
    let response = client.hears_only("endpoints a");
    let second = view(Some(&first), &["endpoints a 2"]);
    client.see(&second);
    client.see(&view(Some(&second), &["endpoints a 1"]));
    client.answer(&response, "");
    client.hears_nothing();
}

#[test]
fn a_listener_makes_room_for_another_at_its_address() {
    let first = view(None, &["listener old 1", "routes old 1"]);
    let mut client = with_everything(Form::Delta, &first);
    assert!(client.accepts().contains(&"listener old".to_owned()));
    client.see(&view(Some(&first), &["listener new 1", "routes new 1"]));
    assert_eq!(client.accepts(), ["listener new -old", "routes new -old"]);
}

#[test]
fn a_cluster_that_comes_back_in_time_is_not_taken_away() {
    let first = view(None, BLUE);
    let mut client = with_everything(Form::Delta, &first);
    client.accepts();
    let second = view(Some(&first), GREEN);
    client.see(&second);
    let response = client.hears_only("cluster green");
    client.see(&view(Some(&second), BLUE));
    client.answer(&response, "");
    let rest = client.accepts();
    assert_eq!(rest.last().unwrap(), "endpoints -green", "{rest:?}");
    let held: Vec<_> = client.session.lanes[0]
        .held
        .iter()
        .map(|it| it.name.to_string())
        .collect();
    assert_eq!(held, ["blue"]);
}
