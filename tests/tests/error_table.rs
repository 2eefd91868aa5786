//! The guide's table of errors says what the proxy does.

use std::{fs, io, time::Duration};

use http::StatusCode;
use outrigger::error::{Blame, Error, Retryable};
use outrigger_config::model::Abort;
use outrigger_tests::{Raw, RawEndpoint, get};

const GUIDE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../docs/timeouts-and-retries.md"
);

/// An error of hyper's, which has no way to make one: what comes of garbage.
async fn broken() -> hyper::Error {
    let garbage = RawEndpoint::serve(async |mut raw: Raw, _| {
        raw.write("garbage\r\n\r\n").await;
    })
    .await;
    let mut client = outrigger_tests::Client::http1(garbage.address).await;
    client.send(get("/")).await.expect_err("garbage")
}

/// One of each, in the order of the table.
async fn all() -> [Error; 28] {
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
        Error::Protocol(broken().await),
        Error::RefusedStream,
        Error::Reset(broken().await),
        Error::UnaskedUpgrade,
        Error::RequestBody(broken().await),
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
        Error::NoRoute => 3,
        Error::NoCluster => 4,
        Error::NotImplemented(_) => 5,
        Error::RateLimited { .. } => 6,
        Error::Fault(_) => 7,
        Error::Overloaded(_) => 8,
        Error::LimitReached(_) => 9,
        Error::CircuitOpen { .. } => 10,
        Error::NoEndpoint => 11,
        Error::ControlSilent => 12,
        Error::OutOfSockets(_) => 13,
        Error::Connect(_) => 14,
        Error::ConnectTimeout => 15,
        Error::Tls(_) => 16,
        Error::TlsUnready => 17,
        Error::Protocol(_) => 18,
        Error::RefusedStream => 19,
        Error::Reset(_) => 20,
        Error::UnaskedUpgrade => 21,
        Error::RequestBody(_) => 22,
        Error::RequestIdle => 23,
        Error::AttemptTimeout => 24,
        Error::DeadlineExceeded => 25,
        Error::IdleTimeout => 26,
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

#[tokio::test]
async fn the_guides_table_of_errors_is_true() {
    let errors = all().await;
    for (index, error) in errors.iter().enumerate() {
        assert_eq!(place(error), index, "{error}");
    }
    let rows: Vec<String> = errors.iter().map(row).collect();
    assert_eq!(guide(), rows);
}
