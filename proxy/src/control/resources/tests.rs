//! Good resources are taken, bad ones are not, and what was there before stays.
#![allow(clippy::unwrap_used)]

use std::{cell::RefCell, net::SocketAddr};

use outrigger_xds::encode;

use super::*;
use crate::control::tests::{Anywhere, config, offer};

/// Has no room at some addresses.
struct Taken(RefCell<Vec<SocketAddr>>);

impl Admit for Taken {
    fn admit(&self, listener: &model::Listener) -> Result<(), String> {
        match self.0.borrow().contains(&listener.address) {
            true => Err("in use".to_owned()),
            false => Ok(()),
        }
    }
}

fn listeners(text: &str) -> Vec<Offer> {
    let config = config(&format!(
        "listeners: {text}\nclusters: {{ web: {{ endpoints: [] }} }}"
    ));
    let listeners = config.listeners.iter();
    listeners.map(|it| offer(encode::listener(it))).collect()
}

fn addresses(resources: &Resources) -> Vec<(String, u16)> {
    let present = resources.listeners.present();
    present
        .map(|(name, known)| (name.to_string(), known.value.model.address.port()))
        .collect()
}

fn pairs(expected: &[(&str, u16)]) -> Vec<(String, u16)> {
    let pairs = expected.iter();
    pairs.map(|&(name, port)| (name.to_owned(), port)).collect()
}

#[test]
fn what_is_twice_in_a_response_is_not_taken_and_the_rest_is() {
    let mut resources = Resources::default();
    let offered = listeners(
        "[{ name: a, address: 127.0.0.1:1 }, { name: b, address: 127.0.0.1:2 }, { name: c, address: 127.0.0.1:3 }]",
    );
    let twice = [offered.clone(), vec![offered[1].clone()]].concat();
    let refusals = resources.take(Kind::Listener, twice, &Anywhere);
    assert_eq!(refusals.len(), 1);
    assert_eq!(refusals[0].why, "listener `b`: is twice in one response");
    assert_eq!(addresses(&resources), pairs(&[("a", 1), ("c", 3)]));
    assert_eq!(resources.refused.len(), 1);
    resources.take(Kind::Listener, vec![offered[1].clone()], &Anywhere);
    assert!(resources.refused.is_empty());
}

#[test]
fn a_bad_one_keeps_the_version_that_it_had() {
    let mut resources = Resources::default();
    let good = listeners("[{ name: a, address: 127.0.0.1:1 }]");
    resources.take(Kind::Listener, good.clone(), &Anywhere);
    let bad = Offer {
        body: b"\xff\xff".as_slice().into(),
        version: "2".into(),
        ..good[0].clone()
    };
    let refusals = resources.take(Kind::Listener, vec![bad], &Anywhere);
    assert!(
        refusals[0].why.starts_with("listener `a`: "),
        "{refusals:?}"
    );
    let versions = resources.versions(Kind::Listener);
    assert_eq!(versions["a"], *good[0].version);
    // The old one said again is no trouble any more.
    resources.take(Kind::Listener, good, &Anywhere);
    assert!(resources.refused.is_empty());
}

#[test]
fn a_name_that_the_resource_denies_is_refused() {
    let mut resources = Resources::default();
    let mut offered = listeners("[{ name: a, address: 127.0.0.1:1 }]");
    offered[0].name = Some("b".into());
    let refusals = resources.take(Kind::Listener, offered.clone(), &Anywhere);
    assert_eq!(refusals[0].why, "listener `b`: calls itself `a`");
    offered[0].name = None;
    let refusals = resources.take(Kind::Listener, offered, &Anywhere);
    assert_eq!(refusals[0].name, None);
    assert!(addresses(&resources).is_empty());
}

#[test]
fn what_nobody_asked_for_is_passed_over() {
    let mut resources = Resources::default();
    let config = config("listeners: []\nclusters: { web: { endpoints: [] } }");
    let offered = vec![offer(encode::cluster(&config.clusters[0]))];
    assert!(
        resources
            .take(Kind::Cluster, offered.clone(), &Anywhere)
            .is_empty()
    );
    assert_eq!(resources.present(Kind::Cluster), BTreeSet::new());
    resources.begin(true);
    resources.take(Kind::Cluster, offered, &Anywhere);
    assert_eq!(resources.present(Kind::Cluster), ["web".into()].into());
}

#[test]
fn two_listeners_may_change_places_but_not_share_one() {
    let mut resources = Resources::default();
    let first = "[{ name: a, address: 127.0.0.1:1 }, { name: b, address: 127.0.0.1:2 }]";
    let swapped = "[{ name: a, address: 127.0.0.1:2 }, { name: b, address: 127.0.0.1:1 }]";
    for text in [first, swapped] {
        let refusals = resources.take(Kind::Listener, listeners(text), &Anywhere);
        assert!(refusals.is_empty(), "{refusals:?}");
    }
    assert_eq!(addresses(&resources), pairs(&[("a", 2), ("b", 1)]));
    let third = listeners("[{ name: c, address: 127.0.0.1:1 }]");
    let refusals = resources.take(Kind::Listener, third, &Anywhere);
    assert!(refusals[0].why.contains("listener `b` has it"));
    resources.remove(Kind::Listener, &"b".into());
    resources.house_again(&Anywhere);
    assert_eq!(addresses(&resources), pairs(&[("a", 2), ("c", 1)]));
    assert!(resources.refused.is_empty());
}

#[test]
fn an_address_is_taken_when_it_is_free_and_until_then_the_old_one_serves() {
    let mut resources = Resources::default();
    let taken = Taken(RefCell::default());
    let at = |port: u16| listeners(&format!("[{{ name: a, address: 127.0.0.1:{port} }}]"));
    resources.take(Kind::Listener, at(1), &taken);
    taken.0.borrow_mut().push(([127, 0, 0, 1], 2).into());
    let refusals = resources.take(Kind::Listener, at(2), &taken);
    assert_eq!(refusals[0].why, "listener `a`: address 127.0.0.1:2: in use");
    resources.house_again(&taken);
    assert_eq!(addresses(&resources), pairs(&[("a", 1)]));
    assert_eq!(resources.refused.len(), 1);
    taken.0.borrow_mut().clear();
    resources.house_again(&taken);
    assert_eq!(addresses(&resources), pairs(&[("a", 2)]));
    assert!(resources.refused.is_empty());
}

#[test]
fn a_removed_listener_is_not_waited_for() {
    let mut resources = Resources::default();
    let taken = Taken(RefCell::new(vec![([127, 0, 0, 1], 1).into()]));
    let offered = listeners("[{ name: a, address: 127.0.0.1:1 }]");
    resources.take(Kind::Listener, offered, &taken);
    resources.remove(Kind::Listener, &"a".into());
    resources.house_again(&Anywhere);
    assert!(addresses(&resources).is_empty());
}
