//! The access log: a line a request, or a connection that has none, when it is on.
//!
//! Formatted by us in the worker, into a buffer that is used again: as an event of `tracing` it would cost several times as
//! much. When it is off there is no [`AccessLog`], and a request pays for the test of an `Option`.

mod connection;
mod escape;
mod json;
mod text;
mod timestamp;

use std::{
    cell::RefCell,
    fmt::Display,
    io::Write,
    net::IpAddr,
    time::{Duration, SystemTime},
};

use http::{Method, StatusCode, Version};
use outrigger_config::model::LogFormat;

pub use connection::ConnectionEntry;
use escape::{Spaces, escape, is_plain};

use super::{lines::Lines, trace::TraceId, trail::Trail};

/// Bytes that may wait for stdout: some 4,000 lines, more than the fastest proxy makes while the writer gathers.
pub const BOUND: usize = 1 << 20;

/// What is known of a request when its response has ended. What came from peers is bytes, not trusted to be text.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// When the request's head came: at the end, now less the duration, so that no clock is read while the log is off.
    pub time: SystemTime,
    /// The caller, as believed.
    pub client: IpAddr,
    /// Of the request.
    pub method: &'a Method,
    /// The Host header, or `:authority`.
    pub host: &'a [u8],
    /// With the query.
    pub path: &'a str,
    /// The version of TLS that it came by.
    pub tls: Option<&'static str>,
    /// Who the caller is by its certificate.
    pub peer: Option<&'a str>,
    /// Spoken by the caller.
    pub protocol: Version,
    /// Of the response; 499 where the caller went away before one.
    pub status: StatusCode,
    /// Of the trailers.
    pub grpc_status: Option<u8>,
    /// Why the proxy itself answered, if it did.
    pub error: Option<&'static str>,
    /// Of the request's body.
    pub bytes_in: u64,
    /// Of the response's body.
    pub bytes_out: u64,
    /// To the response's end.
    pub duration: Duration,
    /// To the response's head, if there was one.
    pub time_to_head: Option<Duration>,
    /// The listener's name.
    pub listener: &'a str,
    /// The route's name.
    pub route: Option<&'a str>,
    /// Of the trace.
    pub trace_id: Option<&'a TraceId>,
    /// The header `x-request-id`.
    pub request_id: Option<&'a [u8]>,
    /// The header `user-agent`.
    pub user_agent: Option<&'a [u8]>,
    /// Attempts, cluster and endpoint are read from it, too.
    pub trail: &'a Trail,
}

/// An access log that is on. A clone is the same.
#[derive(Clone, Debug)]
pub struct AccessLog {
    format: LogFormat,
    lines: Lines,
}

thread_local! {
    /// Each worker's: grows to the longest line it met.
    static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl AccessLog {
    /// Lines in this format, to there.
    pub fn new(format: LogFormat, lines: Lines) -> Self {
        Self { format, lines }
    }

    /// One request.
    pub fn write(&self, entry: &Entry<'_>) {
        LINE.with_borrow_mut(|line| {
            line.clear();
            entry.format(self.format, line);
            self.lines.push(line);
        });
    }

    /// One connection that had no requests.
    pub fn write_connection(&self, entry: &ConnectionEntry<'_>) {
        LINE.with_borrow_mut(|line| {
            line.clear();
            match self.format {
                LogFormat::Text => entry.text(line),
                LogFormat::Json => entry.json(line),
            }
            line.push(b'\n');
            self.lines.push(line);
        });
    }
}

impl Entry<'_> {
    /// Adds the line with its end.
    pub fn format(&self, format: LogFormat, line: &mut Vec<u8>) {
        match format {
            LogFormat::Text => text::write(self, line),
            LogFormat::Json => json::write(self, line),
        }
        line.push(b'\n');
    }
}

/// As people write it.
fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "HTTP/0.9",
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_11 => "HTTP/1.1",
        Version::HTTP_2 => "HTTP/2",
        Version::HTTP_3 => "HTTP/3",
        _ => "HTTP",
    }
}

fn number(line: &mut Vec<u8>, number: u64) {
    line.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// What formats itself, between double quotes. It is escaped afterwards, all at once and seldom at all.
fn quoted(line: &mut Vec<u8>, value: impl Display) {
    line.push(b'"');
    let start = line.len();
    // A `Vec` takes all that is written to it.
    let _ = write!(line, "{value}");
    if !is_plain(&line[start..], Spaces::Stay) {
        let raw = line.split_off(start);
        escape(line, &raw, Spaces::Stay);
    }
    line.push(b'"');
}

/// Milliseconds with three decimals.
fn millis(line: &mut Vec<u8>, duration: Duration) {
    let micros = duration.as_secs() * 1_000_000 + u64::from(duration.subsec_micros());
    number(line, micros / 1000);
    let rest = (micros % 1000) as u16;
    let digit = |value: u16| b'0' + (value % 10) as u8;
    line.extend_from_slice(&[b'.', digit(rest / 100), digit(rest / 10), digit(rest)]);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
