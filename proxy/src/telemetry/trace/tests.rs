//! A hop as the next one sees it.

use proptest::prelude::*;

use super::*;

const TRACEPARENT_IN: (&str, &str) = (
    "traceparent",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
);
const B3_IN: (&str, &str) = (
    "b3",
    "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90",
);

/// What goes on to the endpoint, sorted, without `x-request-id`; the proxy's own span is OURS, a trace begun here NEW.
fn hop(came: &[(&'static str, &str)]) -> String {
    let mut headers: HeaderMap = came
        .iter()
        .map(|&(name, value)| (HeaderName::from_static(name), ascii(value.as_bytes())))
        .collect();
    let context = propagate(&mut headers, &mut fastrand::Rng::with_seed(1));
    headers.remove(&X_REQUEST_ID);
    let mut lines: Vec<_> = headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    lines.sort();
    let lines = lines
        .join("\n")
        .replace(&context.span_id.to_string(), "OURS");
    if context.parent_id.is_some() {
        lines
    } else {
        lines.replace(&context.trace_id.to_string(), "NEW")
    }
}

#[test]
fn a_w3c_trace_goes_on_with_our_span_and_its_state() {
    insta::assert_snapshot!(hop(&[TRACEPARENT_IN, ("tracestate", "vendor=a:b")]), @"
    traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-OURS-00
    tracestate: vendor=a:b
    ");
}

#[test]
fn where_nothing_came_a_recorded_trace_begins() {
    insta::assert_snapshot!(hop(&[("accept", "*/*")]), @"
    accept: */*
    traceparent: 00-NEW-OURS-01
    ");
}

#[test]
fn a_trace_that_is_not_valid_begins_anew_and_loses_its_state() {
    insta::assert_snapshot!(hop(&[("traceparent", "00-short-01"), ("tracestate", "vendor=a:b")]), @"traceparent: 00-NEW-OURS-01");
    insta::assert_snapshot!(hop(&[TRACEPARENT_IN, TRACEPARENT_IN]), @"traceparent: 00-NEW-OURS-01");
    insta::assert_snapshot!(hop(&[("tracestate", "vendor=a:b")]), @"traceparent: 00-NEW-OURS-01");
}

#[test]
fn b3_goes_on_in_the_form_in_which_it_came_and_as_w3c() {
    insta::assert_snapshot!(hop(&[B3_IN]), @"
    b3: 80f198ee56343ba864fe8b2a57d3eff7-OURS-1-e457b5a2e4d86bd1
    traceparent: 00-80f198ee56343ba864fe8b2a57d3eff7-OURS-01
    ");
    let multi = [
        ("x-b3-traceid", "80f198ee56343ba864fe8b2a57d3eff7"),
        ("x-b3-parentspanid", "05e3ac9a4f6e3b90"),
        ("x-b3-spanid", "e457b5a2e4d86bd1"),
        ("x-b3-sampled", "1"),
    ];
    insta::assert_snapshot!(hop(&multi), @"
    traceparent: 00-80f198ee56343ba864fe8b2a57d3eff7-OURS-01
    x-b3-parentspanid: e457b5a2e4d86bd1
    x-b3-sampled: 1
    x-b3-spanid: OURS
    x-b3-traceid: 80f198ee56343ba864fe8b2a57d3eff7
    ");
}

#[test]
fn short_ids_of_b3_stay_short_and_undecided_ones_undecided() {
    insta::assert_snapshot!(hop(&[("b3", "64fe8b2a57d3eff7-e457b5a2e4d86bd1")]), @"
    b3: 64fe8b2a57d3eff7-OURS
    traceparent: 00-000000000000000064fe8b2a57d3eff7-OURS-01
    ");
    let multi = [
        ("x-b3-traceid", "64fe8b2a57d3eff7"),
        ("x-b3-spanid", "e457b5a2e4d86bd1"),
    ];
    insta::assert_snapshot!(hop(&multi), @"
    traceparent: 00-000000000000000064fe8b2a57d3eff7-OURS-01
    x-b3-parentspanid: e457b5a2e4d86bd1
    x-b3-spanid: OURS
    x-b3-traceid: 64fe8b2a57d3eff7
    ");
}

#[test]
fn a_b3_decision_without_ids_holds_for_the_trace_that_begins() {
    insta::assert_snapshot!(hop(&[("b3", "0")]), @"
    b3: NEW-OURS-0
    traceparent: 00-NEW-OURS-00
    ");
    insta::assert_snapshot!(hop(&[("x-b3-flags", "1")]), @"
    traceparent: 00-NEW-OURS-01
    x-b3-flags: 1
    x-b3-spanid: OURS
    x-b3-traceid: NEW
    ");
}

#[test]
fn behind_another_proxy_that_wrote_both_b3_keeps_what_only_it_can_say() {
    let padded = "00-000000000000000064fe8b2a57d3eff7-e457b5a2e4d86bd1-01";
    let both = |b3| hop(&[("traceparent", padded), ("b3", b3)]);
    insta::assert_snapshot!(both("64fe8b2a57d3eff7-e457b5a2e4d86bd1"), @"
    b3: 64fe8b2a57d3eff7-OURS
    traceparent: 00-000000000000000064fe8b2a57d3eff7-OURS-01
    ");
    insta::assert_snapshot!(both("64fe8b2a57d3eff7-e457b5a2e4d86bd1-d"), @"
    b3: 64fe8b2a57d3eff7-OURS-d-e457b5a2e4d86bd1
    traceparent: 00-000000000000000064fe8b2a57d3eff7-OURS-01
    ");
}

#[test]
fn valid_w3c_wins_over_b3_which_then_says_the_same() {
    insta::assert_snapshot!(hop(&[TRACEPARENT_IN, B3_IN]), @"
    b3: 4bf92f3577b34da6a3ce929d0e0e4736-OURS-0-00f067aa0ba902b7
    traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-OURS-00
    ");
}

#[test]
fn valid_b3_wins_over_w3c_that_is_not() {
    insta::assert_snapshot!(hop(&[("traceparent", "?"), B3_IN]), @"
    b3: 80f198ee56343ba864fe8b2a57d3eff7-OURS-1-e457b5a2e4d86bd1
    traceparent: 00-80f198ee56343ba864fe8b2a57d3eff7-OURS-01
    ");
}

#[test]
fn a_plain_request_id_is_kept_and_any_other_replaced() {
    let request_id = |came: &[&str]| {
        let mut headers: HeaderMap = came
            .iter()
            .map(|id| (X_REQUEST_ID.clone(), ascii(id.as_bytes())))
            .collect();
        propagate(&mut headers, &mut fastrand::Rng::with_seed(1));
        let goes: Vec<_> = headers
            .get_all(&X_REQUEST_ID)
            .iter()
            .map(|id| id.to_str().unwrap().to_owned())
            .collect();
        goes
    };
    assert_eq!(request_id(&["abc-1"]), ["abc-1"]);
    for came in [&[][..], &[""], &["a b"], &["abc-1", "abc-2"]] {
        let goes = request_id(came);
        assert!(
            goes.len() == 1 && goes[0].len() == 36,
            "{came:?} became {goes:?}"
        );
    }
}

/// Values that are often nearly right.
fn values() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..80),
        "[0-9a-fd]{0,2}-?[0-9a-f]{15,33}-[0-9a-f]{15,17}(-[01d][01]?)?(-[0-9a-f]{16})?"
            .prop_map(String::into_bytes),
    ]
}

proptest! {
    #[test]
    fn no_bytes_break_a_reader(a in values(), b in values(), c in values()) {
        let _ = w3c::parse(&a);
        let _ = b3::parse(&a);
        let _ = b3::Multi { trace_id: Some(&a), span_id: Some(&b), sampled: None, flags: Some(&c) }.parse();
    }

    #[test]
    fn whatever_came_the_next_hop_continues_our_span_in_every_form(
        names in proptest::sample::subsequence(
            vec!["traceparent", "tracestate", "b3", "x-b3-traceid", "x-b3-spanid", "x-b3-sampled", "x-b3-flags"], 0..7),
        came in proptest::collection::vec(values(), 7),
        seed in any::<u64>(),
    ) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut headers: HeaderMap = names
            .into_iter()
            .zip(&came)
            .filter_map(|(name, value)| Some((HeaderName::from_static(name), HeaderValue::from_bytes(value).ok()?)))
            .collect();
        let first = propagate(&mut headers, &mut rng);
        let after_first = headers.clone();
        let came = Came::read(&after_first);
        let forms = [
            came.traceparent.map(w3c::parse),
            came.b3.map(b3::parse),
            came.b3_multi.is_present().then(|| came.b3_multi.parse()),
        ];
        prop_assert!(forms[0].is_some());
        for parent in forms.into_iter().flatten() {
            let Parent { ids: Some(ids), sampling } = parent.unwrap() else { panic!("{headers:?}") };
            let short = b3::trace_id(&ids).len() == 16;
            prop_assert!(ids.trace_id == first.trace_id || short);
            prop_assert_eq!(ids.span_id, first.span_id);
            prop_assert_eq!(sampling.records(), first.sampled);
        }
        let second = propagate(&mut headers, &mut rng);
        prop_assert_eq!(second.trace_id, first.trace_id);
        prop_assert_eq!(second.parent_id, Some(first.span_id));
        prop_assert_eq!(second.sampled, first.sampled);
        prop_assert_eq!(headers.get(&X_REQUEST_ID), after_first.get(&X_REQUEST_ID));
    }
}
