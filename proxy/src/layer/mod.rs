//! The steps of a request's way, one file each. `stack.rs` has their order and its reasons.

pub mod admit;
pub mod attempt_timeout;
pub mod balance;
pub mod circuit_breaker;
pub mod deadline;
pub mod filters;
pub mod hop;
pub mod limit;
pub mod observe;
pub mod on_demand;
pub mod respond;
pub mod router;
pub mod track;

use http::Response;

use crate::{body::Body, call::Call, error::Error};

/// One step: acts on the call, hands it to the next, acts on what comes back.
///
/// Composed by tower's `ServiceBuilder`, but not a tower `Service`: with `&self` and an `async fn` a step needs no
/// clone, no box and no hand-written future a request, the call is passed by reference instead of being moved through
/// a dozen futures, and there is no `poll_ready` to carry state in.
pub trait Handle {
    /// Takes a call to its response.
    #[expect(
        async_fn_in_trait,
        reason = "a worker is one thread: no future has to be Send"
    )]
    async fn handle(&self, call: &mut Call) -> Result<Response<Body>, Error>;
}
