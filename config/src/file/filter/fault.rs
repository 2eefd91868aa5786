//! `fault`: trouble on purpose.

use http::StatusCode;

use serde_json::json;

use crate::{
    file::{duration::duration, header::header_name, matches::value_match, percent::percent},
    model::{Abort, AbortFault, Delay, Fault, default as defaults},
    problem::{self, quote},
    reader::{Reader, suggest},
    shape::{Shape, default, flag, keys, map, optional, parsed, required, whole},
    yaml::Node,
};

/// gRPC's own numbers and names of what is not OK, from 1.
const GRPC: [&str; 16] = [
    "cancelled",
    "unknown",
    "invalid_argument",
    "deadline_exceeded",
    "not_found",
    "already_exists",
    "permission_denied",
    "resource_exhausted",
    "failed_precondition",
    "aborted",
    "out_of_range",
    "unimplemented",
    "internal",
    "unavailable",
    "data_loss",
    "unauthenticated",
];

#[derive(Clone, Copy)]
struct AbortKeys {
    status: Option<StatusCode>,
    grpc_status: Option<u8>,
    reset: bool,
    percent: f64,
}

/// What says how a request is aborted.
const WAYS: [&str; 3] = ["status", "grpc_status", "reset"];

pub(super) fn fault() -> Shape<Fault> {
    keys!(Fault {
        /// Holds requests up.
        delay: optional(delay()),
        /// Ends requests.
        abort: optional(abort()),
        /// Only requests with all of these headers: a value, or `{ regex: ... }` that takes the whole value.
        headers: default(map(header_name(), value_match()), Vec::new()),
    })
    .rule(does_something)
}

fn delay() -> Shape<Delay> {
    keys!(Delay {
        /// For how long.
        time: required(duration()),
        /// Which share of the requests.
        share as "percent": default(percent(), defaults::FAULT_SHARE),
    })
}

fn abort() -> Shape<AbortFault> {
    let keys = keys!(AbortKeys {
        /// With this status.
        status: optional(status()),
        /// With this gRPC status, by name or number; other requests get the HTTP status that says the same.
        grpc_status: optional(grpc_status()),
        /// Without an answer: the HTTP/1 connection is closed, the HTTP/2 stream reset.
        reset: default(flag(), false),
        /// Which share of the requests.
        percent: default(percent(), defaults::FAULT_SHARE),
    });
    keys.rule(one_way).convert(from_keys, to_keys)
}

/// The rule has seen to it that exactly one is there, and has said so where not.
fn from_keys(keys: AbortKeys) -> AbortFault {
    let status = keys.status.map(Abort::Status);
    let abort = status.or(keys.grpc_status.map(Abort::GrpcStatus));
    AbortFault {
        abort: abort.unwrap_or(Abort::Reset),
        share: keys.percent,
    }
}

fn to_keys(fault: &AbortFault) -> AbortKeys {
    let (status, grpc_status, reset) = match fault.abort {
        Abort::Status(status) => (Some(status), None, false),
        Abort::GrpcStatus(status) => (None, Some(status), false),
        Abort::Reset => (None, None, true),
    };
    AbortKeys {
        status,
        grpc_status,
        reset,
        percent: fault.share,
    }
}

fn status() -> Shape<StatusCode> {
    let refine = |status: u16| {
        StatusCode::from_u16(status)
            .map_err(|_| problem::Fault::new(format!("{status} is not a status")))
    };
    whole(400..=599).refine(refine, StatusCode::as_u16)
}

fn grpc_status() -> Shape<u8> {
    const EXPECTED: &str = "a gRPC status like `unavailable` or 14";
    let numbers = json!({"type": "integer", "minimum": 1, "maximum": GRPC.len()});
    let schema = json!({"oneOf": [{"enum": GRPC}, numbers]});
    let parse = |text: &str| {
        let name = GRPC.iter().position(|name| *name == text);
        let number = text
            .parse()
            .ok()
            .filter(|number| (1..=GRPC.len()).contains(number));
        let status = name.map(|index| index + 1).or(number);
        status.map(|status| status as u8).ok_or_else(|| {
            let fault = problem::Fault::new(format!("expected {EXPECTED}, found {}", quote(text)));
            match text {
                "ok" | "0" => fault.hint("`ok` is no fault"),
                _ => fault.hint(suggest(text, &GRPC)),
            }
        })
    };
    parsed(EXPECTED, schema, parse, |status| {
        let name = GRPC.get(usize::from(*status).wrapping_sub(1));
        name.map_or_else(|| status.to_string(), ToString::to_string)
    })
}

fn does_something(node: &Node, reader: &mut Reader) {
    if node.is_mapping() && node.entry("delay").is_none() && node.entry("abort").is_none() {
        let fault = problem::Fault::new("this fault does nothing");
        reader.report(&node.span, fault.hint("say `delay`, `abort` or both"));
    }
}

fn one_way(node: &Node, reader: &mut Reader) {
    let said = |name: &&str| {
        node.get(name)
            .is_some_and(|value| value.text() != Some("false"))
    };
    let ways: Vec<_> = WAYS
        .into_iter()
        .filter(said)
        .filter_map(|name| Some((name, node.entry(name)?)))
        .collect();
    match ways[..] {
        [] if node.is_mapping() => {
            let fault = problem::Fault::new("this abort does not say how")
                .hint("say `status: 503`, `grpc_status: unavailable` or `reset: true`");
            reader.report(&node.span, fault);
        }
        [(first_name, first), (name, second), ..] => {
            let fault =
                problem::Fault::new(format!("`{first_name}` and `{name}` exclude each other"))
                    .hint("a request is aborted in one way");
            reader.clash(&second.key_span, fault, &first.key_span, "first here");
        }
        _ => {}
    }
}
