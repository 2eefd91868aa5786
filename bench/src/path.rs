//! A long path: how fast one stream of HTTP/2 runs through a proxy when each byte takes a while to arrive.
//!
//! A relay holds every byte back for half a round trip, each way, and takes any number of them meanwhile: what limits is how
//! much the proxy lets be on its way to it, from the client for an upload, from the endpoint for a download.

use std::{
    net::{Ipv4Addr, SocketAddr},
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow};
use bytes::BytesMut;
use http::Method;
use rustix::process::Signal;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::{JoinSet, LocalSet, spawn_local},
    time::sleep_until,
};

use crate::{
    compare,
    job::{Job, SMALL_GET, Version},
    load::{Link, Target},
    machine,
    peer::{PEERS, Peer},
    stand::{Endpoints, Stand},
    table,
};

/// Of each transfer.
const SIZE: usize = 64 << 20;

/// What the relay reads at once.
const PIECE: usize = 256 << 10;

/// What `outrigger-bench path` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// Whom to measure, such as `outrigger,envoy`; all by default
    #[arg(long, value_delimiter = ',')]
    proxies: Vec<Peer>,
    /// How long a byte takes there and back
    #[arg(long, value_parser = humantime::parse_duration, default_value = "50ms")]
    round_trip: Duration,
    /// Transfers on one connection; the last counts
    #[arg(long, default_value_t = 4)]
    transfers: usize,
}

/// Measures one proxy after the other, and prints what came out.
pub async fn run(arguments: Arguments) -> Result<()> {
    let peers = compare::wanted(&PEERS, &arguments.proxies)?;
    let measured = async {
        let endpoints = Endpoints::start(&[&[]]).await?;
        let endpoint = *endpoints.addresses.first().context("no endpoint")?;
        let mut rows = Vec::new();
        for &(peer, _) in &peers {
            let mut row = vec![peer.name().to_owned()];
            for way in [Way::Up, Way::Down] {
                let rates = transfer(peer, way, endpoint, &arguments).await;
                match rates {
                    Ok(rates) => row.extend(rates.map(|rate| format!("{rate:.0}"))),
                    Err(error) => {
                        eprintln!("{}: {error:#}", peer.name());
                        row.extend(["-".to_owned(), "-".to_owned()]);
                    }
                }
            }
            rows.push(row);
        }
        anyhow::Ok(rows)
    };
    let rows = LocalSet::new().run_until(measured).await?;
    let heads = ["Mbit/s", "up, first", "up", "down, first", "down"];
    println!(
        "{}\n{}\n\n{}",
        table::aligned(&heads, &rows),
        machine::sentence()?,
        machine::versions(&peers)
    );
    Ok(())
}

/// Where the long path is.
#[derive(Clone, Copy)]
enum Way {
    /// Between client and proxy, for an upload.
    Up,
    /// Between proxy and endpoint, for a download.
    Down,
}

/// The rates of the first and the last transfer, in Mbit/s.
async fn transfer(
    peer: Peer,
    way: Way,
    endpoint: SocketAddr,
    arguments: &Arguments,
) -> Result<[f64; 2]> {
    let delay = arguments.round_trip / 2;
    let (job, far) = match way {
        Way::Up => (Version::Http2, None),
        Way::Down => (Version::Http1, Some(Relay::to(endpoint, delay).await?)),
    };
    let job = Job {
        downstream: job,
        upstream: match way {
            Way::Up => Version::Http1,
            Way::Down => Version::Http2,
        },
        connections: 1,
        streams: 1,
        ..SMALL_GET
    };
    if let Some(reason) = peer.refuses(&job) {
        return Err(anyhow!("{reason}"));
    }
    let behind = far.as_ref().map_or(endpoint, |relay| relay.address);
    let stand = Stand::start(peer, &job, &[behind], &[]).await?;
    let (near, target): (_, Target) = match way {
        Way::Up => {
            let relay = Relay::to(stand.address, delay).await?;
            let job = Job {
                path: "/discard",
                ..job
            };
            let target = job.target(relay.address)?.method(Method::POST).body(SIZE);
            (Some(relay), target)
        }
        Way::Down => {
            // The endpoint makes no more of it.
            let job = Job {
                path: "/bytes/67108864",
                ..job
            };
            (None, job.target(stand.address)?)
        }
    };
    let link = Link::open(Rc::new(target))
        .await
        .map_err(|why| anyhow!("{why:?}"))?;
    let mut rates = Vec::new();
    for _ in 0..arguments.transfers.max(1) {
        let begun = Instant::now();
        let answer = link.exchange().await.map_err(|why| anyhow!("{why:?}"))?;
        anyhow::ensure!(answer.status.is_success(), "{}", answer.status);
        rates.push((SIZE * 8) as f64 / 1e6 / begun.elapsed().as_secs_f64());
    }
    drop(near);
    stand.stop(Signal::KILL).await?;
    eprintln!("{}: {rates:.0?}", peer.name());
    Ok([rates[0], rates[rates.len() - 1]])
}

/// Stands for a path; gone when dropped.
struct Relay {
    address: SocketAddr,
    _task: JoinSet<()>,
}

impl Relay {
    async fn to(address: SocketAddr, delay: Duration) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let own = listener.local_addr()?;
        let mut task = JoinSet::new();
        task.spawn_local(async move {
            let mut ways = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(address).await else {
                    continue;
                };
                for stream in [&near, &far] {
                    let _ = stream.set_nodelay(true);
                }
                let ((near_read, near_write), (far_read, far_write)) =
                    (near.into_split(), far.into_split());
                ways.spawn_local(carry(near_read, far_write, delay));
                ways.spawn_local(carry(far_read, near_write, delay));
            }
        });
        Ok(Self {
            address: own,
            _task: task,
        })
    }
}

/// Carries bytes on, each so much later than it came.
async fn carry(
    mut from: impl AsyncRead + Unpin + 'static,
    mut to: impl AsyncWrite + Unpin + 'static,
    delay: Duration,
) {
    let (give, mut take) = mpsc::unbounded_channel();
    let reading = spawn_local(async move {
        loop {
            let mut piece = BytesMut::with_capacity(PIECE);
            match from.read_buf(&mut piece).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => return,
            }
            if give
                .send((tokio::time::Instant::now() + delay, piece))
                .is_err()
            {
                return;
            }
        }
    });
    while let Some((when, piece)) = take.recv().await {
        sleep_until(when).await;
        if to.write_all(&piece).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
    reading.abort();
}
