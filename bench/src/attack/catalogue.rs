//! The attacks, as data.

use std::time::Duration;

use super::{http1, http2, tls};
use crate::{
    job::{Door, Handshakes, Job, SMALL_GET, Transport, Version},
    load::Pace,
};

/// Longer than the 10 s after which a head that does not end is hung up on.
const UNTIL_SLOW: Duration = Duration::from_secs(16);

/// As many as a limit lets in.
pub(super) const LIMIT: usize = 1_000;

/// An attack.
#[derive(Clone, Debug)]
pub(super) struct Attack {
    pub(super) name: &'static str,
    pub(super) about: String,
    pub(super) trick: Trick,
    /// How many connections the attackers have at a time.
    pub(super) connections: usize,
    pub(super) door: Door,
    /// How long it lasts at least.
    pub(super) least: Duration,
    /// What the tricks are counted in.
    pub(super) unit: &'static str,
    /// KiB that a proxy may take for each of their connections.
    pub(super) room: u64,
}

/// What is done, on what.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trick {
    Http1(http1::Trick),
    Http2(http2::Trick),
    Tls(tls::Trick),
}

impl Attack {
    fn new(name: &'static str, trick: Trick, connections: usize, about: &str) -> Self {
        Self {
            name,
            about: about.to_owned(),
            trick,
            connections,
            door: Door::Open,
            least: Duration::ZERO,
            unit: "bytes",
            room: 64,
        }
    }

    fn door(mut self, door: Door) -> Self {
        self.door = door;
        self
    }

    /// It takes a while to show.
    fn slow(mut self) -> Self {
        self.least = UNTIL_SLOW;
        self
    }

    fn unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }

    fn room(mut self, room: u64) -> Self {
        self.room = room;
        self
    }

    /// What the good client does, and what the proxy is set up for.
    pub(super) fn job(&self) -> Job {
        let (downstream, transport, connections, streams) = match self.trick {
            Trick::Http1(_) => (Version::Http1, Transport::Cleartext, 64, 1),
            Trick::Http2(_) => (Version::Http2, Transport::Cleartext, 8, 8),
            Trick::Tls(_) => (Version::Http1, Transport::Tls(Handshakes::Once), 64, 1),
        };
        Job {
            downstream,
            transport,
            connections,
            streams,
            door: self.door,
            pace: Pace::Fixed(500),
            ..SMALL_GET
        }
    }
}

/// All of them, in the order of the report.
pub(super) fn all() -> Vec<Attack> {
    [of_http1(), of_http2(), of_tls()].concat()
}

fn of_http1() -> Vec<Attack> {
    use http1::Trick as Do;
    let new = |name, trick, connections, about: &str| {
        Attack::new(name, Trick::Http1(trick), connections, about)
    };
    vec![
        new("silence", Do::Silence, 2000, "2,000 connections on which nothing is said").slow(),
        new(
            "slow-heads",
            Do::SlowHead,
            2000,
            "2,000 heads that do not end, a byte a second (Slowloris)",
        )
        .slow(),
        new(
            "slow-bodies",
            Do::SlowBody,
            2000,
            "2,000 bodies of a megabyte, a byte a second (R-U-Dead-Yet)",
        )
        .slow(),
        new(
            "slow-reads",
            Do::SlowRead,
            500,
            "500 readers of 16 MiB with the smallest window that the kernel gives, 256 bytes a second",
        )
        .room(256),
        new("endless-heads", Do::EndlessHead, 50, "50 heads that do not end, as fast as they are taken"),
        new("many-headers", Do::ManyHeaders, 50, "heads of 1,000 headers, 50 at a time").unit("requests"),
        new(
            "turned-away",
            Do::Occupy,
            LIMIT + 500,
            "1,500 callers where 1,000 may be inside, the good client among them; who is turned away tries again at once",
        )
        .door(Door::Limited(LIMIT))
        .unit("connections"),
        new(
            "introductions",
            Do::UnfinishedIntroduction,
            2000,
            "2,000 connections that begin a header of the PROXY protocol, and do not end it",
        )
        .door(Door::Introduced)
        .slow(),
        new("riddles", Do::Riddle, 2000, "2,000 connections that say `GE`, where it has to be found out what is spoken")
            .door(Door::Detecting)
            .slow(),
    ]
}

fn of_http2() -> Vec<Attack> {
    use http2::Trick as Do;
    let new = |name, trick, connections, about: &str| {
        Attack::new(name, Trick::Http2(trick), connections, about)
            .unit("frames")
            .room(1024)
    };
    vec![
        new("rapid-reset", Do::RapidReset, 20, "requests that are taken back at once (CVE-2023-44487)").unit("requests"),
        new(
            "made-you-reset",
            Do::MadeYouReset,
            20,
            "requests with an error behind them, for which the server has to take its answer back (CVE-2025-8671)",
        )
        .unit("requests"),
        new(
            "continuation",
            Do::Continuation,
            20,
            "header blocks that do not end: CONTINUATION without END_HEADERS (CVE-2024-27316)",
        ),
        new("settings", Do::Settings, 20, "SETTINGS, each of which is to be acknowledged (CVE-2019-9515)"),
        new("settings-unread", Do::SettingsUnread, 20, "the same by those who read no acknowledgement"),
        new("ping", Do::Ping, 20, "PING, each of which is to be answered (CVE-2019-9512)"),
        new("ping-unread", Do::PingUnread, 20, "the same by those who read no answer"),
        new("empty-data", Do::EmptyData, 20, "bodies of DATA frames with nothing in them (CVE-2019-9518)"),
        new("window-updates", Do::WindowUpdate, 20, "WINDOW_UPDATE of one byte each"),
        new("priorities", Do::Priority, 20, "PRIORITY, again and again (CVE-2019-9513)"),
        new(
            "header-bomb",
            Do::HeaderBomb,
            20,
            "requests of 16 KiB that name one large header 12,000 times: 48 MB unpacked (CVE-2016-6581)",
        )
        .unit("requests"),
        new("unfinished", Do::Unfinished, 20, "100 requests on each of 20 connections, whose bodies never come")
            .unit("requests")
            .slow()
            .room(100 * 32),
        new(
            "shut-window",
            Do::ShutWindow,
            20,
            "100 responses of 1 MiB on each of 20 connections, and no window for them (CVE-2019-9511, -9517)",
        )
        .unit("requests")
        .slow()
        .room(100 * 128),
    ]
}

fn of_tls() -> Vec<Attack> {
    use tls::Trick as Do;
    let new = |name, trick, connections, about: &str| {
        Attack::new(name, Trick::Tls(trick), connections, about)
    };
    vec![
        new(
            "hellos",
            Do::Hello,
            2000,
            "2,000 handshakes of which nothing comes but the hello",
        )
        .slow(),
        new(
            "handshakes",
            Do::Handshakes,
            32,
            "full handshakes, 32 at a time, as fast as they come",
        )
        .unit("handshakes"),
        new(
            "tls-silence",
            Do::Idle,
            2000,
            "2,000 connections on which nothing is said once hands are shaken",
        )
        .unit("handshakes")
        .slow(),
    ]
}
