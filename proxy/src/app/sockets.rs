//! The sockets of listeners, bound before anything changes.

use std::{collections::HashMap, io, net::SocketAddr};

use outrigger_config::{
    Config,
    model::{Listener, Transparent},
};
use tokio::sync::mpsc;

use super::Failure;
use crate::{downstream::accept, worker::Order};

/// One a worker, for each address.
#[derive(Default)]
pub struct Sockets(HashMap<SocketAddr, Vec<std::net::TcpListener>>);

impl Sockets {
    /// Binds what `config` listens on and `held` does not have. A listener that may be left out, and whose address can't be
    /// had, is: it goes from `config`, and what comes back is its address and why.
    ///
    /// # Errors
    /// When another can't be bound. Then nothing is.
    pub fn bind(
        config: &mut Config,
        held: &[SocketAddr],
        may_be_left_out: impl Fn(&Listener) -> bool,
        workers: usize,
    ) -> Result<(Self, Vec<(SocketAddr, String)>), Failure> {
        let mut sockets = Self::default();
        let mut left_out = Vec::new();
        let mut kept = Vec::with_capacity(config.listeners.len());
        for listener in std::mem::take(&mut config.listeners) {
            let address = listener.address;
            let bound = match held.contains(&address) {
                true => Ok(()),
                false => sockets.add(&listener, workers),
            };
            match bound {
                Ok(()) => kept.push(listener),
                Err(error) if may_be_left_out(&listener) => {
                    let why = format!("listener `{}`: address {address}: {error}", listener.name);
                    left_out.push((address, why));
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
        Ok((sockets, left_out))
    }

    fn add(&mut self, listener: &Listener, workers: usize) -> io::Result<()> {
        let capture = listener.transparent.as_ref().map(Transparent::by);
        let bound = accept::bind(listener.address, workers, capture)?;
        self.0.insert(listener.address, bound);
        Ok(())
    }

    /// Gives each worker its socket of each listener.
    pub fn hand_out(self, workers: &[mpsc::UnboundedSender<Order>]) {
        for (address, sockets) in self.0 {
            for (worker, socket) in workers.iter().zip(sockets) {
                let _ = worker.send(Order::Listen(address, socket));
            }
        }
    }
}
