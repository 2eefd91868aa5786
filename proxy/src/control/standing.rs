//! How the proxy stands with its control planes: for `/ready`, `/config` and the log.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use serde_json::{Value, json};

use super::table::Table;
use crate::telemetry::seconds;

/// Written by the control thread, read by the admin server.
#[derive(Default)]
pub struct Standing(Mutex<Known>);

/// What is known.
#[derive(Default)]
struct Known {
    servers: Vec<String>,
    /// To whom, since when.
    connected: Option<(String, SystemTime)>,
    /// Why a connection was lost or not made, and when that began.
    trouble: Option<(String, SystemTime)>,
    /// The table in force has been said or kept.
    ready: bool,
    version: String,
    since: Option<SystemTime>,
    /// What is not taken, and since when that is all there is.
    refused: Option<(String, SystemTime)>,
    /// What of the table in force is left out for this machine's sake.
    left_out: Vec<String>,
}

impl Standing {
    /// With these.
    pub fn new(servers: impl IntoIterator<Item = String>) -> Self {
        Self(Mutex::new(Known {
            servers: servers.into_iter().collect(),
            ..Known::default()
        }))
    }

    /// A stream has begun. Says whether there was none before.
    pub fn connected(&self, server: &str) -> bool {
        let mut known = self.lock();
        known.trouble = None;
        let connected = Some((server.to_owned(), SystemTime::now()));
        std::mem::replace(&mut known.connected, connected).is_none()
    }

    /// A stream has ended or did not begin. Says whether that is news.
    pub fn lost(&self, why: &str) -> bool {
        let mut known = self.lock();
        let was_connected = known.connected.take().is_some();
        let news = was_connected || known.trouble.is_none();
        let since = match &known.trouble {
            Some((_, since)) if !was_connected => *since,
            _ => SystemTime::now(),
        };
        known.trouble = Some((why.to_owned(), since));
        news
    }

    /// This is not taken of what was sent; empty: everything is. Says whether that is another thing than before.
    pub fn refused(&self, problems: &str) -> bool {
        let mut known = self.lock();
        let before = known.refused.as_ref().map_or("", |(before, _)| before);
        if before == problems {
            return false;
        }
        let problems = Some(problems.to_owned()).filter(|problems| !problems.is_empty());
        known.refused = problems.map(|problems| (problems, SystemTime::now()));
        true
    }

    /// A table is in force, but for what is left out. Says whether that is something else than before.
    pub fn in_force(&self, table: &Table, left_out: &[String]) -> bool {
        let mut known = self.lock();
        known.ready |= table.whole;
        known.version = table.version.to_string();
        known.since = table.since;
        let news = known.left_out != left_out;
        known.left_out = left_out.to_vec();
        news
    }

    /// Why there is no table yet; `None`: there is.
    pub fn unready(&self) -> Option<String> {
        let known = self.lock();
        if known.ready {
            return None;
        }
        let why = match (&known.refused, &known.connected, &known.trouble) {
            (Some((problems, _)), ..) => format!("what was sent is refused: {problems}"),
            (None, Some((server, _)), _) => format!("waiting for {server} to send all of it"),
            (None, None, Some((why, _))) => why.clone(),
            (None, None, None) => "connecting".to_owned(),
        };
        Some(format!("no table yet: {why}"))
    }

    /// For `/config`.
    pub fn show(&self) -> Value {
        let known = self.lock();
        let since = |(what, since): &(String, SystemTime), key: &str| json!({ key: what, "since": seconds(*since) });
        json!({
            "servers": known.servers,
            "connected": known.connected.as_ref().map(|it| since(it, "server")),
            "trouble": known.trouble.as_ref().map(|it| since(it, "reason")),
            "version": known.version,
            "table_since": known.since.map(seconds),
            "refused": known.refused.as_ref().map(|it| since(it, "problems")),
            "left_out": known.left_out,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_changes_are_news() {
        let standing = Standing::new(["a".to_owned()]);
        assert!(standing.lost("refused"));
        assert!(!standing.lost("refused"));
        assert!(standing.connected("a"));
        assert!(standing.lost("gone"));
        assert!(!standing.lost("refused"));
    }

    #[test]
    fn it_is_ready_with_the_first_whole_table_and_stays_so() {
        let standing = Standing::new(["a".to_owned()]);
        let reason = |standing: &Standing| standing.unready().unwrap_or_default();
        assert_eq!(reason(&standing), "no table yet: connecting");
        standing.lost("cannot connect");
        assert_eq!(reason(&standing), "no table yet: cannot connect");
        standing.in_force(&Table::default(), &[]);
        assert!(standing.unready().is_some());
        let whole = Table {
            whole: true,
            ..Table::default()
        };
        standing.in_force(&whole, &[]);
        standing.in_force(&Table::default(), &[]);
        assert_eq!(standing.unready(), None);
    }
}
