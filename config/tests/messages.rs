//! Golden messages: what a user sees when wrong is designed, and stands in `snapshots/` to be read.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use outrigger_config::{load, parse};

/// A file whose first lines are right, so that a case shows only what it is about.
fn messages(text: &str) -> String {
    let problems = parse("table.yaml", text).expect_err("the file is wrong");
    problems.to_string()
}

fn route(route: &str) -> String {
    messages(&format!(
        "clusters: {{ cart: {{ endpoints: [127.0.0.1:9001] }}, web: {{ endpoints: [127.0.0.1:9002] }} }}\n\
         listeners:\n  - address: 127.0.0.1:8080\n    routes:\n{route}"
    ))
}

fn cluster(cluster: &str) -> String {
    messages(&format!(
        "listeners: [{{ address: 127.0.0.1:8080, routes: [{{ cluster: web }}] }}]\n\
         clusters:\n  web:\n{cluster}"
    ))
}

fn db_listener(listener: &str) -> String {
    messages(&format!(
        "clusters: {{ db: {{ endpoints: [127.0.0.1:5432] }} }}\n\
         listeners:\n  - address: 127.0.0.1:8080\n{listener}"
    ))
}

/// Three listeners, each with these lines.
fn listener(one: &str, two: &str, three: &str) -> String {
    let listeners = [one, two, three].into_iter().zip(8080..);
    let listeners =
        listeners.map(|(lines, port)| format!("  - address: 127.0.0.1:{port}\n{lines}"));
    messages(&format!("listeners:\n{}", listeners.collect::<String>()))
}

macro_rules! golden {
    ($($name:ident: $messages:expr;)+) => {
        $(
            #[test]
            fn $name() {
                insta::with_settings!({ omit_expression => true }, {
                    insta::assert_snapshot!($messages);
                });
            }
        )+
    };
}

golden! {
    many_mistakes_come_out_at_once: messages(include_str!("many_mistakes.yaml"));

    a_misspelt_key_gets_the_nearest: route("      - cluster: cart\n        timeot: 5s\n");
    an_unknown_key_gets_the_known_ones: route("      - cluster: cart\n        backend: cart\n");
    a_missing_key_is_named: messages("listeners:\n  - name: edge\n    routes: []\n");
    a_wrong_type_says_what_was_found: messages("listeners: { address: 127.0.0.1:8080 }\n");
    a_key_without_value_is_not_a_default: route("      - cluster: cart\n        timeout:\n");
    an_unknown_cluster_gets_the_nearest: route("      - clusters: { cartt: 90, web: 10 }\n");
    an_unknown_cluster_far_from_all: route("      - cluster: payments\n");
    a_key_given_twice_shows_both_places: route("      - cluster: cart\n        timeout: 1s\n        cluster: web\n");
    a_header_given_twice_in_other_case: route("      - cluster: cart\n        match: { headers: { x-a: 1, X-A: 2 } }\n");

    bad_addresses: cluster("    endpoints: [localhost:80, 127.0.0.1, '::1:80', 10.0.0.1:99999, 127.0.0.1:0]\n");
    a_listener_by_name: messages("listeners: [{ address: localhost:80, routes: [] }, { address: ':81', routes: [] }]\n");
    bad_durations: messages("listeners: []\ndrain: { delay: 5, timeout: -1s }\naccess_log: {}\n");
    more_bad_durations: cluster("    endpoints: []\n    connect_timeout: 0s\n    pool: { idle_timeout: 5sec, max_age: 99999999999h }\n");
    a_bad_regex_says_why: route("      - cluster: cart\n        match: { path: { regex: '/v(\\d+' } }\n");
    bad_hosts: route("      - cluster: cart\n        match: { hosts: ['foo.*.com', 'shop.example.com:8080', '*', 'http://a.com'] }\n");
    bad_paths: route("      - cluster: cart\n        match: { path: { prefix: v2 } }\n      - cluster: cart\n        match: { path: { exact: '/a?b=c' } }\n      - cluster: cart\n        match: { path: { exact: /a, prefix: /b } }\n      - cluster: cart\n        match: { path: /v2 }\n");
    bad_headers_and_methods: route("      - cluster: cart\n        match: { methods: [get], headers: { ':path': /x, 'a b': c } }\n        filters: [{ request_headers: { set: { host: a, x-a: \"b\\nc\" }, remove: [content-length] } }]\n");
    bad_statuses: route("      - filters: [{ redirect: { status: 200, scheme: https } }]\n        match: { path: { exact: /a } }\n      - filters: [{ respond: { status: 99 } }]\n        match: { path: { exact: /b } }\n      - filters: [{ respond: { status: 204, body: x } }]\n        match: { path: { exact: /c } }\n");

    weights_of_zero: route("      - clusters: { cart: 0, web: 0 }\n");
    two_kinds_of_destination: route("      - cluster: cart\n        clusters: { web: 1 }\n");
    a_host_beside_a_cluster: route("      - cluster: cart\n        cluster_by: host\n      - match: { path: { prefix: /a } }\n        cluster_by: host\n        clusters: { web: 1 }\n");
    a_cluster_by_nothing_known: route("      - cluster_by: hots\n      - match: { path: { prefix: /a } }\n        cluster_by: { header: x-cluster }\n      - match: { path: { prefix: /b } }\n        cluster: host\n");
    a_route_that_goes_nowhere: route("      - match: { path: { prefix: /a } }\n");
    a_filter_after_an_answer: route("      - filters:\n          - respond: { status: 503 }\n          - request_headers: { set: { x-a: b } }\n");
    two_filters_in_one: route("      - cluster: cart\n        filters:\n          - request_headers: { set: { x-a: b } }\n            rewrite: { path: /x }\n");
    a_prefix_rewrite_without_prefix: route("      - cluster: cart\n        filters: [{ rewrite: { prefix: / } }]\n");
    a_redirect_to_itself: route("      - filters: [{ redirect: { status: 301 } }]\n");
    an_attempt_longer_than_the_whole: route("      - cluster: cart\n        timeout: 1s\n        attempt_timeout: 2s\n");
    attempts_count_the_first: route("      - cluster: cart\n        retry: { attempts: 0, on: [5XX, attempt_timeout] }\n");
    bad_retry_conditions: route("      - cluster: cart\n        retry: { on: [5x, 200, '503', Unavailable, invalid_argument, { header: {} }, { header: { x-a: { regx: b } } }, gateway_errors] }\n");
    a_grpc_code_that_could_never_be_retried: route("      - cluster: cart\n        retry: { on: [reset, unavailable] }\n");
    bad_backoffs: route("      - cluster: cart\n        retry: { backoff: { base: 1s }, body_limit: 1GiB, max_retry_after: 5 }\n");
    bad_hedges: route("      - cluster: cart\n        hedge: { after: p100 }\n      - cluster: cart\n        match: { path: { prefix: /a } }\n        hedge: { after: 95% }\n      - cluster: cart\n        match: { path: { prefix: /b } }\n        hedge: {}\n      - cluster: cart\n        match: { path: { prefix: /c } }\n        timeout: 1s\n        hedge: { after: 2s }\n");
    bad_retry_budgets: cluster("    endpoints: []\n    retry_budget: { percent: 20, min_per_second: -1, window: 0s }\n");
    two_routes_with_one_match: route("      - name: a\n        match: { path: { prefix: /v2 }, methods: [GET, POST] }\n        cluster: cart\n      - name: a\n        match: { methods: [POST, GET], path: { prefix: /v2/ } }\n        cluster: web\n");
    what_belongs_to_another_protocol: db_listener("    cluster: db\n    detect: {}\n") + "\n\n" + &db_listener("    protocol: tcp\n    cluster: db\n    idle_timeout: 5m\n    via: true\n    detect: {}\n    limits: { requests: 5 }\n    routes: []\n");
    bad_tcp: db_listener("    protocol: tcp\n") + "\n\n" + &db_listener("    protocol: tcp\n    sni: {}\n") + "\n\n" + &db_listener("    protocol: tls\n") + "\n\n" + &db_listener("    protocol: tcp\n    cluster: db\n    clusters: { db: 1 }\n    sni: { 'a:80': db, '*.b': bd }\n    tcp: { idle_timeout: none, connect_attempts: 0 }\n");
    bad_detection: db_listener("    protocol: detect\n    detect: { timeout: 10s, server_first_ports: [0, mysql] }\n");
    bad_proxy_protocols: db_listener("    proxy_protocol: {}\n") + "\n\n" + &db_listener("    proxy_protocol: { trusted: [] }\n") + "\n\n" + &db_listener("    proxy_protocol: true\n") + "\n\n" + &cluster("    endpoints: []\n    proxy_protocol: 2\n") + "\n\n" + &cluster("    endpoints: []\n    protocol: http2\n    proxy_protocol: v2\n");
    two_listeners_at_one_address: messages("admin: { address: 127.0.0.1:1 }\nlisteners:\n  - { name: a, address: 127.0.0.1:80, routes: [] }\n  - { name: a, address: 127.0.0.1:80, routes: [] }\n  - { address: 127.0.0.1:1, routes: [] }\n");
    an_endpoint_listed_twice: cluster("    endpoints: [127.0.0.1:80, { address: 127.0.0.1:80, weight: 2 }]\n");
    endpoints_and_dns: cluster("    endpoints: [127.0.0.1:80]\n    dns: { name: web.internal, port: 80 }\n");
    a_cluster_without_endpoints: cluster("    protocol: http2\n");
    dns_without_port: cluster("    dns: { name: 'web.internal:80', min_ttl: 2m }\n");
    a_misspelt_balancer: cluster("    endpoints: []\n    balancer: ringhash\n");
    a_hash_without_key: cluster("    endpoints: []\n    balancer: { ring_hash: {} }\n");
    certificates_that_are_none: listener("    tls: { certificates: [] }\n", "    tls: { certificates: [{ cert: a.crt }] }\n", "    tls: {}\n");
    a_key_in_the_file_itself: listener("    tls: { certificates: [{ cert: a.crt, key: \"-----BEGIN PRIVATE KEY-----\\nMIIB\" }] }\n", "", "");
    callers_by_nobody_s_word: listener("    tls: { certificates: [{ cert: a, key: b }], client_certificates: required }\n", "    tls: { certificates: [{ cert: a, key: b }], client_ca: c, min_version: \"1.1\" }\n", "    tls: { certificates: [{ cert: a, key: b }], client_certificates: require, crl: [] }\n");
    a_redirect_beside_what_it_leaves_nothing_to: listener("    redirect_to_https: true\n    routes: []\n", "    redirect_to_https: { port: 8443 }\n    tls: mesh\n", "    tls: mash\n");
    a_mesh_without_identity: listener("    tls: mesh\n", "", "") + &cluster("    endpoints: []\n    tls: { mesh: { identities: ['spiffe://Example.org/a'] } }\n");
    an_authority_for_nothing: messages("acme: { contact: ['mailto:ops@example.com', ops], directory: 'http://acme.example/dir', challenges: [dns-01], ca: [] }\nlisteners: []\n") + "\n\n" + &messages("acme: { terms_agreed: false, challenges: [] }\nlisteners: []\n");
    hosts_that_get_no_certificate: listener("    tls: { acme: [shop.example.com] }\n", "    tls: { acme: ['*.example.com', 192.0.2.1, shop] }\n", "    tls: { acme: [] }\n");
    bad_transparent_listeners: listener("    transparent: redirect\n", "    transparent: { inbound: { to: loopback, unknown: allow } }\n    redirect_to_https: true\n", "    transparent: { outbound: { by: nat, unknown: deny } }\n    tls: { mesh: lenient }\n") + "\n\n" + &listener("    transparent: { inbound: { by: tproxy, ports: [80], to: loopback, source: caller } }\n", "", "") + "\n\n" + &listener("    transparent: { inbound: { ports: [], to: localhost, source: caller } }\n", "    transparent: { outbound: {} }\n    tls: mesh\n", "    transparent: { inbound: { ports: [0] }, outbound: {} }\n");
    an_address_of_two_clusters: messages("listeners: []\nclusters:\n  a: { endpoints: [], addresses: ['10.96.0.1:80', 10.96.0.2] }\n  b: { endpoints: [], addresses: ['10.96.0.1:80'] }\n");
    tls_to_endpoints: cluster("    endpoints: []\n    tls: { server_name: 'https://a', cert: a.crt, ca: a, insecure_skip_verify_i_know_what_this_means: true, verify: false }\n");
    limits_that_make_no_sense: cluster("    endpoints: []\n    limits: { pending: 10, requests: 0, retry: 3, adaptive: { min: 100, max: 10 } }\n");
    an_adaptive_limit_that_is_just_on: cluster("    endpoints: []\n    limits: { adaptive: true }\n");
    limits_of_a_listener: messages("listeners: [{ address: 127.0.0.1:80, limits: { pending: 3 }, routes: [] }]\n");
    bounds_of_overload: messages("listeners: []\noverload: { memory: 512MB, queueing_delay: 250 }\n");
    shares_of_overload: messages("listeners: []\noverload: { memory: 0%, queueing_delay: 0s }\n");
    bad_outlier_detection: cluster("    endpoints: []\n    outlier_detection: { consecutive_errors: 0, success_rate: false, failure_percent: { threshold: 85 }, latency: { factor: 1 }, base_ejection_time: 2m, max_ejection_percent: 0.5 }\n");
    a_misspelt_off: cluster("    endpoints: []\n    outlier_detection: of\n");
    a_health_check_of_two_kinds: cluster("    endpoints: []\n    health_check: { tcp: {}, grpc: {}, tcpp: {} }\n");
    bad_health_checks: cluster("    endpoints: []\n    health_check: { http: { path: health, host: 'http://a', method: HEAD, statuses: [200, 299-200, 2xx, 600], body: ok }, jitter: 10, rise: 0 }\n");
    a_health_check_that_nothing_passes: cluster("    endpoints: []\n    health_check: { http: { statuses: [] }, tcp: yes }\n");
    a_breaker_that_falls_back_on_itself: cluster("    endpoints: []\n    circuit_breaker: { fallback: { cluster: web } }\n");
    a_breaker_that_falls_back_on_nobody: cluster("    endpoints: []\n    circuit_breaker: { fallback: { cluster: wbe } }\n");
    bad_breakers: cluster("    endpoints: []\n    circuit_breaker: { failure_percent: 0%, slow_call: { percent: 101% }, open_time: 2m, probes: 0, min_requests: 0, fallback: { respond: { status: 99 } } }\n");

    bad_rate_limits: messages("clusters: { cart: { endpoints: [127.0.0.1:9001] } }\nlisteners:\n  - address: 127.0.0.1:8080\n    rate_limit: { requests: 100, key: sourceaddress }\n    routes:\n      - cluster: cart\n        filters: [{ rate_limit: { requests: 0, per: 1, burst: 0, key: { cookie: a } } }]\n");
    an_authorization_that_says_nothing: listener("    authorization: {}\n", "    authorization: { allow: [] }\n", "    tls: mesh\n    authorization: { allow: [{ identities: [], methods: [GET] }] }\n");
    identities_that_nobody_can_have: listener("    tls: { certificates: [{ cert: a, key: b }] }\n    routes: [{ cluster_by: host, authorization: { deny: [{ identities: ['spiffe://a/b'] }] } }]\n", "    protocol: tcp\n    authorization: { allow: [{ networks: [10.0.0.0/8], methods: [GET] }] }\n", "    tls: mesh\n    authorization: { deny: [{ identities: [cart, 'spiffe://a/ns/sh*', 'spiffe://*/a'], networks: [10.0.0.0/33], methods: [get], paths: [/a] }] }\n");
    an_admin_server_for_nobody: messages("admin: { address: 0.0.0.0:4191, allow_identities: ['*'], token: abc }\nlisteners: []\n") + "\n\n" + &messages("admin: { tls: { cert: a, key: b, client_ca: c }, allow_hosts: ['a:80'] }\nlisteners: []\n");
    bad_faults: route("      - cluster: cart\n        filters:\n          - fault: { headers: { x-chaos: 1 } }\n          - fault: { delay: { percent: 10 }, abort: { percent: 200% } }\n          - fault: { abort: { status: 200, grpc_status: unavailible } }\n          - fault: { abort: { grpc_status: ok, reset: true } }\n          - fault: { abort: { reset: false } }\n");
    zones_priorities_and_panic: cluster("    endpoints: [{ address: 127.0.0.1:80, zone: '', priority: -1 }]\n    zones: prefer-local\n    panic_threshold: 0.5\n");

    bad_idle_timeouts: route("      - cluster: cart\n        idle_timeout: 0s\n      - match: { methods: [GET] }\n        cluster: cart\n        idle_timeout: never\n");

    an_empty_file: messages("# nothing but words\n");
    two_documents: messages("listeners: []\n---\nlisteners: []\n");
    a_tab: messages("listeners:\n\t- address: 127.0.0.1:80\n");
    broken_syntax: messages("listeners:\n  - address: \"127.0.0.1:80\n    routes: []\n");
    a_merge_key: messages("x: &x { a: b }\nlisteners:\n  - <<: *x\n    address: 127.0.0.1:80\n    routes: []\n");
    an_alias_bomb: messages("a: &a [x, x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]\nd: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]\ne: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]\nf: [*e, *e, *e]\n");
    a_tag: messages("listeners: !include routes.yaml\n");
    a_file_that_steers_a_terminal: messages("listeners: \"\\e[31mred\\r\\n\"\n");
}

#[test]
fn a_file_that_is_not_there_is_a_problem_like_others() {
    let problems = load("no/such/file.yaml").expect_err("it is not there");
    insta::assert_snapshot!(problems);
}

#[test]
fn text_in_another_encoding_is_a_problem_like_others() {
    let path = std::env::temp_dir().join(format!("outrigger-latin1-{}.yaml", std::process::id()));
    std::fs::write(&path, b"listeners: []\n# caf\xe9\n").unwrap();
    let problems = load(&path).expect_err("it is Latin-1");
    std::fs::remove_file(&path).unwrap();
    let problem = problems.iter().next().unwrap();
    assert_eq!((problem.line(), problem.column()), (2, 6));
    assert_eq!(problem.message(), "the file is not UTF-8");
}

#[test]
fn a_problem_can_be_had_as_json() {
    let problems = parse(
        "table.yaml",
        "listeners: []\nadmin: { adress: 127.0.0.1:1 }\n",
    );
    let problems = problems.expect_err("a misspelt key");
    let json: Vec<_> = problems
        .iter()
        .map(|p| serde_json::to_value(p).unwrap())
        .collect();
    assert_eq!(
        serde_json::Value::from(json),
        serde_json::json!([{
            "path": "admin",
            "line": 2,
            "column": 10,
            "message": "unknown key `adress`",
            "cause": null,
            "hint": "did you mean `address`?",
        }])
    );
}
