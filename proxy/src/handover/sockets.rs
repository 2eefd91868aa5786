//! Listening sockets on their way from one process to another.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    sync::Weak,
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
    pub fn add(&mut self, address: SocketAddr, sockets: impl IntoIterator<Item = TcpListener>) {
        self.0.entry(address).or_default().extend(sockets);
    }

    /// Those for `address`. What was bound to `[::]` takes calls to `0.0.0.0` as well, and is what systemd makes of a port
    /// alone.
    ///
    /// # Errors
    /// When the process may not have more open files.
    pub fn at(&self, address: SocketAddr) -> io::Result<Vec<TcpListener>> {
        let found = self.find(address).into_iter().flatten();
        found.map(TcpListener::try_clone).collect()
    }

    fn find(&self, address: SocketAddr) -> Option<&Vec<TcpListener>> {
        let both = || match address.ip() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => {
                let any = SocketAddr::from((Ipv6Addr::UNSPECIFIED, address.port()));
                self.0.get(&any)
            }
            _ => None,
        };
        self.0.get(&address).or_else(both)
    }

    /// Their addresses.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.0.keys().copied()
    }
}

/// For whom it matters which addresses need not be bound: a look at what was given, as long as that is kept.
#[derive(Clone, Debug)]
pub struct Reserved {
    /// All that was.
    pub given: [Weak<Given>; 2],
    /// Where the admin server listens, which is no place for anybody else.
    pub admin: SocketAddr,
}

impl Reserved {
    /// Whether there is a socket for a listener at `address`.
    pub fn has(&self, address: SocketAddr) -> bool {
        let given = self.given.iter().filter_map(Weak::upgrade);
        address != self.admin && given.into_iter().any(|given| given.find(address).is_some())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn an_address_is_reserved_as_long_as_its_socket_is_kept_but_never_the_admin_servers() {
        let mut given = Given::default();
        for port in [80, 90] {
            let socket = TcpListener::bind("127.0.0.1:0").unwrap();
            given.add(([127, 0, 0, 1], port).into(), [socket]);
        }
        let given = Arc::new(given);
        let reserved = Reserved {
            given: [Arc::downgrade(&given), Weak::new()],
            admin: ([127, 0, 0, 1], 90).into(),
        };
        let has = |port| reserved.has(([127, 0, 0, 1], port).into());
        assert_eq!([80, 81, 90].map(has), [true, false, false]);
        drop(given);
        assert!(!has(80));
    }

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
