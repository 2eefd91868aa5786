//! What follows from what is known: what is asked for, and the table.

use std::{sync::Arc, time::SystemTime};

use tokio::time::Instant;

use super::{Client, TEND, TOGETHER};
use crate::{clock, control::table::Table};

impl Client {
    /// A request asks for a cluster that the table does not have, or did not have.
    pub(super) fn want(&mut self, name: Arc<str>) {
        if self.here.has(&name) {
            self.here.answered(&name, true);
        }
        self.demand.want(name, clock::now());
    }

    pub(super) fn tend(&mut self) {
        self.pace.tend = Instant::now() + TEND;
        self.resources.house_again(&self.here);
        let here = &self.here;
        let dropped = self.demand.unused(clock::now(), |name| here.used(name));
        for name in dropped {
            tracing::info!(cluster = %name, "dropped: nobody uses it");
        }
    }

    /// Makes of what is known what follows from it: what is asked for, and the table.
    pub(super) fn update(&mut self) {
        let now = clock::now();
        let on_demand = self.demand.names();
        let changed = self.assembly.update(&mut self.resources, &on_demand, now);
        for name in self.demand.denied(&self.assembly, &self.resources, now) {
            self.here.answered(&name, false);
        }
        let whole = self.whole();
        self.pace.changed |= changed || whole != self.tables.borrow().whole;
        if self.pace.changed && self.due().is_none() {
            self.publish(whole);
        }
        let refused: Vec<&str> = self.resources.refused.values().map(|it| &**it).collect();
        let refused = refused.join("\n");
        if self.standing.refused(&refused) && !refused.is_empty() {
            tracing::error!("refused, what was there before serves on:\n{refused}");
        }
    }

    pub(super) fn whole(&self) -> bool {
        self.tables.borrow().whole
            || (self.resources.listed && self.assembly.is_whole(&self.resources))
    }

    /// When the next table may be handed out; `None`: now.
    pub(super) fn due(&self) -> Option<Instant> {
        let due = self.pace.published? + TOGETHER;
        Some(due).filter(|due| *due > Instant::now())
    }

    fn publish(&mut self, whole: bool) {
        self.pace.changed = false;
        self.pace.published = Some(Instant::now());
        let version = Arc::clone(&self.version);
        self.tables.send_replace(Arc::new(Table {
            listeners: self.assembly.listeners(),
            clusters: self.assembly.clusters(),
            on_demand: self.demand.names(),
            version,
            since: Some(SystemTime::now()),
            whole,
        }));
    }
}
