//! The process's own log, on stdout: what it did, and what it refused.

use std::{env, io};

use tracing_subscriber::{EnvFilter, fmt};

use crate::cli::LogFormat;

/// What is shown when `OUTRIGGER_LOG` says nothing.
const DEFAULT_FILTER: &str = "info";

/// Logs in this format what `OUTRIGGER_LOG` lets through.
///
/// # Errors
/// When `OUTRIGGER_LOG` can't be read.
pub fn start(format: LogFormat) -> io::Result<()> {
    let filter = env::var("OUTRIGGER_LOG").unwrap_or_else(|_| DEFAULT_FILTER.to_owned());
    let filter = EnvFilter::builder()
        .parse(filter)
        .map_err(|error| io::Error::other(format!("OUTRIGGER_LOG: {error}")))?;
    let builder = fmt::Subscriber::builder()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(io::stdout);
    // A second process-wide subscriber can only be a test's.
    let _ = match format {
        LogFormat::Text => tracing::subscriber::set_global_default(builder.finish()),
        LogFormat::Json => {
            tracing::subscriber::set_global_default(builder.json().flatten_event(true).finish())
        }
    };
    Ok(())
}
