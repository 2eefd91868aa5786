//! The process: keeps the tables, serves them to proxies and people, and says goodbye.

use std::{io, net::SocketAddr, path::Path, sync::Arc};

use outrigger_config::Problems;
use outrigger_entrance::{Hosts, Mistake};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinSet,
};

use crate::{
    api::{self, Context},
    cli::Serve,
    history::{History, Limits, StoreError},
    log,
    metric::Page,
    push::{self, Fleet},
    registry::Registry,
    source::file::FileSource,
};

/// Why the process ends with an error.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A table is wrong, or there is none where there should be.
    #[error("{0}")]
    Config(String),
    /// The history can't be kept where it should.
    #[error("the history can't be kept: {0}")]
    History(#[from] StoreError),
    /// A port would be open to anybody, or what should keep it is not right.
    #[error("{0}")]
    Entrance(#[from] Mistake),
    /// An address could not be bound.
    #[error("cannot listen on {0} ({1}): {2}")]
    Bind(SocketAddr, &'static str, io::Error),
    /// The system refused something else.
    #[error("{0}")]
    System(#[from] io::Error),
}

/// Tells what runs that it is time to end.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<()>);

impl Stop {
    /// One that is told when the other half is dropped.
    pub fn pair() -> (watch::Sender<()>, Self) {
        let (sender, receiver) = watch::channel(());
        (sender, Self(receiver))
    }

    /// Waits for it.
    pub async fn told(mut self) {
        while self.0.changed().await.is_ok() {}
    }
}

/// Serves until told to stop.
///
/// # Errors
/// What kept it from starting.
pub fn run(args: &Serve) -> Result<(), Failure> {
    log::start(args.log_format)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(args))
}

async fn serve(args: &Serve) -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let [xds_door, http_door] = args.access.doors(args.xds, args.http)?;
    let path = args.config.as_deref().unwrap_or(Path::new(""));
    let source = FileSource::open(path);
    let source = source.map_err(|error| Failure::Config(format!("error: {error}")))?;
    let history = match &args.history {
        Some(directory) => History::open(directory, Limits::default())?,
        None => History::default(),
    };
    let xds = bind(args.xds, "xds").await?;
    let http = bind(args.http, "http").await?;
    let page = Page::open();
    let (stopping, stop) = Stop::pair();
    let mut servers: JoinSet<()> = JoinSet::new();
    let started = Registry::start(source, history, stop.clone()).await;
    let (registry, keeper) = started.map_err(|problems| Failure::Config(texts(&problems)))?;
    servers.spawn(keeper);
    let tables = registry.feed().borrow().clone();
    tracing::info!(
        xds = %xds.local_addr()?,
        http = %http.local_addr()?,
        xds_asks_for = xds_door.asks_for(),
        http_asks_for = http_door.asks_for(),
        config = %path.display(),
        tables = tables.tables.len(),
        version = %tables.version,
        "serving"
    );
    let fleet = Fleet::default();
    let (feed, seen) = (registry.feed(), fleet.clone());
    let doors = (Arc::new(xds_door), Arc::new(http_door));
    servers.spawn(push::serve(xds, doors.0, feed, seen, stop.clone()));
    let context = Context {
        registry: registry.clone(),
        hosts: Arc::new(Hosts::new(&args.allow_host)),
        door: doors.1,
        fleet,
        page: page.clone(),
    };
    servers.spawn(page.keep(stop.clone()));
    servers.spawn(api::serve(http, context, stop));
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hangup.recv() => registry.refresh(),
        }
    }
    tracing::info!("stopping");
    drop(stopping);
    while servers.join_next().await.is_some() {}
    Ok(())
}

fn texts(problems: &[Problems]) -> String {
    let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
    texts.join("\n\n")
}

async fn bind(address: SocketAddr, what: &'static str) -> Result<TcpListener, Failure> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| Failure::Bind(address, what, error))
}
