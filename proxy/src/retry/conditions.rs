//! A route's `retry.on`, compiled: what calls for another attempt.
//!
//! Nearly every response is a good one, and finds so in a comparison or two.

use http::{HeaderMap, HeaderName, Response};
use outrigger_config::model::{RetryOn, ValueMatch};

use crate::{body::Body, error::Error, route};

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// The first status that can be asked for, and how many words of 64 bits hold them all (400 to 599).
const FIRST: u16 = 400;
const WORDS: usize = 4;

/// What calls for another attempt.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    connect_failure: bool,
    refused_stream: bool,
    reset: bool,
    attempt_timeout: bool,
    /// A bit each status.
    statuses: [u64; WORDS],
    /// A bit each gRPC code.
    codes: u32,
    /// Any of these; of each, all headers.
    headers: Vec<Vec<(HeaderName, ValueMatch)>>,
}

impl Conditions {
    /// Any of these.
    pub fn new(on: &[RetryOn]) -> Self {
        let mut conditions = Self::default();
        for on in on {
            match on {
                RetryOn::ConnectFailure => conditions.connect_failure = true,
                RetryOn::RefusedStream => conditions.refused_stream = true,
                RetryOn::Reset => conditions.reset = true,
                RetryOn::AttemptTimeout => conditions.attempt_timeout = true,
                RetryOn::ServerError => (500..600).for_each(|status| conditions.add(status)),
                RetryOn::GatewayError => (502..505).for_each(|status| conditions.add(status)),
                RetryOn::Status(status) => conditions.add(status.as_u16()),
                RetryOn::Grpc(code) => conditions.codes |= 1 << *code as u32,
                RetryOn::Headers(headers) => conditions.headers.push(headers.clone()),
            }
        }
        conditions
    }

    fn add(&mut self, status: u16) {
        if let Some(bit) = status.checked_sub(FIRST).map(usize::from)
            && let Some(word) = self.statuses.get_mut(bit / 64)
        {
            *word |= 1 << (bit % 64);
        }
    }

    /// Whether any asks for what may have been processed.
    pub fn beyond_unsent(&self) -> bool {
        self.reset
            || self.attempt_timeout
            || self.statuses != [0; WORDS]
            || self.codes != 0
            || !self.headers.is_empty()
    }

    /// Whether the end of a gRPC call matters, which may stand behind its head.
    pub fn codes(&self) -> bool {
        self.codes != 0
    }

    /// Whether this error is one of them.
    pub fn error(&self, error: &Error) -> bool {
        match error {
            Error::Connect(_) | Error::ConnectTimeout | Error::Tls(_) | Error::Protocol(_) => {
                self.connect_failure
            }
            Error::RefusedStream => self.refused_stream,
            Error::Reset(_) => self.reset,
            Error::AttemptTimeout => self.attempt_timeout,
            _ => false,
        }
    }

    /// Whether this response is one of them, as far as it is here. `grpc`: it answers a gRPC call.
    pub fn response(&self, response: &Response<Body>, grpc: bool) -> bool {
        let headers = response.headers();
        self.status(response.status().as_u16())
            || (grpc && self.codes() && self.code(headers, response.body()))
            || self.headers.iter().any(|all| {
                all.iter().all(|(name, value)| {
                    let mut lines = headers.get_all(name).iter();
                    lines.any(|line| route::holds(value, line.as_bytes()))
                })
            })
    }

    fn status(&self, status: u16) -> bool {
        let Some(bit) = status.checked_sub(FIRST).map(usize::from) else {
            return false;
        };
        let word = self.statuses.get(bit / 64);
        word.is_some_and(|word| word & (1 << (bit % 64)) != 0)
    }

    /// The code stands in the head of a response that is nothing but its trailers, or in trailers that came first.
    fn code(&self, head: &HeaderMap, body: &Body) -> bool {
        let code = head
            .get(GRPC_STATUS)
            .or_else(|| body.peeked_trailers()?.get(GRPC_STATUS));
        let code = code.and_then(|code| code.to_str().ok()?.parse::<u32>().ok());
        code.is_some_and(|code| code < u32::BITS && self.codes & (1 << code) != 0)
    }
}

/// Whether the head of a gRPC response says how the call ended.
pub fn says_its_code(response: &Response<Body>) -> bool {
    response.headers().contains_key(GRPC_STATUS)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use http::StatusCode;
    use outrigger_config::{Pattern, model::GrpcCode};

    use super::*;

    fn response(status: u16, headers: &[(&'static str, &'static str)]) -> Response<Body> {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        response.body(Body::default()).unwrap()
    }

    /// The statuses that are among them.
    fn statuses(on: &[RetryOn]) -> Vec<u16> {
        let conditions = Conditions::new(on);
        let all = 100..=999;
        all.filter(|status| conditions.response(&response(*status, &[]), false))
            .collect()
    }

    #[test]
    fn classes_and_single_statuses_are_told_apart() {
        assert_eq!(statuses(&[RetryOn::ServerError]), Vec::from_iter(500..600));
        assert_eq!(statuses(&[RetryOn::GatewayError]), [502, 503, 504]);
        let named = |status| RetryOn::Status(StatusCode::from_u16(status).unwrap());
        assert_eq!(
            statuses(&[named(400), named(429), named(599)]),
            [400, 429, 599]
        );
        assert!(statuses(&[RetryOn::Reset]).is_empty());
    }

    #[test]
    fn a_grpc_code_counts_for_grpc_alone() {
        let conditions = Conditions::new(&[
            RetryOn::Grpc(GrpcCode::Unavailable),
            RetryOn::Grpc(GrpcCode::Cancelled),
        ]);
        for (code, wanted) in [("14", true), ("1", true), ("0", false), ("13", false)] {
            let response = response(200, &[("grpc-status", code)]);
            assert_eq!(conditions.response(&response, true), wanted, "{code}");
            assert!(!conditions.response(&response, false));
        }
        for nonsense in ["", "-14", "14x", "46", "4294967310"] {
            let response = response(200, &[("grpc-status", nonsense)]);
            assert!(!conditions.response(&response, true), "{nonsense}");
        }
    }

    #[test]
    fn all_headers_of_a_condition_have_to_be_there() {
        let name = HeaderName::from_static;
        let exact = ValueMatch::Exact("1".to_owned());
        let regex = ValueMatch::Regex(Pattern::new("a|b").unwrap());
        let both = vec![(name("x-retry"), exact), (name("x-kind"), regex)];
        let conditions = Conditions::new(&[RetryOn::Headers(both)]);
        let wanted = |headers: &[_]| conditions.response(&response(200, headers), false);
        assert!(wanted(&[("x-retry", "1"), ("x-kind", "b")]));
        assert!(wanted(&[
            ("x-kind", "c"),
            ("x-retry", "1"),
            ("x-kind", "a")
        ]));
        assert!(!wanted(&[("x-retry", "1")]));
        assert!(!wanted(&[("x-retry", "2"), ("x-kind", "a")]));
    }

    #[test]
    fn what_was_never_sent_needs_nothing_to_be_kept() {
        let unsent = [RetryOn::ConnectFailure, RetryOn::RefusedStream];
        assert!(!Conditions::new(&unsent).beyond_unsent());
        assert!(Conditions::new(&[RetryOn::GatewayError]).beyond_unsent());
        assert!(Conditions::new(&[RetryOn::Grpc(GrpcCode::Aborted)]).beyond_unsent());
    }
}
