//! Listening sockets on their way from one process to another.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
};

/// Whose sockets they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The listener at this address of the table.
    Listener(SocketAddr),
    /// The admin server, at this one.
    Admin(SocketAddr),
}

/// Sockets that are handed over.
#[derive(Debug)]
pub struct Passed {
    /// Whose they are.
    pub owner: Owner,
    /// All that there are, each with a queue of its own.
    pub sockets: Vec<TcpListener>,
}

impl Passed {
    /// Clones of these. `None`, and a word in the log, when the process may not have more open files.
    pub fn of(owner: Owner, sockets: &[TcpListener]) -> Option<Self> {
        let clones: io::Result<Vec<_>> = sockets.iter().map(TcpListener::try_clone).collect();
        let failed = |error: &io::Error| tracing::error!(?owner, %error, "cannot hand over");
        let sockets = clones.inspect_err(failed).ok()?;
        Some(Self { owner, sockets })
    }
}

/// Sockets that were given to this process, by address: those of the process before it, or systemd's.
#[derive(Debug, Default)]
pub struct Given(HashMap<SocketAddr, Vec<TcpListener>>);

impl Given {
    /// These as well.
    pub(super) fn add(
        &mut self,
        address: SocketAddr,
        sockets: impl IntoIterator<Item = TcpListener>,
    ) {
        self.0.entry(address).or_default().extend(sockets);
    }

    /// Those for `address`. What was bound to `[::]` takes calls to `0.0.0.0` as well, and is what systemd makes of a port
    /// alone.
    ///
    /// # Errors
    /// When the process may not have more open files.
    pub fn at(&self, address: SocketAddr) -> io::Result<Vec<TcpListener>> {
        let both = |address: SocketAddr| match address.ip() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => {
                let any = SocketAddr::from((Ipv6Addr::UNSPECIFIED, address.port()));
                self.0.get(&any)
            }
            _ => None,
        };
        let found = self.0.get(&address).or_else(|| both(address));
        found
            .into_iter()
            .flatten()
            .map(TcpListener::try_clone)
            .collect()
    }

    /// Their addresses.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.0.keys().copied()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_serves_every_address_of_it() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut given = Given::default();
        given.add("[::]:80".parse().unwrap(), [socket]);
        for (address, sockets) in [
            ("[::]:80", 1),
            ("0.0.0.0:80", 1),
            ("127.0.0.1:80", 0),
            ("0.0.0.0:81", 0),
        ] {
            assert_eq!(
                given.at(address.parse().unwrap()).unwrap().len(),
                sockets,
                "{address}"
            );
        }
    }
}
