//! What a large table takes: resident memory, and time until the first answer.

use std::{fs, time::Duration};

use anyhow::Result;
use tokio::time::sleep;

use super::{
    proxy::{Doors, Proxy, endpoints},
    table::{self, Of},
};
use crate::stand::scratch;

/// Clusters of the large table, and endpoints of each.
const CLUSTERS: usize = 1000;
const EACH: usize = 10;

/// How long a proxy is left alone before its memory is looked at: twice a worker's tick and more.
const SETTLE: Duration = Duration::from_secs(2);

/// A table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    /// One cluster of one endpoint.
    Small,
    /// Many clusters, by the host of requests.
    Large,
    /// The same with a route for each.
    Routed,
}

/// What it takes.
pub(super) struct Footprint {
    pub(super) table: Table,
    /// KiB.
    pub(super) resident: u64,
    /// From the start of the process to the first 200, in order.
    pub(super) starts: Vec<Duration>,
}

impl Table {
    const ALL: [Self; 3] = [Self::Small, Self::Large, Self::Routed];

    pub(super) fn name(self) -> String {
        match self {
            Self::Small => "1 cluster of 1 endpoint".to_owned(),
            Self::Large => format!("{CLUSTERS} clusters of {EACH} endpoints, by host"),
            Self::Routed => format!("{CLUSTERS} clusters of {EACH} endpoints, a route each"),
        }
    }

    fn text(self, doors: Doors, port: u16) -> String {
        let admin = format!("admin: {{ address: {} }}\n", doors.admin);
        let (listener, clusters) = match self {
            Self::Small => (
                table::listener(Of::Endpoints, 1, doors.listens),
                table::one_cluster(1, 0, port, ""),
            ),
            Self::Large => (
                table::listener(Of::Clusters, CLUSTERS, doors.listens),
                table::clusters(CLUSTERS, EACH, 0, port),
            ),
            Self::Routed => (
                table::routed(CLUSTERS, doors.listens),
                table::clusters(CLUSTERS, EACH, 0, port),
            ),
        };
        admin + &listener + &clusters
    }
}

/// Measures all of them.
pub(super) async fn measure(starts: usize) -> Result<Vec<Footprint>> {
    let (_endpoints, port) = endpoints().await?;
    let mut measured = Vec::new();
    for table in Table::ALL {
        let directory = scratch()?;
        let doors = Doors::free()?;
        let file = directory.path().join("table.yaml");
        fs::write(&file, table.text(doors, port))?;
        let arguments = ["--config", &file.display().to_string()];
        let host = table::host(Of::Clusters, CLUSTERS);
        let log = directory.path().join("output.log");
        let (mut times, mut resident) = (Vec::new(), 0);
        for _ in 0..starts {
            let proxy = Proxy::start(&[], &arguments, doors, &host, &log).await?;
            times.push(proxy.start);
            if resident == 0 {
                sleep(SETTLE).await;
                resident = proxy.resident()?;
            }
            proxy.stop().await?;
        }
        times.sort();
        eprintln!("{}: {resident} KiB, {times:?}", table.name());
        measured.push(Footprint {
            table,
            resident,
            starts: times,
        });
    }
    Ok(measured)
}
