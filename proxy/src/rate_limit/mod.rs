//! Rate limits: how many requests may come in a time, at a listener or on a route, of all callers or of each.
//!
//! `rate.rs` is the arithmetic, `bucket.rs` one bucket for all, `keyed.rs` a bucket for each caller, `quota.rs` what
//! callers are told. Workers share the buckets; `layer/admit.rs` asks them.

mod bucket;
mod keyed;
mod quota;
mod rate;

use std::{
    hash::{BuildHasher, RandomState},
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{self, AtomicU64, Ordering::Relaxed},
    },
};

use outrigger_config::model::{self, RateLimitKey};

pub use quota::Quota;
pub use rate::Verdict;

use crate::telemetry::metrics::FilterMetrics;
use bucket::Bucket;
use keyed::{SHARDS, Shard};
use rate::Rate;

/// A limit that has refused nobody for so long, in microseconds, is news when it does.
const NEWS: u64 = 60_000_000;

/// A limit in force.
#[derive(Debug)]
pub struct RateLimit {
    config: model::RateLimit,
    rate: Rate,
    buckets: Buckets,
    /// What callers know it by, as it stands in a header: nothing of the inside.
    name: String,
    policy: http::HeaderValue,
    metrics: Arc<FilterMetrics>,
    /// When it last did, in microseconds; 0: never.
    last_refused: AtomicU64,
}

#[derive(Debug)]
enum Buckets {
    One(Bucket),
    Keyed {
        key: RateLimitKey,
        hasher: RandomState,
        shards: Box<[Mutex<Shard>]>,
    },
}

/// Who asks, as far as a limit tells callers apart.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum Caller<'a> {
    /// From this address.
    V4(u32),
    /// From this network: 64 bits are what one customer has at least.
    V6(u64),
    /// With this value of the header; `None`: without it, all of whom are one.
    Header(Option<&'a [u8]>),
}

impl From<IpAddr> for Caller<'_> {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.to_bits()),
            IpAddr::V6(address) => Self::V6((address.to_bits() >> 64) as u64),
        }
    }
}

impl RateLimit {
    /// The limits of one place, in order. Those of `before` that say the same go on with the buckets they have.
    pub fn compile<'a>(
        limits: impl IntoIterator<Item = &'a model::RateLimit>,
        before: impl IntoIterator<Item = Arc<Self>>,
        metrics: &Arc<FilterMetrics>,
    ) -> Vec<Arc<Self>> {
        let mut limits = limits.into_iter().enumerate().peekable();
        // Most places have none, and then nobody looks for what was there.
        let mut before: Vec<_> = match limits.peek() {
            Some(_) => before.into_iter().collect(),
            None => Vec::new(),
        };
        limits
            .map(
                |(index, config)| match before.iter().position(|limit| limit.config == *config) {
                    Some(same) => before.remove(same),
                    None => Arc::new(Self::new(config, index, metrics)),
                },
            )
            .collect()
    }

    fn new(config: &model::RateLimit, index: usize, metrics: &Arc<FilterMetrics>) -> Self {
        let name = match (metrics.route.is_empty(), index) {
            (true, _) => "\"listener\"".to_owned(),
            (false, 0) => "\"route\"".to_owned(),
            (false, index) => format!("\"route-{}\"", index + 1),
        };
        let buckets = match config.key.clone() {
            None => Buckets::One(Bucket::full()),
            Some(key) => Buckets::Keyed {
                key,
                hasher: RandomState::new(),
                shards: (0..SHARDS).map(|_| Mutex::new(Shard::full())).collect(),
            },
        };
        Self {
            rate: Rate::new(config.requests, config.per, config.burst),
            policy: quota::policy(&name, config),
            config: config.clone(),
            buckets,
            name,
            metrics: Arc::clone(metrics),
            last_refused: AtomicU64::new(0),
        }
    }

    /// What tells its callers apart, if anything does.
    pub fn key(&self) -> Option<&RateLimitKey> {
        self.config.key.as_ref()
    }

    /// A request at `now`, in microseconds. `caller` is asked only if callers have limits of their own.
    pub fn take<'a>(&self, now: u64, caller: impl FnOnce(&RateLimitKey) -> Caller<'a>) -> Verdict {
        let verdict = match &self.buckets {
            Buckets::One(bucket) => bucket.take(&self.rate, now),
            Buckets::Keyed {
                key,
                hasher,
                shards,
            } => {
                // 0 is an empty place.
                let hash = hasher.hash_one(caller(key)).max(1);
                let shard = shards[Shard::of(hash)].lock();
                let mut shard = shard.unwrap_or_else(PoisonError::into_inner);
                shard.take(hash, &self.rate, now)
            }
        };
        if !verdict.admitted {
            self.refuse(now);
        }
        verdict
    }

    #[cold]
    fn refuse(&self, now: u64) {
        self.metrics.rate_limited();
        let last = self.last_refused.swap(now.max(1), Relaxed);
        if last == 0 || now.saturating_sub(last) > NEWS {
            let model::RateLimit {
                requests,
                per,
                burst,
                ..
            } = self.config;
            let FilterMetrics {
                listener, route, ..
            } = &*self.metrics;
            tracing::info!(%listener, %route, requests, ?per, burst, "a rate limit refuses requests");
        }
    }
}
