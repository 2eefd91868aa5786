//! Tracing headers as callers may send them.

use http::{HeaderMap, HeaderName, HeaderValue};
use outrigger::telemetry::trace::{b3, propagate, w3c};

const NAMES: [&str; 9] = [
    "traceparent",
    "tracestate",
    "b3",
    "x-b3-traceid",
    "x-b3-spanid",
    "x-b3-parentspanid",
    "x-b3-sampled",
    "x-b3-flags",
    "x-request-id",
];

/// Each line is a header: a digit that picks its name, and its value. What is read survives being written, and whatever
/// came, what goes out is a valid trace.
pub fn trace(bytes: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let Some((pick, value)) = line.split_first() else {
            continue;
        };
        round_trip(value);
        if let Ok(value) = HeaderValue::from_bytes(value) {
            let name = NAMES[usize::from(*pick) % NAMES.len()];
            headers.append(HeaderName::from_static(name), value);
        }
    }
    let context = propagate(&mut headers, &mut fastrand::Rng::with_seed(7));
    let parent = headers.get("traceparent").expect("always written");
    let parent = w3c::parse(parent.as_bytes()).expect("what is written can be read");
    let ids = parent.ids.expect("what is written has ids");
    assert_eq!(
        (ids.trace_id, ids.span_id),
        (context.trace_id, context.span_id)
    );
    assert_eq!(headers.get_all("traceparent").iter().count(), 1);
    assert_eq!(headers.get_all("x-request-id").iter().count(), 1);
}

fn round_trip(value: &[u8]) {
    if let Some(parent) = w3c::parse(value)
        && let Some(ids) = parent.ids
    {
        let again =
            w3c::parse(&w3c::encode(&ids, parent.sampling)).expect("what is written can be read");
        assert_eq!(
            again.ids.map(|ids| (ids.trace_id, ids.span_id)),
            Some((ids.trace_id, ids.span_id))
        );
    }
    if let Some(parent) = b3::parse(value)
        && let Some(ids) = parent.ids
    {
        let again = b3::parse(&b3::encode(&ids, parent.sampling, None))
            .expect("what is written can be read");
        assert_eq!(again, parent);
    }
}
