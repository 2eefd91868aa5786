//! Which connections go to the proxy, whoever sets the rules.
//!
//! In: what is meant for an address of this machine and comes from elsewhere. Out: what is not the proxy's own, does not stay
//! on this machine, and goes to no excluded port or network. The proxy's own is left alone, but for one thing: what it calls
//! on its own machine by an address that others use as well goes in by the inbound listener, as it would elsewhere (the
//! application called a service that it is itself one of). What the inbound listener sends on to the application comes from
//! a loopback address, by which it is known.

use std::fmt;

use outrigger_config::Network;

use super::Ports;

/// See the module.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The port of the inbound listener.
    pub inbound: Option<u16>,
    /// It takes connections as they are.
    pub tproxy: bool,
    /// It connects to the application from the address of its caller.
    pub as_caller: bool,
    /// The port of the outbound listener.
    pub outbound: Option<u16>,
    /// Of this machine; none: all.
    pub include_inbound_ports: Vec<Ports>,
    /// Of this machine.
    pub exclude_inbound_ports: Vec<Ports>,
    /// Of others; none: all.
    pub include_outbound_ports: Vec<Ports>,
    /// Of others.
    pub exclude_outbound_ports: Vec<Ports>,
    /// None: all.
    pub include_outbound_networks: Vec<Network>,
    /// What is called as ever.
    pub exclude_outbound_networks: Vec<Network>,
    /// The user that the proxy runs as.
    pub uid: u32,
    /// The group, as well.
    pub gid: Option<u32>,
}

impl Rules {
    /// Whether only `nft` can say them.
    pub fn needs_nft(&self) -> bool {
        self.tproxy
    }
}

impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port =
            |port: Option<u16>| port.map_or("nowhere".to_owned(), |port| format!("to {port}"));
        let (inbound, outbound) = (port(self.inbound), port(self.outbound));
        write!(
            f,
            "in {inbound}, out {outbound}, but for what user {} sends",
            self.uid
        )
    }
}
