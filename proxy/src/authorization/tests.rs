//! Compared with what the words of the guide say, in other words.

use http::Method;
use outrigger_config::model::{self, IdentityMatch, PathMatch, SpiffeId};
use proptest::{collection::vec, prelude::*, sample::select};

use super::*;

const IDENTITIES: [&str; 3] = [
    "spiffe://a.org/ns/shop/cart",
    "spiffe://a.org/ns/shop/web",
    "spiffe://b.org/ns/shop/cart",
];
const MEANT: [&str; 5] = [
    "*",
    "spiffe://a.org/*",
    "spiffe://a.org/ns/shop/cart",
    "spiffe://b.org/ns/*/cart",
    "spiffe://c.org/*",
];
const ADDRESSES: [&str; 3] = ["10.1.2.3", "10.9.0.1", "fd00::1"];
const NETWORKS: [&str; 4] = ["10.0.0.0/8", "10.1.0.0/16", "fd00::/8", "192.0.2.0/24"];
const METHODS: [Method; 2] = [Method::GET, Method::DELETE];
const PATHS: [&str; 3] = ["/", "/admin", "/admin/x"];

#[derive(Clone, Debug)]
struct Asks {
    identity: Option<SpiffeId>,
    address: IpAddr,
    request: Option<(Method, &'static str)>,
}

impl Asks {
    fn caller(&self) -> Caller<'_> {
        Caller {
            identity: self.identity.as_ref(),
            address: self.address,
            request: self.request.as_ref().map(|(method, path)| (method, *path)),
        }
    }
}

fn asks() -> impl Strategy<Value = Asks> {
    let identity = prop::option::of(select(&IDENTITIES[..]));
    let request = prop::option::weighted(0.8, (select(&METHODS[..]), select(&PATHS[..])));
    (identity, select(&ADDRESSES[..]), request).prop_map(|(identity, address, request)| Asks {
        identity: identity.map(|id| SpiffeId::parse(id).unwrap()),
        address: address.parse().unwrap(),
        request,
    })
}

fn rule() -> impl Strategy<Value = model::AuthorizationRule> {
    let paths = select(&PATHS[..]).prop_flat_map(|path| {
        select(vec![
            PathMatch::Exact(path.to_owned()),
            PathMatch::Prefix(path.to_owned()),
        ])
    });
    let identities = select(&MEANT[..]).prop_map(|id| IdentityMatch::parse(id).unwrap());
    let networks = select(&NETWORKS[..]).prop_map(|network| network.parse().unwrap());
    (
        vec(identities, 0..3),
        vec(networks, 0..3),
        vec(select(&METHODS[..]), 0..2),
        vec(paths, 0..2),
    )
        .prop_map(
            |(identities, networks, methods, paths)| model::AuthorizationRule {
                identities,
                networks,
                methods,
                paths,
            },
        )
}

fn rules() -> impl Strategy<Value = model::Authorization> {
    (vec(rule(), 0..4), vec(rule(), 0..3)).prop_map(|(allow, deny)| model::Authorization {
        allow,
        deny,
        dry_run: false,
    })
}

fn allows(config: &model::Authorization, asks: &Asks) -> bool {
    Policy::new(config).judge(&asks.caller()) == Verdict::Allowed
}

fn only(config: &model::Authorization, allow: bool) -> model::Authorization {
    let mut config = config.clone();
    match allow {
        true => config.deny.clear(),
        false => config.allow.clear(),
    }
    config
}

proptest! {
    #[test]
    fn deny_wins(config in rules(), asks in asks()) {
        let passes_deny = allows(&only(&config, false), &asks);
        let passes_allow = allows(&only(&config, true), &asks);
        prop_assert_eq!(allows(&config, &asks), passes_deny && passes_allow);
    }

    #[test]
    fn the_order_of_rules_and_of_values_says_nothing(config in rules(), asks in asks()) {
        let mut turned = config.clone();
        turned.allow.reverse();
        turned.deny.reverse();
        for rule in turned.allow.iter_mut().chain(&mut turned.deny) {
            rule.identities.reverse();
            rule.networks.reverse();
            rule.paths.reverse();
        }
        prop_assert_eq!(allows(&turned, &asks), allows(&config, &asks));
    }

    #[test]
    fn a_rule_without_conditions_means_everybody(mut config in rules(), asks in asks()) {
        let everybody = model::AuthorizationRule::default;
        config.allow.push(everybody());
        prop_assert_eq!(allows(&config, &asks), allows(&only(&config, false), &asks));
        config.deny.push(everybody());
        prop_assert!(!allows(&config, &asks));
    }

    #[test]
    fn another_condition_makes_a_rule_narrower(config in rules(), asks in asks(), other in rule()) {
        let mut narrower = only(&config, true);
        for rule in &mut narrower.allow {
            if rule.identities.is_empty() {
                rule.identities.clone_from(&other.identities);
            }
            if rule.methods.is_empty() {
                rule.methods.clone_from(&other.methods);
            }
        }
        prop_assert!(!allows(&narrower, &asks) || allows(&only(&config, true), &asks));
    }

    #[test]
    fn bytes_are_let_in_only_where_every_request_would_be(config in rules(), mut asks in asks()) {
        asks.request = None;
        if allows(&config, &asks) {
            for method in METHODS {
                for path in PATHS {
                    asks.request = Some((method.clone(), path));
                    prop_assert!(allows(&config, &asks), "{} {}", method, path);
                }
            }
        }
    }
}

#[test]
fn who_has_no_identity_is_nobody_whom_a_rule_names() {
    let asks = Asks {
        identity: None,
        address: "10.0.0.1".parse().unwrap(),
        request: Some((Method::GET, "/")),
    };
    let anybody = model::AuthorizationRule {
        identities: vec![IdentityMatch::parse("*").unwrap()],
        ..model::AuthorizationRule::default()
    };
    let allow = model::Authorization {
        allow: vec![anybody.clone()],
        deny: Vec::new(),
        dry_run: false,
    };
    assert!(!allows(&allow, &asks));
    let deny = model::Authorization {
        allow: Vec::new(),
        deny: vec![anybody],
        dry_run: false,
    };
    assert!(allows(&deny, &asks));
}
