//! Routes of another control plane's making.
//!
//! There the first route that matches wins, and only those of one virtual host are asked. Here the most specific wins, and
//! a request that no route of its host takes is left to those of less specific hosts. What comes out the same is taken;
//! what would not is refused by name.

mod overlap;

use std::collections::HashSet;

use outrigger_config::model::{HostMatch, Match, Route};
use serde_json::json;

use super::{
    hosts::covering,
    keys::{self, Inherited},
    order::Rank,
};
use crate::{
    Refused, parts,
    pb::envoy::config::route::v3::{
        RouteConfiguration, VirtualHost, virtual_host::TlsRequirementType,
    },
    refused::Within,
    remainder::{self, Keys},
};
use overlap::{covers, may_overlap};

/// Each route is compared with those before it.
const MOST_ROUTES: usize = 2_000;

pub(super) fn from_wire(
    listener: &str,
    message: &RouteConfiguration,
) -> Result<Vec<Route>, Refused> {
    if message.vhds.is_some() {
        return Err(Refused::new("virtual hosts come with their routes here")).within("vhds");
    }
    let mut names = Names::new(listener);
    let mut routes = Vec::new();
    let mut all_hosts = HashSet::new();
    let mut read = Vec::new();
    for (index, host) in message.virtual_hosts.iter().enumerate() {
        let within = format!("virtual_hosts[{index}]");
        let hosts = hosts(host).within(&within)?;
        if let Some(twice) = hosts.iter().find(|host| !all_hosts.insert((*host).clone())) {
            return Err(Refused::new(format!("`{twice}` is listed twice"))).within(&within);
        }
        let listed = listed(message, host, &hosts, &mut names).within(&within)?;
        read.push((hosts, listed, &host.name));
    }
    for (hosts, listed, name) in read {
        let ends = listed.iter().any(|route| takes_all(&route.matches));
        let falls_through = hosts.iter().any(|host| is_covered(host, &all_hosts));
        routes.extend(listed);
        if !ends && falls_through {
            routes.push(nothing(&hosts, &names.unique(&format!("{name}/none")))?);
        }
    }
    Ok(routes)
}

/// The domains of a virtual host as the file writes hosts, `*` included.
fn hosts(host: &VirtualHost) -> Result<Vec<String>, Refused> {
    if host.require_tls != i32::from(TlsRequirementType::None) {
        return Err(Refused::new("TLS is not supported")).within("require_tls");
    }
    if host.matcher.is_some() {
        return Err(Refused::new("not supported")).within("matcher");
    }
    let mut hosts: Vec<String> = Vec::new();
    for domain in &host.domains {
        let domain = domain.to_lowercase();
        let (bare, port) = match domain.rsplit_once(':') {
            Some((bare, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (bare, true),
            _ => (&*domain, false),
        };
        // With and without port is how Envoy is told that the port means nothing.
        if port
            && !host
                .domains
                .iter()
                .any(|other| other.to_lowercase() == bare)
        {
            let reason = format!("the port of `{domain}` is no condition here: list `{bare}` too");
            return Err(Refused::new(reason)).within("domains");
        }
        if !hosts.iter().any(|known| known == bare) {
            hosts.push(bare.to_owned());
        }
    }
    Ok(hosts)
}

/// The routes of a virtual host, without those that can never match.
fn listed(
    whole: &RouteConfiguration,
    host: &VirtualHost,
    hosts: &[String],
    names: &mut Names,
) -> Result<Vec<Route>, Refused> {
    if host.routes.len() > MOST_ROUTES {
        let reason = format!("more than {MOST_ROUTES} in one virtual host");
        return Err(Refused::new(reason)).within("routes");
    }
    let inherited = Inherited::new(whole, host);
    let mut listed: Vec<(usize, Route)> = Vec::new();
    for (index, message) in host.routes.iter().enumerate() {
        let within = format!("routes[{index}]");
        let standard = keys::of(message, &inherited).within(&within)?;
        let mut keys = remainder::laid_over(standard, message.metadata.as_ref());
        limit(&mut keys, hosts);
        keys.insert("name".to_owned(), json!(names.unique(&message.name)));
        let route = parts::route(&keys).within(&within)?;
        if listed
            .iter()
            .any(|(_, before)| covers(&before.matches, &route.matches))
        {
            continue;
        }
        for (before_index, before) in &listed {
            let overtakes = Rank::new(&route.matches) > Rank::new(&before.matches);
            if overtakes && may_overlap(&before.matches, &route.matches) {
                let reason = format!(
                    "it is more specific than routes[{before_index}] before it and would win here, \
                     where the order means nothing: put it first if that is meant"
                );
                return Err(Refused::new(reason)).within(&within);
            }
        }
        listed.push((index, route));
    }
    Ok(listed.into_iter().map(|(_, route)| route).collect())
}

/// Limits a route to its hosts.
fn limit(keys: &mut Keys, hosts: &[String]) {
    if !hosts.iter().any(|host| host == "*")
        && let Some(matches) = keys.get_mut("match").and_then(|it| it.as_object_mut())
    {
        matches.insert("hosts".to_owned(), json!(hosts));
    }
}

/// Whether nothing goes past it.
fn takes_all(matches: &Match) -> bool {
    let everything = Match {
        hosts: matches.hosts.clone(),
        ..Match::default()
    };
    covers(matches, &everything)
}

/// Whether another virtual host would take what this one leaves.
fn is_covered(host: &str, all: &HashSet<String>) -> bool {
    let host = match host.strip_prefix('*') {
        Some("") => return false,
        Some(suffix) => HostMatch::Suffix(suffix.to_owned()),
        None => HostMatch::Exact(host.to_owned()),
    };
    let others = covering(Some(&host)).into_iter().skip(1);
    let mut others = others.map(|other| match other {
        None => "*".to_owned(),
        Some(host) => super::hosts::domain(&host),
    });
    others.any(|other| all.contains(&other))
}

/// The end of a virtual host: what none of its routes take is not found.
fn nothing(hosts: &[String], name: &str) -> Result<Route, Refused> {
    let keys = json!({
        "name": name,
        "match": {"hosts": hosts},
        "filters": [{"respond": {"status": 404}}],
    });
    parts::route(keys.as_object().unwrap_or(&Keys::new()))
}

/// Names of routes: unique here, anything there.
struct Names<'a> {
    listener: &'a str,
    given: HashSet<String>,
    count: usize,
}

impl<'a> Names<'a> {
    fn new(listener: &'a str) -> Self {
        Self {
            listener,
            given: HashSet::new(),
            count: 0,
        }
    }

    /// `wanted`, or one by number as in a file.
    fn unique(&mut self, wanted: &str) -> String {
        let usable = !wanted.is_empty() && !wanted.chars().any(char::is_control);
        let mut name = match usable {
            true => wanted.to_owned(),
            false => format!("{}/{}", self.listener, self.count),
        };
        while !self.given.insert(name.clone()) {
            self.count += 1;
            name = format!("{}/{}", self.listener, self.count);
        }
        name
    }
}
