//! What the end of an attempt says of its endpoint.
//!
//! Only what the endpoint did: an error that is not the upstream's fault (`Error::blame`) is no verdict at all.

use std::time::Duration;

use http::StatusCode;

use super::{Failure, InARow};
use crate::{endpoint::load::Outcome, error::Error};

/// The verdict on an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It went well.
    Success,
    /// It failed.
    Failure(Failure),
    /// It was called a success at the head of its response, whose body then broke off.
    BrokenOff {
        /// The failures in a row that the success wiped out.
        wiped: InARow,
    },
    /// It says nothing of the endpoint: the client went away, or the proxy itself was in the way.
    Abandoned,
}

/// A verdict and what belongs to it.
#[derive(Clone, Copy, Debug)]
pub struct Judgement {
    /// How it ended.
    pub verdict: Verdict,
    /// How long the endpoint took, if that has not been told before.
    pub took: Option<Duration>,
    /// It was the request that was sent to see whether an ejected endpoint is well again.
    pub probe: bool,
}

impl Verdict {
    /// Whether the endpoint failed; `None`: that is not known.
    pub fn failed(&self) -> Option<bool> {
        match self {
            Self::Success => Some(false),
            Self::Failure(_) | Self::BrokenOff { .. } => Some(true),
            Self::Abandoned => None,
        }
    }

    /// On a response, by its status.
    pub fn of_status(status: StatusCode) -> Self {
        match status.as_u16() {
            502..=504 => Self::Failure(Failure::GatewayError),
            500.. => Self::Failure(Failure::ServerError),
            _ => Self::Success,
        }
    }

    /// On a gRPC call, by its `grpc-status`: those that say what a 5xx would.
    pub fn of_grpc(status: &[u8]) -> Self {
        const UNKNOWN: &[u8] = b"2";
        const DEADLINE_EXCEEDED: &[u8] = b"4";
        const INTERNAL: &[u8] = b"13";
        const UNAVAILABLE: &[u8] = b"14";
        const DATA_LOSS: &[u8] = b"15";
        match status {
            UNAVAILABLE | DEADLINE_EXCEEDED => Self::Failure(Failure::GatewayError),
            UNKNOWN | INTERNAL | DATA_LOSS => Self::Failure(Failure::ServerError),
            _ => Self::Success,
        }
    }

    /// On an attempt that got no response.
    pub fn of_error(error: &Error) -> Self {
        match error {
            Error::Connect(_) | Error::ConnectTimeout | Error::Tls(_) | Error::Protocol(_) => {
                Self::Failure(Failure::Connect)
            }
            Error::RefusedStream | Error::Reset(_) | Error::UnaskedUpgrade => {
                Self::Failure(Failure::Reset)
            }
            Error::AttemptTimeout | Error::DeadlineExceeded | Error::IdleTimeout => {
                Self::Failure(Failure::Timeout)
            }
            Error::BadRequest(_)
            | Error::TunnelRefused
            | Error::Misdirected
            | Error::Denied
            | Error::TlsUnready
            | Error::NoRoute
            | Error::NoCluster
            | Error::ControlSilent
            | Error::NotImplemented(_)
            | Error::RateLimited { .. }
            | Error::Overloaded(_)
            | Error::LimitReached(_)
            | Error::CircuitOpen { .. }
            | Error::Fault(_)
            | Error::NoEndpoint
            | Error::OutOfSockets(_)
            | Error::RequestBody(_)
            | Error::RequestIdle => Self::Abandoned,
        }
    }

    /// What the balancer makes of it.
    pub fn outcome(self) -> Outcome {
        match self {
            Self::Success => Outcome::Success,
            Self::Failure(_) | Self::BrokenOff { .. } => Outcome::Failure,
            Self::Abandoned => Outcome::Abandoned,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_the_client_or_the_proxy_did_is_no_verdict() {
        for error in [
            Error::BadRequest("host"),
            Error::RateLimited {
                retry_after: Duration::ZERO,
            },
            Error::Overloaded("memory"),
            Error::LimitReached("requests"),
            Error::CircuitOpen {
                retry_after: Duration::ZERO,
            },
            Error::OutOfSockets(std::io::ErrorKind::OutOfMemory.into()),
        ] {
            assert_eq!(Verdict::of_error(&error), Verdict::Abandoned, "{error}");
        }
    }

    #[test]
    fn statuses_of_either_kind_say_the_same() {
        let gateway = Verdict::Failure(Failure::GatewayError);
        let server = Verdict::Failure(Failure::ServerError);
        for (status, verdict) in [
            (200, Verdict::Success),
            (429, Verdict::Success),
            (500, server),
            (503, gateway),
            (505, server),
        ] {
            let status = StatusCode::from_u16(status).unwrap_or_default();
            assert_eq!(Verdict::of_status(status), verdict, "{status}");
        }
        for (status, verdict) in [
            ("0", Verdict::Success),
            ("5", Verdict::Success),
            ("13", server),
            ("14", gateway),
        ] {
            assert_eq!(Verdict::of_grpc(status.as_bytes()), verdict, "{status}");
        }
    }
}
