//! The fuzz targets over their corpora and blind mutations of these, on any toolchain.

use std::path::PathBuf;

use outrigger_tests::fuzz;

fn corpus(target: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "fuzz/corpus", target]
        .iter()
        .collect()
}

#[test]
fn a_garbled_table_is_refused_with_a_message_or_survives_writing() {
    fuzz::mutations(&corpus("config"), 1500, fuzz::config);
}

#[test]
fn garbled_tables_of_a_control_plane_are_refused_with_messages_or_compared() {
    fuzz::mutations(&corpus("document"), 1500, fuzz::document);
}

#[test]
fn any_request_head_finds_a_route_or_is_refused() {
    fuzz::mutations(&corpus("route"), 5000, fuzz::route);
}

#[test]
fn any_deadline_is_read_or_let_be() {
    fuzz::mutations(&corpus("timeout"), 50_000, fuzz::timeout);
}

#[test]
fn any_tracing_headers_become_a_valid_trace() {
    fuzz::mutations(&corpus("trace"), 20_000, fuzz::trace);
}

#[test]
fn any_answer_of_a_health_service_is_read_or_refused() {
    fuzz::mutations(&corpus("grpc_health"), 20_000, fuzz::grpc_health);
}

#[test]
fn any_retry_after_is_a_wait_or_nothing() {
    fuzz::mutations(&corpus("retry_after"), 20_000, fuzz::retry_after);
}

#[test]
fn any_resource_is_refused_with_a_text_or_survives_the_wire() {
    fuzz::mutations(&corpus("xds"), 3000, fuzz::xds);
}

#[test]
fn any_first_bytes_are_told_apart_and_the_name_is_the_one_that_rustls_finds() {
    fuzz::mutations(&corpus("client_hello"), 3000, fuzz::client_hello);
}

#[test]
fn any_bytes_to_http2_come_to_an_end_and_make_no_message_that_is_none() {
    fuzz::mutations(&corpus("http2"), 10_000, fuzz::http2);
}

#[test]
fn any_header_of_the_proxy_protocol_is_read_or_refused() {
    fuzz::mutations(&corpus("proxy_protocol"), 20_000, fuzz::proxy_protocol);
}

#[test]
fn any_request_is_passed_on_as_one_message_or_refused() {
    fuzz::mutations(&corpus("http1"), 20_000, fuzz::http1);
}

#[test]
fn what_reaches_an_endpoint_was_asked_and_what_comes_back_was_answered() {
    fuzz::mutations(&corpus("http1_session"), 1000, fuzz::http1_session);
}

#[test]
fn frames_of_a_caller_become_clean_requests_and_every_stream_keeps_its_place() {
    fuzz::mutations(&corpus("http2_session"), 500, fuzz::http2_session);
}

#[test]
fn frames_of_an_endpoint_become_one_response_a_request() {
    fuzz::mutations(&corpus("http2_endpoint"), 500, fuzz::http2_endpoint);
}

#[test]
fn bytes_are_carried_as_they_are_and_no_request_among_them() {
    fuzz::mutations(&corpus("connection"), 1000, fuzz::connection);
}

#[test]
fn whatever_is_said_of_who_asked_a_stranger_is_who_it_is() {
    fuzz::mutations(&corpus("forwarded"), 20_000, fuzz::forwarded);
}

#[test]
fn any_answer_of_a_name_server_comes_to_endpoints_of_it() {
    fuzz::mutations(&corpus("dns"), 10_000, fuzz::dns);
}

#[test]
fn no_name_in_a_certificate_becomes_another_word_in_the_header_that_tells_of_it() {
    fuzz::mutations(&corpus("certificate"), 5000, fuzz::certificate);
}
