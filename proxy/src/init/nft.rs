//! The rules as `nft` reads them: one transaction that replaces a table of our own, for IPv4 and IPv6 at once.

use std::fmt::Display;

use outrigger_config::Network;

use super::Rules;
use crate::transparent::MARK;

/// Takes the table away, if it is there.
pub fn remove() -> String {
    // To delete what is not there is an error; to add what is there is none.
    "add table inet outrigger\ndelete table inet outrigger\n".to_owned()
}

/// Sets it anew.
pub fn set(rules: &Rules) -> String {
    let mut text = remove();
    text.push_str("table inet outrigger {\n");
    if let Some(port) = rules.inbound {
        text.push_str(&inbound(rules, port));
    }
    if let Some(port) = rules.outbound {
        text.push_str(&outbound(rules, port));
    } else if rules.inbound.is_some() {
        text.push_str(&chain("outbound", OUTPUT, own(rules, true)));
    }
    text.push_str("}\n");
    text
}

const OUTPUT: Option<&str> = Some("type nat hook output priority -100; policy accept;");

fn inbound(rules: &Rules, port: u16) -> String {
    let hook = match rules.tproxy {
        false => "type nat hook prerouting priority dstnat; policy accept;",
        true => "type filter hook prerouting priority mangle; policy accept;",
    };
    let to = match rules.tproxy {
        false => "jump application",
        true => "jump application_as_is",
    };
    let mut text = chain(
        "inbound",
        Some(hook),
        vec![
            "iifname \"lo\" return".to_owned(),
            format!("fib daddr type local {to}"),
        ],
    );
    let ports = || {
        let mut lines = Vec::new();
        lines.extend(some("tcp dport", "return", &rules.exclude_inbound_ports));
        lines.extend(some("tcp dport !=", "return", &rules.include_inbound_ports));
        lines
    };
    if rules.tproxy {
        let mut lines = ports();
        lines.push(format!("meta l4proto tcp tproxy to :{port} accept"));
        text.push_str(&chain("application_as_is", None, lines));
    }
    let mut lines = ports();
    lines.push(format!("meta l4proto tcp redirect to :{port}"));
    text.push_str(&chain("application", None, lines));
    // What the proxy calls on its own machine, as if it came from another one.
    text.push_str(&chain(
        "proxy",
        None,
        vec![
            format!("meta mark {MARK} return"),
            "oifname != \"lo\" return".to_owned(),
            "ip saddr 127.0.0.0/8 return".to_owned(),
            "ip daddr 127.0.0.0/8 return".to_owned(),
            "ip6 saddr ::1 return".to_owned(),
            "ip6 daddr ::1 return".to_owned(),
            "jump application".to_owned(),
        ],
    ));
    if rules.as_caller {
        // What the application answers an address that is not here has to come back to the proxy all the same: by the mark
        // of its connection, and the routes of `routes.rs`.
        let hook = "type route hook output priority mangle; policy accept;";
        let lines = vec![
            format!("meta mark {MARK} ct mark set {MARK} return"),
            format!("ct mark {MARK} meta mark set {MARK}"),
        ];
        text.push_str(&chain("answers", Some(hook), lines));
    }
    text
}

fn outbound(rules: &Rules, port: u16) -> String {
    let mut lines = own(rules, rules.inbound.is_some());
    lines.push("oifname \"lo\" return".to_owned());
    lines.extend(networks("", &rules.exclude_outbound_networks));
    lines.extend(some("tcp dport", "return", &rules.exclude_outbound_ports));
    lines.extend(some(
        "tcp dport !=",
        "return",
        &rules.include_outbound_ports,
    ));
    lines.extend(networks("!= ", &rules.include_outbound_networks));
    lines.push(format!("meta l4proto tcp redirect to :{port}"));
    chain("outbound", OUTPUT, lines)
}

/// What the proxy itself sends.
fn own(rules: &Rules, inbound: bool) -> Vec<String> {
    let users = [
        Some(format!("meta skuid {}", rules.uid)),
        rules.gid.map(|gid| format!("meta skgid {gid}")),
    ];
    let verdict = match inbound {
        true => "goto proxy",
        false => "return",
    };
    let users = users.into_iter().flatten();
    users.map(|user| format!("{user} {verdict}")).collect()
}

/// A line about these, if there are any.
fn some<T: Display>(matched: &str, verdict: &str, of: &[T]) -> Option<String> {
    let list: Vec<_> = of.iter().map(ToString::to_string).collect();
    (!list.is_empty()).then(|| format!("{matched} {{ {} }} {verdict}", list.join(", ")))
}

/// Lines about these, a family each. A family of which none is included is left alone as a whole.
fn networks(not: &str, networks: &[Network]) -> Vec<String> {
    if networks.is_empty() {
        return Vec::new();
    }
    let (v4, v6): (Vec<&Network>, Vec<&Network>) =
        networks.iter().partition(|network| network.is_ipv4());
    let families = [("ip", "ipv4", v4), ("ip6", "ipv6", v6)];
    let lines = families.into_iter().filter_map(|(family, name, networks)| {
        let matched = format!("{family} daddr {not}");
        let none = || (!not.is_empty()).then(|| format!("meta nfproto {name} return"));
        some(matched.trim_end(), "return", &networks).or_else(none)
    });
    lines.collect()
}

fn chain(name: &str, hook: Option<&str>, lines: Vec<String>) -> String {
    let mut text = format!("  chain {name} {{\n");
    let hook = hook.map(str::to_owned);
    for line in hook.into_iter().chain(lines) {
        text.push_str(&format!("    {line}\n"));
    }
    text.push_str("  }\n");
    text
}
