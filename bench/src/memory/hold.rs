//! What a proxy holds, each time measured on one that has just been started.

use std::{fmt, rc::Rc, time::Duration};

use anyhow::{Result, anyhow};
use rustix::process::Signal;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
    time::{Instant, sleep},
};

use super::footprint::Footprint;
use crate::{
    job::{Handshakes, Job, SMALL_GET, Transport, Version},
    load::{Fleet, Link, Pace, Plan},
    stand::Stand,
};

/// Requests before anything is measured, on some connections: pages of the program come in, pools fill.
const WARM_UP: u64 = 2_000;
const WARM_UP_CONNECTIONS: usize = 16;

/// What a slow reader asks for.
const BODY: &str = "/bytes/1048576";

/// What it takes of it, and how often: it is at it for minutes.
const SIP: usize = 1 << 10;
const PACE: Duration = Duration::from_millis(250);

/// The receive buffer that it asks for: the kernel's least.
const TINY: u32 = 1024;

/// Between two looks at memory while readers read.
const LOOK: Duration = Duration::from_millis(250);

/// A kind of connection at rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    Http1,
    Tls,
    Http2,
}

impl Rest {
    pub(super) const ALL: [Self; 3] = [Self::Http1, Self::Tls, Self::Http2];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Http1 => "HTTP/1.1",
            Self::Tls => "HTTP/1.1 over TLS 1.3",
            Self::Http2 => "HTTP/2",
        }
    }

    /// Of so many callers.
    pub(super) fn job(self, connections: usize) -> Job {
        let (downstream, transport) = match self {
            Self::Http1 => (Version::Http1, Transport::Cleartext),
            Self::Tls => (Version::Http1, Transport::Tls(Handshakes::Once)),
            Self::Http2 => (Version::Http2, Transport::Cleartext),
        };
        Job {
            downstream,
            transport,
            connections,
            ..SMALL_GET
        }
    }
}

/// What was held.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) connections: usize,
    /// After the first request.
    pub(super) start: Footprint,
    /// After some more, with no connection of a caller.
    pub(super) idle: Footprint,
    /// With the connections; at the highest.
    pub(super) with: Footprint,
    /// When they have gone.
    pub(super) after: Footprint,
}

impl Held {
    /// Bytes of private memory for a connection.
    pub(super) fn each(&self) -> f64 {
        let kib = self.with.private as f64 - self.idle.private as f64;
        kib * 1024.0 / self.connections as f64
    }

    /// What is resident when they have gone, over what was before.
    pub(super) fn left(&self) -> f64 {
        self.after.resident as f64 / self.idle.resident as f64
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let resident = [self.start, self.idle, self.with, self.after];
        let resident = resident.map(|footprint| footprint.resident);
        write!(f, "{:.0} bytes each, {resident:?} KiB", self.each())
    }
}

/// Connections that have had a request each, and rest.
pub(super) async fn at_rest(stand: Stand, connections: usize, rest: Duration) -> Result<Held> {
    let [start, idle] = before(&stand, rest).await?;
    let links = open(&stand, connections).await?;
    sleep(rest).await;
    let with = Footprint::of(&stand)?;
    drop(links);
    sleep(rest).await;
    end(stand, [start, idle, with], connections).await
}

/// A crowd that comes, asks, and leaves.
pub(super) async fn after_a_crowd(stand: Stand, crowd: usize, later: Duration) -> Result<Held> {
    let [start, idle] = before(&stand, Duration::from_secs(5)).await?;
    let links = open(&stand, crowd).await?;
    let with = Footprint::of(&stand)?;
    drop(links);
    sleep(later).await;
    end(stand, [start, idle, with], crowd).await
}

/// Readers of large bodies that take their time.
pub(super) async fn by_readers(stand: Stand, readers: usize, rest: Duration) -> Result<Held> {
    let [start, idle] = before(&stand, rest).await?;
    let mut reading = JoinSet::new();
    for _ in 0..readers {
        reading.spawn_local(sip(request(&stand).await?));
    }
    let mut with = idle;
    let until = Instant::now() + rest;
    while Instant::now() < until {
        sleep(LOOK).await;
        let now = Footprint::of(&stand)?;
        with.private = with.private.max(now.private);
        with.resident = with.resident.max(now.resident);
    }
    drop(reading);
    sleep(rest).await;
    end(stand, [start, idle, with], readers).await
}

async fn end(
    stand: Stand,
    [start, idle, with]: [Footprint; 3],
    connections: usize,
) -> Result<Held> {
    let after = Footprint::of(&stand)?;
    stand.stop(Signal::KILL).await?;
    Ok(Held {
        connections,
        start,
        idle,
        with,
        after,
    })
}

/// Memory after the first request, and after many.
async fn before(stand: &Stand, rest: Duration) -> Result<[Footprint; 2]> {
    sleep(rest).await;
    let start = Footprint::of(stand)?;
    let fleet = Fleet::connect(stand.target()?, WARM_UP_CONNECTIONS).await?;
    fleet
        .run(Plan {
            pace: Pace::Closed,
            duration: Duration::from_secs(60),
            requests: Some(WARM_UP),
        })
        .await?;
    drop(fleet);
    sleep(rest).await;
    Ok([start, Footprint::of(stand)?])
}

/// Connections with a request each, one after the other.
async fn open(stand: &Stand, connections: usize) -> Result<Vec<Link>> {
    let target = Rc::new(stand.target()?);
    let mut links = Vec::with_capacity(connections);
    for number in 0..connections {
        let failed = |failure| anyhow!("connection {number}: {failure}");
        let link = Link::open(Rc::clone(&target)).await.map_err(failed)?;
        link.exchange().await.map_err(failed)?;
        links.push(link);
    }
    Ok(links)
}

async fn request(stand: &Stand) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(TINY)?;
    let mut stream = socket.connect(stand.address).await?;
    let request = format!("GET {BODY} HTTP/1.1\r\nhost: a\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    Ok(stream)
}

async fn sip(mut stream: TcpStream) {
    let mut piece = [0; SIP];
    while matches!(stream.read(&mut piece).await, Ok(1..)) {
        sleep(PACE).await;
    }
}
