//! The rules as `iptables-restore` and `ip6tables-restore` read them: chains of our own, and a jump to each from the kernel's.
//!
//! A family at a time, in one transaction each. Chains that are named are emptied first (`--noflush` spares all others); whether
//! the jumps are there is asked before, for they stand in chains that are not ours.

use outrigger_config::Network;

use super::{Ports, Rules};

/// IPv4 or IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `iptables`
    V4,
    /// `ip6tables`
    V6,
}

/// A chain of the kernel's, and the one of ours that it jumps to.
pub const JUMPS: [(&str, &str); 2] = [
    ("PREROUTING", "OUTRIGGER_INBOUND"),
    ("OUTPUT", "OUTRIGGER_OUTBOUND"),
];

const CHAINS: [&str; 4] = [
    "OUTRIGGER_INBOUND",
    "OUTRIGGER_OUTBOUND",
    "OUTRIGGER_APPLICATION",
    "OUTRIGGER_PROXY",
];

impl Family {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// The command.
    pub const fn command(self) -> &'static str {
        match self {
            Self::V4 => "iptables",
            Self::V6 => "ip6tables",
        }
    }

    const fn loopback(self) -> &'static str {
        match self {
            Self::V4 => "127.0.0.0/8",
            Self::V6 => "::1/128",
        }
    }

    fn has(self, network: &Network) -> bool {
        network.is_ipv4() == (self == Self::V4)
    }
}

/// Takes the chains away, with those jumps that are there.
pub fn remove(jumps: &[(&str, &str)]) -> String {
    let mut lines = declared();
    lines.extend(jumps.iter().map(|(from, to)| format!("-D {from} -j {to}")));
    lines.extend(CHAINS.iter().map(|chain| format!("-X {chain}")));
    transaction(&lines)
}

/// Sets them anew, with those jumps that are not there yet.
pub fn set(rules: &Rules, family: Family, jumps: &[(&str, &str)]) -> String {
    let mut lines = declared();
    lines.extend(jumps.iter().map(|(from, to)| format!("-A {from} -j {to}")));
    if let Some(port) = rules.inbound {
        inbound(rules, family, port, &mut lines);
    }
    outbound(rules, family, &mut lines);
    transaction(&lines)
}

fn declared() -> Vec<String> {
    CHAINS
        .iter()
        .map(|chain| format!(":{chain} - [0:0]"))
        .collect()
}

fn transaction(lines: &[String]) -> String {
    format!("*nat\n{}\nCOMMIT\n", lines.join("\n"))
}

fn inbound(rules: &Rules, family: Family, port: u16, lines: &mut Vec<String>) {
    let application = "-A OUTRIGGER_APPLICATION";
    let returned = rules.exclude_inbound_ports.iter();
    lines.extend(returned.map(|ports| format!("{application} {} -j RETURN", to(*ports))));
    let redirect = format!("-j REDIRECT --to-ports {port}");
    lines.extend(
        included(&rules.include_inbound_ports)
            .map(|ports| format!("{application} {ports} {redirect}")),
    );
    let chain = "-A OUTRIGGER_INBOUND";
    lines.push(format!("{chain} -i lo -j RETURN"));
    lines.push(format!(
        "{chain} -p tcp -m addrtype --dst-type LOCAL -j OUTRIGGER_APPLICATION"
    ));
    let (chain, loopback) = ("-A OUTRIGGER_PROXY", family.loopback());
    lines.push(format!("{chain} ! -o lo -j RETURN"));
    lines.push(format!("{chain} -s {loopback} -j RETURN"));
    lines.push(format!("{chain} -d {loopback} -j RETURN"));
    lines.push(format!("{chain} -p tcp -j OUTRIGGER_APPLICATION"));
}

fn outbound(rules: &Rules, family: Family, lines: &mut Vec<String>) {
    let chain = "-A OUTRIGGER_OUTBOUND";
    let users = [
        Some(format!("--uid-owner {}", rules.uid)),
        rules.gid.map(|gid| format!("--gid-owner {gid}")),
    ];
    for user in users.into_iter().flatten() {
        let verdict = match rules.inbound {
            Some(_) => "-g OUTRIGGER_PROXY",
            None => "-j RETURN",
        };
        lines.push(format!("{chain} -m owner {user} {verdict}"));
    }
    let Some(port) = rules.outbound else { return };
    lines.push(format!("{chain} -o lo -j RETURN"));
    let excluded = rules.exclude_outbound_networks.iter();
    let excluded = excluded.filter(|network| family.has(network));
    lines.extend(excluded.map(|network| format!("{chain} -d {network} -j RETURN")));
    let excluded = rules.exclude_outbound_ports.iter();
    lines.extend(excluded.map(|ports| format!("{chain} {} -j RETURN", to(*ports))));
    let networks = &rules.include_outbound_networks;
    let networks: Vec<_> = match networks.is_empty() {
        true => vec![String::new()],
        false => networks
            .iter()
            .filter(|network| family.has(network))
            .map(|network| format!("-d {network} "))
            .collect(),
    };
    for network in networks {
        lines.extend(
            included(&rules.include_outbound_ports)
                .map(|ports| format!("{chain} {network}{ports} -j REDIRECT --to-ports {port}")),
        );
    }
}

/// What takes these ports, or all if there are none.
fn included(ports: &[Ports]) -> impl Iterator<Item = String> {
    let all = ports.is_empty().then(|| "-p tcp".to_owned());
    let each: Vec<_> = ports.iter().map(|ports| to(*ports)).collect();
    all.into_iter().chain(each)
}

fn to(ports: Ports) -> String {
    match ports.first == ports.last {
        true => format!("-p tcp --dport {}", ports.first),
        false => format!("-p tcp --dport {}:{}", ports.first, ports.last),
    }
}
