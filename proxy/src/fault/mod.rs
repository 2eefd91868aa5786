//! Fault injection: trouble on purpose, to see what the callers make of it.
//!
//! Here it is only decided who meets which trouble; `layer/filters.rs` makes it. It is marked as the proxy's own (header,
//! log, metric) and never charged to an endpoint, which sees nothing of it.

pub mod abort;

use std::{sync::Arc, time::Duration};

use http::request::Parts;
use outrigger_config::model::{self, Abort, Match};

use crate::{route::Conditions, telemetry::metrics::FilterMetrics};

/// A fault in force.
#[derive(Debug)]
pub struct Fault {
    config: model::Fault,
    conditions: Conditions,
    /// Where what was made of it is counted.
    pub metrics: Arc<FilterMetrics>,
}

/// What one request meets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trouble {
    /// It is held up.
    pub delay: Option<Duration>,
    /// It is ended, after the delay.
    pub abort: Option<Abort>,
}

impl Fault {
    /// Made ready from what the file says.
    pub fn new(config: &model::Fault, metrics: Arc<FilterMetrics>) -> Self {
        let matches = Match {
            headers: config.headers.clone(),
            ..Match::default()
        };
        Self {
            config: config.clone(),
            conditions: Conditions::new(&matches),
            metrics,
        }
    }

    /// Draws what the request with this head meets. Delay and abort are drawn apart.
    pub fn draw(&self, head: &Parts, rng: &mut fastrand::Rng) -> Trouble {
        if self.conditions.check(head).is_err() {
            return Trouble::default();
        }
        let mut hits = |share: f64| rng.f64() < share;
        let delay = self.config.delay.as_ref();
        let abort = self.config.abort.as_ref();
        Trouble {
            delay: delay
                .filter(|delay| hits(delay.share))
                .map(|delay| delay.time),
            abort: abort
                .filter(|fault| hits(fault.share))
                .map(|fault| fault.abort),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, Request, StatusCode};
    use model::{AbortFault, Delay, ValueMatch};

    use super::*;
    use crate::telemetry::metrics::Registry;

    const ABORT: Abort = Abort::Status(StatusCode::SERVICE_UNAVAILABLE);

    fn fault(delay: Option<f64>, abort: Option<f64>, headers: &[(&'static str, &str)]) -> Fault {
        let time = Duration::from_millis(100);
        let headers = headers.iter().map(|(name, value)| {
            let value = ValueMatch::Exact((*value).to_owned());
            (HeaderName::from_static(name), value)
        });
        let config = model::Fault {
            delay: delay.map(|share| Delay { time, share }),
            abort: abort.map(|share| AbortFault {
                abort: ABORT,
                share,
            }),
            headers: headers.collect(),
        };
        let metrics = FilterMetrics::new(&Registry::default(), "edge".into(), "all".into());
        Fault::new(&config, metrics)
    }

    fn head(name: &'static str, value: &'static str) -> Parts {
        let mut head = Request::new(()).into_parts().0;
        let value = http::HeaderValue::from_static(value);
        head.headers.insert(HeaderName::from_static(name), value);
        head
    }

    #[test]
    fn shares_are_kept_and_drawn_apart() {
        let fault = fault(Some(0.2), Some(0.5), &[]);
        let mut rng = fastrand::Rng::with_seed(7);
        let draws: Vec<Trouble> = (0..10_000)
            .map(|_| fault.draw(&head("x", "y"), &mut rng))
            .collect();
        let count = |of: fn(&&Trouble) -> bool| draws.iter().filter(of).count();
        let (delays, aborts) = (count(|t| t.delay.is_some()), count(|t| t.abort.is_some()));
        let both = count(|t| t.delay.is_some() && t.abort.is_some());
        assert!((1_850..2_150).contains(&delays), "{delays}");
        assert!((4_800..5_200).contains(&aborts), "{aborts}");
        assert!((900..1_100).contains(&both), "{both}");
    }

    #[test]
    fn none_and_all_are_exact() {
        let mut rng = fastrand::Rng::with_seed(7);
        let fault = fault(Some(0.0), Some(1.0), &[]);
        for _ in 0..1_000 {
            let trouble = fault.draw(&head("x", "y"), &mut rng);
            assert_eq!((trouble.delay, trouble.abort), (None, Some(ABORT)));
        }
    }

    #[test]
    fn only_requests_with_the_headers_meet_it() {
        let mut rng = fastrand::Rng::with_seed(7);
        let fault = fault(Some(1.0), Some(1.0), &[("x-chaos", "1")]);
        assert_ne!(
            fault.draw(&head("x-chaos", "1"), &mut rng),
            Trouble::default()
        );
        assert_eq!(
            fault.draw(&head("x-chaos", "2"), &mut rng),
            Trouble::default()
        );
        assert_eq!(
            fault.draw(&head("x-other", "1"), &mut rng),
            Trouble::default()
        );
    }
}
