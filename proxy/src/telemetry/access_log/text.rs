//! For people: what they look for first stands first, the rest is named.
//!
//! `2026-11-20T23:29:01.123Z 10.0.0.9 GET shop.example.com/cart HTTP/1.1 200 12.345ms in=0 out=512 ...`

use std::io::Write;

use super::{
    Entry,
    escape::{Spaces, escape},
    millis, number, protocol, quoted, timestamp,
};

pub(super) fn write(entry: &Entry<'_>, line: &mut Vec<u8>) {
    timestamp::write(line, entry.time);
    // A `Vec` takes all that is written to it.
    let _ = write!(line, " {} ", entry.client);
    escape(line, entry.method.as_str().as_bytes(), Spaces::Escaped);
    line.push(b' ');
    escape(line, entry.host, Spaces::Escaped);
    escape(line, entry.path.as_bytes(), Spaces::Escaped);
    line.push(b' ');
    line.extend_from_slice(protocol(entry.protocol).as_bytes());
    line.push(b' ');
    line.extend_from_slice(entry.status.as_str().as_bytes());
    line.push(b' ');
    millis(line, entry.duration);
    line.extend_from_slice(b"ms");
    if let Some(time) = entry.time_to_head {
        name(line, "head");
        millis(line, time);
        line.extend_from_slice(b"ms");
    }
    if let Some(status) = entry.grpc_status {
        name(line, "grpc");
        number(line, status.into());
    }
    if let Some(reason) = entry.error {
        name(line, "error");
        line.extend_from_slice(reason.as_bytes());
    }
    name(line, "in");
    number(line, entry.bytes_in);
    name(line, "out");
    number(line, entry.bytes_out);
    plain(line, "tls", entry.tls.map(str::as_bytes));
    plain(line, "peer", entry.peer.map(str::as_bytes));
    plain(line, "listener", Some(entry.listener.as_bytes()));
    plain(line, "route", entry.route.map(str::as_bytes));
    plain(line, "trace", entry.trace_id.map(|id| &id.as_bytes()[..]));
    plain(line, "request", entry.request_id);
    if let Some(agent) = entry.user_agent {
        name(line, "agent");
        line.push(b'"');
        escape(line, agent, Spaces::Stay);
        line.push(b'"');
    }
    // Cluster, endpoints and attempts are in there.
    name(line, "trail");
    quoted(line, entry.trail);
}

pub(super) fn name(line: &mut Vec<u8>, name: &str) {
    line.push(b' ');
    line.extend_from_slice(name.as_bytes());
    line.push(b'=');
}

pub(super) fn plain(line: &mut Vec<u8>, field: &str, value: Option<&[u8]>) {
    if let Some(value) = value {
        name(line, field);
        escape(line, value, Spaces::Escaped);
    }
}
