//! How a new process takes the place of a running one without refusing a connection: it gets its listening sockets, with
//! all that waits in their queues.
//!
//! ```text
//! new                                          running
//! reads its table; a bad one ends it here
//! hello            ------------------------>   is it the same user?
//!                  <------------------------   its sockets by address, and the one at PATH itself
//! starts workers, finds endpoints
//! ready            ------------------------>
//!                  <------------------------   yours
//! accepts                                      drains
//! ```
//!
//! Until `ready` the new one accepts nothing: if it fails before, or is killed, the running one has missed nothing and serves
//! on. Both have the sockets for a moment, and no queue is ever without somebody who takes from it. The socket at `PATH`
//! travels, too, so that there is always one process behind it: a third waits there for the second.
//!
//! [`systemd`] is the other way to be given sockets, [`notify`] how systemd is told.

mod door;
pub mod notify;
mod predecessor;
mod sockets;
pub mod systemd;
mod wire;
mod word;

use std::{io, path::PathBuf, time::Duration};

pub use door::{Ask, Door};
pub use predecessor::{Met, Predecessor, meet};
pub use sockets::{Given, Owner, Passed, Reserved};

/// How long one side waits for the other. A new process may have to wait for its control plane, or for names.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why there is no hand-over.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The system does not do what is needed.
    #[error("{0}")]
    System(#[from] io::Error),
    /// Nobody can wait, or be found, there.
    #[error("{}: {error}\nhint: {hint}", path.display())]
    Path {
        /// Where.
        path: PathBuf,
        /// Why not.
        error: io::Error,
        /// What to do.
        hint: &'static str,
    },
    /// The other is not who it should be.
    #[error("the process there runs as user {theirs}, this one as {ours}")]
    Stranger {
        /// Its user.
        theirs: u32,
        /// Ours.
        ours: u32,
    },
    /// The other said something else than was its turn to say.
    #[error("the other process said `{0}`, which is not how a hand-over goes")]
    Nonsense(String),
    /// The other will not.
    #[error("the other process refuses: {0}")]
    Refused(String),
    /// The other said nothing.
    #[error("the other process said nothing for {PATIENCE:?}")]
    Silence,
    /// The other hung up.
    #[error("the other process hung up")]
    HungUp,
}
