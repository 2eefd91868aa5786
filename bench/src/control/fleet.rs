//! All proxies.

use std::{
    cell::Cell,
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use tokio::{task::JoinSet, time::sleep};

use super::{
    Arguments, Ledger,
    client::{Client, Wants},
};

/// How long all may take to have all.
const LIMIT: Duration = Duration::from_secs(300);

/// Connections that are begun at once: all together would overflow the queue of the listening socket.
const AT_ONCE: usize = 64;

/// The proxies, connected and up to date.
pub(super) struct Fleet {
    proxies: usize,
    clusters: usize,
    /// Clusters that each proxy uses.
    uses: usize,
    took: Duration,
    _streams: JoinSet<()>,
}

impl Fleet {
    /// Connects them, and waits until each has what it asked for.
    pub(super) async fn connect(
        arguments: &Arguments,
        address: SocketAddr,
        ledger: &Ledger,
    ) -> Result<Self> {
        let uses = match arguments.wildcard {
            true => arguments.clusters,
            false => arguments.uses.min(arguments.clusters),
        };
        let start = Instant::now();
        let ready = Rc::new(Cell::new(0));
        let mut streams = JoinSet::new();
        let mut connecting = JoinSet::new();
        for id in 0..arguments.proxies {
            let wants = match arguments.wildcard {
                true => Wants::All,
                false => Wants::Clusters(used(id, uses, arguments.clusters).collect()),
            };
            let ledger = ledger.clone();
            connecting
                .spawn_local(async move { Client::connect(id, &wants, address, ledger).await });
            if connecting.len() == AT_ONCE || id + 1 == arguments.proxies {
                while let Some(client) = connecting.join_next().await {
                    let (client, ready) = (client??, Rc::clone(&ready));
                    streams.spawn_local(follow(client, uses, ready));
                }
            }
        }
        while ready.get() < arguments.proxies {
            ensure!(start.elapsed() < LIMIT, "{} proxies have all", ready.get());
            sleep(Duration::from_millis(20)).await;
        }
        Ok(Self {
            proxies: arguments.proxies,
            clusters: arguments.clusters,
            uses,
            took: start.elapsed(),
            _streams: streams,
        })
    }

    /// From the first connection until all had all.
    pub(super) fn took(&self) -> Duration {
        self.took
    }

    /// How many proxies use a cluster.
    pub(super) fn users(&self, cluster: usize) -> usize {
        let proxies = 0..self.proxies;
        proxies
            .filter(|id| used(*id, self.uses, self.clusters).any(|used| used == cluster))
            .count()
    }
}

async fn follow(client: Client, uses: usize, ready: Rc<Cell<usize>>) {
    let mut waiting = true;
    let followed = client.follow(|known| {
        if known == uses && std::mem::take(&mut waiting) {
            ready.set(ready.get() + 1);
        }
    });
    if let Err(error) = followed.await {
        eprintln!("a stream ended: {error:#}");
    }
}

/// Which clusters a proxy uses: neighbours on a circle, so that each cluster has as many users.
fn used(id: usize, uses: usize, clusters: usize) -> impl Iterator<Item = usize> {
    (0..uses).map(move |next| (id + next) % clusters)
}
