//! The client's half of ADS on one stream, without sockets: what is asked for, what came, what is acknowledged.
//!
//! Two dialects of the same protocol. [`Delta`] is ours: it asks by name and hears only of changes. Control planes that
//! lack it speak [`StateOfTheWorld`]. What is known lies in [`Resources`], which outlive the stream.

mod delta;
mod state_of_the_world;
#[cfg(test)]
mod tests;

use outrigger_xds::{Kind, pb::google::rpc::Status};

use super::resources::{Admit, Refusal, Resources};

pub use delta::Delta;
pub use state_of_the_world::StateOfTheWorld;

/// gRPC's INVALID_ARGUMENT.
const INVALID_ARGUMENT: i32 = 3;

/// Refusals are for people to read: this many bytes of them are enough.
const LONGEST_DETAIL: usize = 8 * 1024;

/// One stream's conversation.
pub trait Dialect {
    /// What the proxy says.
    type Request;
    /// What the control plane says.
    type Response;

    /// Of the gRPC method.
    const PATH: &'static str;

    /// Whether the control plane names all clusters.
    const ALL_CLUSTERS: bool;

    /// What is to be sent now: acknowledgements, and names that are wanted otherwise than was said so far. The node goes
    /// with the first. `now` is in microseconds.
    fn ask(&mut self, resources: &mut Resources, now: u64) -> Vec<Self::Request>;

    /// Takes what is good of a response. [`Dialect::ask`] then gives the answer to it. `None`: nobody asked for that.
    fn receive(
        &mut self,
        response: Self::Response,
        resources: &mut Resources,
        admit: &dyn Admit,
    ) -> Option<Receipt>;
}

/// What became of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// What it was about.
    pub kind: Kind,
    /// Of the whole, as the control plane calls it; may be empty.
    pub version: String,
    /// What was not taken.
    pub refusals: Vec<Refusal>,
}

/// As the control plane is told.
fn detail(refusals: &[Refusal]) -> Option<Status> {
    if refusals.is_empty() {
        return None;
    }
    let whys: Vec<&str> = refusals.iter().map(|refusal| &*refusal.why).collect();
    let mut message = whys.join("\n");
    message.truncate(message.floor_char_boundary(LONGEST_DETAIL));
    Some(Status {
        code: INVALID_ARGUMENT,
        message,
        details: Vec::new(),
    })
}

/// After a response about listeners: all of them have been named, unless none was any good.
fn listed(resources: &mut Resources, receipt: &Receipt) {
    if receipt.kind == Kind::Listener {
        let any = resources.listeners.present().next().is_some();
        resources.listed |= any || receipt.refusals.is_empty();
    }
}
