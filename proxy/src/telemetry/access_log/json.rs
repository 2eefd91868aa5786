//! For machines: one flat object. A field that does not apply is absent, not null.

use std::fmt::Display;

use super::{
    Entry,
    escape::{Spaces, escape},
    millis, number, protocol, quoted, timestamp,
};

pub(super) fn write(entry: &Entry<'_>, line: &mut Vec<u8>) {
    line.extend_from_slice(b"{\"time\":\"");
    timestamp::write(line, entry.time);
    line.push(b'"');
    shown(line, "client", entry.client);
    text(line, "method", entry.method.as_str().as_bytes());
    text(line, "host", entry.host);
    text(line, "path", entry.path.as_bytes());
    text(line, "protocol", protocol(entry.protocol).as_bytes());
    if let Some(version) = entry.tls {
        text(line, "tls", version.as_bytes());
    }
    if let Some(peer) = entry.peer {
        text(line, "peer", peer.as_bytes());
    }
    name(line, "status");
    line.extend_from_slice(entry.status.as_str().as_bytes());
    if let Some(status) = entry.grpc_status {
        name(line, "grpc_status");
        number(line, status.into());
    }
    if let Some(reason) = entry.error {
        text(line, "error", reason.as_bytes());
    }
    name(line, "bytes_in");
    number(line, entry.bytes_in);
    name(line, "bytes_out");
    number(line, entry.bytes_out);
    name(line, "duration_ms");
    millis(line, entry.duration);
    if let Some(time) = entry.time_to_head {
        name(line, "head_ms");
        millis(line, time);
    }
    name(line, "attempts");
    number(line, entry.trail.attempts() as u64);
    text(line, "listener", entry.listener.as_bytes());
    if let Some(route) = entry.route {
        text(line, "route", route.as_bytes());
    }
    if let Some(cluster) = entry.trail.cluster() {
        text(line, "cluster", cluster.as_bytes());
    }
    if let Some(endpoint) = entry.trail.endpoint() {
        shown(line, "endpoint", endpoint);
    }
    if let Some(id) = entry.trace_id {
        text(line, "trace_id", id.as_bytes());
    }
    if let Some(id) = entry.request_id {
        text(line, "request_id", id);
    }
    if let Some(agent) = entry.user_agent {
        text(line, "user_agent", agent);
    }
    shown(line, "trail", entry.trail);
    line.push(b'}');
}

pub(super) fn name(line: &mut Vec<u8>, name: &str) {
    line.extend_from_slice(b",\"");
    line.extend_from_slice(name.as_bytes());
    line.extend_from_slice(b"\":");
}

pub(super) fn text(line: &mut Vec<u8>, field: &str, value: &[u8]) {
    name(line, field);
    line.push(b'"');
    escape(line, value, Spaces::Stay);
    line.push(b'"');
}

pub(super) fn shown(line: &mut Vec<u8>, field: &str, value: impl Display) {
    name(line, field);
    quoted(line, value);
}
