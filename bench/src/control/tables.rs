//! The tables that the control plane reads: many files, so that a change costs the reading of one.

use std::{fmt::Write as _, fs, path::Path};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::stand::scratch;

/// Ports of endpoints that did not move. Those that did have the serial number of their last move.
pub(super) const PORT: u32 = 60_000;

/// All of them.
pub(super) struct Tables {
    directory: TempDir,
    /// The port of each cluster's first endpoint.
    ports: Vec<u32>,
    endpoints: usize,
    files: usize,
    serial: u32,
}

impl Tables {
    /// Writes them into a directory of their own.
    pub(super) fn new(clusters: usize, endpoints: usize, files: usize) -> Result<Self> {
        ensure!(files > 0 && clusters > 0, "no clusters, no bench");
        let tables = Self {
            directory: scratch()?,
            ports: vec![PORT; clusters],
            endpoints,
            files,
            serial: 0,
        };
        // A sidecar's listener: each request to the cluster of its host's name.
        let listener = "listeners: [{ name: outbound, address: 127.0.0.1:15001 }]\n";
        fs::write(tables.directory().join("outbound.yaml"), listener)?;
        for cluster in 0..files.min(clusters) {
            tables.write(cluster)?;
        }
        Ok(tables)
    }

    /// Where they are.
    pub(super) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Moves an endpoint of the next cluster; returns the serial number of the move, and the cluster. In force once
    /// written.
    pub(super) fn next(&mut self) -> (u32, usize) {
        self.serial += 1;
        // Neighbours lie in different files, and none comes again soon.
        let cluster = self.serial as usize % self.ports.len();
        self.ports[cluster] = self.serial;
        (self.serial, cluster)
    }

    /// Writes the file that the cluster is in, by renaming a new one over it.
    pub(super) fn write(&self, cluster: usize) -> Result<()> {
        let file = cluster % self.files;
        let path = self.directory().join(format!("clusters-{file}.yaml"));
        let mut text = "clusters:\n".to_owned();
        for cluster in (file..self.ports.len()).step_by(self.files) {
            // Writing to a string cannot fail.
            let _ = write!(text, "  {}:\n    endpoints: [", name(cluster));
            let _ = write!(text, "127.0.0.1:{}", self.ports[cluster]);
            for endpoint in 1..self.endpoints {
                let _ = write!(
                    text,
                    ", 127.0.{}.{}:{PORT}",
                    endpoint / 250,
                    1 + endpoint % 250
                );
            }
            text.push_str("]\n");
        }
        let new = path.with_extension("new");
        fs::write(&new, text)
            .and_then(|()| fs::rename(&new, &path))
            .with_context(|| format!("writing `{}`", path.display()))
    }
}

/// What a cluster is called: as long as such names are.
pub(super) fn name(cluster: usize) -> String {
    format!("service-{cluster:04}.shop.svc")
}

/// The cluster of that name.
pub(super) fn place(name: &str) -> Option<usize> {
    name.strip_prefix("service-")?
        .strip_suffix(".shop.svc")?
        .parse()
        .ok()
}
