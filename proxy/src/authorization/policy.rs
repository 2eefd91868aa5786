//! The rules, and what they say of a caller. Sans-IO: who calls is passed in.

use std::net::IpAddr;

use http::Method;
use outrigger_config::{
    Network,
    model::{self, IdentityMatch, SpiffeId},
};

use crate::route::Path;

/// Who asks for what.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// By a certificate that was checked.
    pub identity: Option<&'a SpiffeId>,
    /// Where it is.
    pub address: IpAddr,
    /// What it asks for, and of which path; `None`: bytes, which may be anything.
    pub request: Option<(&'a Method, &'a str)>,
}

/// What the rules say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is let in.
    Allowed,
    /// This rule of `deny`, from 0, takes it.
    Denied(usize),
    /// No rule of `allow` does.
    NotAllowed,
}

/// Rules in force.
#[derive(Debug)]
pub struct Policy {
    allow: Vec<Rule>,
    deny: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    identities: Vec<IdentityMatch>,
    networks: Vec<Network>,
    methods: Vec<Method>,
    paths: Vec<Path>,
}

impl Policy {
    /// Of what the table says.
    pub fn new(config: &model::Authorization) -> Self {
        let rules =
            |rules: &[model::AuthorizationRule]| rules.iter().map(Rule::new).collect::<Vec<_>>();
        Self {
            allow: rules(&config.allow),
            deny: rules(&config.deny),
        }
    }

    /// Whether `caller` is let in.
    ///
    /// Of bytes it is not known what is asked for: they may be what a rule of `deny` means, and need not be what one of
    /// `allow` does.
    pub fn judge(&self, caller: &Caller<'_>) -> Verdict {
        if let Some(rule) = self.deny.iter().position(|rule| rule.takes(caller, true)) {
            return Verdict::Denied(rule);
        }
        match self.allow.is_empty() || self.allow.iter().any(|rule| rule.takes(caller, false)) {
            true => Verdict::Allowed,
            false => Verdict::NotAllowed,
        }
    }
}

impl Rule {
    fn new(config: &model::AuthorizationRule) -> Self {
        Self {
            identities: config.identities.clone(),
            networks: config.networks.clone(),
            methods: config.methods.clone(),
            paths: config.paths.iter().map(Path::new).collect(),
        }
    }

    /// Whether what is asked for is what it is about, whoever asks; `unknown` where that can't be told.
    fn is_about(&self, request: Option<(&Method, &str)>, unknown: bool) -> bool {
        any(&self.methods, |meant| {
            request.map_or(unknown, |(method, _)| meant == method)
        }) && any(&self.paths, |meant| {
            request.map_or(unknown, |(_, path)| meant.takes(path))
        })
    }

    /// Whether every condition is met.
    fn takes(&self, caller: &Caller<'_>, unknown: bool) -> bool {
        any(&self.networks, |network| network.contains(caller.address))
            && any(&self.identities, |meant| {
                caller.identity.is_some_and(|id| meant.takes(id))
            })
            && self.is_about(caller.request, unknown)
    }
}

/// Whether a rule could take a request with this head, whoever sends it.
pub fn may_take(rule: &model::AuthorizationRule, head: &http::request::Parts) -> bool {
    Rule::new(rule).is_about(Some((&head.method, head.uri.path())), true)
}

/// One of them will do; none is no condition.
fn any<T>(values: &[T], will_do: impl FnMut(&T) -> bool) -> bool {
    values.is_empty() || values.iter().any(will_do)
}
