//! A worker's live downstream connections: so that a drain reaches them, and one clock watches them all.
//!
//! A timer a connection would be set and cleared with every request; one walk a second costs next to nothing.

use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    rc::Rc,
};

use slab::Slab;

use super::Connection;

/// Live connections.
#[derive(Default)]
pub struct Registry {
    connections: RefCell<Slab<Rc<Connection>>>,
    /// A connection that was accepted at the last moment is drained as well.
    draining: Cell<bool>,
}

/// A connection's place in the registry, given up when dropped.
pub struct Registered<'a> {
    registry: &'a Registry,
    key: usize,
}

impl Registry {
    /// Adds a connection for as long as the returned guard lives.
    pub fn register(&self, connection: &Rc<Connection>) -> Registered<'_> {
        let key = self.connections.borrow_mut().insert(Rc::clone(connection));
        if self.draining.get() {
            connection.drain();
        }
        Registered {
            registry: self,
            key,
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.connections.borrow().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.connections.borrow().is_empty()
    }

    /// Ends those that are too slow or too quiet.
    pub fn check(&self, now: u64) {
        self.connections
            .borrow()
            .iter()
            .for_each(|(_, connection)| connection.check(now));
    }

    /// Lets them see the table in force.
    pub fn refresh(&self) {
        self.connections
            .borrow()
            .iter()
            .for_each(|(_, connection)| drop(connection.listener()));
    }

    /// Drains all.
    pub fn drain(&self) {
        self.draining.set(true);
        self.connections
            .borrow()
            .iter()
            .for_each(|(_, connection)| connection.drain());
    }

    /// Drains those of one listener, which is gone.
    pub fn drain_listener(&self, address: SocketAddr) {
        let connections = self.connections.borrow();
        connections
            .iter()
            .filter(|(_, connection)| connection.address() == address)
            .for_each(|(_, connection)| connection.drain());
    }
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.registry.connections.borrow_mut().remove(self.key);
    }
}
