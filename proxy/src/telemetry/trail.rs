//! The Trail: what was decided about one request, in order, as one line that a person reads at a glance:
//! `api pick=10.0.0.2:80(3.1ms) 503 retry pick=10.0.0.3:80 200`.
//!
//! Each layer adds its step; nothing is formatted until somebody asks (the access log, a debug header, a test). A request
//! of one attempt, which is nearly every one, allocates nothing.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use http::StatusCode;
use outrigger_config::model::Abort;
use smallvec::SmallVec;

/// Cluster, pick, result.
const STEPS_OF_ONE_ATTEMPT: usize = 3;

/// One decision, or what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The route sends the request to this cluster.
    Cluster(Arc<str>),
    /// The control plane was asked for its cluster, which took so long.
    OnDemand(Duration),
    /// So few endpoints are available that all are taken for available.
    Panic,
    /// The balancer chose this endpoint.
    Pick {
        /// Its address.
        endpoint: SocketAddr,
        /// How long the balancer expects it to take, where the balancer expects anything.
        estimate: Option<Duration>,
        /// It was ejected: the request is sent to see whether it is well again.
        probe: bool,
    },
    /// There is a connection to it, which is all that is wanted.
    Connected,
    /// An endpoint answered.
    Status(StatusCode),
    /// An attempt failed without a response, or the proxy gave up; the reason of the error.
    Error(&'static str),
    /// Another attempt is made because of the step before.
    Retry,
    /// It waits so long first.
    Backoff(Duration),
    /// A policy did not let it through.
    Refused(&'static str),
    /// A policy would not, but for its dry run.
    DryRun(&'static str),
    /// A fault held it up on purpose.
    Delayed(Duration),
    /// A fault ended it on purpose.
    Aborted(Abort),
    /// It goes to this cluster in place of the one before.
    Fallback(Arc<str>),
    /// It takes long: another attempt is made beside it. What follows is of that one.
    Hedge,
    /// Up to here it was of an attempt that did not come first.
    Lost,
}

/// The steps of one request so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trail(SmallVec<[Step; STEPS_OF_ONE_ATTEMPT]>);

impl Trail {
    /// Adds what happened.
    pub fn record(&mut self, step: Step) {
        self.0.push(step);
    }

    /// Adds what happened before the last step came.
    pub fn insert_before_last(&mut self, steps: impl IntoIterator<Item = Step>) {
        self.0.insert_many(self.0.len().saturating_sub(1), steps);
    }

    /// What happened, in order.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// How many endpoints were picked.
    pub fn attempts(&self) -> usize {
        let picks = self.0.iter();
        picks
            .filter(|step| matches!(step, Step::Pick { .. }))
            .count()
    }

    /// The endpoint that was picked last: the one that answered, if one did. A hedge that lost did not.
    pub fn endpoint(&self) -> Option<SocketAddr> {
        let mut lost = false;
        self.0.iter().rev().find_map(|step| match step {
            Step::Hedge | Step::Lost => {
                lost = *step == Step::Lost;
                None
            }
            Step::Pick { endpoint, .. } if !lost => Some(*endpoint),
            _ => None,
        })
    }

    /// The cluster that was chosen last.
    pub fn cluster(&self) -> Option<&Arc<str>> {
        self.0.iter().rev().find_map(|step| match step {
            Step::Cluster(name) | Step::Fallback(name) => Some(name),
            _ => None,
        })
    }
}

impl fmt::Display for Trail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            step.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster(name) => f.write_str(name),
            Self::Pick {
                endpoint,
                probe: true,
                ..
            } => write!(f, "probe={endpoint}"),
            Self::Pick {
                endpoint,
                estimate: Some(estimate),
                ..
            } => write!(f, "pick={endpoint}({})", Millis(*estimate)),
            Self::Pick {
                endpoint,
                estimate: None,
                ..
            } => write!(f, "pick={endpoint}"),
            Self::Connected => f.write_str("connected"),
            Self::Status(status) => f.write_str(status.as_str()),
            Self::Error(reason) => f.write_str(reason),
            Self::Panic => f.write_str("panic"),
            Self::OnDemand(time) => write!(f, "on_demand={}", Millis(*time)),
            Self::Retry => f.write_str("retry"),
            Self::Backoff(wait) => write!(f, "backoff={}", Millis(*wait)),
            Self::Refused(policy) => write!(f, "refused={policy}"),
            Self::DryRun(policy) => write!(f, "dry_run={policy}"),
            Self::Delayed(time) => write!(f, "fault=delay({})", Millis(*time)),
            Self::Aborted(Abort::Status(status)) => write!(f, "fault={}", status.as_str()),
            Self::Aborted(Abort::GrpcStatus(status)) => write!(f, "fault=grpc({status})"),
            Self::Aborted(Abort::Reset) => f.write_str("fault=reset"),
            Self::Fallback(name) => write!(f, "fallback={name}"),
            Self::Hedge => f.write_str("hedge"),
            Self::Lost => f.write_str("lost"),
        }
    }
}

/// `3.1ms`: one unit on the whole line, and as exact as is of use.
struct Millis(Duration);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = self.0.as_micros() as u64 / 100;
        write!(f, "{}.{}ms", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn pick(endpoint: &str, micros: u64) -> Step {
        let estimate = (micros > 0).then(|| Duration::from_micros(micros));
        Step::Pick {
            endpoint: endpoint.parse().unwrap(),
            estimate,
            probe: false,
        }
    }

    fn trail(steps: impl IntoIterator<Item = Step>) -> Trail {
        Trail(steps.into_iter().collect())
    }

    #[test]
    fn a_retried_request_reads_as_it_went() {
        let trail = trail([
            Step::Cluster("api".into()),
            pick("10.0.0.2:80", 3_100),
            Step::Status(StatusCode::SERVICE_UNAVAILABLE),
            Step::Retry,
            pick("10.0.0.3:80", 0),
            Step::Status(StatusCode::OK),
        ]);
        assert_eq!(
            trail.to_string(),
            "api pick=10.0.0.2:80(3.1ms) 503 retry pick=10.0.0.3:80 200"
        );
        assert_eq!(trail.attempts(), 2);
        assert_eq!(trail.endpoint(), Some("10.0.0.3:80".parse().unwrap()));
        assert_eq!(trail.cluster().unwrap().as_ref(), "api");
    }

    #[test]
    fn failures_waits_and_refusals_have_their_words() {
        let trail = trail([
            Step::Cluster("api".into()),
            Step::Panic,
            pick("[::1]:80", 120),
            Step::Error("connect"),
            Step::Retry,
            Step::Backoff(Duration::from_millis(25)),
            Step::Refused("budget"),
        ]);
        assert_eq!(
            trail.to_string(),
            "api panic pick=[::1]:80(0.1ms) connect retry backoff=25.0ms refused=budget"
        );
    }

    #[test]
    fn faults_are_told_from_failures() {
        let trail = trail([
            Step::Delayed(Duration::from_millis(100)),
            Step::Aborted(Abort::Status(StatusCode::SERVICE_UNAVAILABLE)),
            Step::Aborted(Abort::GrpcStatus(14)),
            Step::Aborted(Abort::Reset),
        ]);
        assert_eq!(
            trail.to_string(),
            "fault=delay(100.0ms) fault=503 fault=grpc(14) fault=reset"
        );
    }

    #[test]
    fn a_probe_is_an_attempt_with_a_word_of_its_own() {
        let probe = Step::Pick {
            endpoint: "10.0.0.2:80".parse().unwrap(),
            estimate: Some(Duration::from_millis(2)),
            probe: true,
        };
        let trail = trail([probe, Step::Status(StatusCode::OK)]);
        assert_eq!(trail.to_string(), "probe=10.0.0.2:80 200");
        assert_eq!(trail.endpoint(), Some("10.0.0.2:80".parse().unwrap()));
    }

    #[test]
    fn a_hedge_stands_where_it_was_made_and_only_one_that_won_answered() {
        let first = || [Step::Cluster("api".into()), pick("10.0.0.2:80", 0)];
        let hedge = || [Step::Hedge, pick("10.0.0.3:80", 0)];
        let ok = Step::Status(StatusCode::OK);
        let won = trail(first().into_iter().chain(hedge()).chain([ok.clone()]));
        assert_eq!(
            won.to_string(),
            "api pick=10.0.0.2:80 hedge pick=10.0.0.3:80 200"
        );
        assert_eq!(won.endpoint(), Some("10.0.0.3:80".parse().unwrap()));
        let mut lost = trail(first().into_iter().chain([ok]));
        lost.insert_before_last(hedge().into_iter().chain([Step::Lost]));
        assert_eq!(
            lost.to_string(),
            "api pick=10.0.0.2:80 hedge pick=10.0.0.3:80 lost 200"
        );
        assert_eq!(lost.endpoint(), Some("10.0.0.2:80".parse().unwrap()));
        assert_eq!(lost.attempts(), 2);
    }

    #[test]
    fn a_request_of_one_attempt_allocates_nothing() {
        let steps = [
            Step::Cluster("api".into()),
            pick("10.0.0.2:80", 0),
            Step::Status(StatusCode::OK),
        ];
        assert!(!trail(steps).0.spilled());
    }

    #[test]
    fn nothing_decided_is_an_empty_line() {
        assert_eq!(Trail::default().to_string(), "");
    }
}
