//! An explanation in words.

use std::fmt::{self, Display, Formatter};

use http::{HeaderName, HeaderValue, Response, header::LOCATION, request::Parts};
use outrigger_config::{
    Config,
    model::{
        Abort, Authorization, AuthorizationRule, Destination, Fault, Filter, HeaderEdits, Route,
        Scheme, WeightedCluster,
    },
};

use super::{Explanation, Verdict, form};
use crate::authorization;
use crate::route::{Redirect, Rewrite, by_host::Names, host};

/// Routes of a kind that are shown; a table may have thousands.
const SHOWN: usize = 5;

impl Display for Explanation<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Parts { method, uri, .. } = &self.head;
        writeln!(f, "{method} {}{uri}", host::of(&self.head))?;
        match &self.verdicts {
            Err(bad) => writeln!(f, "refused with 400: {bad}"),
            Ok(verdicts) => verdicts
                .iter()
                .try_for_each(|verdict| verdict.write(f, self.config, &self.head)),
        }
    }
}

impl Verdict<'_> {
    fn write(&self, f: &mut Formatter<'_>, config: &Config, head: &Parts) -> fmt::Result {
        let listener = self.listener;
        writeln!(f, "listener `{}` on {}", listener.name, listener.address)?;
        write_authorization(f, "  ", listener.authorization.as_ref(), head)?;
        match self.winner {
            None => writeln!(f, "  no route takes it: answered with 404")?,
            Some(winner) => {
                let route = &listener.routes[winner];
                let why = form::taken(&self.rules[winner], head);
                writeln!(f, "  route `{}` takes it: {why}", route.name)?;
                write_route(f, route, config, head)?;
            }
        }
        let title = match self.winner {
            Some(_) => "would come first, but",
            None => "closest",
        };
        let name = |route: usize| &listener.routes[route].name;
        let passed_over = self.passed_over.iter().map(|&(route, miss)| {
            let why = form::missed(&self.rules[route], miss, head);
            format!("`{}`: {why}", name(route))
        });
        write_some(f, title, passed_over)?;
        let outranked = self.outranked.iter();
        let outranked = outranked.map(|&(route, step)| format!("`{}`: {step}", name(route)));
        write_some(f, "match too, but come later", outranked)
    }
}

/// The first few lines, and how many are left out.
fn write_some(
    f: &mut Formatter<'_>,
    title: &str,
    mut lines: impl ExactSizeIterator<Item = String>,
) -> fmt::Result {
    if lines.len() > 0 {
        writeln!(f, "  {title}")?;
    }
    for line in lines.by_ref().take(SHOWN) {
        writeln!(f, "    {line}")?;
    }
    match lines.len() {
        0 => Ok(()),
        more => writeln!(f, "    and {more} more"),
    }
}

/// What a route does with the request.
fn write_route(f: &mut Formatter<'_>, route: &Route, config: &Config, head: &Parts) -> fmt::Result {
    let matched = &route.matches.path;
    let mut sent = head.clone();
    write_authorization(f, "    ", route.authorization.as_ref(), head)?;
    for filter in &route.filters {
        match filter {
            Filter::RequestHeaders(edits) => writeln!(f, "    request headers: {}", edited(edits))?,
            Filter::ResponseHeaders(edits) => {
                writeln!(f, "    response headers: {}", edited(edits))?;
            }
            Filter::Rewrite(rewrite) => match Rewrite::new(rewrite, matched).apply(&mut sent) {
                Ok(()) => {
                    let (host, uri) = (host::of(&sent), &sent.uri);
                    writeln!(f, "    rewrite: the endpoint sees `{host}{uri}`")?;
                }
                Err(error) => writeln!(f, "    rewrite: fails, {error}")?,
            },
            Filter::RateLimit(limit) => {
                let (requests, per) = (limit.requests, limit.per);
                writeln!(f, "    rate limit: {requests} requests in {per:?}")?;
            }
            Filter::Fault(fault) => writeln!(f, "    fault: {}", faulty(fault))?,
            Filter::Redirect(redirect) => {
                let redirect = Redirect::new(redirect, matched);
                let response: Response<()> = redirect.response(head, Scheme::Http);
                let location = form::text(response.headers()[LOCATION].as_bytes());
                let status = response.status().as_u16();
                return writeln!(f, "    redirect: {status} to `{location}`");
            }
            Filter::Respond(respond) => {
                let (status, bytes) = (respond.status.as_u16(), respond.body.len());
                return writeln!(f, "    respond: {status} with {bytes} bytes");
            }
        }
    }
    match &route.destination {
        Destination::Clusters(clusters) => writeln!(f, "    clusters: {}", shares(clusters)),
        Destination::Host => writeln!(f, "    cluster by host: {}", by_host(config, head)),
    }
}

/// Who may ask this: the rules that could take the request, each with what it asks of the caller.
fn write_authorization(
    f: &mut Formatter<'_>,
    indent: &str,
    config: Option<&Authorization>,
    head: &Parts,
) -> fmt::Result {
    let Some(config) = config else {
        return Ok(());
    };
    let callers = |rules: &[AuthorizationRule]| {
        let rules = rules
            .iter()
            .filter(|rule| authorization::may_take(rule, head));
        rules.map(caller).collect::<Vec<_>>().join(", or ")
    };
    let (denied, allowed) = (callers(&config.deny), callers(&config.allow));
    let dry_run = if config.dry_run { " (dry run)" } else { "" };
    write!(f, "{indent}authorization{dry_run}: ")?;
    match (config.allow.is_empty(), allowed.as_str()) {
        (true, _) => f.write_str("allowed to all")?,
        (false, "") => f.write_str("allowed to nobody")?,
        (false, allowed) => write!(f, "allowed to {allowed}")?,
    }
    match denied.as_str() {
        "" => writeln!(f),
        denied => writeln!(f, "; denied to {denied}"),
    }
}

/// `` `spiffe://a/*` from 10.0.0.0/8 ``
fn caller(rule: &AuthorizationRule) -> String {
    let list = |values: Vec<String>| values.join(" or ");
    let identities = rule.identities.iter().map(|id| format!("`{id}`")).collect();
    let networks = rule.networks.iter().map(ToString::to_string).collect();
    match (list(identities), list(networks)) {
        (who, network) if who.is_empty() && network.is_empty() => "anybody".to_owned(),
        (who, network) if network.is_empty() => who,
        (who, network) if who.is_empty() => format!("whoever is in {network}"),
        (who, network) => format!("{who} in {network}"),
    }
}

/// `` `billing` ``, or which there would have to be.
fn by_host(config: &Config, head: &Parts) -> String {
    let names = Names::of(head);
    let known = |name: &&str| config.clusters.iter().any(|it| *it.name == **name);
    if let Some(name) = names.iter().find(known) {
        return format!("`{name}`");
    }
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    format!(
        "answered with 404, since none is named {}",
        names.join(" or ")
    )
}

/// `` `api` 90 %, `api-canary` 10 % ``
fn shares(clusters: &[WeightedCluster]) -> String {
    let total: u64 = clusters.iter().map(|to| u64::from(to.weight)).sum();
    let shares = clusters.iter().map(|to| {
        let name = &to.cluster.name;
        // In tenths of a percent, rounded.
        match (u64::from(to.weight) * 1000 + total / 2) / total.max(1) {
            share if share % 10 == 0 => format!("`{name}` {} %", share / 10),
            share => format!("`{name}` {}.{} %", share / 10, share % 10),
        }
    });
    shares.collect::<Vec<_>>().join(", ")
}

/// `delay 100ms for 10 %, abort with 503 for 1 %`
fn faulty(fault: &Fault) -> String {
    let percent = |share: f64| format!("{} %", (share * 1e8).round() / 1e6);
    let delay = fault
        .delay
        .iter()
        .map(|delay| format!("delay {:?} for {}", delay.time, percent(delay.share)));
    let abort = fault.abort.iter().map(|fault| {
        let way = match fault.abort {
            Abort::Status(status) => format!("with {}", status.as_u16()),
            Abort::GrpcStatus(status) => format!("with gRPC status {status}"),
            Abort::Reset => "without an answer".to_owned(),
        };
        format!("abort {way} for {}", percent(fault.share))
    });
    delay.chain(abort).collect::<Vec<_>>().join(", ")
}

/// ``remove `x-c`, set `x-a: b` ``
fn edited(edits: &HeaderEdits) -> String {
    let line = |verb: &str, name: &HeaderName, value: &HeaderValue| {
        format!("{verb} `{name}: {}`", form::text(value.as_bytes()))
    };
    let removed = edits.remove.iter().map(|name| format!("remove `{name}`"));
    let set = edits
        .set
        .iter()
        .map(|(name, value)| line("set", name, value));
    let added = edits
        .add
        .iter()
        .map(|(name, value)| line("add", name, value));
    removed
        .chain(set)
        .chain(added)
        .collect::<Vec<_>>()
        .join(", ")
}
