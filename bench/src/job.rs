//! The jobs on which the proxies are compared, as data.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::Result;
use http::{HeaderName, HeaderValue, Method, header};

use crate::{
    load::{Pace, Protocol, Target},
    peer::Policy,
};

/// HTTP's version on one side of the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.1, keep-alive.
    Http1,
    /// HTTP/2 in cleartext, prior knowledge.
    Http2,
}

/// What is below HTTP between client and proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Nothing.
    Cleartext,
    /// TLS 1.3.
    Tls(Handshakes),
}

/// How often TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handshakes {
    /// Once: connections are kept.
    Once,
    /// Each request has a connection of its own, and nothing is resumed.
    Full,
    /// The same, resumed by the ticket of an earlier one.
    Resumed,
}

/// What lies between client and endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A proxy that looks at each request.
    Proxy,
    /// A proxy that passes bytes on.
    Bytes,
    /// Two proxies, as the sidecars of two pods: mutual TLS between them.
    Pair,
}

/// What is asked of a connection before anything is served on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// Nothing.
    Open,
    /// To be one of so many at most.
    Limited(usize),
    /// From [`INTRODUCED`], to begin with a header of the PROXY protocol.
    Introduced,
    /// To show by its first bytes whether it speaks HTTP.
    Detecting,
}

/// From where connections speak for others, at a [`Door::Introduced`].
pub const INTRODUCED: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// What the client sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A GET.
    Get,
    /// A POST with a body of so many bytes.
    Post(usize),
    /// The form of a unary gRPC call: a message of 13 bytes there and back, then trailers.
    Grpc,
}

/// One job: who speaks what, how much, how fast.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What it is, in words.
    pub about: &'static str,
    /// Between client and proxy.
    pub downstream: Version,
    /// Between proxy and endpoints.
    pub upstream: Version,
    /// Below HTTP, between client and proxy.
    pub transport: Transport,
    /// What is between client and endpoints.
    pub way: Way,
    /// What the proxy asks of connections.
    pub door: Door,
    /// Workers of the proxy.
    pub workers: usize,
    /// Connections of the client.
    pub connections: usize,
    /// Requests at a time on each of them.
    pub streams: usize,
    /// What is asked for.
    pub path: &'static str,
    /// How.
    pub ask: Ask,
    /// Closed loop or a fixed rate.
    pub pace: Pace,
    /// What the proxy does about failures; none: what it does by default.
    pub policy: Option<Policy>,
    /// Paths, by their first segments, that the proxy answers with 403 itself.
    pub forbidden: Option<&'static str>,
    /// Requests in the shorter of callgrind's two runs; the longer has three times as many.
    pub sample: u64,
}

impl Job {
    /// The requests of this job, sent to `address`.
    pub fn target(&self, address: SocketAddr) -> Result<Target> {
        let protocol = match self.downstream {
            Version::Http1 => Protocol::Http1,
            Version::Http2 => Protocol::Http2 {
                streams: self.streams,
            },
        };
        let url = format!("http://{address}{}", self.path).parse()?;
        // Few real requests have fewer headers than these.
        let target = Target::new(&url, protocol)?
            .header(
                header::USER_AGENT,
                HeaderValue::from_static("outrigger-bench/0.1"),
            )
            .header(header::ACCEPT, HeaderValue::from_static("*/*"));
        Ok(match self.ask {
            Ask::Get => target,
            Ask::Post(size) => target.method(Method::POST).body(size),
            Ask::Grpc => target
                .method(Method::POST)
                .body(13)
                .header(
                    header::CONTENT_TYPE,
                    HeaderValue::from_static("application/grpc"),
                )
                .header(
                    HeaderName::from_static("te"),
                    HeaderValue::from_static("trailers"),
                ),
        })
    }
}

/// Small GETs over kept-alive connections; the others say how they differ.
pub const SMALL_GET: Job = Job {
    name: "http1-64",
    about: "HTTP/1.1, 64 keep-alive connections, small GET, closed loop",
    downstream: Version::Http1,
    upstream: Version::Http1,
    transport: Transport::Cleartext,
    way: Way::Proxy,
    door: Door::Open,
    workers: 1,
    connections: 64,
    streams: 1,
    path: "/",
    ask: Ask::Get,
    pace: Pace::Closed,
    policy: None,
    forbidden: None,
    sample: 1000,
};

/// All jobs.
pub const JOBS: &[Job] = &[
    SMALL_GET,
    Job {
        name: "open-2000",
        about: "HTTP/1.1, 2,000 requests a second whatever the answers do, small GET, open loop",
        pace: Pace::Fixed(2000),
        ..SMALL_GET
    },
    Job {
        name: "http1-1000",
        about: "HTTP/1.1, 1,000 keep-alive connections, small GET, closed loop",
        connections: 1000,
        ..SMALL_GET
    },
    Job {
        name: "h2-http1",
        about: "h2c from the client, HTTP/1.1 to the endpoints, 16 connections x 32 streams, small GET, closed loop",
        downstream: Version::Http2,
        connections: 16,
        streams: 32,
        ..SMALL_GET
    },
    Job {
        name: "h2-h2",
        about: "h2c on both sides, 16 connections x 32 streams, small GET, closed loop",
        downstream: Version::Http2,
        upstream: Version::Http2,
        connections: 16,
        streams: 32,
        ..SMALL_GET
    },
    Job {
        name: "post-64k",
        about: "HTTP/1.1, 16 connections, POST of 64 KiB with a short answer, closed loop",
        connections: 16,
        path: "/discard",
        ask: Ask::Post(64 << 10),
        sample: 200,
        ..SMALL_GET
    },
    Job {
        name: "get-1m",
        about: "HTTP/1.1, 16 connections, GET of 1 MiB, closed loop",
        connections: 16,
        path: "/bytes/1048576",
        sample: 50,
        ..SMALL_GET
    },
    Job {
        name: "tls",
        about: "TLS 1.3, HTTP/1.1, 64 keep-alive connections, small GET, closed loop",
        transport: Transport::Tls(Handshakes::Once),
        ..SMALL_GET
    },
    Job {
        name: "tls-full",
        about: "TLS 1.3, a connection and a full handshake for each small GET, 16 at a time",
        transport: Transport::Tls(Handshakes::Full),
        connections: 16,
        sample: 100,
        ..SMALL_GET
    },
    Job {
        name: "tls-resumed",
        about: "TLS 1.3, a connection and a resumed handshake for each small GET, 16 at a time",
        transport: Transport::Tls(Handshakes::Resumed),
        connections: 16,
        sample: 100,
        ..SMALL_GET
    },
    Job {
        name: "mtls-pair",
        about: "two proxies, mutual TLS between them, 64 keep-alive connections, small GET, closed loop; both together",
        way: Way::Pair,
        ..SMALL_GET
    },
    Job {
        name: "tcp-1m",
        about: "bytes passed on, of GETs of 1 MiB on 16 connections, closed loop; a request's us are 0.95 ms a GB",
        way: Way::Bytes,
        connections: 16,
        path: "/bytes/1048576",
        sample: 50,
        ..SMALL_GET
    },
    Job {
        name: "tcp-64",
        about: "bytes passed on, of small GETs on 64 keep-alive connections, closed loop",
        way: Way::Bytes,
        ..SMALL_GET
    },
];

/// What `compare` runs unless told otherwise.
pub const DEFAULT: &[&str] = &["http1-64", "open-2000", "h2-http1", "h2-h2"];

/// Finds a job by its name.
pub fn find(name: &str) -> Result<Job, String> {
    let found = JOBS.iter().find(|job| job.name == name);
    found.copied().ok_or_else(|| {
        let names: Vec<_> = JOBS.iter().map(|job| job.name).collect();
        format!("no such job; there are {}", names.join(", "))
    })
}
