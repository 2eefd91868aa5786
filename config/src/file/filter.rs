//! What a route changes.

mod fault;
mod redirect;
mod respond;
mod rewrite;

use super::{
    header::{request_edits, response_edits},
    rate_limit::rate_limit,
};
use crate::{
    model::Filter,
    problem::Fault,
    reader::Reader,
    shape::{Shape, choice, list, variant},
    yaml::Node,
};
pub(super) use respond::respond;
use {fault::fault, redirect::redirect, rewrite::rewrite};

/// Filters that end a request: what follows them is never reached.
const ANSWERS: [&str; 2] = ["redirect", "respond"];

/// The filters of a route, in order.
pub(super) fn filters() -> Shape<Vec<Filter>> {
    list(filter()).rule(all_reachable)
}

fn filter() -> Shape<Filter> {
    let request_headers = variant!(
        "request_headers",
        "Edits the request's headers.",
        request_edits(),
        Filter::RequestHeaders
    );
    let response_headers = variant!(
        "response_headers",
        "Edits the response's headers.",
        response_edits(),
        Filter::ResponseHeaders
    );
    let rewrite = variant!(
        "rewrite",
        "Changes the path or host that the endpoint sees.",
        rewrite(),
        Filter::Rewrite
    );
    let redirect = variant!(
        "redirect",
        "Answers with a redirect. What is not given stays as in the request.",
        redirect(),
        Filter::Redirect
    );
    let respond = variant!("respond", "Answers directly.", respond(), Filter::Respond);
    let rate_limit = variant!(
        "rate_limit",
        "Refuses with 429 what is too much.",
        rate_limit(),
        Filter::RateLimit
    );
    let fault = variant!("fault", "Trouble on purpose.", fault(), Filter::Fault);
    let edits = [request_headers, response_headers, rewrite];
    let rest = [redirect, respond, rate_limit, fault];
    choice("a filter", edits.into_iter().chain(rest))
}

/// Whether a route with these filters answers by itself.
pub(super) fn answer(filters: &Node) -> bool {
    filters
        .items()
        .iter()
        .any(|filter| answer_of(filter).is_some())
}

fn answer_of(filter: &Node) -> Option<&'static str> {
    ANSWERS.into_iter().find(|name| filter.get(name).is_some())
}

fn all_reachable(filters: &Node, reader: &mut Reader) {
    let mut items = filters.items().iter().enumerate();
    let answer = items.find_map(|(_, filter)| Some((filter, answer_of(filter)?)));
    let Some((answer, name)) = answer else {
        return;
    };
    for (index, filter) in items {
        reader.within(&[index.into()], |reader| {
            let fault = Fault::new("this filter is never reached")
                .hint(format!("put it before `{name}`, or leave one of them out"));
            let label = format!("`{name}` ends the request here");
            reader.clash(&filter.span, fault, &answer.span, &label);
        });
    }
}

/// Rule of a route: what is in place of a matched prefix needs one.
pub(super) fn prefix_to_replace(route: &Node, reader: &mut Reader) {
    let path = route.get("match").and_then(|matches| matches.get("path"));
    if path.is_some_and(|path| path.get("prefix").is_some()) {
        return;
    }
    let Some(filters) = route.get("filters") else {
        return;
    };
    for (index, filter) in filters.items().iter().enumerate() {
        for name in ["rewrite", "redirect"] {
            let Some(prefix) = filter.get(name).and_then(|filter| filter.entry("prefix")) else {
                continue;
            };
            let fault = Fault::new("there is no prefix to replace")
                .cause("the route does not match by `path: { prefix: ... }`")
                .hint("match by prefix, or replace the whole path with `path`");
            let steps = ["filters".into(), index.into(), name.into()];
            reader.within(&steps, |reader| reader.report(&prefix.key_span, fault));
        }
    }
}
