//! Waiting for what takes an unknown time: polled against a deadline, never slept for.

use std::time::{Duration, Instant};

/// How long anything may take before its test fails; generous, since machines that run tests are busy.
pub const fn patience() -> Duration {
    Duration::from_secs(10)
}

/// Polls until `happens` says true; fails naming `what` when patience ends.
pub async fn eventually(what: &str, mut happens: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !happens().await {
        assert!(
            start.elapsed() < patience(),
            "never happened: {what} (waited {:?})",
            start.elapsed()
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The outcome of `future`; fails naming `what` when it takes longer than our patience.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(patience(), future).await {
        Ok(outcome) => outcome,
        Err(_) => panic!("took longer than {:?}: {what}", patience()),
    }
}
