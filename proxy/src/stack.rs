//! The whole request path on one page, in the order in which a request meets it.

use std::rc::Rc;

use tower::ServiceBuilder;

use crate::{
    layer::{
        admit::Admit, attempt_timeout::AttemptTimeout, balance::Balance,
        circuit_breaker::CircuitBreaker, deadline::Deadline, filters::Filters, hop::Hop,
        limit::Limit, observe::Observe, on_demand::OnDemand, respond::Respond, router::Router,
        track::Track,
    },
    retry::Retry,
    upstream::dispatch::Dispatch,
    worker::Worker,
};

/// One statically typed stack a worker; each step reads its own part of the call's route or cluster and steps aside
/// when that is absent.
pub type Stack = Observe<Respond<Admit<Hop<Router<Filters<Deadline<OnDemand<Retry<Attempt>>>>>>>>>;

/// What happens to each attempt.
type Attempt = AttemptTimeout<CircuitBreaker<Limit<Balance<Track<Dispatch>>>>>;

/// The stack over the connections of `worker`.
pub fn stack(worker: &Rc<Worker>) -> Stack {
    ServiceBuilder::new()
        // Outermost: sees every request and its response's last byte. Metrics, access log, the tunnel after an upgrade.
        .layer_fn(|next| Observe::new(Rc::clone(worker), next))
        // Turns an error into a response. Below Observe, so that errors are counted as what the client saw.
        .layer_fn(Respond::new)
        // Refuses what the process or the listener has no room for. Above all that costs: no look at the head, no route.
        .layer_fn(|next| Admit::new(Rc::clone(worker), next))
        // Refuses doubtful framing, takes out what belongs to one hop, writes forwarding and tracing headers. Above
        // Router, so that routes match what is true and filters have the last word on headers.
        .layer_fn(|next| Hop::new(Rc::clone(worker), next))
        // Finds the route and one of its clusters in the current snapshot, and refuses whom the listener's or the route's
        // authorization does not let in. Below Hop, which knows who calls and the path in normal form; above Filters: a
        // refused request is no part of the route's rate limits. All below are the route's policies.
        .layer_fn(|next| Router::new(Rc::clone(worker), next))
        // Header edits, rewrite, redirect, direct response, rate limits, faults. Above Deadline and Retry: once a request, not an attempt.
        .layer_fn(|next| Filters::new(Rc::clone(worker), next))
        // The whole request's time. Above Retry, so that no attempt outlives it.
        .layer_fn(Deadline::new)
        // Asks the control plane for a cluster that the table does not have. Below Deadline, which bounds the wait; below
        // Filters, which may do without a cluster.
        .layer_fn(|next| OnDemand::new(Rc::clone(worker), next))
        // Judges what came back and tries again, elsewhere. Above all that belongs to one attempt.
        .layer_fn(|next| Retry::new(Rc::clone(worker), next))
        // One attempt's time. Above Balance and Track, so that what an endpoint did not do in time is held against it.
        .layer_fn(AttemptTimeout::new)
        // Leaves a cluster alone that is broken, or falls back on another. Above all that belongs to the cluster: what is
        // refused here takes no place and no endpoint, and what falls back is under the other's policies.
        .layer_fn(CircuitBreaker::new)
        // How many the cluster takes at once. Below Retry and AttemptTimeout: each attempt is one; above Balance: what is
        // refused is no endpoint's doing.
        .layer_fn(Limit::new)
        // Picks an endpoint, another one than before. Right above Track: nothing may happen between pick and count.
        .layer_fn(|next| Balance::new(Rc::clone(worker), next))
        // Counts the request in flight at its endpoint to the end of the body, and its latency and outcome.
        .layer_fn(Track::new)
        // A live connection or a new one. Stale ones are gone over here, unseen by Track: they are no failure.
        .service(Dispatch::new(Rc::clone(worker)))
}
