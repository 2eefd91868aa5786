//! What a person reads, and that it is what the router does.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, StatusCode};
use insta::assert_snapshot;
use outrigger_config::model::{
    Admin, ClusterRef, Destination, Drain, Filter, HeaderEdits, HostMatch, ListenerLimits, Match,
    MemoryBound, Overload, PathMatch, PathRewrite, Redirect, Respond, Rewrite, Route, Scheme,
    Speaks, ValueMatch, WeightedCluster,
};
use proptest::prelude::*;

use super::*;
use crate::route::tests::{request, route, routes};

fn config(routes: Vec<Route>) -> Config {
    Config {
        admin: Admin::at(([127, 0, 0, 1], 4191).into()),
        access_log: None,
        zone: None,
        identity: None,
        acme: None,
        drain: Drain {
            delay: Duration::ZERO,
            timeout: Duration::ZERO,
        },
        overload: Overload {
            memory: MemoryBound::Off,
            queueing_delay: None,
        },
        listeners: vec![Listener {
            transparent: None,
            authorization: None,
            name: "edge".into(),
            address: ([0, 0, 0, 0], 8080).into(),
            tls: None,
            forward_client_cert: false,
            speaks: Speaks::Http,
            proxy_protocol: None,
            trusted_proxies: Vec::new(),
            via: false,
            connect: false,
            trail: false,
            header_timeout: Duration::ZERO,
            idle_timeout: Duration::ZERO,
            max_header_bytes: 0,
            max_streams: 0,
            rate_limit: None,
            limits: ListenerLimits::default(),
            routes,
        }],
        clusters: Vec::new(),
    }
}

fn version(version: &str) -> (HeaderName, ValueMatch) {
    let wanted = ValueMatch::Exact(version.to_owned());
    (HeaderName::from_static("x-version"), wanted)
}

fn to(clusters: &[(&str, u32)], mut route: Route) -> Route {
    let cluster = |(index, &(name, weight)): (usize, &(&str, u32))| WeightedCluster {
        cluster: ClusterRef {
            name: name.into(),
            index,
        },
        weight,
    };
    route.destination = Destination::Clusters(clusters.iter().enumerate().map(cluster).collect());
    route
}

fn shop() -> Config {
    let on_shop = |path: &str| Match {
        hosts: vec![HostMatch::Exact("shop.example.com".to_owned())],
        path: PathMatch::Prefix(path.to_owned()),
        ..Match::default()
    };
    let mut v23 = on_shop("/v23");
    v23.headers = vec![version("23")];
    let mut write = on_shop("/v23");
    write.methods = vec![Method::POST, Method::PUT];
    let mut old = route("old", on_shop("/v22"));
    old.filters = vec![Filter::Redirect(Redirect {
        status: StatusCode::MOVED_PERMANENTLY,
        scheme: Some(Scheme::Https),
        host: None,
        port: None,
        path: Some(PathRewrite::Prefix("/v23".to_owned())),
    })];
    let mut closed = route("closed", on_shop("/admin"));
    closed.filters = vec![Filter::Respond(Respond {
        status: StatusCode::FORBIDDEN,
        body: "no".to_owned(),
        content_type: HeaderValue::from_static("text/plain"),
    })];
    let mut any_version = to(
        &[("api", 9), ("api-canary", 1), ("api-next", 2)],
        route("v23", on_shop("/v23")),
    );
    any_version.filters = vec![
        Filter::RequestHeaders(HeaderEdits {
            set: vec![(
                HeaderName::from_static("x-a"),
                HeaderValue::from_static("b"),
            )],
            add: Vec::new(),
            remove: vec![HeaderName::from_static("x-c")],
        }),
        Filter::Rewrite(Rewrite {
            host: None,
            path: Some(PathRewrite::Prefix("/".to_owned())),
        }),
    ];
    config(vec![
        to(&[("api", 1)], route("v23-strict", v23)),
        to(&[("api", 1)], route("v23-write", write)),
        any_version,
        old,
        closed,
        to(&[("web", 1)], route("web", Match::default())),
    ])
}

fn ask(method: &str, url: &str, headers: &[&str]) -> String {
    let headers: Vec<String> = headers.iter().map(ToString::to_string).collect();
    let question = Question::new(method, url, &headers).unwrap();
    explain(&shop(), &question).to_string()
}

#[test]
fn it_says_what_takes_the_request_what_is_done_to_it_and_what_the_others_lack() {
    assert_snapshot!(ask("GET", "shop.example.com/v23/items?page=2", &["x-version: 24"]), @r"
    GET shop.example.com/v23/items?page=2
    listener `edge` on 0.0.0.0:8080
      route `v23` takes it: host is `shop.example.com`, path is under `/v23`
        request headers: remove `x-c`, set `x-a: b`
        rewrite: the endpoint sees `shop.example.com/items?page=2`
        clusters: `api` 75 %, `api-canary` 8.3 %, `api-next` 16.7 %
      would come first, but
        `v23-strict`: host and path match, but header `x-version` is `24`, not `23`
        `v23-write`: host and path match, but method is not POST or PUT
        `closed`: host matches, but path is not under `/admin`
      match too, but come later
        `web`: its host is less specific
    ");
}

#[test]
fn it_says_where_a_request_is_redirected() {
    assert_snapshot!(ask("GET", "http://shop.example.com/v22/items", &[]), @r"
    GET shop.example.com/v22/items
    listener `edge` on 0.0.0.0:8080
      route `old` takes it: host is `shop.example.com`, path is under `/v22`
        redirect: 301 to `https://shop.example.com/v23/items`
      would come first, but
        `closed`: host matches, but path is not under `/admin`
        `v23-write`: host matches, but path is not under `/v23`
        `v23-strict`: host matches, but path is not under `/v23`
        `v23`: host matches, but path is not under `/v23`
      match too, but come later
        `web`: its host is less specific
    ");
}

#[test]
fn it_says_what_the_proxy_itself_answers() {
    assert_snapshot!(ask("GET", "http://shop.example.com/v23/../admin", &[]), @r"
    GET shop.example.com/admin
    listener `edge` on 0.0.0.0:8080
      route `closed` takes it: host is `shop.example.com`, path is under `/admin`
        respond: 403 with 2 bytes
      match too, but come later
        `web`: its host is less specific
    ");
}

#[test]
fn it_says_which_cluster_the_host_names() {
    let text = "listeners: [{ name: out, address: 127.0.0.1:4140 }]\n\
                clusters: { billing: { endpoints: [] }, 'mail:25': { endpoints: [] } }";
    let config = outrigger_config::parse("table", text).unwrap();
    let ask = |url| {
        let question = Question::new("GET", url, &[]).unwrap();
        let explanation = explain(&config, &question).to_string();
        explanation.lines().last().unwrap().trim().to_owned()
    };
    assert_eq!(ask("http://Billing:8080/"), "cluster by host: `billing`");
    assert_eq!(ask("http://mail:25/"), "cluster by host: `mail:25`");
    assert_eq!(
        ask("http://mail:26/"),
        "cluster by host: answered with 404, since none is named `mail:26` or `mail`"
    );
}

#[test]
fn it_says_why_a_request_is_refused() {
    assert_snapshot!(ask("GET", "http://shop.example.com/..%2fadmin", &[]), @r"
    GET shop.example.com/..%2fadmin
    refused with 400: the path hides a dot segment
    ");
}

#[test]
fn it_names_the_closest_routes_when_none_takes_the_request() {
    let mut config = shop();
    config.listeners[0].routes.pop();
    let question = Question::new("GET", "http://127.0.0.1:8080/v23", &[]).unwrap();
    assert_snapshot!(explain(&config, &question), @r"
    GET 127.0.0.1/v23
    listener `edge` on 0.0.0.0:8080
      no route takes it: answered with 404
      closest
        `closed`: host is not `shop.example.com`
        `v23-write`: host is not `shop.example.com`
        `v23-strict`: host is not `shop.example.com`
        `v23`: host is not `shop.example.com`
        `old`: host is not `shop.example.com`
    ");
}

#[test]
fn the_port_of_the_url_chooses_the_listener() {
    let mut config = shop();
    let mut other = config.listeners[0].clone();
    other.name = "other".into();
    other.address.set_port(81);
    other.routes[5].name = "other-web".into();
    config.listeners.push(other);
    let route = |url| {
        let question = Question::new("GET", url, &[]).unwrap();
        explain(&config, &question).route().map(str::to_owned)
    };
    assert_eq!(route("http://a:81/").as_deref(), Some("other-web"));
    assert_eq!(route("http://a:8080/").as_deref(), Some("web"));
    assert_eq!(route("http://a/").as_deref(), Some("web"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_explanation_agrees_with_the_router(routes in routes(), head in request()) {
        let config = config(routes);
        let routes = &config.listeners[0].routes;
        let verdict = Verdict::new(&config.listeners[0], &head);
        let rules = &verdict.rules;

        prop_assert_eq!(verdict.winner, Router::new(routes).find(&head));
        let taking = (0..routes.len()).filter(|&route| rules[route].check(&head).is_ok());
        let best = taking.max_by_key(|&route| rules[route].rank(route, &head));
        prop_assert_eq!(verdict.winner, best);
    }
}

#[test]
fn who_may_ask_is_said_with_what_is_asked_of_the_route() {
    let table = "
identity: { cert: a, key: b, ca: c }
listeners:
  - name: in
    address: 127.0.0.1:1
    tls: mesh
    authorization:
      allow: [{ identities: ['spiffe://a/shop/*', 'spiffe://a/ops'] }, { methods: [PUT] }]
      deny: [{ networks: [10.0.0.0/8], paths: [{ prefix: /admin }] }]
    routes:
      - { name: all, cluster: web, authorization: { allow: [{ methods: [PUT] }], dry_run: true } }
clusters: { web: { endpoints: [] } }
";
    let config = outrigger_config::parse("table.yaml", table).unwrap();
    let question = Question::new("GET", "http://a/admin/x", &[]).unwrap();
    assert_snapshot!(explain(&config, &question), @r"
    GET a/admin/x
    listener `in` on 127.0.0.1:1
      authorization: allowed to `spiffe://a/shop/*` or `spiffe://a/ops`; denied to whoever is in 10.0.0.0/8
      route `all` takes it: it takes everything
        authorization (dry run): allowed to nobody
        clusters: `web` 100 %
    ");
}
