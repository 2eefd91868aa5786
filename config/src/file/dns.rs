//! `dns`: endpoints behind a name.
//!
//! One rule for the kind of record: `port: 80` asks for addresses (A and AAAA), which have no port of their own;
//! `record: srv` asks for SRV, which have. Exactly one of the two is said, so that a forgotten port is not a
//! look-up of something else.

use std::{net::SocketAddr, time::Duration};

use super::{
    address::resolver_address,
    duration::{duration, parse},
    name::dns_name,
};
use crate::{
    model::{Dns, DnsRecord, default as defaults},
    problem::Fault,
    reader::Reader,
    shape::{Shape, choice, default, keys, list, optional, required, whole, word},
    yaml::Node,
};

struct Keys {
    name: String,
    port: Option<u16>,
    record: Option<()>,
    servers: Vec<SocketAddr>,
    min_ttl: Duration,
    max_ttl: Duration,
}

pub(super) fn dns() -> Shape<Dns> {
    let keys = keys!(Keys {
        /// The name to resolve.
        name: required(dns_name()),
        /// The port of every endpoint: asks for A and AAAA records.
        port: optional(whole(1..=65_535)),
        /// `srv` in place of `port`: asks for SRV records, which have port and weight.
        record: optional(choice(
            "a kind of record",
            [word("srv", "SRV records.", ())]
        )),
        /// Resolvers to ask, as IP:port. None given: those of `/etc/resolv.conf`.
        servers: default(list(resolver_address()), Vec::new()),
        /// The shortest time between two look-ups, whatever the TTL.
        min_ttl: default(duration(), defaults::DNS_MIN_TTL),
        /// The longest.
        max_ttl: default(duration(), defaults::DNS_MAX_TTL),
    });
    keys.rule(port_or_srv)
        .rule(ttl_in_order)
        .convert(from_keys, to_keys)
}

fn from_keys(keys: Keys) -> Dns {
    Dns {
        name: keys.name,
        record: keys
            .port
            .map_or(DnsRecord::Srv, |port| DnsRecord::Address { port }),
        servers: keys.servers,
        min_ttl: keys.min_ttl,
        max_ttl: keys.max_ttl,
    }
}

fn to_keys(dns: &Dns) -> Keys {
    let (port, record) = match dns.record {
        DnsRecord::Address { port } => (Some(port), None),
        DnsRecord::Srv => (None, Some(())),
    };
    Keys {
        name: dns.name.clone(),
        port,
        record,
        servers: dns.servers.clone(),
        min_ttl: dns.min_ttl,
        max_ttl: dns.max_ttl,
    }
}

fn port_or_srv(node: &Node, reader: &mut Reader) {
    match (node.entry("port"), node.entry("record")) {
        (Some(port), Some(record)) => {
            let fault = Fault::new("`port` and `record: srv` exclude each other")
                .hint("SRV records have a port of their own");
            reader.clash(&record.key_span, fault, &port.key_span, "first here");
        }
        (None, None) if node.is_mapping() => {
            let fault = Fault::new("missing key `port`");
            let hint =
                "`port: 80` asks for A and AAAA records; `record: srv` for SRV, which have a port";
            reader.report(&node.span, fault.hint(hint));
        }
        _ => {}
    }
}

fn ttl_in_order(node: &Node, reader: &mut Reader) {
    let time = |key, absent| match node.get(key) {
        Some(node) => parse(node.text()?).ok(),
        None => Some(absent),
    };
    let least = time("min_ttl", defaults::DNS_MIN_TTL);
    let most = time("max_ttl", defaults::DNS_MAX_TTL);
    if let (Some(least), Some(most)) = (least, most)
        && least > most
    {
        let place = node.entry("min_ttl").or_else(|| node.entry("max_ttl"));
        let span = place.map_or(&node.span, |entry| &entry.value.span);
        let fault = Fault::new("`min_ttl` is longer than `max_ttl`");
        let (least, most) = (
            defaults::DNS_MIN_TTL.as_secs(),
            defaults::DNS_MAX_TTL.as_secs(),
        );
        reader.report(
            span,
            fault.hint(format!("left out, they are {least}s and {most}s")),
        );
    }
}
