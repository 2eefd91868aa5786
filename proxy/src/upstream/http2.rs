//! HTTP/2 connections of one worker to one endpoint: many requests at once each, as many as the endpoint allows.

use std::{
    cell::{Cell, RefCell},
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
    rc::Rc,
    sync::Arc,
    task::{Poll, Waker},
};

use http::{Request, Response};
use hyper::{
    body::Incoming,
    client::conn::http2::{Builder, SendRequest},
};
use hyper_util::rt::TokioIo;
use outrigger_config::model::PoolPolicy;
use tokio::{sync::Notify, task::spawn_local};
use tokio_util::io::InspectReader;

use super::{
    Pool,
    connect::notice_its_end,
    handover::Handover,
    pool::Opened,
    silence::{Heard, Silence},
};
use crate::{
    body::Body,
    clock,
    error::{Blame, Error},
    limits::connections::Slot,
    stream,
};

/// Runs hyper's tasks on the worker's own thread.
#[derive(Clone, Copy, Debug)]
pub struct LocalExecutor;

impl<F: Future<Output = ()> + 'static> hyper::rt::Executor<F> for LocalExecutor {
    fn execute(&self, future: F) {
        spawn_local(future);
    }
}

/// Runs hyper's tasks, and wakes whoever waits for what one of them may have read.
#[derive(Clone, Default)]
struct Watch(Rc<RefCell<Option<Waker>>>);

impl Watch {
    fn wake(&self, waker: &Waker) {
        *self.0.borrow_mut() = Some(waker.clone());
    }

    fn end(&self) {
        *self.0.borrow_mut() = None;
    }
}

impl<F: Future<Output = ()> + 'static> hyper::rt::Executor<F> for Watch {
    fn execute(&self, future: F) {
        let watch = self.clone();
        spawn_local(async move {
            let mut future = pin!(future);
            poll_fn(|cx| {
                let polled = future.as_mut().poll(cx);
                if let Some(waker) = &*watch.0.borrow() {
                    waker.wake_by_ref();
                }
                polled
            })
            .await;
        });
    }
}

/// Flow-control windows: what one stream, and a whole connection, may have on its way. The connection's is larger, so
/// that one slow stream can't block the others. RFC 9113's 64 KiB would hold a path of 50 ms to 10 Mbit/s.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// A connection that speaks HTTP/2.
pub struct Connection {
    sender: SendRequest<Body>,
    /// What the endpoint allows at once, as of its last SETTINGS.
    allowed: Rc<Cell<usize>>,
    /// Streams in use.
    active: Cell<usize>,
    /// When it is too old for another request, in microseconds.
    expires: u64,
    /// Since when it has had no stream.
    idle_since: Cell<u64>,
    /// It has carried a request before.
    used: Cell<bool>,
    /// Whether the endpoint is still there.
    silence: Silence,
    /// Its place among the connections of its cluster.
    slot: Arc<Slot>,
}

impl Connection {
    /// Takes over a fresh `stream` and waits until the endpoint has said how many streams it allows: a request more than
    /// that would wait for one that may be long.
    pub async fn open(
        stream: stream::Stream,
        expires: u64,
        open: Opened,
    ) -> Result<Rc<Self>, Error> {
        let watch = Watch::default();
        notice_its_end(stream.socket());
        let heard = Heard::default();
        let ear = heard.clone();
        let stream = InspectReader::new(stream, move |_: &[u8]| ear.note());
        let (sender, mut connection) = Builder::new(watch.clone())
            .initial_max_send_streams(0)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| Error::Protocol(error.into()))?;
        poll_fn(|cx| {
            watch.wake(cx.waker());
            match Pin::new(&mut connection).poll(cx) {
                Poll::Ready(Err(error)) => Poll::Ready(Err(Error::Protocol(error.into()))),
                Poll::Ready(Ok(())) => {
                    Poll::Ready(Err(Error::Connect(io::ErrorKind::ConnectionAborted.into())))
                }
                Poll::Pending if connection.current_max_send_streams() == 0 => Poll::Pending,
                Poll::Pending => Poll::Ready(Ok(())),
            }
        })
        .await?;
        watch.end();
        let allowed = Rc::new(Cell::new(connection.current_max_send_streams()));
        let refreshed = Rc::clone(&allowed);
        let slot = Arc::clone(&open.slot);
        spawn_local(async move {
            let _ended = poll_fn(|cx| {
                // Polled with every request: as fresh as it has to be.
                refreshed.set(connection.current_max_send_streams());
                Pin::new(&mut connection).poll(cx)
            })
            .await;
            drop(open);
        });
        Ok(Rc::new(Self {
            sender,
            allowed,
            active: Cell::new(0),
            expires,
            idle_since: Cell::new(clock::now()),
            used: Cell::new(false),
            silence: Silence::after(heard),
            slot,
        }))
    }

    fn usable(&self, now: u64) -> bool {
        !self.sender.is_closed() && now < self.expires && !self.silence.is_doubtful(now)
    }

    fn has_room(&self, policy: &PoolPolicy) -> bool {
        self.active.get() < self.allowed.get().min(policy.max_streams as usize)
    }
}

/// Why a request got no response.
pub enum Failure {
    /// It was not sent, and here it is again.
    Unsent(Box<Request<Body>>),
    /// It was sent, wholly or in part.
    Sent(Error),
}

/// One stream of a connection, in use until dropped.
pub struct Stream {
    connection: Rc<Connection>,
    /// The connection has carried a request before.
    pub reused: bool,
    /// Its request is sent, and nothing has come back.
    unanswered: Cell<bool>,
    /// What gets it back, where others may wait for it.
    pool: Option<Rc<Pool>>,
}

impl Stream {
    fn of(connection: &Rc<Connection>) -> Self {
        connection.active.set(connection.active.get() + 1);
        Self {
            connection: Rc::clone(connection),
            reused: connection.used.replace(true),
            unanswered: Cell::new(false),
            pool: None,
        }
    }

    /// Lets `pool` know when it ends: others may wait for it.
    pub fn of_pool(mut self, pool: &Rc<Pool>) -> Self {
        self.pool = Some(Rc::clone(pool));
        self
    }

    /// Sends a request, and waits for the head of its response.
    pub async fn send(&self, request: Request<Body>) -> Result<Response<Incoming>, Failure> {
        let mut sender = self.connection.sender.clone();
        self.connection.silence.ask(clock::now());
        self.unanswered.set(true);
        let answered = sender.try_send_request(request).await;
        self.unanswered.set(false);
        answered.map_err(|mut failure| match failure.take_message() {
            Some(request) => Failure::Unsent(Box::new(request)),
            None => Failure::Sent(unprocessed(failure.into_error())),
        })
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.connection.active.set(self.connection.active.get() - 1);
        self.connection.idle_since.set(clock::now());
        if self.unanswered.get() {
            self.connection.silence.give_up();
        }
        if let Some(pool) = self.pool.take() {
            pool.make_room();
        }
    }
}

/// REFUSED_STREAM, and a GOAWAY that is no error, say that the request was not processed (RFC 9113, 8.7).
fn unprocessed(error: hyper::Error) -> Error {
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        if let Some(h2) = cause.downcast_ref::<h2::Error>() {
            let refused = h2.reason() == Some(h2::Reason::REFUSED_STREAM);
            let gone =
                h2.is_go_away() && h2.is_remote() && h2.reason() == Some(h2::Reason::NO_ERROR);
            if refused || gone {
                return Error::RefusedStream;
            }
        }
        source = cause.source();
    }
    // hyper calls a body that failed under way the user's error.
    if error.is_user() {
        Error::RequestBody(error.into())
    } else {
        Error::Reset(error.into())
    }
}

/// Open connections, and how many are being made for those who wait.
#[derive(Default)]
pub struct Multiplexed {
    connections: RefCell<Vec<Rc<Connection>>>,
    connecting: Cell<usize>,
    waiting: Cell<usize>,
    /// Attempts to connect that failed, ever; and how the last one did.
    failures: Cell<u64>,
    last_failure: Cell<Option<io::ErrorKind>>,
    changed: Notify,
    /// Requests that wait for a stream.
    pub handover: Handover<Stream>,
}

impl Multiplexed {
    /// A stream of a connection that has room. When none has, `open` makes another; requests that come meanwhile wait
    /// for it, as many as it will likely carry, and share its failure. `None`: the endpoint would rather not speak HTTP/2.
    pub async fn stream(
        &self,
        policy: &PoolPolicy,
        open: impl AsyncFn() -> Result<Option<Rc<Connection>>, Error>,
    ) -> Result<Option<Stream>, Error> {
        let failures = self.failures.get();
        loop {
            if let Some(stream) = self.with_room(policy) {
                return Ok(Some(stream));
            }
            if self.failures.get() != failures {
                return Err(self.shared_failure());
            }
            if self.waiting.get() >= self.connecting.get() * self.likely_streams(policy) {
                let _turn = Turn::new(&self.connecting, &self.changed);
                let opened = open().await.inspect_err(|error| {
                    // That there may be no more is no failure of the endpoint.
                    if error.blame() == Blame::Upstream {
                        self.failed(error);
                    }
                })?;
                return Ok(opened.map(|connection| {
                    self.connections.borrow_mut().push(Rc::clone(&connection));
                    Stream::of(&connection)
                }));
            }
            let changed = self.changed.notified();
            let _turn = Turn::new(&self.waiting, &self.changed);
            changed.await;
        }
    }

    /// Closes one that has no stream.
    pub fn close_idle(&self) -> bool {
        let mut connections = self.connections.borrow_mut();
        let idle = connections
            .iter()
            .position(|connection| connection.active.get() == 0);
        let Some(idle) = idle else { return false };
        connections.remove(idle).slot.tell_to_close();
        true
    }

    /// Whether any has no stream.
    pub fn any_idle(&self) -> bool {
        let connections = self.connections.borrow();
        connections
            .iter()
            .any(|connection| connection.active.get() == 0)
    }

    /// A stream of a connection that has room.
    pub fn with_room(&self, policy: &PoolPolicy) -> Option<Stream> {
        let now = clock::now();
        let mut connections = self.connections.borrow_mut();
        // Those that are too old, or silent, finish what they have.
        connections.retain(|connection| connection.usable(now));
        connections
            .iter()
            .find(|connection| connection.has_room(policy))
            .map(Stream::of)
    }

    fn likely_streams(&self, policy: &PoolPolicy) -> usize {
        let connections = self.connections.borrow();
        let allowed = connections
            .last()
            .map_or(usize::MAX, |connection| connection.allowed.get());
        allowed.clamp(1, policy.max_streams as usize)
    }

    fn failed(&self, error: &Error) {
        let kind = match error {
            Error::Connect(error) => error.kind(),
            Error::ConnectTimeout => io::ErrorKind::TimedOut,
            _ => io::ErrorKind::InvalidData,
        };
        self.last_failure.set(Some(kind));
        self.failures.set(self.failures.get() + 1);
    }

    fn shared_failure(&self) -> Error {
        match self.last_failure.get() {
            Some(io::ErrorKind::TimedOut) => Error::ConnectTimeout,
            kind => Error::Connect(kind.unwrap_or(io::ErrorKind::Other).into()),
        }
    }

    /// Closes what is broken, too old, silent, or has been idle for too long. Times in microseconds.
    pub fn sweep(&self, now: u64, idle_timeout: u64) {
        self.connections.borrow_mut().retain(|connection| {
            let idle = connection.active.get() == 0
                && now.saturating_sub(connection.idle_since.get()) >= idle_timeout;
            connection.usable(now) && !idle
        });
    }
}

/// One more of something while it lasts; whoever waits looks again when it is over, however it ended.
struct Turn<'a> {
    count: &'a Cell<usize>,
    changed: &'a Notify,
}

impl<'a> Turn<'a> {
    fn new(count: &'a Cell<usize>, changed: &'a Notify) -> Self {
        count.set(count.get() + 1);
        Self { count, changed }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.count.set(self.count.get() - 1);
        self.changed.notify_waiters();
    }
}
