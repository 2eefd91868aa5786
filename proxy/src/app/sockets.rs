//! The sockets of listeners: bound, or found among those that were given, before anything changes; and held, so that they
//! can be handed over.

use std::{
    collections::HashMap,
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
};

use outrigger_config::{
    Config,
    model::{Capture, Listener, Transparent},
};
use socket2::SockRef;
use tokio::sync::mpsc;

use super::Failure;
use crate::{
    downstream::accept,
    handover::{Given, Owner, Passed, Reserved},
    worker::Order,
};

/// All sockets of listeners.
pub struct Sockets {
    /// The workers have clones.
    held: HashMap<SocketAddr, Vec<TcpListener>>,
    /// Of the process before this one.
    inherited: Arc<Given>,
    /// There whoever wants them.
    systemds: Arc<Given>,
    /// Whether workers accept.
    open: bool,
    workers: Vec<mpsc::UnboundedSender<Order>>,
}

/// What could not be had: an address, and what its socket should take.
pub type Unbound = (SocketAddr, Option<Capture>);

/// Those that a new table needs more than the old.
#[derive(Default)]
pub struct Bound(HashMap<SocketAddr, Vec<TcpListener>>);

impl Sockets {
    /// None but what may be used in place of binding: of the process before this one, else of systemd.
    pub fn new(inherited: Given, systemds: Given) -> Self {
        Self {
            held: HashMap::new(),
            inherited: Arc::new(inherited),
            systemds: Arc::new(systemds),
            open: false,
            workers: Vec::new(),
        }
    }

    /// What may be used in place of binding, for a control plane's listeners to be judged by. The admin server is at `admin`.
    pub fn reserved(&self, admin: SocketAddr) -> Reserved {
        Reserved {
            given: [&self.inherited, &self.systemds].map(Arc::downgrade),
            admin,
        }
    }

    /// Binds what `config` listens on and is not held. A listener that may be left out, and whose address can't be had, is:
    /// it goes from `config`, and what comes back is what it wanted and why.
    ///
    /// # Errors
    /// When another can't be bound. Then nothing is.
    pub fn bind(
        &self,
        config: &mut Config,
        may_be_left_out: impl Fn(&Listener) -> bool,
        workers: usize,
    ) -> Result<(Bound, Vec<(Unbound, String)>), Failure> {
        let mut bound = Bound::default();
        let mut left_out = Vec::new();
        let mut kept = Vec::with_capacity(config.listeners.len());
        for listener in std::mem::take(&mut config.listeners) {
            let address = listener.address;
            let capture = listener.transparent.as_ref().map(Transparent::by);
            let sockets = match self.held.get(&address) {
                Some(held) => take(held, capture).map(|()| None),
                None => self.at(address, workers, capture).map(Some),
            };
            match sockets {
                Ok(sockets) => {
                    bound.0.extend(sockets.map(|sockets| (address, sockets)));
                    kept.push(listener);
                }
                Err(error) if may_be_left_out(&listener) => {
                    let why = format!("listener `{}`: address {address}: {error}", listener.name);
                    left_out.push(((address, capture), why));
                }
                Err(error) => {
                    let what = format!("listener {address}");
                    return Err(Failure::Bind {
                        address,
                        what,
                        error,
                    });
                }
            }
        }
        config.listeners = kept;
        Ok((bound, left_out))
    }

    /// Sockets for so many workers: what was given and, if that is too little, new ones beside it, which do not
    /// listen before a worker accepts.
    ///
    /// # Errors
    /// When the address can't be had.
    pub fn at(
        &self,
        address: SocketAddr,
        workers: usize,
        capture: Option<Capture>,
    ) -> io::Result<Vec<TcpListener>> {
        let mut sockets = self.inherited.at(address)?;
        if sockets.is_empty() {
            sockets = self.systemds.at(address)?;
        }
        let Some(first) = sockets.first() else {
            return accept::bind(address, workers, capture);
        };
        take(&sockets, capture)?;
        if SockRef::from(first).reuse_port().unwrap_or(false) {
            let own = first.local_addr()?;
            for _ in sockets.len()..workers {
                sockets.extend(accept::beside(own, capture).ok());
            }
        }
        Ok(sockets)
    }

    /// Takes what was bound, for workers to accept on.
    pub fn put(&mut self, bound: Bound) {
        for (address, sockets) in bound.0 {
            if self.open {
                self.hand_out(address, &sockets);
            }
            self.held.insert(address, sockets);
        }
    }

    /// From now on these workers accept.
    pub fn open(&mut self, workers: &[mpsc::UnboundedSender<Order>]) {
        self.workers = workers.to_vec();
        self.open = true;
        for (&address, sockets) in &self.held {
            self.hand_out(address, sockets);
        }
    }

    /// Whether workers accept.
    pub fn are_open(&self) -> bool {
        self.open
    }

    /// Each socket must have a worker, whose queue would fill up else; each worker a socket, its own if there are enough.
    fn hand_out(&self, address: SocketAddr, sockets: &[TcpListener]) {
        for socket in sockets {
            if let Err(error) = accept::listen(socket) {
                tracing::error!(%address, %error, "cannot listen");
            }
        }
        let (all, workers) = (sockets.iter().cycle(), self.workers.iter().cycle());
        for (socket, worker) in all.zip(workers).take(sockets.len().max(self.workers.len())) {
            match socket.try_clone() {
                Ok(socket) => drop(worker.send(Order::Listen(address, socket))),
                Err(error) => tracing::error!(%address, %error, "cannot listen"),
            }
        }
    }

    /// Nobody listens at `address` any more.
    pub fn close(&mut self, address: SocketAddr) {
        self.held.remove(&address);
        for worker in &self.workers {
            let _ = worker.send(Order::Close(address));
        }
    }

    /// Closes what the process before this one had and this one does not want; the addresses.
    pub fn forget(&mut self) -> Vec<SocketAddr> {
        let inherited = std::mem::take(&mut self.inherited);
        let unused = inherited.addresses();
        unused
            .filter(|address| !self.held.contains_key(address))
            .collect()
    }

    /// All of them, for another process.
    pub fn passed(&self) -> Vec<Passed> {
        let held = self.held.iter();
        let passed =
            held.filter_map(|(&address, sockets)| Passed::of(Owner::Listener(address), sockets));
        passed.collect()
    }
}

/// The workers' clones of them, and another process's, do it from then on as well.
fn take(sockets: &[TcpListener], capture: Option<Capture>) -> io::Result<()> {
    let mut sockets = sockets.iter().map(SockRef::from);
    sockets.try_for_each(|socket| accept::prepare(&socket, capture))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_was_there_takes_what_its_listener_takes_or_is_not_had() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let mut given = Given::default();
        given.add(address, [socket]);
        let sockets = Sockets::new(given, Given::default());
        let taken = sockets.at(address, 1, Some(Capture::Tproxy));
        // Only some may: who runs this may be anybody.
        assert_eq!(
            taken.is_ok(),
            accept::may_take(Some(Capture::Tproxy)).is_ok()
        );
        for socket in taken.into_iter().flatten() {
            assert!(SockRef::from(&socket).ip_transparent_v4().unwrap());
        }
        assert_eq!(sockets.at(address, 1, None).unwrap().len(), 1);
    }
}
