//! What the proxy lets people see: metrics, tracing headers, the Trail, the access log, its own log.
//!
//! Everything that runs on a request's way is built before the first request and then only touched: no lock, no look-up
//! by string, no formatting unless somebody reads the result.

pub mod access_log;
pub mod lines;
pub mod log;
pub mod metrics;
pub mod trace;
pub mod trail;

use std::{
    env, io,
    sync::{Arc, Mutex, PoisonError},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use outrigger_config::model::{self, LogFormat};

use access_log::AccessLog;
use lines::Writer;
use metrics::{ProxyMetrics, Registry, TlsMetrics};

/// All of it, for one process.
pub struct Telemetry {
    /// Finds and renders what is counted.
    pub registry: Registry,
    /// What belongs to no route and no cluster.
    pub metrics: ProxyMetrics,
    /// Handshakes, certificates and peers.
    pub tls: Arc<TlsMetrics>,
    /// Where request lines go, if they are wanted.
    pub access_log: Option<AccessLog>,
    /// Writes to stdout until it is dropped.
    writer: Mutex<Option<Writer>>,
}

impl Telemetry {
    /// Starts to count, and to log in this format what `OUTRIGGER_LOG` lets through.
    ///
    /// # Errors
    /// When `OUTRIGGER_LOG` can't be read, or the system gives no thread.
    pub fn start(format: LogFormat, access_log: Option<&model::AccessLog>) -> io::Result<Self> {
        let registry = Registry::default();
        // What libraries count by the `metrics` macros is shown as well; a second recorder can only be a test's.
        let _ = ::metrics::set_global_recorder(registry.clone());
        let metrics = ProxyMetrics::new(&registry, env!("CARGO_PKG_VERSION"));
        let writer = Writer::start(io::stdout())?;
        let filter = env::var("OUTRIGGER_LOG").unwrap_or_else(|_| log::DEFAULT_FILTER.to_owned());
        let subscriber = log::subscriber(
            format,
            &filter,
            writer.lines(log::BOUND, metrics.log_dropped()),
        )
        .map_err(|error| io::Error::other(format!("OUTRIGGER_LOG: {error}")))?;
        // A second process-wide subscriber can only be a test's.
        let _ = tracing::subscriber::set_global_default(subscriber);
        let access_log = access_log.map(|log| {
            AccessLog::new(
                log.format,
                writer.lines(access_log::BOUND, metrics.access_log_dropped()),
            )
        });
        Ok(Self {
            tls: Arc::new(TlsMetrics::new(&registry)),
            registry,
            metrics,
            access_log,
            writer: Mutex::new(Some(writer)),
        })
    }

    /// The metrics page.
    pub fn page(&self) -> String {
        metrics::page(&self.registry, Instant::now())
    }

    /// Writes what is waiting to be written. The logs end with it.
    pub fn flush(&self) {
        drop(
            self.writer
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
    }
}

/// Seconds since 1970, as Prometheus has them.
pub fn seconds(at: SystemTime) -> f64 {
    at.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64()
}
