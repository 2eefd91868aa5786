//! The connections of a pool that carry no request.

use std::cell::RefCell;

use super::Connection;
use crate::{proxy_protocol::Addresses, upstream::handover::Handover};

/// Idle connections, the last used at the end. Boxed as their leases are: they go in and out with every request.
#[derive(Default)]
#[expect(clippy::vec_box, reason = "what is put in and taken out is the box")]
pub struct Idle {
    connections: RefCell<Vec<Box<Connection>>>,
    /// Requests that wait for one.
    pub handover: Handover<Box<Connection>>,
}

impl Idle {
    /// Whether there is any.
    pub fn any(&self) -> bool {
        !self.connections.borrow().is_empty()
    }

    /// A connection of this client, or of all, that can take a request now.
    pub fn take(&self, now: u64, client: Option<Addresses>) -> Option<Box<Connection>> {
        let mut connections = self.connections.borrow_mut();
        let mut at = connections.len();
        while at > 0 {
            at -= 1;
            if !connections[at].is_usable(now) {
                connections.remove(at);
            } else if connections[at].client == client {
                return Some(connections.remove(at));
            }
        }
        None
    }

    /// Gives a connection back after its response ended.
    pub fn put(&self, connection: Box<Connection>, max_idle: usize) {
        let mut connections = self.connections.borrow_mut();
        if connections.len() < max_idle {
            connections.push(connection);
        }
    }

    /// The one that has been idle for the longest.
    pub fn pop_oldest(&self) -> Option<Box<Connection>> {
        let mut connections = self.connections.borrow_mut();
        (!connections.is_empty()).then(|| connections.remove(0))
    }

    /// Puts back what [`pop_oldest`](Self::pop_oldest) gave.
    pub fn put_oldest(&self, connection: Box<Connection>) {
        self.connections.borrow_mut().insert(0, connection);
    }

    /// Closes what is broken, too old, or has been idle for too long. Times in microseconds.
    pub fn sweep(&self, now: u64, idle_timeout: u64) {
        self.connections.borrow_mut().retain_mut(|connection| {
            connection.is_usable(now) && connection.idle_for(now) < idle_timeout
        });
    }
}
