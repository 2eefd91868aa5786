//! Another table is put in force: of the file, of the control plane, or both.

use std::{sync::Arc, time::SystemTime};

use outrigger_config::Config;
use tokio::time::Instant;

use super::{App, BIND_AGAIN, Failure, TELL, may_wait, sources};
use crate::{
    control::Merged, downstream::accept::bind, snapshot::Snapshot, status::Refused,
    telemetry::metrics::ReloadOutcome,
};

impl App {
    /// Puts the file in force if it is right, else says what is wrong and leaves everything as it is.
    pub(super) fn reload(&mut self) {
        let Some(file) = self.sources.file() else {
            return;
        };
        let refused = match file.load() {
            Ok(file) if file == self.file => {
                self.status.offered(None);
                tracing::info!("the table says the same as the one in force");
                return;
            }
            Ok(file) => self.apply(file).err().map(|failure| failure.to_string()),
            Err(problems) => Some(problems.to_string()),
        };
        let now = SystemTime::now();
        let metrics = &self.shared.telemetry.metrics;
        match refused {
            None => {
                metrics.reload(ReloadOutcome::Applied, now);
                self.status.offered(None);
                tracing::info!(
                    version = self.shared.snapshot.load().version,
                    "the new table is in force"
                );
            }
            Some(problems) => {
                metrics.reload(ReloadOutcome::Refused, now);
                tracing::error!("the new table is refused, the old one serves on:\n{problems}");
                self.status.offered(Some(Refused { at: now, problems }));
            }
        }
    }

    /// Puts in force what the control plane says now.
    pub(super) fn take(&mut self) {
        match self.move_endpoints() {
            true => self.taken(),
            false => self.put(),
        }
    }

    /// Puts in force all that the control plane says.
    fn put(&mut self) {
        // What can't be had of it is left out. What the file says was had before.
        match self.apply(self.file.clone()) {
            Ok(()) => self.taken(),
            Err(failure) => tracing::error!("the pushed table can't be put in force: {failure}"),
        }
    }

    /// Lets clusters list the endpoints that they have now, if no more than that has changed: what a control plane pushes
    /// most often costs what changes by it, whatever the size of the table.
    fn move_endpoints(&mut self) -> bool {
        let Some(moved) = self.sources.moved() else {
            return false;
        };
        let snapshot = self.shared.snapshot.load();
        let in_file = |name: &str| self.file.clusters.iter().any(|own| *own.name == *name);
        for cluster in moved {
            let known = snapshot.clusters.named(&cluster.name);
            let known = known.filter(|_| !in_file(&cluster.name));
            self.moved = true;
            if !known.is_some_and(|known| known.follow(cluster)) {
                return false;
            }
        }
        drop(snapshot);
        self.sources.still_in_force();
        true
    }

    fn taken(&mut self) {
        let metrics = &self.shared.telemetry.metrics;
        metrics.reload(ReloadOutcome::Applied, SystemTime::now());
        self.tell();
    }

    fn tell(&mut self) {
        let (last, tables) = &mut self.told;
        *tables += 1;
        if last.is_none_or(|last| last.elapsed() >= TELL) {
            let version = self.shared.snapshot.load().version;
            tracing::info!(version, tables, "a pushed table is in force");
            self.told = (Some(Instant::now()), 0);
        }
    }

    /// Puts in force what a file says, and on top of it the control plane.
    fn apply(&mut self, file: Config) -> Result<(), Failure> {
        let before = self.shared.snapshot.load_full();
        if file.admin != before.config.admin || file.access_log != before.config.access_log {
            tracing::warn!("`admin` and `access_log` change with the next start");
        }
        let Merged {
            mut config,
            mut clashes,
        } = self.sources.on(&file);
        let old: Vec<_> = before
            .config
            .listeners
            .iter()
            .map(|it| it.address)
            .collect();
        // Bound before anything changes: a file whose addresses can't be had is refused whole.
        let pushed = sources::pushed(&file);
        let (bound, left_out) = self.sockets.bind(&mut config, pushed, self.workers.len())?;
        let material = self.tls.take(&config, may_wait(&file))?;
        let (unbound, why): (Vec<_>, Vec<_>) = left_out.into_iter().unzip();
        clashes.extend(why);
        self.unbound = (unbound, Instant::now() + BIND_AGAIN);
        self.file = file;
        if std::mem::take(&mut self.moved) || config != *before.config {
            let new: Vec<_> = config.listeners.iter().map(|it| it.address).collect();
            let registry = &self.shared.telemetry.registry;
            let next = Snapshot::compile(config, &material, Some(&before), registry);
            let next = Arc::new(next);
            self.shared.snapshot.store(Arc::clone(&next));
            before.retire(&next);
            self.outgoing.take(before, &next);
            self.sockets.put(bound);
            if self.sockets.are_open() {
                self.acme.follow(&next.config);
            }
            for address in old.into_iter().filter(|address| !new.contains(address)) {
                self.sockets.close(address);
            }
            self.discover();
        }
        self.sources.in_force(clashes);
        Ok(())
    }

    /// Tries again for addresses that pushed listeners could not have.
    pub(super) fn bind_again(&mut self) {
        let (unbound, again) = &mut self.unbound;
        if unbound.is_empty() || Instant::now() < *again {
            return;
        }
        *again = Instant::now() + BIND_AGAIN;
        if unbound
            .iter()
            .any(|&(address, capture)| bind(address, 1, capture).is_ok())
        {
            self.put();
        }
    }
}
