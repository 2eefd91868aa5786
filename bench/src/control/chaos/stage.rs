//! All parts: three endpoints, a control plane, a proxy.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use tempfile::TempDir;
use tokio::time::sleep;

use super::endpoint::Endpoint;
use crate::{
    control::{Proxy, Server, tables::Tables},
    stand::scratch,
};

/// How long it may take until the last table is in force.
const LIMIT: Duration = Duration::from_secs(10);

/// Clusters of the table beside those that change.
const OTHERS: usize = 20;

/// What is started, and killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Control,
    Endpoints,
    Proxy,
}

impl Part {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Control => "control plane",
            Self::Endpoints => "endpoints",
            Self::Proxy => "proxy",
        }
    }
}

/// All of it; ended and removed when dropped.
pub(super) struct Stage {
    pub(super) control: Server,
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) proxy: Proxy,
    directory: TempDir,
}

impl Stage {
    /// Nothing is started, but the tables are there.
    pub(super) fn build() -> Result<Self> {
        let directory = scratch()?;
        let control = Server::new(&directory.path().join("tables"))?;
        let names = ["a", "b", "c"].into_iter();
        let endpoints = names.map(|name| Endpoint::new(name, directory.path()));
        let stage = Self {
            proxy: Proxy::new("edge", control.xds, directory.path())?,
            endpoints: endpoints.collect::<Result<_>>()?,
            control,
            directory,
        };
        stage.tables()?;
        Ok(stage)
    }

    /// Writes the tables anew.
    pub(super) fn tables(&self) -> Result<Tables> {
        let endpoints: Vec<SocketAddr> = self.endpoints.iter().map(|it| it.address).collect();
        let directory = self.directory.path().join("tables");
        Tables::new(directory, self.proxy.listens, &endpoints, OTHERS)
    }

    pub(super) fn start(&mut self, part: Part) -> Result<()> {
        match part {
            Part::Control => self.control.start(),
            Part::Proxy => self.proxy.start(),
            Part::Endpoints => self.endpoints.iter_mut().try_for_each(Endpoint::start),
        }
    }

    /// Starts what is down, and waits until a last change is in force: nothing was lost on the way.
    pub(super) async fn settles(&mut self, tables: &mut Tables) -> Result<()> {
        if !self.control.is_up() {
            self.control.start()?;
        }
        for endpoint in self.endpoints.iter_mut().filter(|it| !it.is_up()) {
            endpoint.start()?;
        }
        let (begun, last) = (Instant::now(), &self.endpoints[0]);
        tables.settle_on(last.address)?;
        let mut answers = 0;
        while answers < 20 {
            match self.proxy.serves().await?.trim() == last.name {
                true => answers += 1,
                false => answers = 0,
            }
            ensure!(begun.elapsed() < LIMIT, "the last table is not in force");
            sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }
}
