//! Somebody who was let in, and stays: on a stream that may last for weeks.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::{Entrance, Pass, Refusal, vouched::ASK};

/// A stay lasts until the token is taken away by which it began.
///
/// Two looks in a row must find it gone: a file that is just being written is no reason to send a fleet away.
pub struct Stay {
    door: Arc<Entrance>,
    pass: Pass,
    /// Of one who has shown a token.
    ask: Option<Interval>,
    doubted: bool,
}

impl Stay {
    /// Of one who was let in by `pass` at this door.
    pub fn begin(door: Arc<Entrance>, pass: Pass) -> Self {
        let ask = pass.0.is_some().then(|| {
            let mut ask = interval_at(Instant::now() + ASK, ASK);
            ask.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ask
        });
        Self {
            door,
            pass,
            ask,
            doubted: false,
        }
    }

    /// Ready when it is over, with the reason.
    pub fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<Refusal> {
        let Some(ask) = &mut self.ask else {
            return Poll::Pending;
        };
        while ask.poll_tick(context).is_ready() {
            match self.door.credentials.hold(&self.pass) {
                Ok(()) => self.doubted = false,
                Err(_) if !self.doubted => self.doubted = true,
                Err(refusal) => return Poll::Ready(refusal),
            }
        }
        Poll::Pending
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{fs, future::poll_fn, net::SocketAddr, path::PathBuf, time::Duration};

    use http::{HeaderMap, header::AUTHORIZATION};
    use tokio::time::{sleep, timeout};

    use super::*;
    use crate::Settings;

    const TOKEN: &str = "0123456789abcdef";

    /// A door that asks for a token of this file, and the stay of one who has shown it.
    fn stay(path: PathBuf) -> Stay {
        let settings = Settings {
            token_file: Some(path),
            ..Settings::default()
        };
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let door = Entrance::open("xds", address, &settings, false).unwrap();
        let shown = format!("Bearer {TOKEN}").parse().unwrap();
        let headers = HeaderMap::from_iter([(AUTHORIZATION, shown)]);
        let pass = door.admit(None, &headers).unwrap();
        Stay::begin(Arc::new(door), pass)
    }

    async fn over(stay: &mut Stay, within: Duration) -> bool {
        let over = poll_fn(|context| stay.poll_over(context));
        timeout(within, over).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_stay_ends_with_its_token_and_not_for_a_file_that_is_being_written() {
        let directory = tempfile::TempDir::new().unwrap();
        let path = directory.path().join("token");
        fs::write(&path, TOKEN).unwrap();
        let mut stay = stay(path.clone());
        assert!(!over(&mut stay, ASK * 100).await);
        fs::write(&path, "").unwrap();
        assert!(!over(&mut stay, ASK * 3 / 2).await, "one look is no look");
        fs::write(&path, TOKEN).unwrap();
        assert!(!over(&mut stay, ASK * 10).await);
        fs::remove_file(&path).unwrap();
        sleep(ASK).await;
        assert!(over(&mut stay, ASK * 3).await);
    }
}
