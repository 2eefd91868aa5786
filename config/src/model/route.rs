//! Which requests go where, for how long, and how often.

use std::{sync::Arc, time::Duration};

use http::{HeaderName, Method};

use super::{Authorization, Filter, Hedge, Redirect, Retry, default};
use crate::pattern::Pattern;

/// match -> filters -> destination, with its policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// A metric label; `<listener>/<index>` when the file gives none, empty in a part that is read by itself.
    pub name: Arc<str>,
    /// Which requests it takes.
    pub matches: Match,
    /// Who is let in, of those whom the listener lets in; `None`: all of them.
    pub authorization: Option<Authorization>,
    /// Edits in file order. `Redirect` and `Respond` end the request.
    pub filters: Vec<Filter>,
    /// Where it sends them.
    pub destination: Destination,
    /// The whole request, all attempts included; `None`: no bound, so that streams are not cut.
    pub timeout: Option<Duration>,
    /// How long its requests and responses may rest while they are under way; `None`: for ever.
    pub idle_timeout: Option<Duration>,
    /// One attempt, to the response's head.
    pub attempt_timeout: Option<Duration>,
    /// When another attempt is made.
    pub retry: Retry,
    /// When a second attempt is started beside a slow one; `None`: never.
    pub hedge: Option<Hedge>,
}

/// Where a route sends requests.
#[derive(Clone, Debug, PartialEq)]
pub enum Destination {
    /// To these clusters, by weight. To none only if a filter ends the request.
    Clusters(Vec<WeightedCluster>),
    /// To the cluster whose name is the host that the request asks for: with the port that it names, else without. No
    /// filter changes that host.
    Host,
}

/// One of a route's clusters and its share.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightedCluster {
    /// The cluster.
    pub cluster: ClusterRef,
    /// Its share of the sum of weights; at least one of a route's is over 0.
    pub weight: u32,
}

impl Route {
    /// Of every request, with nothing but defaults. It has no name yet.
    pub fn to(destination: Destination) -> Self {
        Self {
            name: "".into(),
            matches: Match::default(),
            authorization: None,
            filters: Vec::new(),
            destination,
            timeout: None,
            idle_timeout: Some(default::STREAM_IDLE_TIMEOUT),
            attempt_timeout: None,
            retry: Retry::default(),
            hedge: None,
        }
    }

    /// Of every request, which is sent elsewhere. It has no name yet.
    pub fn redirect(redirect: Redirect) -> Self {
        Self {
            filters: vec![Filter::Redirect(redirect)],
            ..Self::to(Destination::Clusters(Vec::new()))
        }
    }

    /// The clusters that it names, by weight.
    pub fn clusters(&self) -> &[WeightedCluster] {
        match &self.destination {
            Destination::Clusters(clusters) => clusters,
            Destination::Host => &[],
        }
    }
}

/// A cluster that exists. Equal to another of the same name: its place in the table says nothing.
#[derive(Clone, Debug)]
pub struct ClusterRef {
    /// Its name.
    pub name: Arc<str>,
    /// Its place in [`Config::clusters`](super::Config::clusters).
    pub index: usize,
}

impl PartialEq for ClusterRef {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for ClusterRef {}

impl ClusterRef {
    /// A name whose cluster is not known yet: [`Config::link`](super::Config::link) finds it.
    pub fn unlinked(name: Arc<str>) -> Self {
        Self {
            name,
            index: usize::MAX,
        }
    }
}

/// Which requests a route takes: all of the conditions that are given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Match {
    /// Any of these; empty: every host.
    pub hosts: Vec<HostMatch>,
    /// The path.
    pub path: PathMatch,
    /// Any of these; empty: every method.
    pub methods: Vec<Method>,
    /// All of these.
    pub headers: Vec<(HeaderName, ValueMatch)>,
    /// All of these; the first value of a query key counts.
    pub query: Vec<(String, ValueMatch)>,
}

/// A host of a request, without port, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostMatch {
    /// `shop.example.com`
    Exact(String),
    /// `*.example.org`: holds `.example.org`; one or more labels before it (Gateway API).
    Suffix(String),
}

/// A path of a request, without query.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum PathMatch {
    /// Every path.
    #[default]
    Any,
    /// This path and no other.
    Exact(String),
    /// This path and all below it, by segment: `/v2` takes `/v2` and `/v2/x`, not `/v23`. No trailing slash, `/` itself excepted.
    Prefix(String),
    /// The whole path.
    Regex(Pattern),
}

/// A value of a header or query key.
#[derive(Clone, Debug, PartialEq)]
pub enum ValueMatch {
    /// This value.
    Exact(String),
    /// The whole value.
    Regex(Pattern),
}
