//! A line of a connection of which nothing but bytes is known, in the words of a request's.

use std::{
    io::Write,
    net::IpAddr,
    time::{Duration, SystemTime},
};

use super::{json, millis, number, quoted, text, timestamp};
use crate::telemetry::trail::Trail;

/// What is known of a connection that is over.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionEntry<'a> {
    /// When it was accepted.
    pub time: SystemTime,
    /// The caller, as believed.
    pub client: IpAddr,
    /// The version of TLS that is spoken with the caller.
    pub tls: Option<&'static str>,
    /// Who the caller is by its certificate.
    pub peer: Option<&'a str>,
    /// The name that a TLS client asked for.
    pub server_name: Option<&'a str>,
    /// Why it came to no endpoint, or to no good end.
    pub error: Option<&'static str>,
    /// From the caller to the endpoint.
    pub bytes_in: u64,
    /// From the endpoint to the caller.
    pub bytes_out: u64,
    /// To its end.
    pub duration: Duration,
    /// To the connection to its endpoint, if there was one.
    pub time_to_connect: Option<Duration>,
    /// The listener's name.
    pub listener: &'a str,
    /// Attempts, cluster and endpoint are read from it, too.
    pub trail: &'a Trail,
}

impl ConnectionEntry<'_> {
    /// For people.
    pub(super) fn text(&self, line: &mut Vec<u8>) {
        timestamp::write(line, self.time);
        // A `Vec` takes all that is written to it.
        let _ = write!(line, " {} TCP ", self.client);
        millis(line, self.duration);
        line.extend_from_slice(b"ms");
        if let Some(time) = self.time_to_connect {
            text::name(line, "connect");
            millis(line, time);
            line.extend_from_slice(b"ms");
        }
        text::plain(line, "error", self.error.map(str::as_bytes));
        text::name(line, "in");
        number(line, self.bytes_in);
        text::name(line, "out");
        number(line, self.bytes_out);
        text::plain(line, "tls", self.tls.map(str::as_bytes));
        text::plain(line, "peer", self.peer.map(str::as_bytes));
        text::plain(line, "listener", Some(self.listener.as_bytes()));
        text::plain(line, "server_name", self.server_name.map(str::as_bytes));
        text::name(line, "trail");
        quoted(line, self.trail);
    }

    /// For machines.
    pub(super) fn json(&self, line: &mut Vec<u8>) {
        line.extend_from_slice(b"{\"time\":\"");
        timestamp::write(line, self.time);
        line.push(b'"');
        json::shown(line, "client", self.client);
        json::text(line, "protocol", b"TCP");
        if let Some(version) = self.tls {
            json::text(line, "tls", version.as_bytes());
        }
        if let Some(peer) = self.peer {
            json::text(line, "peer", peer.as_bytes());
        }
        if let Some(name) = self.server_name {
            json::text(line, "server_name", name.as_bytes());
        }
        if let Some(reason) = self.error {
            json::text(line, "error", reason.as_bytes());
        }
        json::name(line, "bytes_in");
        number(line, self.bytes_in);
        json::name(line, "bytes_out");
        number(line, self.bytes_out);
        json::name(line, "duration_ms");
        millis(line, self.duration);
        if let Some(time) = self.time_to_connect {
            json::name(line, "connect_ms");
            millis(line, time);
        }
        json::name(line, "attempts");
        number(line, self.trail.attempts() as u64);
        json::text(line, "listener", self.listener.as_bytes());
        if let Some(cluster) = self.trail.cluster() {
            json::text(line, "cluster", cluster.as_bytes());
        }
        if let Some(endpoint) = self.trail.endpoint() {
            json::shown(line, "endpoint", endpoint);
        }
        json::shown(line, "trail", self.trail);
        line.push(b'}');
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::telemetry::trail::Step;

    #[test]
    fn a_connection_is_a_line() {
        let mut trail = Trail::default();
        for step in [
            Step::Cluster("db".into()),
            Step::Pick {
                endpoint: "10.0.0.2:5432".parse().unwrap(),
                estimate: None,
                probe: false,
            },
            Step::Connected,
        ] {
            trail.record(step);
        }
        let entry = ConnectionEntry {
            time: UNIX_EPOCH + Duration::from_millis(1_763_681_341_042),
            client: "10.0.0.9".parse().unwrap(),
            tls: Some("1.3"),
            peer: Some("spiffe://example.org/ns/shop/sa/web"),
            server_name: Some("db.example.com"),
            error: Some("idle_timeout"),
            bytes_in: 12,
            bytes_out: 345,
            duration: Duration::from_micros(12_345),
            time_to_connect: Some(Duration::from_micros(312)),
            listener: "the db",
            trail: &trail,
        };
        let (mut text, mut json) = (Vec::new(), Vec::new());
        entry.text(&mut text);
        entry.json(&mut json);
        insta::assert_snapshot!(String::from_utf8(text).unwrap(), @r#"2025-11-20T23:29:01.042Z 10.0.0.9 TCP 12.345ms connect=0.312ms error=idle_timeout in=12 out=345 tls=1.3 peer=spiffe://example.org/ns/shop/sa/web listener=the\u0020db server_name=db.example.com trail="db pick=10.0.0.2:5432 connected""#);
        insta::assert_snapshot!(String::from_utf8(json).unwrap(), @r#"{"time":"2025-11-20T23:29:01.042Z","client":"10.0.0.9","protocol":"TCP","tls":"1.3","peer":"spiffe://example.org/ns/shop/sa/web","server_name":"db.example.com","error":"idle_timeout","bytes_in":12,"bytes_out":345,"duration_ms":12.345,"connect_ms":0.312,"attempts":1,"listener":"the db","cluster":"db","endpoint":"10.0.0.2:5432","trail":"db pick=10.0.0.2:5432 connected"}"#);
    }
}
