//! Each peer is asked for the same, in its own words.

use std::time::Duration;

use super::*;

const POLICY: Policy = Policy {
    attempt_timeout: Duration::from_millis(1500),
    retry: Retry::Failures,
    ejection: true,
    limit: None,
    slow_start: Some(Duration::from_secs(5)),
    balancer: Balancer::LeastRequest,
    reload: false,
};

fn setup(policy: Option<Policy>) -> Setup {
    Setup {
        address: ([127, 0, 0, 1], 1).into(),
        admin: ([127, 0, 0, 1], 2).into(),
        endpoints: vec![([127, 0, 0, 1], 3).into(), ([127, 0, 0, 1], 4).into()],
        downstream: Version::Http1,
        upstream: Version::Http1,
        bytes: false,
        door: Door::Open,
        connections: 64,
        workers: 1,
        front: Wire::Cleartext,
        back: Wire::Cleartext,
        certificates: None,
        policy,
        forbidden: None,
        directory: PathBuf::from("/nowhere"),
    }
}

fn configs(policy: Option<Policy>) -> [String; 4] {
    let setup = setup(policy);
    [
        nginx::config(&setup),
        haproxy::config(&setup),
        envoy::config(&setup),
        outrigger::config(&setup),
    ]
}

#[test]
fn without_a_policy_nothing_is_said_of_failures() {
    for config in configs(None) {
        for word in ["retr", "next_upstream", "max_fails", "outlier", "slow"] {
            assert!(!config.contains(word), "`{word}` in {config}");
        }
    }
}

#[test]
fn what_is_forbidden_is_so_in_all() {
    let with = |forbidden| Setup {
        forbidden,
        ..setup(None)
    };
    let configs = |setup: &Setup| {
        [
            nginx::config(setup),
            haproxy::config(setup),
            envoy::config(setup),
            outrigger::config(setup),
        ]
    };
    for config in configs(&with(Some("/admin"))) {
        assert!(
            config.contains("/admin") && config.contains("403"),
            "{config}"
        );
    }
    for config in configs(&with(None)) {
        assert!(!config.contains("403"), "{config}");
    }
}

#[test]
fn all_have_the_same_timeout_and_attempts() {
    let [nginx, haproxy, envoy, outrigger] = configs(Some(POLICY));
    assert!(nginx.contains("proxy_read_timeout 1500ms;"), "{nginx}");
    assert!(nginx.contains("proxy_next_upstream_tries 3;"), "{nginx}");
    assert!(haproxy.contains("timeout server 1500ms"), "{haproxy}");
    assert!(haproxy.contains("retries 2"), "{haproxy}");
    assert!(envoy.contains(r#""per_try_timeout": "1.5s""#), "{envoy}");
    assert!(envoy.contains(r#""num_retries": 2"#), "{envoy}");
    assert!(outrigger.contains("attempt_timeout: 1500ms"), "{outrigger}");
    assert!(outrigger.contains("attempts: 3"), "{outrigger}");
}

#[test]
fn outrigger_accepts_its_configuration() {
    for retry in [Retry::Connect, Retry::Failures] {
        for balancer in [
            Balancer::Default,
            Balancer::LeastRequest,
            Balancer::RoundRobin,
            Balancer::Random,
        ] {
            let policy = Policy {
                retry,
                balancer,
                ..POLICY
            };
            let config = outrigger::config(&setup(Some(policy)));
            let parsed = outrigger_config::parse("outrigger.yaml", &config);
            assert!(parsed.is_ok(), "{config}\n{:?}", parsed.err());
        }
    }
}

#[test]
fn envoy_reads_its_endpoints_from_a_file_only_where_they_will_change() {
    let reload = Policy {
        reload: true,
        ..POLICY
    };
    let [still, changing] = [POLICY, reload].map(|policy| envoy::config(&setup(Some(policy))));
    assert!(still.contains("lb_endpoints") && !still.contains(envoy::ENDPOINTS));
    assert!(changing.contains(envoy::ENDPOINTS) && !changing.contains("lb_endpoints"));
    let listed = envoy::endpoints(&setup(Some(reload)));
    assert!(listed.contains("lb_endpoints"), "{listed}");
}

#[test]
fn outrigger_accepts_its_ways_of_speaking_tls() {
    let certificates = Rc::new(Certificates::new().unwrap());
    for (front, back, bytes) in [
        (Wire::Tls, Wire::Cleartext, false),
        (Wire::Cleartext, Wire::Mutual, false),
        (Wire::Mutual, Wire::Cleartext, false),
        (Wire::Cleartext, Wire::Cleartext, true),
    ] {
        let setup = Setup {
            front,
            back,
            bytes,
            certificates: Some(Rc::clone(&certificates)),
            ..setup(None)
        };
        let config = outrigger::config(&setup);
        let parsed = outrigger_config::parse("outrigger.yaml", &config);
        assert!(parsed.is_ok(), "{config}\n{:?}", parsed.err());
    }
}

#[test]
fn outrigger_accepts_its_doors() {
    for door in [Door::Limited(7), Door::Introduced, Door::Detecting] {
        let setup = Setup {
            door,
            ..setup(None)
        };
        let config = outrigger::config(&setup);
        let parsed = outrigger_config::parse("outrigger.yaml", &config);
        assert!(parsed.is_ok(), "{config}\n{:?}", parsed.err());
    }
}
