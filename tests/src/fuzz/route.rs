//! Hosts, paths, queries and headers as clients may send them.

use std::sync::LazyLock;

use http::{HeaderName, HeaderValue, Method, Request, Uri, header::HOST, request::Parts};
use outrigger::route::{
    Router,
    explain::{Question, explain},
    normal,
};
use outrigger_config::Config;

/// Every kind of condition, overlapping.
const TABLE: &str = r#"
listeners:
  - address: 127.0.0.1:1
    routes:
      - { match: { hosts: ["shop.example.com"], path: { exact: /a/b } }, cluster: web }
      - { match: { hosts: ["*.example.com"], path: { prefix: /v23 } }, cluster: web }
      - { match: { hosts: ["*.com"], path: { regex: "/(x|y)+/[0-9]{1,3}" } }, cluster: web }
      - { match: { path: { prefix: /v23 }, methods: [GET, POST] }, cluster: web }
      - { match: { headers: { x-version: "23", accept: { regex: ".*json.*" } } }, cluster: web }
      - { match: { query: { version: "23", q: { regex: "a+b?" } } }, cluster: web }
      - { cluster: web }
clusters:
  web: { endpoints: [] }
"#;

static CONFIG: LazyLock<Config> =
    LazyLock::new(|| match outrigger_config::parse("table.yaml", TABLE) {
        Ok(config) => config,
        Err(problems) => panic!("{problems}"),
    });
static ROUTER: LazyLock<Router> = LazyLock::new(|| Router::new(&CONFIG.listeners[0].routes));

/// The first line is method and target, the others are headers. A head that HTTP allows is refused, or has a normal path
/// that is normal, and finds a route, the last one at least; explaining it finds the same.
pub fn route(bytes: &[u8]) {
    let Some(mut head) = parse(bytes) else { return };
    let target = head.uri.clone();
    match normal::path(&target) {
        Err(_) => return,
        Ok(Some(changed)) => head.uri = changed,
        Ok(None) => {}
    }
    assert!(
        matches!(normal::path(&head.uri), Ok(None)),
        "{target} became {}",
        head.uri
    );
    assert_eq!(target.query(), head.uri.query());
    let mut segments = head.uri.path().split('/');
    assert!(
        !segments.any(|segment| segment == "." || segment == ".."),
        "{}",
        head.uri
    );

    let found = ROUTER.find(&head).expect("the last route takes everything");
    let question = Question { head, port: None };
    let explanation = explain(&CONFIG, &question);
    assert_eq!(
        explanation.route(),
        Some(&*CONFIG.listeners[0].routes[found].name)
    );
    assert!(!explanation.to_string().is_empty());
}

fn parse(bytes: &[u8]) -> Option<Parts> {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let (method, target) = split(lines.next()?, b' ')?;
    let (mut head, ()) = Request::new(()).into_parts();
    head.method = Method::from_bytes(method).ok()?;
    head.uri = Uri::try_from(target).ok()?;
    for line in lines {
        let (name, value) = split(line, b':')?;
        let name = HeaderName::from_bytes(name).ok()?;
        // A second Host is refused before anything is routed.
        if name != HOST || !head.headers.contains_key(HOST) {
            head.headers
                .append(name, HeaderValue::from_bytes(value).ok()?);
        }
    }
    Some(head)
}

fn split(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let place = bytes.iter().position(|byte| *byte == at)?;
    Some((&bytes[..place], &bytes[place + 1..]))
}
