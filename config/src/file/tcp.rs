//! What is spoken at a listener, and where bytes go of which nothing is known.

use std::time::Duration;

use super::{
    address::network,
    duration::{duration, parse},
    name::host_match,
    route::cluster_reference,
};
use crate::{
    Network,
    model::{
        ClusterRef, DetectPolicy, HostMatch, ProxyProtocol, ProxyVersion, TcpPolicy,
        default as defaults,
    },
    problem::{Fault, Step},
    reader::Reader,
    shape::{Shape, choice, default, keys, list, map, or_off, required, whole, word},
    yaml::{Content, Entry, Node},
};

/// A server that speaks first waits as long with every connection: a person would notice more.
const LONGEST_SILENCE: Duration = Duration::from_secs(1);

/// As a file says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Http,
    Tcp,
    Detect,
}

/// Keys that mean something only where there are requests.
pub(super) const OF_REQUESTS: [&str; 12] = [
    "routes",
    "redirect_to_https",
    "forward_client_cert",
    "trusted_proxies",
    "via",
    "connect",
    "trail",
    "header_timeout",
    "idle_timeout",
    "max_header_bytes",
    "max_streams",
    "rate_limit",
];

/// Keys that mean something only where bytes are passed on.
pub(super) const OF_BYTES: [&str; 4] = ["cluster", "clusters", "sni", "tcp"];

/// Where it has to be found out.
pub(super) const DETECT: &str = "detect";

pub(super) fn kind() -> Shape<Kind> {
    choice(
        "a protocol",
        [
            word(
                "http",
                "HTTP/1 and HTTP/2: requests, by `routes`.",
                Kind::Http,
            ),
            word("tcp", "Bytes, passed on to `cluster`.", Kind::Tcp),
            word(
                "detect",
                "Either, by what comes first: HTTP by `routes`, all else to `cluster`.",
                Kind::Detect,
            ),
        ],
    )
}

pub(super) fn tcp() -> Shape<TcpPolicy> {
    keys!(TcpPolicy {
        /// How long a connection may rest, no byte moving either way. `off`: for ever.
        idle_timeout: default(or_off(duration()), Some(defaults::TCP_IDLE_TIMEOUT)),
        /// Endpoints that are tried before a caller is turned away; counts the first.
        connect_attempts: default(whole(1..=10), defaults::CONNECT_ATTEMPTS),
    })
}

pub(super) fn detect() -> Shape<DetectPolicy> {
    let ports = list(whole(1..=65_535));
    let keys = keys!(DetectPolicy {
        /// How long a caller may be silent before an endpoint of `cluster` gets the chance to speak first. Up to `1s`.
        timeout: default(duration(), defaults::DETECT_TIMEOUT),
        /// Ports of protocols in which the server speaks first: nothing is waited for there, and nothing detected.
        server_first_ports: default(ports, defaults::SERVER_FIRST_PORTS.to_vec()),
    });
    keys.rule(short_silence)
}

/// Clusters by the name that a TLS client asks for.
pub(super) fn sni() -> Shape<Vec<(HostMatch, ClusterRef)>> {
    map(host_match(), cluster_reference())
}

pub(super) fn proxy_protocol() -> Shape<ProxyProtocol> {
    struct Keys {
        trusted: Vec<Network>,
    }
    let keys = keys!(Keys {
        /// Connections from these networks must begin with a header of the PROXY protocol, version 1 or 2, and are taken
        /// for those of the client that it names. All others are taken as they are.
        trusted: required(list(network())),
    });
    keys.rule(somebody_is_trusted).convert(
        |Keys { trusted }| ProxyProtocol { trusted },
        |ProxyProtocol { trusted }| Keys {
            trusted: trusted.clone(),
        },
    )
}

pub(super) fn proxy_version() -> Shape<ProxyVersion> {
    choice(
        "a version of the PROXY protocol",
        [
            word("v1", "A line of text.", ProxyVersion::V1),
            word("v2", "Binary.", ProxyVersion::V2),
        ],
    )
}

/// Rule of a listener: what is said of it belongs to what it speaks.
pub(super) fn only_what_is_spoken(listener: &Node, reader: &mut Reader) {
    let captured = listener.get("transparent").is_some();
    let usual = match captured {
        true => "detect",
        false => "http",
    };
    let said = listener.get("protocol").map_or(Some(usual), Node::text);
    let report = |entry: &Entry, fault: Fault, reader: &mut Reader| {
        let steps: [Step; 1] = [entry.key.as_str().into()];
        reader.within(&steps, |reader| reader.report(&entry.key_span, fault));
    };
    for entry in listener.entries() {
        let key = entry.key.as_str();
        let needless = || Fault::new(format!("`{key}` means nothing here"));
        let fault = match said {
            Some("http") if OF_BYTES.contains(&key) || key == DETECT => needless().hint(match key {
                "cluster" | "clusters" => "requests go by `routes: [{ cluster: ... }]`; for anything but HTTP say `protocol: tcp`",
                DETECT => "say `protocol: detect`",
                _ => "it belongs to `protocol: tcp` and `protocol: detect`",
            }),
            Some("tcp") if OF_REQUESTS.contains(&key) => needless().hint(match key {
                "idle_timeout" => "say `tcp: { idle_timeout: 1h }`",
                _ => "it is about requests, of which `protocol: tcp` knows nothing; `protocol: detect` does",
            }),
            Some("tcp") if key == DETECT => needless().hint("say `protocol: detect`"),
            _ => continue,
        };
        report(entry, fault, reader);
    }
    let limits = listener.get("limits");
    if let (Some("tcp"), Some(requests)) = (said, limits.and_then(|it| it.entry("requests"))) {
        let fault = Fault::new("`requests` bounds nothing here").hint("say `connections`");
        reader.within(&["limits".into()], |reader| report(requests, fault, reader));
    }
    let by_name = listener.get("sni").is_some_and(|sni| match sni.content {
        Content::Mapping(_) => !sni.entries().is_empty(),
        // Wrong, and told so.
        _ => true,
    });
    let others = ["cluster", "clusters"];
    let somewhere = by_name || others.iter().any(|key| listener.entry(key).is_some());
    if said == Some("tcp") && !captured && !somewhere {
        let fault = Fault::new("these connections go nowhere")
            .hint("give it `cluster`, `clusters`, or for TLS by the name asked for `sni`");
        reader.report(&listener.span, fault);
    }
}

/// Rule of a cluster: a connection with a header belongs to one client, and HTTP/2 is for sharing.
pub(super) fn one_client_a_connection(cluster: &Node, reader: &mut Reader) {
    let http2 = cluster.entry("protocol");
    let http2 = http2.filter(|protocol| protocol.value.text() == Some("http2"));
    if let (Some(header), Some(http2)) = (cluster.entry("proxy_protocol"), http2) {
        let fault = Fault::new("an HTTP/2 connection is shared by clients")
            .cause("names one of them")
            .hint("say `protocol: http1`, or leave `proxy_protocol` out: requests have `forwarded` and `x-forwarded-for`");
        reader.within(&["proxy_protocol".into()], |reader| {
            reader.clash(
                &header.key_span,
                fault,
                &http2.key_span,
                "shares connections",
            );
        });
    }
}

fn short_silence(node: &Node, reader: &mut Reader) {
    let Some(timeout) = node.entry("timeout") else {
        return;
    };
    let time = timeout.value.text().and_then(|text| parse(text).ok());
    if time.is_some_and(|time| time > LONGEST_SILENCE) {
        let fault = Fault::new("a server that speaks first would come late by more than `1s`")
            .hint("nothing is lost by a short time: a caller that is late is still listened to");
        reader.within(&["timeout".into()], |reader| {
            reader.report(&timeout.value.span, fault);
        });
    }
}

fn somebody_is_trusted(node: &Node, reader: &mut Reader) {
    if let Some(trusted) = node.entry("trusted")
        && matches!(trusted.value.content, Content::List(_))
        && trusted.value.items().is_empty()
    {
        let fault = Fault::new("nobody is trusted: no header would ever be read")
            .hint("name the networks of the proxies that send it, or leave `proxy_protocol` out");
        reader.within(&["trusted".into()], |reader| {
            reader.report(&trusted.value.span, fault);
        });
    }
}
