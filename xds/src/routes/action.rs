//! What a route does: send requests to clusters, redirect, or answer.

mod answer;
mod destination;

pub(super) use answer::{DIRECT_BODY, from_direct, from_redirect};
pub(crate) use destination::specifier;
pub(super) use destination::{Usual, from_action};

use outrigger_config::model::{Filter, HeaderEdits, Rewrite, Route};

use super::{edits, retry};
use crate::{
    pb::envoy::config::{
        core::v3::HeaderValueOption,
        route::v3::{Route as WireRoute, route::Action},
    },
    scalar::time,
};
use std::time::Duration;

/// Fills in the action and the edits of headers.
pub(super) fn to_wire(route: &Route, message: &mut WireRoute) {
    let mut rewrite = None;
    let mut answer = None;
    for filter in &route.filters {
        match filter {
            Filter::RequestHeaders(it) => edit(
                it,
                &mut message.request_headers_to_add,
                &mut message.request_headers_to_remove,
            ),
            Filter::ResponseHeaders(it) => edit(
                it,
                &mut message.response_headers_to_add,
                &mut message.response_headers_to_remove,
            ),
            Filter::Rewrite(it) => rewrite = Some(it),
            Filter::Redirect(redirect) => {
                answer = Some(answer::redirect(redirect, &route.matches.path));
            }
            Filter::Respond(respond) => {
                let content_type = answer::content_type(respond);
                message.response_headers_to_add.insert(0, content_type);
                answer = Some(answer::direct(respond));
            }
            // Nothing that every client knows.
            Filter::RateLimit(_) | Filter::Fault(_) => {}
        }
    }
    let action = answer.unwrap_or_else(|| Action::Route(sent(route, rewrite)));
    message.action = Some(action);
}

fn edit(edits: &HeaderEdits, options: &mut Vec<HeaderValueOption>, removed: &mut Vec<String>) {
    options.extend(edits::to_wire(edits));
    removed.extend(edits.remove.iter().map(ToString::to_string));
}

fn sent(
    route: &Route,
    rewrite: Option<&Rewrite>,
) -> crate::pb::envoy::config::route::v3::RouteAction {
    let mut action = destination::to_wire(route, rewrite);
    // Absent, they would be 15 s and 5 min.
    action.timeout = time(route.timeout.unwrap_or(Duration::ZERO));
    action.idle_timeout = time(route.idle_timeout.unwrap_or(Duration::ZERO));
    action.retry_policy = Some(retry::to_wire(route, &route.retry));
    action.hedge_policy = retry::hedge(route);
    action
}
