//! CPU time of an update: one endpoint among more and more of them moves, by the file and by a push.

use std::{fs, path::Path, time::Duration};

use anyhow::{Result, ensure};
use tokio::time::sleep;

use super::{
    proxy::{Doors, Proxy, Ran, endpoints},
    table::{self, Of},
};
use crate::{control::Server, metrics::Metrics, stand::scratch};

/// From one change to the next: twice what a worker takes to look whether there is a new table.
const PAUSE: Duration = Duration::from_secs(1);

/// Changes before those that count.
const WARM_UP: usize = 3;

/// Endpoints of each cluster, where there are many.
const EACH: usize = 10;

/// How the proxy gets to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// Its file is written anew.
    File,
    /// A control plane's is, which pushes what changed.
    Push,
}

/// Among whom the endpoint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Among {
    /// All are of one cluster.
    One,
    /// Clusters of ten, with a route each.
    Many,
}

/// An update's cost.
pub(super) struct Update {
    pub(super) by: By,
    pub(super) among: Among,
    /// Endpoints of the table.
    pub(super) size: usize,
    /// Microseconds that the control thread runs for one, on average.
    pub(super) control: f64,
    /// What the worker runs for one.
    pub(super) worker: Worker,
}

/// Microseconds of a worker that are beyond the average of pauses without a change.
pub(super) struct Worker {
    pub(super) mean: f64,
    pub(super) most: f64,
    /// The same of a pause without a change: what this machine adds by itself.
    pub(super) most_at_rest: f64,
}

impl By {
    pub(super) const ALL: [Self; 2] = [Self::File, Self::Push];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Push => "push",
        }
    }
}

impl Among {
    pub(super) const ALL: [Self; 2] = [Self::One, Self::Many];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::One => "one cluster",
            Self::Many => "clusters of 10",
        }
    }

    fn listener(self, size: usize, doors: Doors) -> String {
        match self {
            Self::One => table::listener(Of::Endpoints, size, doors.listens),
            Self::Many => table::routed(size / EACH, doors.listens),
        }
    }

    fn clusters(self, size: usize, moved: usize, port: u16) -> String {
        match self {
            Self::One => table::one_cluster(size, moved, port, ""),
            Self::Many => table::clusters(size / EACH, EACH, moved, port),
        }
    }

    fn host(self, size: usize) -> String {
        match self {
            Self::One => table::host(Of::Endpoints, size),
            Self::Many => table::host(Of::Clusters, size / EACH),
        }
    }
}

/// Measures all of them.
pub(super) async fn measure(sizes: &[usize], changes: usize) -> Result<Vec<Update>> {
    let (_endpoints, port) = endpoints().await?;
    let mut measured = Vec::new();
    for by in By::ALL {
        for among in Among::ALL {
            for &size in sizes {
                let update = one(by, among, size, changes, port).await?;
                eprintln!(
                    "{size:6} endpoints in {:14} by {}: control {:7.0} us, worker {:5.1} us, at most {:5.1}, at rest {:5.1}",
                    among.name(),
                    by.name(),
                    update.control,
                    update.worker.mean,
                    update.worker.most,
                    update.worker.most_at_rest
                );
                measured.push(update);
            }
        }
    }
    Ok(measured)
}

async fn one(by: By, among: Among, size: usize, changes: usize, port: u16) -> Result<Update> {
    let directory = scratch()?;
    let doors = Doors::free()?;
    let tables = directory.path().join("tables");
    fs::create_dir(&tables)?;
    let mut server = Server::new(&tables)?;
    let (file, log) = (
        tables.join("table.yaml"),
        directory.path().join("output.log"),
    );
    let listener = among.listener(size, doors);
    if by == By::Push {
        // A file of its own, which is not read again.
        fs::write(tables.join("listener.yaml"), &listener)?;
    }
    let write = |moved: usize| {
        let clusters = among.clusters(size, moved, port);
        let text = match by {
            By::File => format!(
                "admin: {{ address: {} }}\n{listener}{clusters}",
                doors.admin
            ),
            By::Push => clusters,
        };
        replace(&file, &text)
    };
    write(0)?;
    let (file, admin) = (file.display().to_string(), doors.admin.to_string());
    let xds = server.xds.to_string();
    let arguments = match by {
        By::File => ["--config", &file, "--admin", &admin],
        By::Push => ["--control", &xds, "--admin", &admin],
    };
    if by == By::Push {
        server.start()?;
        server.serves().await?;
    }
    let proxy = Proxy::start(&[], &arguments, doors, &among.host(size), &log).await?;

    let mut moved = 0;
    for _ in 0..WARM_UP {
        moved += 1;
        write(moved)?;
        sleep(PAUSE).await;
    }
    let before = applied(doors).await?;
    let (mut at_rest, mut updating) = (Vec::new(), Vec::new());
    for _ in 0..changes {
        at_rest.push(ran_within(&proxy, || Ok(())).await?);
        moved += 1;
        updating.push(ran_within(&proxy, || write(moved)).await?);
    }
    let applied = applied(doors).await? - before;
    ensure!(applied == changes as f64, "{applied} of {changes} in force");
    proxy.stop().await?;
    let mean =
        |of: &[Ran], what: fn(&Ran) -> f64| of.iter().map(what).sum::<f64>() / of.len() as f64;
    let most = |of: &[Ran]| of.iter().map(|ran| ran.worker).fold(0.0, f64::max);
    let worker_at_rest = mean(&at_rest, |ran| ran.worker);
    Ok(Update {
        by,
        among,
        size,
        control: mean(&updating, |ran| ran.control) - mean(&at_rest, |ran| ran.control),
        worker: Worker {
            mean: mean(&updating, |ran| ran.worker) - worker_at_rest,
            most: most(&updating) - worker_at_rest,
            most_at_rest: most(&at_rest) - worker_at_rest,
        },
    })
}

/// What the threads run from now on for a while, which begins with this.
async fn ran_within(proxy: &Proxy, begin: impl FnOnce() -> Result<()>) -> Result<Ran> {
    let before = proxy.ran()?;
    begin()?;
    sleep(PAUSE).await;
    let after = proxy.ran()?;
    Ok(Ran {
        control: after.control - before.control,
        worker: after.worker - before.worker,
    })
}

/// Tables that the proxy has put in force so far.
async fn applied(doors: Doors) -> Result<f64> {
    let metrics = Metrics::scrape(doors.admin).await?;
    Ok(metrics.sum("outrigger_config_reloads_total", |labels| {
        labels.contains("applied")
    }))
}

/// By renaming a new one over it.
fn replace(path: &Path, text: &str) -> Result<()> {
    let new = path.with_extension("new");
    fs::write(&new, text)?;
    Ok(fs::rename(&new, path)?)
}
