//! What is known of one proxy, as the API shows it.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use outrigger_xds::Kind;
use serde::{Serialize, Serializer};

use super::{
    node::Node,
    session::{Form, Session, Verdict},
};

/// One proxy.
#[derive(Clone, Debug, Serialize)]
pub struct Proxy {
    /// As it calls itself.
    pub id: Arc<str>,
    /// Where it connects from.
    pub address: Option<SocketAddr>,
    /// What it is: `envoy 1.40.0`.
    pub agent: String,
    /// What tables may ask for.
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
    /// How it speaks.
    pub form: &'static str,
    /// When it connected.
    #[serde(serialize_with = "time")]
    pub since: SystemTime,
    /// When it left; not there: it is connected.
    #[serde(
        serialize_with = "perhaps_time",
        skip_serializing_if = "Option::is_none"
    )]
    pub gone: Option<SystemTime>,
    /// The version of the tables that it has; none yet: null.
    pub version: Option<Arc<str>>,
    /// The oldest change that it does not have, if there is one, is from then.
    #[serde(
        serialize_with = "perhaps_time",
        skip_serializing_if = "Option::is_none"
    )]
    pub behind: Option<SystemTime>,
    /// What it asked for, of each kind.
    pub kinds: BTreeMap<&'static str, Standing>,
}

/// Where a proxy stands with one kind of resources.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Standing {
    /// It wants all there are.
    pub all: bool,
    /// How many it wants by name.
    pub named: usize,
    /// How many it was sent and not told to drop.
    pub held: usize,
    /// What was sent last.
    pub sent: Option<Mark>,
    /// What it accepted last.
    pub accepted: Option<Mark>,
    /// What it refused last, unless it has accepted all of that since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refusal>,
}

/// A version at a time.
#[derive(Clone, Debug, Serialize)]
pub struct Mark {
    /// Of all resources of the kind together.
    pub version: Arc<str>,
    /// When.
    #[serde(serialize_with = "time")]
    pub at: SystemTime,
}

/// A refusal (NACK).
#[derive(Clone, Debug, Serialize)]
pub struct Refusal {
    /// Of what, and when.
    #[serde(flatten)]
    pub mark: Mark,
    /// What the proxy said.
    pub text: String,
    /// The resources that it is about, as far as the text tells.
    pub resources: Vec<Arc<str>>,
}

/// Bytes of a refusal's text that are kept: a stock proxy may repeat the whole resource in it.
const TEXT: usize = 2048;

/// Resources of a refusal that a log line names; `GET /proxies` has them all.
const LOGGED: usize = 20;

impl Proxy {
    pub(super) fn new(node: &Node, form: Form, address: Option<SocketAddr>) -> Self {
        let labels = node.labels.iter();
        Self {
            id: Arc::clone(&node.id),
            address,
            agent: node.agent.clone(),
            labels: labels
                .map(|(name, value)| (Arc::clone(name), Arc::clone(value)))
                .collect(),
            form: form.as_str(),
            since: SystemTime::now(),
            gone: None,
            version: None,
            behind: None,
            kinds: BTreeMap::new(),
        }
    }

    /// It answered a response, a refusal with this text.
    pub(super) fn answered(&mut self, kind: Kind, verdict: Verdict, text: &str) {
        let standing = self.kinds.entry(kind.as_str()).or_default();
        match verdict {
            Verdict::Accepted { version, names } => {
                standing.accepted = Some(Mark::now(&version));
                // A response of that form and kind holds everything, and what it does not hold is gone.
                let whole = self.form == Form::World.as_str() && kind.whole();
                standing
                    .refused
                    .take_if(|refused| whole || refused.settled(&names));
            }
            Verdict::Refused { version, names } => {
                let text: String = text.chars().take(TEXT).collect();
                let logged: Vec<&str> = names.iter().map(AsRef::as_ref).take(LOGGED).collect();
                tracing::warn!(
                    proxy = &*self.id,
                    kind = kind.as_str(),
                    resources = logged.join(" "),
                    count = names.len(),
                    text,
                    "a proxy refuses what it was sent"
                );
                standing.refused = Some(Refusal {
                    mark: Mark::now(&version),
                    text,
                    resources: names,
                });
            }
        }
    }

    /// It was sent a version.
    pub(super) fn sent(&mut self, kind: Kind, version: &Arc<str>) {
        self.kinds.entry(kind.as_str()).or_default().sent = Some(Mark::now(version));
    }

    /// Where it stands after all that was sent and said.
    pub(super) fn stands(&mut self, session: &Session) {
        for kind in Kind::ALL {
            let (named, all) = session.wanted(kind);
            if all || named > 0 || self.kinds.contains_key(kind.as_str()) {
                let standing = self.kinds.entry(kind.as_str()).or_default();
                (standing.all, standing.named, standing.held) = (all, named, session.held(kind));
            }
        }
        if let Some(view) = session.reached() {
            self.version = Some(Arc::clone(view.table()));
        }
        match session.settled() {
            true => self.behind = None,
            false => self.behind = self.behind.or_else(|| Some(SystemTime::now())),
        }
    }

    /// It is gone. Says how long it was there.
    pub(super) fn leave(&mut self) -> Duration {
        let now = SystemTime::now();
        self.gone = Some(now);
        now.duration_since(self.since).unwrap_or_default()
    }

    /// Since it left.
    pub(super) fn gone_for(&self, now: SystemTime) -> Duration {
        let gone = self.gone.and_then(|gone| now.duration_since(gone).ok());
        gone.unwrap_or_default()
    }
}

impl Refusal {
    /// These are accepted, or gone. Says whether nothing is left that is refused; if it was not told what that is, the
    /// next answer is about it.
    fn settled(&mut self, names: &[Arc<str>]) -> bool {
        self.resources.retain(|resource| !names.contains(resource));
        self.resources.is_empty()
    }
}

impl Mark {
    fn now(version: &Arc<str>) -> Self {
        Self {
            version: Arc::clone(version),
            at: SystemTime::now(),
        }
    }
}

impl Form {
    /// As people call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delta => "delta",
            Self::World => "state_of_the_world",
        }
    }
}

/// RFC 3339, in UTC.
fn time<S: Serializer>(at: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&humantime::format_rfc3339_millis(*at))
}

fn perhaps_time<S: Serializer>(at: &Option<SystemTime>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => time(at, serializer),
        None => serializer.serialize_none(),
    }
}
