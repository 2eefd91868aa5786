//! `health_check`.

use std::fmt::Write as _;

use outrigger_config::model::{HealthCheck, HttpProbe, Probe, Protocol};
use serde_json::{Value, json};

use crate::{
    Refused,
    pb::envoy::{
        config::core::v3::{
            self as wire, HeaderValueOption, RequestMethod,
            health_check::{
                GrpcHealthCheck, HealthChecker, HttpHealthCheck, Payload, TcpHealthCheck, payload,
            },
        },
        r#type::v3::{CodecClientType, Int64Range},
    },
    pb::google::protobuf::UInt64Value,
    refused::Within,
    remainder::Keys,
    routes::edits,
    scalar::{number, percent, time, written_time},
};

/// Bytes of an answer in which a text is looked for, as here.
const BODY: u64 = 64 * 1024;

pub(super) fn to_wire(check: &HealthCheck, protocol: Protocol) -> wire::HealthCheck {
    let checker = match &check.probe {
        Probe::Http(probe) => HealthChecker::HttpHealthCheck(http(probe, protocol)),
        Probe::Tcp => HealthChecker::TcpHealthCheck(TcpHealthCheck::default()),
        // Envoy refuses a cluster that it may ask over HTTP/2 but not speak to.
        Probe::Grpc { .. } if protocol == Protocol::Http1 => {
            HealthChecker::TcpHealthCheck(TcpHealthCheck::default())
        }
        Probe::Grpc { service } => HealthChecker::GrpcHealthCheck(GrpcHealthCheck {
            service_name: service.clone(),
            ..GrpcHealthCheck::default()
        }),
    };
    wire::HealthCheck {
        timeout: time(check.timeout),
        interval: time(check.interval),
        // Until somebody sends requests Envoy would look once a minute only.
        no_traffic_interval: time(check.interval),
        unhealthy_interval: time(check.failing_interval),
        unhealthy_edge_interval: time(check.failing_interval),
        interval_jitter_percent: percent(check.jitter).value.round() as u32,
        unhealthy_threshold: number(check.fall),
        healthy_threshold: number(check.rise),
        // For whoever reads it; Envoy takes the port from each endpoint.
        alt_port: check.port.and_then(|port| number(port.into())),
        health_checker: Some(checker),
        ..wire::HealthCheck::default()
    }
}

fn http(probe: &HttpProbe, protocol: Protocol) -> HttpHealthCheck {
    let add = |(name, value): &(_, _)| -> HeaderValueOption { edits::set(name, value) };
    let range = |range: &outrigger_config::model::StatusRange| Int64Range {
        start: range.first.into(),
        // Not included.
        end: i64::from(range.last) + 1,
    };
    let codec = match protocol {
        Protocol::Http2 => CodecClientType::Http2,
        Protocol::Auto | Protocol::Http1 => CodecClientType::Http1,
    };
    let method = RequestMethod::from_str_name(probe.method.as_str());
    HttpHealthCheck {
        host: probe
            .host
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        path: probe.path.clone(),
        receive: probe.body.iter().map(|body| payload_of(body)).collect(),
        response_buffer_size: probe.body.as_ref().map(|_| UInt64Value { value: BODY }),
        request_headers_to_add: probe.headers.iter().map(add).collect(),
        expected_statuses: probe.statuses.iter().map(range).collect(),
        codec_client_type: codec.into(),
        method: method.unwrap_or(RequestMethod::Get).into(),
        ..HttpHealthCheck::default()
    }
}

/// In hexadecimal digits.
fn payload_of(text: &str) -> Payload {
    let mut digits = String::new();
    for byte in text.bytes() {
        // Writing to a String does not fail.
        _ = write!(digits, "{byte:02x}");
    }
    Payload {
        payload: Some(payload::Payload::Text(digits)),
    }
}

/// In the words of the file.
pub(super) fn from_wire(check: &wire::HealthCheck) -> Result<Value, Refused> {
    let (kind, probe) = match &check.health_checker {
        Some(HealthChecker::HttpHealthCheck(http)) => {
            ("http", from_http(http).within("http_health_check")?)
        }
        Some(HealthChecker::TcpHealthCheck(tcp)) => {
            if tcp.send.is_some() || !tcp.receive.is_empty() {
                let reason = "a connection is all that is checked here";
                return Err(Refused::new(reason)).within("tcp_health_check");
            }
            ("tcp", json!({}))
        }
        Some(HealthChecker::GrpcHealthCheck(grpc)) => {
            ("grpc", json!({"service": grpc.service_name}))
        }
        Some(HealthChecker::CustomHealthCheck(custom)) => {
            let reason = format!("`{}` is not supported", custom.name);
            return Err(Refused::new(reason)).within("custom_health_check");
        }
        None => return Err(Refused::new("no check is given")),
    };
    let mut keys = Keys::new();
    keys.insert(kind.to_owned(), probe);
    for (key, field, time) in [
        ("timeout", "timeout", &check.timeout),
        ("interval", "interval", &check.interval),
        (
            "failing_interval",
            "unhealthy_interval",
            &check.unhealthy_interval,
        ),
    ] {
        if let Some(time) = time {
            keys.insert(key.to_owned(), written_time(time).within(field)?.into());
        }
    }
    for (key, count) in [
        ("rise", check.healthy_threshold),
        ("fall", check.unhealthy_threshold),
        ("port", check.alt_port),
    ] {
        if let Some(count) = count {
            keys.insert(key.to_owned(), count.value.into());
        }
    }
    let jitter = check.interval_jitter_percent;
    keys.insert("jitter".to_owned(), json!(format!("{jitter}%")));
    Ok(keys.into())
}

fn from_http(http: &HttpHealthCheck) -> Result<Value, Refused> {
    let mut keys = Keys::new();
    if http.send.is_some() {
        return Err(Refused::new("checks have no body")).within("send");
    }
    if http.service_name_matcher.is_some() {
        return Err(Refused::new("not supported")).within("service_name_matcher");
    }
    keys.insert("path".to_owned(), json!(http.path));
    if !http.host.is_empty() {
        keys.insert("host".to_owned(), json!(http.host));
    }
    match RequestMethod::try_from(http.method) {
        Ok(RequestMethod::MethodUnspecified) => {}
        Ok(method) => _ = keys.insert("method".to_owned(), json!(method.as_str_name())),
        Err(_) => return Err(Refused::new("unknown")).within("method"),
    }
    let mut headers = Keys::new();
    for option in &http.request_headers_to_add {
        let (name, value, _) = edits::edit(option).within("request_headers_to_add")?;
        headers.insert(name, value);
    }
    keys.insert("headers".to_owned(), headers.into());
    // Where none is given only 200 passes.
    let statuses: Vec<Value> = match &http.expected_statuses[..] {
        [] => vec![json!("200")],
        ranges => ranges
            .iter()
            .map(|range| match range.end.saturating_sub(1) {
                last if last == range.start => json!(last.to_string()),
                last => json!(format!("{}-{last}", range.start)),
            })
            .collect(),
    };
    keys.insert("statuses".to_owned(), statuses.into());
    match &http.receive[..] {
        [] => {}
        [one] => {
            let text = text_of(one).ok_or_else(|| Refused::new("only text is supported"));
            keys.insert("body".to_owned(), json!(text.within("receive[0]")?));
        }
        _ => return Err(Refused::new("only one text is possible")).within("receive"),
    }
    Ok(keys.into())
}

fn text_of(payload: &Payload) -> Option<String> {
    let bytes = match payload.payload.as_ref()? {
        payload::Payload::Binary(bytes) => bytes.clone(),
        payload::Payload::Text(digits) => {
            let digits: Vec<char> = digits.chars().collect();
            let byte = |pair: &[char]| match *pair {
                [high, low] => u8::try_from(high.to_digit(16)? * 16 + low.to_digit(16)?).ok(),
                _ => None,
            };
            digits.chunks(2).map(byte).collect::<Option<_>>()?
        }
    };
    String::from_utf8(bytes).ok()
}
