//! What Outrigger must reach, as far as the figures tell.

use std::fmt;

use super::measure::Figures;

/// A bound of a figure; times in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bar {
    /// At most so many requests fail.
    Failed(usize),
    /// At least this share of requests succeeds.
    Success(f64),
    /// A bad endpoint is left alone within this time.
    Detect(f64),
    /// All is normal within this time after the trouble.
    Normal(f64),
    /// Endpoints get at most so many times what is offered.
    Load(f64),
    /// At least this part of what the endpoints can do is done.
    Goodput(f64),
    /// The p99 grows at most so many times.
    Slowdown(f64),
    /// Each new endpoint has its first request within this time.
    FirstRequest(f64),
    /// Each new endpoint has its fair share within this time.
    Fair(f64),
    /// Endpoints that are taken out have their last request within this time.
    Gone(f64),
}

impl Bar {
    /// Whether `figures` reach it; a figure that is absent does not.
    pub(super) fn is_met(self, figures: &Figures) -> bool {
        let at_most = |figure: Option<f64>, bound| figure.is_some_and(|figure| figure <= bound);
        let success = 1.0 - figures.failed as f64 / figures.requests.max(1) as f64;
        match self {
            Self::Failed(most) => figures.failed <= most,
            Self::Success(least) => success >= least,
            Self::Detect(most) => at_most(figures.detect, most),
            Self::Normal(most) => at_most(figures.normal, most),
            Self::Load(most) => at_most(figures.load, most),
            Self::Goodput(least) => figures.goodput.is_some_and(|goodput| goodput >= least),
            Self::Slowdown(most) => at_most(figures.slowdown, most),
            Self::FirstRequest(most) => at_most(figures.last_first, most),
            Self::Fair(most) => at_most(figures.fair, most),
            Self::Gone(most) => at_most(figures.gone, most),
        }
    }
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(0) => write!(f, "no request fails"),
            Self::Failed(most) => write!(f, "at most {most} requests fail"),
            Self::Success(least) => write!(f, "at least {} % succeed", least * 100.0),
            Self::Detect(most) => write!(f, "traffic off the bad endpoint within {most} s"),
            Self::Normal(most) => write!(f, "normal again within {most} s"),
            Self::Load(most) => write!(f, "at most {most} x the offered load on the endpoints"),
            Self::Goodput(least) => {
                write!(f, "goodput at least {} % of the capacity", least * 100.0)
            }
            Self::Slowdown(most) => write!(f, "p99 of what is served at most {most} x as before"),
            Self::FirstRequest(most) => {
                write!(f, "first request to each new endpoint within {most} s")
            }
            Self::Fair(most) => write!(f, "each new endpoint at its fair share within {most} s"),
            Self::Gone(most) => write!(
                f,
                "last request to an endpoint within {most} s of its removal"
            ),
        }
    }
}
