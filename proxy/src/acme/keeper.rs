//! Whose turn it is: sees to it that each host has a certificate, and a newer one in time.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use instant_acme::CertificateIdentifier;
use outrigger_config::{Config, model::Acme};
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::{Challenges, Failure, hosts, order, schedule, storage};
use crate::telemetry::metrics::{OrderOutcome, TlsMetrics};

/// For one certificate, from the order to the file.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// How long it sleeps at once: the system's clock may be set meanwhile.
const LONGEST_SLEEP: Duration = Duration::from_secs(600);

/// How often the authority is asked that has said nothing of it.
const ASK: Duration = Duration::from_secs(6 * 3_600);

/// After an order that went well.
const REST: Duration = Duration::from_secs(3_600);

/// How long to wait for another process that is at it.
const BUSY: Duration = Duration::from_secs(60);

/// An authority that does not know an account has lost it, or was replaced by another.
const NO_ACCOUNT: &str = "urn:ietf:params:acme:error:accountDoesNotExist";

/// Does it in the background, for the table in force.
pub struct Keeper {
    challenges: Arc<Challenges>,
    metrics: Arc<TlsMetrics>,
    wanted: Option<(Acme, Vec<String>)>,
    task: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Does nothing until it follows a table that wants something.
    pub fn new(challenges: Arc<Challenges>, metrics: Arc<TlsMetrics>) -> Self {
        Self {
            challenges,
            metrics,
            wanted: None,
            task: None,
        }
    }

    /// Sees to the hosts of this table from now on.
    pub fn follow(&mut self, config: &Config) {
        let hosts = hosts(config);
        let wanted = config.acme.clone().filter(|_| !hosts.is_empty());
        let wanted = wanted.map(|acme| (acme, hosts));
        if wanted == self.wanted {
            return;
        }
        self.stop();
        self.task = wanted.clone().map(|(acme, hosts)| {
            let (challenges, metrics) = (Arc::clone(&self.challenges), Arc::clone(&self.metrics));
            tokio::spawn(keep(acme, hosts, challenges, metrics))
        });
        self.wanted = wanted;
    }

    fn stop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A host, and when it is looked at next.
struct Turn {
    host: String,
    at: SystemTime,
    failures: u32,
    /// See [`schedule`].
    share: f64,
}

async fn keep(
    acme: Acme,
    hosts: Vec<String>,
    challenges: Arc<Challenges>,
    metrics: Arc<TlsMetrics>,
) {
    let now = SystemTime::now();
    let turn = |host| Turn {
        host,
        at: now,
        failures: 0,
        share: fastrand::f64(),
    };
    let mut turns: Vec<Turn> = hosts.into_iter().map(turn).collect();
    while let Some(turn) = turns.iter_mut().min_by_key(|turn| turn.at) {
        if let Ok(time) = turn.at.duration_since(SystemTime::now())
            && !time.is_zero()
        {
            sleep(time.min(LONGEST_SLEEP)).await;
            continue;
        }
        let seen_to = timeout(PATIENCE, see_to(&acme, turn, &challenges, &metrics));
        let outcome = seen_to.await.unwrap_or(Err(Failure::Slow));
        let now = SystemTime::now();
        turn.at = match outcome {
            Ok(next) => {
                turn.failures = 0;
                next
            }
            Err(Failure::Busy) => now + BUSY,
            Err(failure) => {
                turn.failures += 1;
                metrics.order(&turn.host, OrderOutcome::Failed);
                let pause = schedule::pause(turn.failures, turn.share);
                tracing::error!(
                    host = turn.host, failures = turn.failures, again_in = ?pause,
                    "no new certificate, what there was serves on: {failure}"
                );
                now + pause
            }
        };
    }
}

/// Gets a certificate if there is none, or none for long any more. When it is to be looked at again.
async fn see_to(
    acme: &Acme,
    turn: &Turn,
    challenges: &Arc<Challenges>,
    metrics: &TlsMetrics,
) -> Result<SystemTime, Failure> {
    let host = &*turn.host;
    let _alone = storage::lock(acme)?;
    let now = SystemTime::now();
    let held = storage::held(acme, host);
    let account = order::account(acme).await;
    let mut before = None;
    if let Some(held) = &held {
        let mut renewal = schedule::renewal(held.facts.begins, held.facts.ends, turn.share);
        let mut look = now + ASK;
        if let Ok(account) = &account
            && let Some((from, to, again)) = order::suggestion(account, held).await
        {
            before = CertificateIdentifier::try_from(&held.certificate).ok();
            let latest = schedule::latest(held.facts.begins, held.facts.ends);
            renewal = schedule::within(from, to, turn.share).min(latest);
            look = now + schedule::ask_again(again);
        }
        if renewal > now {
            // An authority that is not to be had is no trouble yet.
            tracing::debug!(host, ?renewal, "not yet");
            return Ok(renewal.min(look));
        }
    }
    let account = account?;
    // The next one after each failure: what is closed to one may be open to the other.
    let challenge = acme.challenges[turn.failures as usize % acme.challenges.len()];
    tracing::info!(
        host,
        challenge = challenge.as_str(),
        renewal = held.is_some(),
        "ordering a certificate"
    );
    match order::fulfil(acme, &account, host, challenge, before, challenges).await {
        Ok(()) => {}
        Err(Failure::Authority(instant_acme::Error::Api(problem)))
            if problem.r#type.as_deref() == Some(NO_ACCOUNT) =>
        {
            let _ = std::fs::remove_file(storage::account(acme));
            return Err(Failure::Authority(instant_acme::Error::Api(problem)));
        }
        Err(failure) => return Err(failure),
    }
    metrics.order(host, OrderOutcome::Obtained);
    let held = storage::held(acme, host).ok_or_else(|| {
        Failure::Cryptography("what the authority gave is no certificate of this host".to_owned())
    })?;
    let ends = httpdate::HttpDate::from(held.facts.ends);
    tracing::info!(host, %ends, "a new certificate is there");
    // Whatever the authority would like: not the next one at once.
    let renewal = schedule::renewal(held.facts.begins, held.facts.ends, turn.share);
    Ok(renewal.min(now + REST))
}
