//! What is known of a downstream connection for as long as it lives, and what it is told.

use std::{
    cell::{Cell, OnceCell, RefCell},
    future::{Future, poll_fn},
    net::SocketAddr,
    pin::{Pin, pin},
    rc::Rc,
    sync::Arc,
    task::{Poll, Waker},
};

use super::{forwarded::Forwarded, io::Phase, secured::Secured, unread::Unread};
use crate::{
    clock,
    proxy_protocol::Addresses,
    snapshot::Listener,
    tcp::{self, Flow},
    telemetry::metrics::DownstreamError,
    worker::Worker,
};

/// How long a draining connection waits for a request that may be on its way, in microseconds.
const LINGER: u64 = 1_000_000;

/// What a connection has been told by its worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// Go on.
    Serve,
    /// Finish what is under way and take no more.
    Drain,
    /// Stop now.
    Abort,
}

/// What is known of a downstream connection, for as long as it or one of its requests lives.
pub struct Connection {
    /// What accepted it, as last seen: a reload may change it, or take it away.
    listener: RefCell<Arc<Listener>>,
    /// Who called, as its peer says if that is trusted.
    pub peer: SocketAddr,
    /// What was called.
    local: SocketAddr,
    /// When it began, in microseconds.
    pub since: u64,
    /// What is written into forwarding headers.
    pub forwarded: Forwarded,
    /// What TLS says of it, if it speaks that, once hands are shaken.
    secured: OnceCell<Box<Secured>>,
    /// What its listener's stream and this share.
    pub(super) phase: Rc<Phase>,
    /// Whether its streams are read, once it speaks HTTP/2.
    unread: OnceCell<Box<Unread>>,
    /// What moves on it, once it is passed on as bytes.
    flow: OnceCell<Rc<Flow>>,
    /// Since when it has had no request, in microseconds.
    quiet_since: Cell<u64>,
    /// Since when its server has been waited for to speak first, in microseconds; 0: it is not.
    server_since: Cell<u64>,
    /// It has been quiet for a tick at least.
    rests: Cell<bool>,
    /// Since when it has been draining, in microseconds.
    draining_since: Cell<u64>,
    order: Cell<Order>,
    waker: RefCell<Option<Waker>>,
    worker: Rc<Worker>,
}

impl Connection {
    /// Between these two, accepted by `listener`.
    pub(super) fn new(listener: Arc<Listener>, ends: Addresses, worker: Rc<Worker>) -> Rc<Self> {
        let Addresses {
            source: peer,
            destination: local,
        } = ends;
        let now = worker.tick();
        let phase = Rc::new(Phase::default());
        // A client that says nothing is as slow as one that never ends its head.
        phase.head_since.set(now.max(1));
        Rc::new(Self {
            listener: RefCell::new(listener),
            peer,
            local,
            since: clock::now(),
            flow: OnceCell::new(),
            unread: OnceCell::new(),
            forwarded: Forwarded::new(peer),
            secured: OnceCell::new(),
            phase,
            quiet_since: Cell::new(now),
            server_since: Cell::new(0),
            rests: Cell::new(false),
            draining_since: Cell::new(0),
            order: Cell::new(Order::Serve),
            waker: RefCell::new(None),
            worker,
        })
    }

    /// The worker that serves it.
    pub(super) fn worker(&self) -> &Worker {
        &self.worker
    }

    /// What accepted it, as it is in the table in force; the last that was if it is gone.
    pub fn listener(&self) -> Arc<Listener> {
        let mut listener = self.listener.borrow_mut();
        self.worker.with_snapshot(
            |snapshot| match snapshot.listener(listener.config.address) {
                Some(now) if !Arc::ptr_eq(now, &listener) => listener.clone_from(now),
                _ => {}
            },
        );
        Arc::clone(&listener)
    }

    /// The address of what accepted it.
    pub fn address(&self) -> SocketAddr {
        self.listener.borrow().config.address
    }

    /// Who called whom.
    pub fn ends(&self) -> Addresses {
        Addresses {
            source: self.peer,
            destination: self.local,
        }
    }

    /// Whether the proxy itself made it, which may be where the kernel sends connections to it: then it goes nowhere, and
    /// that has been counted.
    pub fn is_own(&self) -> bool {
        let listener = self.listener.borrow();
        let transparent = listener.transparent.as_ref();
        transparent.is_some_and(|transparent| transparent.is_own(self.ends()))
    }

    /// From now on it is passed on as bytes, to `target`; what moves of them.
    pub fn carries(&self, target: &tcp::Target) -> Rc<Flow> {
        let flow = || Flow::new(self.worker.tick_handle(), Arc::clone(&target.metrics));
        Rc::clone(self.flow.get_or_init(flow))
    }

    /// Its server is connected, and may be the one to speak first. Until one does both are at rest, as they may be later.
    pub(super) fn awaits_server(&self) {
        self.phase.head_since.set(0);
        self.server_since.set(self.worker.tick().max(1));
    }

    /// Its caller is the one, and has as much time for a head as any.
    pub(super) fn speaks_first(&self) {
        let now = self.worker.tick();
        self.phase.head_since.set(now.max(1));
        self.quiet_since.set(now);
        self.server_since.set(0);
    }

    /// What TLS says of it, if it speaks that.
    pub fn secured(&self) -> Option<&Secured> {
        self.secured.get().map(|secured| &**secured)
    }

    /// Hands are shaken.
    pub(super) fn secure(&self, secured: Secured) {
        let _ = self.secured.set(Box::new(secured));
        // A head has as much time as a handshake.
        let head_since = &self.phase.head_since;
        head_since.set(self.worker.tick().max(1));
    }

    /// It speaks HTTP/2, where a client may read some of its responses and not others.
    pub(super) fn multiplex(&self) {
        self.unread.get_or_init(Box::default);
    }

    /// Its responses that may not be read, if it speaks HTTP/2.
    pub fn unread(&self) -> Option<&Unread> {
        self.unread.get().map(|unread| &**unread)
    }

    /// A request's head has been read.
    pub fn begin(&self) {
        self.worker.begin();
        if let Some(secured) = self.secured() {
            secured.count();
        }
        self.phase.in_flight.update(|requests| requests + 1);
        self.phase.head_since.set(0);
        self.rests.set(false);
    }

    /// Whether what it needs for requests may go until the next: none has come for a while.
    pub(super) fn may_rest(&self) -> bool {
        self.rests.get() && self.phase.head_since.get() == 0
    }

    /// Its worker's clock as of its last tick.
    pub(super) fn tick_handle(&self) -> Rc<Cell<u64>> {
        self.worker.tick_handle()
    }

    /// A request is over.
    pub fn end(&self) {
        self.worker.end();
        self.phase.in_flight.update(|requests| requests - 1);
        self.quiet_since.set(self.worker.tick());
    }

    /// Finishes what is under way and says goodbye.
    pub fn drain(&self) {
        if self.order.get() == Order::Serve {
            self.draining_since.set(clock::now());
            self.tell(Order::Drain);
        }
    }

    /// Whether its client has to be told to go elsewhere.
    pub fn draining(&self) -> bool {
        self.order.get() != Order::Serve
    }

    /// Ends it if it has been too slow or too quiet for its listener, or if its client has left a request behind. `now` in
    /// microseconds.
    pub fn check(&self, now: u64) {
        if let Some(flow) = self.flow.get() {
            // It knows no goodbye: told to drain, it goes on to its end.
            return self.check_rest(flow.rested(now));
        }
        if self.phase.in_flight.get() > 0 {
            if self.unread().is_some_and(|unread| unread.is_overdue(now)) {
                return self.abandon();
            }
            self.phase.probe.set(true);
            return self.wake();
        }
        let config = &self.listener.borrow().config;
        let head_since = self.phase.head_since.get();
        if head_since != 0 && now.saturating_sub(head_since) > clock::micros(config.header_timeout)
        {
            self.worker
                .metrics()
                .downstream_error(DownstreamError::HeadTimeout);
            self.tell(Order::Abort);
        } else if self.draining()
            && now.saturating_sub(self.draining_since.get().max(self.quiet_since.get())) > LINGER
        {
            self.tell(Order::Abort);
        } else if self.server_since.get() != 0 {
            self.check_rest(now.saturating_sub(self.server_since.get()));
        } else if now.saturating_sub(self.quiet_since.get()) > clock::micros(config.idle_timeout) {
            self.drain();
        } else if head_since == 0 && !self.rests.get() && now > self.quiet_since.get() {
            self.rests.set(true);
            self.wake();
        }
    }

    /// Ends it if that is too long for nothing to move, in microseconds.
    fn check_rest(&self, rested: u64) {
        let listener = self.listener.borrow();
        let limit = listener.config.speaks.tcp();
        let limit = limit.and_then(|tcp| tcp.policy.idle_timeout);
        if limit.is_some_and(|limit| rested > clock::micros(limit)) {
            self.tell(Order::Abort);
        }
    }

    /// Whether its client has taken none of the bytes that wait for it for longer than `limit`. In microseconds.
    pub fn stuck(&self, now: u64, limit: u64) -> bool {
        let since = self.phase.stuck_since.get();
        since != 0 && now.saturating_sub(since) > limit
    }

    /// Closes it at once: its client does not read.
    pub fn abandon(&self) {
        // Several of its streams may say so at once.
        if self.order.get() != Order::Abort {
            let metrics = self.worker.metrics();
            metrics.downstream_error(DownstreamError::Unread);
            self.tell(Order::Abort);
        }
    }

    fn tell(&self, order: Order) {
        if self.order.get() == Order::Abort {
            return;
        }
        self.order.set(order);
        self.wake();
    }

    fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }

    /// Runs `work` to its end, or until it is told to stop: `None` if so. When told to drain, `drain` is called, once.
    pub async fn run<W: Future>(&self, work: W, drain: impl Fn(Pin<&mut W>)) -> Option<W::Output> {
        let mut work = pin!(work);
        let mut told = false;
        *self.waker.borrow_mut() = None;
        poll_fn(|cx| {
            match self.order.get() {
                Order::Serve => {}
                Order::Drain if told => {}
                Order::Drain => {
                    drain(work.as_mut());
                    told = true;
                }
                Order::Abort => return Poll::Ready(None),
            }
            if self.waker.borrow().is_none() {
                *self.waker.borrow_mut() = Some(cx.waker().clone());
            }
            work.as_mut().poll(cx).map(Some)
        })
        .await
    }
}
