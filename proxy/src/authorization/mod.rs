//! Authorization: who is let in, at a listener and on a route, by identity, network, method and path.
//!
//! `policy.rs` decides. `layer/router.rs` asks it of requests, the listener's rules before it looks for a route, so that
//! who is refused learns nothing of those; `tcp/` asks it of connections. Nothing is asked where there are no rules.

mod policy;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use outrigger_config::model;

pub use policy::{Caller, Policy, Verdict, may_take};

use crate::{
    call::Call,
    clock,
    downstream::Connection,
    error::Error,
    telemetry::{
        metrics::{AuthorizationMetrics, Decision, Registry},
        trail::Step,
    },
};

/// What is told of refusals, in microseconds: the first, and then one in a while.
const NEWS: u64 = 60_000_000;

/// The word for it in trails.
const WORD: &str = "authorization";

/// Rules in force, and what became of those whom they were about.
#[derive(Debug)]
pub struct Authorization {
    policy: Policy,
    dry_run: bool,
    metrics: AuthorizationMetrics,
    /// When a refusal was last told, in microseconds; 0: never.
    told: AtomicU64,
}

impl Authorization {
    /// Of what the table says of a route, or with no name for that of the listener itself.
    pub fn compile(
        config: Option<&model::Authorization>,
        registry: &Registry,
        listener: &Arc<str>,
        route: &Arc<str>,
    ) -> Option<Arc<Self>> {
        let config = config?;
        Some(Arc::new(Self {
            policy: Policy::new(config),
            dry_run: config.dry_run,
            metrics: AuthorizationMetrics::new(registry, Arc::clone(listener), Arc::clone(route)),
            told: AtomicU64::new(0),
        }))
    }

    /// Whether `caller` is let in: counted, and told in the log if it is news. In a dry run everybody is.
    fn decide(&self, caller: &Caller<'_>) -> Decision {
        let verdict = self.policy.judge(caller);
        let decision = match (verdict, self.dry_run) {
            (Verdict::Allowed, _) => Decision::Allowed,
            (_, true) => Decision::DryRunDenied,
            (_, false) => Decision::Denied,
        };
        self.metrics.decided(decision);
        if decision != Decision::Allowed {
            self.tell(caller, verdict);
        }
        decision
    }

    #[cold]
    fn tell(&self, caller: &Caller<'_>, verdict: Verdict) {
        let now = clock::now().max(1);
        let last = self.told.load(Relaxed);
        if last != 0 && now.saturating_sub(last) < NEWS
            || self
                .told
                .compare_exchange(last, now, Relaxed, Relaxed)
                .is_err()
        {
            return;
        }
        let identity = caller.identity.map(model::SpiffeId::as_str);
        let (method, path) = caller.request.unzip();
        let rule = match verdict {
            Verdict::Denied(rule) => format!("deny[{rule}]"),
            _ => "no rule of allow".to_owned(),
        };
        let AuthorizationMetrics {
            listener, route, ..
        } = &self.metrics;
        tracing::info!(
            %listener, %route, dry_run = self.dry_run, client = %caller.address, identity,
            method = method.map(tracing::field::display), path, rule,
            "authorization refuses a caller"
        );
    }
}

/// Asks `rules` of a request.
///
/// # Errors
/// When it is not let in.
pub fn admit(rules: &Arc<Authorization>, call: &mut Call) -> Result<(), Error> {
    let decision = rules.decide(&Caller {
        request: Some((&call.head.method, call.head.uri.path())),
        ..caller(&call.connection, call.client)
    });
    match decision {
        Decision::Allowed => Ok(()),
        Decision::DryRunDenied => {
            call.note(|_| Step::DryRun(WORD));
            Ok(())
        }
        Decision::Denied => {
            call.note(|_| Step::Refused(WORD));
            Err(Error::Denied)
        }
    }
}

/// Asks the rules of its listener of a connection that is passed on as bytes; what its trail says of that.
///
/// # Errors
/// When it is not let in.
pub fn admit_connection(connection: &Connection) -> Result<Option<Step>, Error> {
    let Some(rules) = connection.listener().authorization.clone() else {
        return Ok(None);
    };
    match rules.decide(&caller(connection, connection.peer.ip())) {
        Decision::Allowed => Ok(None),
        Decision::DryRunDenied => Ok(Some(Step::DryRun(WORD))),
        Decision::Denied => Err(Error::Denied),
    }
}

/// The same before it is known whether it is one, and without a word to anybody.
pub fn would_admit(connection: &Connection) -> bool {
    let listener = connection.listener();
    listener.authorization.as_ref().is_none_or(|rules| {
        let caller = caller(connection, connection.peer.ip());
        rules.dry_run || rules.policy.judge(&caller) == Verdict::Allowed
    })
}

fn caller(connection: &Connection, address: IpAddr) -> Caller<'_> {
    let peer = connection
        .secured()
        .and_then(|secured| secured.session.peer.as_ref());
    Caller {
        identity: peer.and_then(|peer| peer.identity.as_ref()),
        address,
        request: None,
    }
}
