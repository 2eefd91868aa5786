//! Where tables come from.
//!
//! A source is a stream of what there is, not of what changed: it may drop, resume and repeat itself, and whoever
//! listens compares. So a source that has lost its thread says [`Event::All`] once more, and nothing happens to what is
//! the same. A source that is [lost](Event::Lost) takes nothing away: the tables it gave last stay in force.

pub mod file;
mod name;

use std::{collections::BTreeMap, future::Future, io};

use bytes::Bytes;

pub use name::{BadName, Name};

/// What a source says of a table: its text, or why that can't be had. In the latter case the table that was there last
/// stays in force.
pub type Text = Result<Bytes, String>;

/// Something that a source says. Saying it twice is saying it once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// All there is: a table that is not among them is gone.
    All(BTreeMap<Name, Text>),
    /// A table is new, or another than before, or the same.
    Put(Name, Text),
    /// A table is gone.
    Deleted(Name),
    /// Nothing can be said at present, and why. Tables stay; [`Event::All`] follows when the source is back.
    Lost(String),
}

/// Where tables come from, and where those put by the API go.
pub trait Source: Send + 'static {
    /// Waits for the next event; the first is [`Event::All`], or [`Event::Lost`] before it. Never ends: a source that
    /// fails says so and tries again, with its own patience.
    ///
    /// May be dropped at any time and begun anew: no event is lost by that. After a write, it says nothing that is older
    /// than what was written.
    fn next(&mut self) -> impl Future<Output = Event> + Send;

    /// Looks at everything as soon as it can: somebody who may know better than its events asks for it.
    fn refresh(&mut self);

    /// Looks at these tables, or at all, before somebody changes them, and gives all that there is to say by then: what
    /// waits, and what was not noticed yet. It is not said again.
    fn look(&mut self, names: Option<&[Name]>) -> impl Future<Output = Vec<Event>> + Send;

    /// Makes `text` the text of a table, durably: when this returns, the source gives it again after a crash.
    fn write(
        &mut self,
        name: &Name,
        text: &Bytes,
    ) -> impl Future<Output = Result<(), WriteError>> + Send;

    /// Takes a table away. That it is gone already is no error.
    fn delete(&mut self, name: &Name) -> impl Future<Output = Result<(), WriteError>> + Send;

    /// Where a table is or would be, for messages: `tables/shop.yaml`.
    fn place(&self, name: &Name) -> String;

    /// What history calls it: `file`.
    fn kind(&self) -> &'static str;
}

/// Why a source does not take a table.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// It never does, or not this one; and what to do instead.
    #[error("{0}")]
    ReadOnly(String),
    /// It failed.
    #[error("{0}: {1}")]
    Failed(String, io::Error),
}
