//! Endpoints that turn bad and good again while they run, hosted by the bench in a thread of its own.
//!
//! HTTP/1.1 by hand, GETs only: a connection that must be reset, or hang, or lie silent is out of reach behind an
//! HTTP library. They note when each request reached them, by which the traffic to a bad endpoint is told.

mod conversation;
mod door;
mod mode;

use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    ops::Range,
    rc::Rc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow};
use tokio::{
    sync::{Semaphore, mpsc, oneshot, watch},
    task::LocalSet,
    time::sleep,
};

use door::Door;
pub(super) use mode::{Mode, Service};

/// Endpoints in their thread.
pub(super) struct Endpoints {
    /// Where they listen.
    pub(super) addresses: Vec<SocketAddr>,
    commands: mpsc::UnboundedSender<Command>,
    thread: JoinHandle<Result<Vec<Vec<Instant>>>>,
}

/// These become like that; answered once they are.
type Command = (Range<usize>, Mode, oneshot::Sender<()>);

impl Endpoints {
    /// Starts so many, all of them well.
    pub(super) async fn start(count: usize, service: Service) -> Result<Self> {
        let (commands, orders) = mpsc::unbounded_channel();
        let (tell, told) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("endpoints".to_owned())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()?;
                LocalSet::new().block_on(&runtime, host(count, service, tell, orders))
            })?;
        let addresses = match told.await {
            Ok(addresses) => addresses,
            Err(_) => {
                let ended = thread.join().map_err(|_| anyhow!("a panic"));
                let outcome = ended.and_then(|outcome| outcome.map(|_| ()));
                outcome.context("starting the endpoints")?;
                return Err(anyhow!("the endpoints ended at once"));
            }
        };
        Ok(Self {
            addresses,
            commands,
            thread,
        })
    }

    /// Makes the endpoints of `which` be like `mode`; returns when they are.
    pub(super) async fn set(&self, which: Range<usize>, mode: Mode) -> Result<()> {
        let (done, is_done) = oneshot::channel();
        let sent = self.commands.send((which, mode, done));
        sent.map_err(|_| anyhow!("the endpoints have ended"))?;
        is_done.await.context("the endpoints have ended")
    }

    /// Ends them; returns when each request came, by endpoint.
    pub(super) fn finish(self) -> Result<Vec<Vec<Instant>>> {
        drop(self.commands);
        self.thread
            .join()
            .map_err(|_| anyhow!("an endpoint panicked"))?
    }
}

async fn host(
    count: usize,
    service: Service,
    tell: oneshot::Sender<Vec<SocketAddr>>,
    mut orders: mpsc::UnboundedReceiver<Command>,
) -> Result<Vec<Vec<Instant>>> {
    // Always the same service times, as far as the order of requests allows.
    fastrand::seed(7);
    let mut doors = Vec::with_capacity(count);
    for index in 0..count {
        doors.push(Door::open(Endpoint::new(index, service)).await?);
    }
    // If nobody listens any more, no command will come either.
    let _ = tell.send(doors.iter().map(Door::address).collect());
    while let Some((which, mode, done)) = orders.recv().await {
        for door in doors.get_mut(which).unwrap_or_default() {
            door.turn(mode).await?;
        }
        let _ = done.send(());
    }
    let received = doors.iter().map(|door| door.endpoint.received.take());
    Ok(received.collect())
}

/// One endpoint, shared by its connections.
struct Endpoint {
    index: usize,
    mode: Cell<Mode>,
    service: Service,
    /// Free workers; the requests that wait for one do so in order.
    workers: Option<Rc<Semaphore>>,
    /// Changes when all connections end, as by a crash.
    crash: watch::Sender<()>,
    received: RefCell<Vec<Instant>>,
}

impl Endpoint {
    fn new(index: usize, service: Service) -> Rc<Self> {
        Rc::new(Self {
            index,
            mode: Cell::new(Mode::Well),
            service,
            workers: service
                .workers
                .map(|workers| Rc::new(Semaphore::new(workers))),
            crash: watch::Sender::new(()),
            received: RefCell::default(),
        })
    }

    /// Starts the work of one request. It goes on to its end also when the client has gone: a server notices that only
    /// when it writes.
    fn work(&self, extra: Duration) -> oneshot::Receiver<()> {
        let (done, is_done) = oneshot::channel();
        let workers = self.workers.clone();
        let time = self.service.sample() + extra;
        tokio::task::spawn_local(async move {
            let worker = match &workers {
                Some(workers) => workers.acquire().await.ok(),
                None => None,
            };
            sleep(time).await;
            drop(worker);
            let _ = done.send(());
        });
        is_done
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
