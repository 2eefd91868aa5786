//! The guide's table of errors says what the proxy does.

use std::{fs, io, time::Duration};

use http::StatusCode;
use outrigger::error::{Blame, Error, Retryable};
use outrigger_config::model::Abort;

const GUIDE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../docs/timeouts-and-retries.md"
);

/// One of each, in the order of the table.
fn all() -> [Error; 28] {
    let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
    [
        Error::BadRequest("host"),
        Error::TunnelRefused,
        Error::Misdirected,
        Error::Denied,
        Error::NoRoute,
        Error::NoCluster,
        Error::NotImplemented("a coding"),
        Error::RateLimited {
            retry_after: Duration::from_secs(1),
        },
        Error::Fault(Abort::Status(StatusCode::SERVICE_UNAVAILABLE)),
        Error::Overloaded("memory"),
        Error::LimitReached("requests"),
        Error::CircuitOpen {
            retry_after: Duration::from_secs(1),
        },
        Error::NoEndpoint,
        Error::ControlSilent,
        Error::OutOfSockets(refused()),
        Error::Connect(refused()),
        Error::ConnectTimeout,
        Error::Tls(rustls::Error::InvalidCertificate(
            rustls::CertificateError::Expired,
        )),
        Error::TlsUnready,
        Error::Protocol(refused().into()),
        Error::RefusedStream,
        Error::Reset(refused().into()),
        Error::UnaskedUpgrade,
        Error::RequestBody(refused().into()),
        Error::RequestIdle,
        Error::AttemptTimeout,
        Error::DeadlineExceeded,
        Error::IdleTimeout,
    ]
}

/// A new kind of error does not compile until it has a place here, and then in [`all`] and in the guide.
fn place(error: &Error) -> usize {
    match error {
        Error::BadRequest(_) => 0,
        Error::TunnelRefused => 1,
        Error::Misdirected => 2,
        Error::Denied => 3,
        Error::NoRoute => 4,
        Error::NoCluster => 5,
        Error::NotImplemented(_) => 6,
        Error::RateLimited { .. } => 7,
        Error::Fault(_) => 8,
        Error::Overloaded(_) => 9,
        Error::LimitReached(_) => 10,
        Error::CircuitOpen { .. } => 11,
        Error::NoEndpoint => 12,
        Error::ControlSilent => 13,
        Error::OutOfSockets(_) => 14,
        Error::Connect(_) => 15,
        Error::ConnectTimeout => 16,
        Error::Tls(_) => 17,
        Error::TlsUnready => 18,
        Error::Protocol(_) => 19,
        Error::RefusedStream => 20,
        Error::Reset(_) => 21,
        Error::UnaskedUpgrade => 22,
        Error::RequestBody(_) => 23,
        Error::RequestIdle => 24,
        Error::AttemptTimeout => 25,
        Error::DeadlineExceeded => 26,
        Error::IdleTimeout => 27,
    }
}

/// The columns after the first, which is prose.
fn row(error: &Error) -> String {
    let blame = match error.blame() {
        Blame::Downstream => "downstream",
        Blame::Policy => "policy",
        Blame::Upstream => "upstream",
        Blame::Proxy => "proxy",
    };
    let retry = match error.retryable() {
        Retryable::Unsent => "any request",
        Retryable::IfSafe => "if safe",
        Retryable::Never => "never",
    };
    format!(
        "`{}` | {} | `{}` | {} | {blame} | {retry}",
        error.reason(),
        error.status().as_u16(),
        error.proxy_status(),
        error.grpc_status(),
    )
}

/// The same columns as the guide has them.
fn guide() -> Vec<String> {
    let text = fs::read_to_string(GUIDE).expect("the guide");
    let rows = text
        .lines()
        .skip_while(|line| !line.starts_with("| error |"))
        .skip(2);
    rows.take_while(|line| line.starts_with('|'))
        .map(|line| {
            let columns = line.trim_matches(['|', ' ']).split_once(" | ");
            columns.expect("a row has columns").1.to_owned()
        })
        .collect()
}

#[test]
fn the_guides_table_of_errors_is_true() {
    let errors = all();
    for (index, error) in errors.iter().enumerate() {
        assert_eq!(place(error), index, "{error}");
    }
    let rows: Vec<String> = errors.iter().map(row).collect();
    assert_eq!(guide(), rows);
}
