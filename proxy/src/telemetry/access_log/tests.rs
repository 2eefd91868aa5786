//! Whole lines.

use std::time::UNIX_EPOCH;

use proptest::prelude::*;

use super::*;
use crate::telemetry::trail::Step;

fn trail() -> Trail {
    let mut trail = Trail::default();
    let endpoint = |text: &str| text.parse().unwrap();
    trail.record(Step::Cluster("api".into()));
    trail.record(Step::Pick {
        endpoint: endpoint("10.0.0.2:80"),
        estimate: Some(Duration::from_micros(3100)),
        probe: false,
    });
    trail.record(Step::Status(StatusCode::SERVICE_UNAVAILABLE));
    trail.record(Step::Retry);
    trail.record(Step::Pick {
        endpoint: endpoint("10.0.0.3:80"),
        estimate: None,
        probe: false,
    });
    trail.record(Step::Status(StatusCode::OK));
    trail
}

/// All fields.
fn full<'a>(trail: &'a Trail, trace_id: &'a TraceId) -> Entry<'a> {
    Entry {
        time: UNIX_EPOCH + Duration::from_millis(1_763_681_341_042),
        client: "10.0.0.9".parse().unwrap(),
        method: &Method::GET,
        host: b"shop.example.com",
        path: "/v23/cart?id=1",
        tls: Some("1.3"),
        peer: Some("spiffe://example.org/ns/shop/sa/web"),
        protocol: Version::HTTP_11,
        status: StatusCode::OK,
        grpc_status: Some(0),
        error: None,
        bytes_in: 0,
        bytes_out: 5120,
        duration: Duration::from_micros(12_345),
        time_to_head: Some(Duration::from_micros(12_001)),
        listener: "web",
        route: Some("cart"),
        trace_id: Some(trace_id),
        request_id: Some(b"req-1"),
        user_agent: Some(b"curl/8.14 (\"x\")\n"),
        trail,
    }
}

/// A request that met no route.
fn bare(trail: &Trail) -> Entry<'_> {
    Entry {
        time: UNIX_EPOCH,
        client: "::1".parse().unwrap(),
        method: &Method::POST,
        host: b"",
        path: "*",
        tls: None,
        peer: None,
        protocol: Version::HTTP_2,
        status: StatusCode::NOT_FOUND,
        grpc_status: None,
        error: Some("no_route"),
        bytes_in: 7,
        bytes_out: 0,
        duration: Duration::from_micros(90),
        time_to_head: None,
        listener: "web",
        route: None,
        trace_id: None,
        request_id: None,
        user_agent: None,
        trail,
    }
}

fn line(entry: &Entry<'_>, format: LogFormat) -> String {
    let mut line = Vec::new();
    entry.format(format, &mut line);
    String::from_utf8(line).unwrap()
}

fn trace_id() -> TraceId {
    TraceId::parse(b"4bf92f3577b34da6a3ce929d0e0e4736").unwrap()
}

#[test]
fn a_line_of_text() {
    insta::assert_snapshot!(line(&full(&trail(), &trace_id()), LogFormat::Text), @r#"2025-11-20T23:29:01.042Z 10.0.0.9 GET shop.example.com/v23/cart?id=1 HTTP/1.1 200 12.345ms head=12.001ms grpc=0 in=0 out=5120 listener=web route=cart trace=4bf92f3577b34da6a3ce929d0e0e4736 request=req-1 agent="curl/8.14 (\"x\")\n" trail="api pick=10.0.0.2:80(3.1ms) 503 retry pick=10.0.0.3:80 200""#);
    insta::assert_snapshot!(line(&bare(&Trail::default()), LogFormat::Text), @r#"1970-01-01T00:00:00.000Z ::1 POST * HTTP/2 404 0.090ms error=no_route in=7 out=0 listener=web trail="""#);
}

#[test]
fn a_line_of_json() {
    insta::assert_snapshot!(line(&full(&trail(), &trace_id()), LogFormat::Json), @r#"{"time":"2025-11-20T23:29:01.042Z","client":"10.0.0.9","method":"GET","host":"shop.example.com","path":"/v23/cart?id=1","protocol":"HTTP/1.1","status":200,"grpc_status":0,"bytes_in":0,"bytes_out":5120,"duration_ms":12.345,"head_ms":12.001,"attempts":2,"listener":"web","route":"cart","cluster":"api","endpoint":"10.0.0.3:80","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","request_id":"req-1","user_agent":"curl/8.14 (\"x\")\n","trail":"api pick=10.0.0.2:80(3.1ms) 503 retry pick=10.0.0.3:80 200"}"#);
    insta::assert_snapshot!(line(&bare(&Trail::default()), LogFormat::Json), @r#"{"time":"1970-01-01T00:00:00.000Z","client":"::1","method":"POST","host":"","path":"*","protocol":"HTTP/2","status":404,"error":"no_route","bytes_in":7,"bytes_out":0,"duration_ms":0.090,"attempts":0,"listener":"web","trail":""}"#);
}

proptest! {
    #[test]
    fn whatever_peers_send_a_line_is_one_line_and_json_is_json(
        host in proptest::collection::vec(any::<u8>(), 0..40),
        agent in proptest::collection::vec(any::<u8>(), 0..40),
        path in ".{0,40}",
        cluster in ".{0,10}",
    ) {
        let mut trail = Trail::default();
        trail.record(Step::Cluster(cluster.as_str().into()));
        let entry = Entry { host: &host, user_agent: Some(&agent), path: &path, ..bare(&trail) };
        for format in [LogFormat::Text, LogFormat::Json] {
            let line = line(&entry, format);
            prop_assert!(line.ends_with('\n'));
            prop_assert!(!line.trim_end_matches('\n').chars().any(char::is_control));
        }
        let object: serde_json::Value = serde_json::from_str(&line(&entry, LogFormat::Json)).unwrap();
        prop_assert_eq!(object["path"].as_str(), Some(&*path));
        prop_assert_eq!(object["trail"].as_str(), Some(&*cluster));
        prop_assert_eq!(object["host"].as_str(), Some(&*String::from_utf8_lossy(&host)));
    }
}
