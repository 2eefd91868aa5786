//! Requests of this worker that wait for a connection to one endpoint, and get one from hand to hand.

use std::cell::RefCell;

use foldhash::HashMap;
use tokio::{select, sync::oneshot};

use crate::limits::{
    connections::{Slot, Waiting},
    queue::Ticket,
};

/// Those who wait, by their tickets.
pub struct Handover<T> {
    waiting: RefCell<HashMap<Ticket, oneshot::Sender<T>>>,
}

/// What came of waiting.
pub enum Got<T> {
    /// A connection may be made.
    Slot(Slot),
    /// One that is there can be used.
    Handed(T),
}

impl<T> Handover<T> {
    /// Waits until there is a connection, or room for one.
    pub async fn wait(&self, waiting: &mut Waiting) -> Got<T> {
        let (sender, mut handed) = oneshot::channel();
        let _entry = Entry::new(self, waiting.ticket, sender);
        select! {
            biased;
            Ok(handed) = &mut handed => Got::Handed(handed),
            slot = waiting.slot() => Got::Slot(slot),
        }
    }

    /// Gives it to the holder of this ticket; back, if nobody holds it.
    pub fn give(&self, ticket: Ticket, thing: T) -> Result<(), T> {
        let sender = self.waiting.borrow_mut().remove(&ticket);
        match sender {
            Some(sender) => sender.send(thing),
            None => Err(thing),
        }
    }
}

impl<T> Default for Handover<T> {
    fn default() -> Self {
        Self {
            waiting: RefCell::default(),
        }
    }
}

/// A place among those who wait, given up when dropped.
struct Entry<'a, T> {
    handover: &'a Handover<T>,
    ticket: Ticket,
}

impl<'a, T> Entry<'a, T> {
    fn new(handover: &'a Handover<T>, ticket: Ticket, sender: oneshot::Sender<T>) -> Self {
        handover.waiting.borrow_mut().insert(ticket, sender);
        Self { handover, ticket }
    }
}

impl<T> Drop for Entry<'_, T> {
    fn drop(&mut self) {
        self.handover.waiting.borrow_mut().remove(&self.ticket);
    }
}
