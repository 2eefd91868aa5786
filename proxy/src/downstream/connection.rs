//! One downstream connection, from its first byte to its last.

use std::{
    cell::{Cell, OnceCell, RefCell},
    future::{Future, poll_fn},
    net::SocketAddr,
    pin::{Pin, pin},
    rc::Rc,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Poll, Waker},
};

use bytes::BytesMut;
use hyper::{
    server::conn::{http1, http2},
    service::service_fn,
};
use outrigger_config::model::Alpn;
use tokio::net::TcpStream;

use super::{
    detect::{Spoken, detect},
    forwarded::Forwarded,
    framing::Framing,
    io::{Io, Phase},
    secured::{Secured, shake_hands},
};
use crate::{
    clock,
    limits::gate::Permit,
    snapshot::Listener,
    stack::Stack,
    stream::Stream,
    telemetry::metrics::{DownstreamError, Side},
    tls::Server,
    upstream::http2::LocalExecutor,
    worker::Worker,
};

/// How long a draining connection waits for a request that may be on its way, in microseconds.
const LINGER: u64 = 1_000_000;

/// hyper's own lower bound of its read buffer.
const MIN_BUFFER: usize = 8192;

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
    /// Who called.
    pub peer: SocketAddr,
    /// What is written into forwarding headers.
    pub forwarded: Forwarded,
    /// What TLS says of it, if it speaks that, once hands are shaken.
    secured: OnceCell<Box<Secured>>,
    phase: Arc<Phase>,
    /// Since when it has had no request, in microseconds.
    quiet_since: Cell<u64>,
    /// Since when it has been draining, in microseconds.
    draining_since: Cell<u64>,
    order: Cell<Order>,
    waker: RefCell<Option<Waker>>,
    worker: Rc<Worker>,
}

impl Connection {
    fn new(listener: Arc<Listener>, peer: SocketAddr, worker: Rc<Worker>) -> Rc<Self> {
        let now = worker.tick();
        let phase = Arc::new(Phase::default());
        // A client that says nothing is as slow as one that never ends its head.
        phase.head_since.store(now.max(1), Relaxed);
        Rc::new(Self {
            listener: RefCell::new(listener),
            peer,
            forwarded: Forwarded::new(peer),
            secured: OnceCell::new(),
            phase,
            quiet_since: Cell::new(now),
            draining_since: Cell::new(0),
            order: Cell::new(Order::Serve),
            waker: RefCell::new(None),
            worker,
        })
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

    /// What TLS says of it, if it speaks that.
    pub fn secured(&self) -> Option<&Secured> {
        self.secured.get().map(|secured| &**secured)
    }

    /// A request's head has been read; what is known of its framing.
    pub fn begin(&self) -> Framing {
        self.worker.begin();
        if let Some(secured) = self.secured() {
            secured.count();
        }
        self.phase
            .in_flight
            .store(self.phase.in_flight.load(Relaxed) + 1, Relaxed);
        self.phase.head_since.store(0, Relaxed);
        match self.phase.framing.swap(Framing::Unseen as u8, Relaxed) {
            seen if seen == Framing::Ambiguous as u8 => Framing::Ambiguous,
            seen if seen == Framing::Clear as u8 => Framing::Clear,
            _ => Framing::Unseen,
        }
    }

    /// A request is over.
    pub fn end(&self) {
        self.worker.end();
        self.phase
            .in_flight
            .store(self.phase.in_flight.load(Relaxed) - 1, Relaxed);
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
        if self.phase.in_flight.load(Relaxed) > 0 {
            self.phase.probe.store(true, Relaxed);
            return self.wake();
        }
        let config = &self.listener.borrow().config;
        let head_since = self.phase.head_since.load(Relaxed);
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
        } else if now.saturating_sub(self.quiet_since.get()) > clock::micros(config.idle_timeout) {
            self.drain();
        }
    }

    /// Whether its client has taken none of the bytes that wait for it for longer than `limit`. In microseconds.
    pub fn stuck(&self, now: u64, limit: u64) -> bool {
        let since = self.phase.stuck_since.load(Relaxed);
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
    async fn run<W: Future>(&self, work: W, drain: impl Fn(Pin<&mut W>)) -> Option<W::Output> {
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

/// Shakes hands with the caller of a listener that speaks TLS; what it then speaks, if that was agreed on. `None`: there is
/// nothing to go on with.
async fn secure(
    stream: TcpStream,
    connection: &Connection,
    server: &Server,
) -> Option<(Stream, Option<Spoken>)> {
    let worker = &connection.worker;
    let hands = shake_hands(server, stream, connection.peer, worker.tls_metrics());
    let (stream, secured) = connection.run(hands, |_| ()).await??;
    let spoken = secured.session.alpn.map(|alpn| match alpn {
        Alpn::Http2 => Spoken::Http2,
        Alpn::Http1 => Spoken::Http1,
    });
    let _ = connection.secured.set(Box::new(secured));
    // A head has as much time as a handshake.
    let head_since = &connection.phase.head_since;
    head_since.store(worker.tick().max(1), Relaxed);
    Some((stream, spoken))
}

/// Serves one connection that the listener at `address` accepted and let in.
pub async fn serve(
    stream: TcpStream,
    _admitted: Option<Permit>,
    peer: SocketAddr,
    address: SocketAddr,
    worker: Rc<Worker>,
    stack: Rc<Stack>,
) {
    let Some(listener) = worker.snapshot().listener(address).cloned() else {
        return;
    };
    let (max_header_bytes, max_streams) = (
        listener.config.max_header_bytes,
        listener.config.max_streams,
    );
    let server = listener.tls.clone();
    let connection = Connection::new(listener, peer, Rc::clone(&worker));
    let _registered = worker.connections.register(&connection);
    let _open = worker.metrics().connection(Side::Downstream);
    // Small responses must not wait for an acknowledgement of the last one (Nagle).
    let _ = stream.set_nodelay(true);
    let secured = match &server {
        // Boxed: a connection without it, or past it, should not hold the room for it.
        Some(server) => Box::pin(secure(stream, &connection, server)).await,
        None => Some((Stream::Tcp(stream), None)),
    };
    let Some((mut stream, agreed)) = secured else {
        return;
    };
    let (spoken, first) = match agreed {
        Some(spoken) => (spoken, BytesMut::new()),
        // A drain waits here, too: the first request may be on its way.
        None => match connection.run(detect(&mut stream), |_| ()).await {
            Some(Ok(Some(detected))) => detected,
            _ => return,
        },
    };
    let service = service_fn(|request| {
        let (stack, connection) = (Rc::clone(&stack), Rc::clone(&connection));
        async move { stack.serve(request, connection).await }
    });
    let served = match spoken {
        Spoken::Http1 => {
            let io = Io::http1(
                stream,
                first,
                Arc::clone(&connection.phase),
                worker.tick_handle(),
            );
            let http1 = http1::Builder::new()
                // Who leaves is found by `check`.
                .half_close(true)
                .max_header_size(max_header_bytes)
                .max_buf_size(max_header_bytes.max(MIN_BUFFER))
                .serve_connection(io, service)
                .with_upgrades();
            // A drain is announced on the next response: a client that is just sending must not be hung up on.
            connection.run(http1, |_| ()).await
        }
        Spoken::Http2 => {
            connection.phase.head_since.store(0, Relaxed);
            let phase = Arc::clone(&connection.phase);
            let io = Io::http2(stream, first, phase, worker.tick_handle());
            let http2 = http2::Builder::new(LocalExecutor)
                .max_concurrent_streams(max_streams)
                .max_header_list_size(u32::try_from(max_header_bytes).unwrap_or(u32::MAX))
                .serve_connection(io, service);
            connection
                .run(http2, |http2| http2.graceful_shutdown())
                .await
        }
    };
    // What went wrong with a response's body is the endpoint's doing, and counted there.
    if let Some(Err(error)) = served
        && !error.is_user()
    {
        worker.metrics().downstream_error(failure(&error));
        tracing::debug!(%peer, %error, "connection failed");
    }
}

fn failure(error: &hyper::Error) -> DownstreamError {
    if error.is_parse() || error.is_parse_too_large() {
        DownstreamError::BadHead
    } else {
        DownstreamError::Reset
    }
}
