//! A route of the wire in the words of the file.

use serde_json::{Value, json};

use super::{
    action::{self, Usual},
    edits, filters, matches,
    new_path::by_segment,
};
use crate::{
    Refused,
    pb::envoy::config::{
        core::v3::HeaderValueOption,
        route::v3::{
            HedgePolicy, RetryPolicy, Route, RouteConfiguration, RouteMatch, VirtualHost,
            route::Action, route_match::PathSpecifier,
        },
    },
    refused::Within,
    remainder::Keys,
};

/// What a route has from its virtual host and from the whole configuration.
#[derive(Default)]
pub(super) struct Inherited<'a> {
    retry: Option<&'a RetryPolicy>,
    hedge: Option<&'a HedgePolicy>,
    /// In the order in which they are done, after the route's own.
    request: Vec<Edit<'a>>,
    response: Vec<Edit<'a>>,
}

type Edit<'a> = (&'a [HeaderValueOption], &'a [String]);

impl<'a> Inherited<'a> {
    pub(super) fn new(whole: &'a RouteConfiguration, host: &'a VirtualHost) -> Self {
        Self {
            retry: host.retry_policy.as_ref(),
            hedge: host.hedge_policy.as_ref(),
            request: vec![
                (
                    &host.request_headers_to_add,
                    &host.request_headers_to_remove,
                ),
                (
                    &whole.request_headers_to_add,
                    &whole.request_headers_to_remove,
                ),
            ],
            response: vec![
                (
                    &host.response_headers_to_add,
                    &host.response_headers_to_remove,
                ),
                (
                    &whole.response_headers_to_add,
                    &whole.response_headers_to_remove,
                ),
            ],
        }
    }
}

/// What the standard fields say; of the hosts nothing.
pub(super) fn of(route: &Route, inherited: &Inherited<'_>) -> Result<Keys, Refused> {
    filters::of(&route.typed_per_filter_config)?;
    let mut keys = Keys::new();
    if !route.name.is_empty() {
        keys.insert("name".to_owned(), json!(route.name));
    }
    let matched = route.r#match.as_ref();
    let matched = matched
        .ok_or_else(|| Refused::new("no condition is given"))
        .within("match")?;
    let path = matched.path_specifier.as_ref();
    let mut response_options = route.response_headers_to_add.clone();
    let (last, is_sent) = match &route.action {
        Some(Action::Route(it)) => {
            let usual = Usual {
                retry: inherited.retry,
                hedge: inherited.hedge,
            };
            let rewrite = action::from_action(it, usual, path, &mut keys).within("route")?;
            (rewrite, Some(&*it.prefix_rewrite))
        }
        Some(Action::Redirect(it)) => (
            Some(action::from_redirect(it, path).within("redirect")?),
            None,
        ),
        Some(Action::DirectResponse(it)) => {
            let respond = action::from_direct(it, &mut response_options);
            (Some(respond.within("direct_response")?), None)
        }
        Some(Action::FilterAction(_) | Action::NonForwardingAction(_)) => {
            return Err(Refused::new("this action is not supported"));
        }
        None => return Err(Refused::new("no action is given")),
    };
    let conditions = conditions(matched, is_sent).within("match")?;
    keys.insert("match".to_owned(), conditions.into());

    let mut filters = Vec::new();
    let own = (
        &*route.request_headers_to_add,
        &*route.request_headers_to_remove,
    );
    edit("request_headers", own, &inherited.request, &mut filters)?;
    let own = (&*response_options, &*route.response_headers_to_remove);
    edit("response_headers", own, &inherited.response, &mut filters)?;
    filters.extend(last);
    keys.insert("filters".to_owned(), filters.into());
    Ok(keys)
}

/// A prefix of letters that ends with a slash is one of segments where it is replaced by another: it then takes the path
/// without that slash too, which our file cannot tell apart.
fn conditions(matched: &RouteMatch, prefix_rewrite: Option<&str>) -> Result<Keys, Refused> {
    let mut keys = matches::from_wire(matched)?;
    if let (Some(PathSpecifier::Prefix(prefix)), Some(with)) =
        (&matched.path_specifier, prefix_rewrite)
        && by_segment(prefix, with)
    {
        keys.insert("path".to_owned(), json!({"prefix": prefix}));
    }
    Ok(keys)
}

fn edit(
    key: &str,
    own: Edit<'_>,
    inherited: &[Edit<'_>],
    filters: &mut Vec<Value>,
) -> Result<(), Refused> {
    for (options, removed) in std::iter::once(&own).chain(inherited) {
        let edits = edits::from_wire(options, removed).within(format_args!("{key}_to_add"))?;
        filters.extend(edits.into_iter().map(|edits| json!({(key): edits})));
    }
    Ok(())
}
