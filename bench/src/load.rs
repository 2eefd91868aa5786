//! Load that does not flatter what it measures: closed loop, or open loop at a fixed rate, where a late
//! answer also counts against the requests that had to wait behind it.

mod fleet;
mod link;
mod pace;
mod report;
mod tally;
mod target;

use std::{io::Write, time::Duration};

use anyhow::{Context, Result};
use http::{HeaderName, HeaderValue, Method, Uri};
use tokio::task::LocalSet;

pub use fleet::{Fleet, Plan};
pub(crate) use link::Link;
pub use link::fetch;
pub use pace::Pace;
pub(crate) use pace::Schedule;
pub use report::{Percentiles, Report, Share};
pub use tally::Failure;
pub use target::{Protocol, Target};

/// What `outrigger-bench load` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// Where to, such as `http://127.0.0.1:8080/`
    url: Uri,
    /// Connections kept open
    #[arg(short, long, default_value_t = 64)]
    connections: usize,
    /// HTTP/2 with prior knowledge instead of HTTP/1.1
    #[arg(long)]
    http2: bool,
    /// Requests at a time on each HTTP/2 connection
    #[arg(long, default_value_t = 32, requires = "http2")]
    streams: usize,
    /// Open loop: requests a second, whatever the answers do; without it each answer is followed by the next request
    #[arg(long)]
    rate: Option<u32>,
    /// Stop after this time
    #[arg(long, value_parser = humantime::parse_duration, default_value = "5s")]
    duration: Duration,
    /// Stop after this many requests, if that comes first
    #[arg(long)]
    requests: Option<u64>,
    /// The method
    #[arg(long, default_value = "GET")]
    method: Method,
    /// The size of the body sent
    #[arg(long, default_value_t = 0)]
    body_bytes: usize,
    /// A header to send, `name: value`; may be repeated
    #[arg(short = 'H', long = "header", value_parser = target::parse_header)]
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
}

/// Sends the load and prints the report.
pub async fn run(arguments: Arguments) -> Result<()> {
    let protocol = if arguments.http2 {
        Protocol::Http2 {
            streams: arguments.streams,
        }
    } else {
        Protocol::Http1
    };
    let mut target = Target::new(&arguments.url, protocol)?
        .method(arguments.method)
        .body(arguments.body_bytes);
    for (name, value) in arguments.headers {
        target = target.header(name, value);
    }
    let plan = Plan {
        pace: arguments.rate.map_or(Pace::Closed, Pace::Fixed),
        duration: arguments.duration,
        requests: arguments.requests,
    };
    let load = async {
        let fleet = Fleet::connect(target, arguments.connections).await?;
        fleet.run(plan).await
    };
    let report = LocalSet::new().run_until(load).await?;
    let text = if arguments.json {
        serde_json::to_string_pretty(&report)?
    } else {
        report.to_string()
    };
    // Not `println!`, which panics when the reader, such as `head`, has gone.
    writeln!(std::io::stdout(), "{}", text.trim_end()).context("writing the report")
}
