//! `outrigger init [FLAGS]`: what may be asked for.

use clap::{Args, ValueEnum};
use outrigger_config::Network;

use super::{Failure, Ports, Rules};

/// Sends the connections of this machine, or pod, to the transparent listeners of a proxy on it. Needs CAP_NET_ADMIN.
#[derive(Args, Debug)]
pub struct Options {
    /// The port of the listener that is `transparent: inbound`; 0 leaves alone what comes in.
    #[arg(long, value_name = "PORT", default_value = "15006")]
    inbound_port: u16,
    /// How connections come to it: as its `by` says.
    #[arg(long, value_name = "HOW", default_value = "redirect")]
    inbound_by: By,
    /// Whose address the application sees its callers come from: as its `source` says.
    #[arg(long, value_name = "WHOSE", default_value = "loopback")]
    inbound_source: Source,
    /// The port of the listener that is `transparent: outbound`; 0 leaves alone what goes out.
    #[arg(long, value_name = "PORT", default_value = "15001")]
    outbound_port: u16,
    /// Ports of this machine that go to the proxy, and no others.
    #[arg(long, value_name = "PORTS", value_delimiter = ',')]
    include_inbound_ports: Vec<Ports>,
    /// Ports of this machine that don't; by default the proxy's admin port.
    #[arg(
        long,
        value_name = "PORTS",
        value_delimiter = ',',
        default_value = "4191"
    )]
    exclude_inbound_ports: Vec<Ports>,
    /// Ports of others that are called by the proxy, and no others.
    #[arg(long, value_name = "PORTS", value_delimiter = ',')]
    include_outbound_ports: Vec<Ports>,
    /// Ports of others that are called as ever.
    #[arg(long, value_name = "PORTS", value_delimiter = ',')]
    exclude_outbound_ports: Vec<Ports>,
    /// Networks that are called by the proxy, and no others.
    #[arg(long, value_name = "CIDRS", value_delimiter = ',')]
    include_outbound_cidrs: Vec<Network>,
    /// Networks that are called as ever.
    #[arg(long, value_name = "CIDRS", value_delimiter = ',')]
    exclude_outbound_cidrs: Vec<Network>,
    /// The user that the proxy runs as: what it sends is left alone.
    #[arg(long, value_name = "UID", default_value = "1337")]
    proxy_uid: u32,
    /// The group that the proxy runs as, as well.
    #[arg(long, value_name = "GID")]
    proxy_gid: Option<u32>,
    /// Takes the rules away.
    #[arg(long)]
    pub(super) remove: bool,
    /// Prints what would be done, and does nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// What sets them; by default `nft` if it is there, else `iptables`.
    #[arg(long, value_name = "TOOL")]
    pub(super) with: Option<With>,
}

/// How the kernel hands connections over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum By {
    /// The address is translated.
    Redirect,
    /// It stays.
    Tproxy,
}

/// Whose address a connection to the application comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Source {
    /// This machine's.
    Loopback,
    /// The caller's.
    Caller,
}

/// What sets rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum With {
    Nft,
    Iptables,
}

impl Options {
    pub(super) fn rules(&self) -> Result<Rules, Failure> {
        let port = |port: u16| Some(port).filter(|port| *port != 0);
        let (inbound, outbound) = (port(self.inbound_port), port(self.outbound_port));
        if inbound.is_none() && outbound.is_none() && !self.remove {
            return Err(Failure::Usage(
                "nothing would be sent anywhere: both ports are 0\nhint: `--remove` takes rules away".to_owned(),
            ));
        }
        if inbound.is_some() && inbound == outbound {
            return Err(Failure::Usage(
                "`--inbound-port` and `--outbound-port` are the same: these are two listeners"
                    .to_owned(),
            ));
        }
        if self.inbound_source == Source::Caller && self.inbound_by != By::Tproxy {
            return Err(Failure::Usage(
                "`--inbound-source caller` takes `--inbound-by tproxy`".to_owned(),
            ));
        }
        Ok(Rules {
            inbound,
            tproxy: self.inbound_by == By::Tproxy,
            as_caller: self.inbound_source == Source::Caller,
            outbound,
            include_inbound_ports: Ports::merged(&self.include_inbound_ports),
            exclude_inbound_ports: Ports::merged(&self.exclude_inbound_ports),
            include_outbound_ports: Ports::merged(&self.include_outbound_ports),
            exclude_outbound_ports: Ports::merged(&self.exclude_outbound_ports),
            include_outbound_networks: apart(&self.include_outbound_cidrs),
            exclude_outbound_networks: apart(&self.exclude_outbound_cidrs),
            uid: self.proxy_uid,
            gid: self.proxy_gid,
        })
    }
}

/// Without those that lie within others: `nft` takes no overlaps.
fn apart(networks: &[Network]) -> Vec<Network> {
    let mut apart: Vec<Network> = Vec::with_capacity(networks.len());
    for network in networks {
        if !apart.iter().any(|other| other.holds(network)) {
            apart.retain(|other| !network.holds(other));
            apart.push(*network);
        }
    }
    apart
}
