//! A shop's tables that change in every way: endpoints move, weights shift, routes come and go.

use std::{fmt::Write as _, fs, net::SocketAddr, path::PathBuf};

use anyhow::{Context, Result};

/// The tables, as files of a directory.
pub(super) struct Tables {
    pub(super) directory: PathBuf,
    listens: SocketAddr,
    endpoints: Vec<SocketAddr>,
    /// Clusters that the table has as well, each with a route by its host.
    others: usize,
    /// How often they have changed.
    changes: usize,
}

impl Tables {
    /// For one listener and at least three endpoints; writes all of them.
    pub(super) fn new(
        directory: PathBuf,
        listens: SocketAddr,
        endpoints: &[SocketAddr],
        others: usize,
    ) -> Result<Self> {
        let tables = Self {
            directory,
            listens,
            endpoints: endpoints.to_vec(),
            others,
            changes: 0,
        };
        fs::create_dir_all(&tables.directory)?;
        tables.write("others.yaml", &many(others, endpoints))?;
        tables.write_all()?;
        Ok(tables)
    }

    /// Changes one thing: in turn an endpoint, the weights, a route.
    pub(super) fn change(&mut self) -> Result<()> {
        self.changes += 1;
        match self.changes % 3 {
            1 => self.write("clusters.yaml", &self.clusters()),
            _ => self.write("listener.yaml", &self.listener()),
        }
    }

    /// Leaves one endpoint to answer for all, by which a table is known to be in force.
    pub(super) fn settle_on(&mut self, endpoint: SocketAddr) -> Result<()> {
        self.endpoints = vec![endpoint];
        self.write_all()
    }

    /// The name of a cluster without which the table is not whole.
    pub(super) fn last_cluster(&self) -> String {
        match self.others {
            0 => "canary".to_owned(),
            others => name(others - 1),
        }
    }

    fn write_all(&self) -> Result<()> {
        self.write("clusters.yaml", &self.clusters())?;
        self.write("listener.yaml", &self.listener())
    }

    /// All endpoints but one, in `web` another one than in `canary`: of three, two are left.
    fn clusters(&self) -> String {
        let moved = self.changes.div_ceil(3);
        let list = |without: usize| {
            let count = self.endpoints.len();
            let all = self.endpoints.iter().enumerate();
            let kept = all.filter(|(place, _)| count == 1 || *place != without % count);
            let kept: Vec<String> = kept.map(|(_, endpoint)| endpoint.to_string()).collect();
            kept.join(", ")
        };
        format!(
            "clusters:\n  web: {{ endpoints: [{}] }}\n  canary: {{ endpoints: [{}] }}\n",
            list(moved),
            list(moved + 1)
        )
    }

    fn listener(&self) -> String {
        let share = (self.changes + 1) / 3 * 10 % 100;
        let path = self.changes / 3 % 10;
        let mut text = format!(
            "listeners:\n  - name: shop\n    address: {}\n    routes:\n      \
             - {{ match: {{ path: {{ prefix: /v{path} }} }}, cluster: canary }}\n",
            self.listens
        );
        for other in 0..self.others {
            let name = name(other);
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "      - {{ match: {{ hosts: [{name}] }}, cluster: {name} }}"
            );
        }
        let _ = writeln!(
            text,
            "      - clusters: {{ web: {}, canary: {share} }}",
            100 - share
        );
        text
    }

    /// By renaming a new one over it.
    fn write(&self, file: &str, text: &str) -> Result<()> {
        let (path, new) = (self.directory.join(file), self.directory.join("new"));
        fs::write(&new, text)
            .and_then(|()| fs::rename(&new, &path))
            .with_context(|| format!("writing `{}`", path.display()))
    }
}

/// A table of so many clusters, all with the same endpoints.
pub(super) fn many(clusters: usize, endpoints: &[SocketAddr]) -> String {
    let endpoints: Vec<String> = endpoints.iter().map(ToString::to_string).collect();
    let endpoints = endpoints.join(", ");
    let lines = (0..clusters).map(|it| format!("  {}: {{ endpoints: [{endpoints}] }}\n", name(it)));
    let lines: String = lines.collect();
    match lines.is_empty() {
        true => "clusters: {}\n".to_owned(),
        false => format!("clusters:\n{lines}"),
    }
}

/// What a cluster is called: as long as such names are.
pub(super) fn name(cluster: usize) -> String {
    format!("service-{cluster:04}.shop.svc")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::stand::scratch;

    #[test]
    fn each_change_is_one_and_all_tables_are_valid() {
        let directory = scratch().unwrap();
        let endpoints: Vec<SocketAddr> = (1..=3).map(|it| ([127, 0, 0, 1], it).into()).collect();
        let path = directory.path().to_owned();
        let mut tables = Tables::new(path, endpoints[0], &endpoints, 2).unwrap();
        let whole = |tables: &Tables| {
            let clusters = tables.clusters();
            let others = many(2, &endpoints).replace("clusters:\n", "");
            tables.listener() + &clusters + &others
        };
        let mut last = whole(&tables);
        for _ in 0..60 {
            tables.change().unwrap();
            let next = whole(&tables);
            let lines = next.lines().zip(last.lines());
            let changed = lines.filter(|(next, last)| next != last).count();
            assert!((1..=2).contains(&changed), "{last}{next}");
            outrigger_config::parse("tables", &next).unwrap();
            last = next;
        }
    }
}
