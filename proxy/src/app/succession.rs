//! From which moment the process serves: at once, or when the one before it has been relieved. And to which: until the next
//! relieves it.

use std::{
    future::pending,
    net::{SocketAddr, TcpListener},
    path::Path,
};

use tokio::{sync::mpsc, task::JoinSet};

use super::{App, Failure, sources::File};
use crate::{
    admin,
    handover::{
        Ask, Door, Given, Met, Owner, Passed, Predecessor, meet,
        notify::{self, notify},
    },
    telemetry::metrics::HandoverOutcome,
};

/// Whose place the process takes.
pub enum Heritage {
    /// Hand-overs were not asked for.
    None,
    /// Nobody's: it is the first behind this door.
    First(Door),
    /// This one's.
    After(Predecessor),
}

impl Heritage {
    /// Who is behind `path`, and its sockets.
    pub async fn find(path: &Path) -> Result<(Self, Given), Failure> {
        Ok(match meet(path).await? {
            Met::Nobody(door) => (Self::First(door), Given::default()),
            Met::Somebody(predecessor, given) => (Self::After(predecessor), given),
        })
    }
}

/// Where the process stands between the one before it and the next.
pub struct Succession {
    /// Until it serves.
    heritage: Option<Heritage>,
    /// Until it is served.
    state: Option<admin::State>,
    /// Where the admin server listens. They are held, so that they can be handed over.
    admin: (SocketAddr, Vec<TcpListener>),
    serving: JoinSet<()>,
    asks: Option<mpsc::Receiver<Ask>>,
}

impl Succession {
    /// Before the process serves.
    pub fn new(
        heritage: Heritage,
        admin: (SocketAddr, Vec<TcpListener>),
        state: admin::State,
    ) -> Self {
        Self {
            heritage: Some(heritage),
            state: Some(state),
            admin,
            serving: JoinSet::new(),
            asks: None,
        }
    }

    /// Waits until the door asks something. May be dropped at any time and begun anew.
    pub async fn asked(&mut self) -> Ask {
        let asked = match &mut self.asks {
            Some(asks) => asks.recv().await,
            None => None,
        };
        match asked {
            Some(ask) => ask,
            None => pending().await,
        }
    }

    /// Nobody's place is taken any more, and nobody is heard at the door; the admin server has its sockets.
    pub fn close(&mut self) {
        self.heritage = None;
        self.asks = None;
        self.admin.1.clear();
    }
}

impl App {
    /// Begins to serve as soon as it can: alone at once, so that `/ready` says what is still missing; after another when
    /// nothing is, so that nobody misses it.
    ///
    /// # Errors
    /// When the other serves on.
    pub(super) async fn open(&mut self) -> Result<(), Failure> {
        let wait = matches!(self.succession.heritage, Some(Heritage::After(_)));
        if wait && self.status.lacks().is_some() {
            return Ok(());
        }
        let Some(heritage) = self.succession.heritage.take() else {
            return Ok(());
        };
        let door = match heritage {
            Heritage::None => None,
            Heritage::First(door) => Some(door),
            Heritage::After(before) => {
                let version = before.version.clone();
                let door = before.relieve().await?;
                self.shared
                    .telemetry
                    .metrics
                    .handover(HandoverOutcome::Taken);
                tracing::info!(%version, "the sockets of the process before this one are taken over");
                Some(door)
            }
        };
        self.sockets.open(&self.workers);
        for address in self.sockets.forget() {
            if address != self.succession.admin.0 {
                tracing::info!(%address, "nobody listens here any more: the table has no such listener");
            }
        }
        self.serve_admin()?;
        if let Some(door) = door {
            let (process, asks) = mpsc::channel(1);
            self.succession.asks = Some(asks);
            tokio::spawn(door.watch(process));
        }
        self.acme.follow(&self.shared.snapshot.load().config);
        self.status.serving();
        notify(notify::READY);
        let (workers, admin) = (self.workers.len(), self.succession.admin.0);
        let config = self.sources.file().map(File::path).unwrap_or(Path::new(""));
        tracing::info!(workers, %admin, config = %config.display(), "serving");
        Ok(())
    }

    fn serve_admin(&mut self) -> Result<(), Failure> {
        let sockets = self.succession.admin.1.iter().map(TcpListener::try_clone);
        let sockets = sockets.collect::<Result<_, _>>()?;
        if let Some(state) = self.succession.state.take() {
            self.succession.serving = admin::start(sockets, &state)?;
        }
        Ok(())
    }

    /// Does what the door asks. Whether the next process serves from now on.
    pub(super) fn answer(&mut self, ask: Ask) -> bool {
        let metrics = &self.shared.telemetry.metrics;
        match ask {
            Ask::Sockets(answer) => {
                let mut passed = self.sockets.passed();
                let (address, sockets) = &self.succession.admin;
                passed.extend(Passed::of(Owner::Admin(*address), sockets));
                let _ = answer.send(passed);
                false
            }
            Ask::Failed => {
                metrics.handover(HandoverOutcome::Failed);
                false
            }
            Ask::Drain => {
                metrics.handover(HandoverOutcome::Given);
                tracing::info!("the next process serves");
                self.succession.serving.abort_all();
                true
            }
        }
    }
}
