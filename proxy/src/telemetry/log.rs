//! The process's own log: what it did, not what requests did; that is the access log.
//!
//! Through `tracing`, to stdout by way of [`Lines`], so that it never blocks a worker and never cuts a line of the access
//! log in two.

use std::io;

use outrigger_config::model::LogFormat;
use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter,
    filter::ParseError,
    fmt::{self, MakeWriter},
};

use super::lines::Lines;

/// What is shown when `OUTRIGGER_LOG` says nothing.
pub const DEFAULT_FILTER: &str = "info";

/// Bytes that may wait; twice what the access log may, so that its flood does not drown the line that explains it.
pub const BOUND: usize = 2 * super::access_log::BOUND;

/// The subscriber that the binary installs. `filter` is in the language of `tracing`'s `EnvFilter`:
/// `info,outrigger::upstream=debug`.
///
/// # Errors
/// When the filter can't be read.
pub fn subscriber(
    format: LogFormat,
    filter: &str,
    lines: Lines,
) -> Result<Box<dyn Subscriber + Send + Sync>, ParseError> {
    let builder = fmt::Subscriber::builder()
        .with_env_filter(EnvFilter::builder().parse(filter)?)
        .with_ansi(false)
        .with_writer(lines);
    Ok(match format {
        LogFormat::Text => Box::new(builder.finish()),
        LogFormat::Json => Box::new(builder.json().flatten_event(true).finish()),
    })
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

/// The subscriber formats an event to its end before it writes, so each write is whole lines.
impl io::Write for &Lines {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.push(lines);
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::telemetry::{
        lines::{Writer, tests::Sink},
        metrics::Counter,
    };

    fn logged(format: LogFormat, filter: &str, events: impl FnOnce()) -> String {
        let sink = Sink::default();
        let writer = Writer::start(sink.clone()).unwrap();
        let subscriber =
            subscriber(format, filter, writer.lines(BOUND, Counter::default())).unwrap();
        tracing::subscriber::with_default(subscriber, events);
        drop(writer);
        sink.written()
    }

    #[test]
    fn text_is_one_line_an_event() {
        let written = logged(LogFormat::Text, DEFAULT_FILTER, || {
            tracing::info!(routes = 3, "table in force");
            tracing::debug!("not shown");
        });
        assert_eq!(written.lines().count(), 1);
        assert!(
            written
                .ends_with("Z  INFO outrigger::telemetry::log::tests: table in force routes=3\n"),
            "{written}"
        );
    }

    #[test]
    fn json_is_one_flat_object_an_event() {
        let written = logged(LogFormat::Json, "debug", || {
            tracing::debug!(routes = 3, "table in force")
        });
        let event: serde_json::Value = serde_json::from_str(&written).unwrap();
        assert_eq!(
            (&event["level"], &event["message"], &event["routes"]),
            (&"DEBUG".into(), &"table in force".into(), &3.into())
        );
    }

    #[test]
    fn a_filter_that_makes_no_sense_is_refused() {
        let writer = Writer::start(Sink::default()).unwrap();
        assert!(
            subscriber(
                LogFormat::Text,
                "outrigger=loud",
                writer.lines(BOUND, Counter::default())
            )
            .is_err()
        );
    }
}
