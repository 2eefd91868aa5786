//! HTTP/1 connections of one worker to one endpoint: one request at a time each, the last used first.

use std::{cell::RefCell, sync::Arc};

use http::{Request, Response};
use hyper::{
    body::Incoming,
    client::conn::{
        TrySendError,
        http1::{Builder, SendRequest},
    },
};
use hyper_util::rt::TokioIo;
use tokio::task::spawn_local;

use super::{handover::Handover, pool::Opened};
use crate::{
    body::Body, clock, error::Error, limits::connections::Slot, proxy_protocol::Addresses,
    stream::Stream,
};

/// What is read at most before it is passed on, and the largest head of a response. hyper's own 400 KiB, times what it
/// queues, is what a stalled download would hold.
const MAX_BUFFER: usize = 64 * 1024;

/// A connection that speaks HTTP/1.
pub struct Connection {
    sender: SendRequest<Body>,
    /// When it is too old for another request, in microseconds.
    expires: u64,
    /// Since when it has been idle.
    idle_since: u64,
    /// It has carried a request before: the endpoint may close it at any moment.
    pub reused: bool,
    /// Its place among the connections of its cluster.
    pub slot: Arc<Slot>,
    /// Whose it is, where its endpoint was told so: nobody else may use it.
    pub client: Option<Addresses>,
}

/// Why a request got no response.
pub enum Failure {
    /// It was not sent, and here it is again.
    Unsent(Box<Request<Body>>),
    /// It was sent, wholly or in part.
    Sent(Error),
}

impl Failure {
    fn of(mut failure: TrySendError<Request<Body>>) -> Self {
        match failure.take_message() {
            Some(request) => Self::Unsent(Box::new(request)),
            None => Self::Sent(sent(failure.into_error())),
        }
    }
}

impl Connection {
    /// Takes over a fresh `stream`; its task ends with it.
    pub async fn open(stream: Stream, expires: u64, open: Opened) -> Result<Box<Self>, Error> {
        let mut builder = Builder::new();
        builder.max_buf_size(MAX_BUFFER);
        let (sender, connection) = builder
            .handshake(TokioIo::new(stream))
            .await
            .map_err(Error::Protocol)?;
        let slot = Arc::clone(&open.slot);
        // How a connection ends is told by the request that was on it, if any.
        spawn_local(async move {
            let _ended = connection.with_upgrades().await;
            drop(open);
        });
        Ok(Box::new(Self {
            sender,
            expires,
            idle_since: clock::now(),
            reused: false,
            slot,
            client: None,
        }))
    }

    /// Sends a request; what is returned waits for the head of its response. No `async fn`: the request is large, and
    /// would be moved once more.
    pub fn send(
        &mut self,
        request: Request<Body>,
    ) -> impl Future<Output = Result<Response<Incoming>, Failure>> + use<> {
        let sent = self.sender.try_send_request(request);
        async { sent.await.map_err(Failure::of) }
    }

    /// Waits for its turn of the loop after a response; whether it can take another request.
    pub async fn ready(&mut self) -> bool {
        self.sender.ready().await.is_ok()
    }

    /// It has carried a request, until `now`.
    pub fn rest(&mut self, now: u64) {
        self.reused = true;
        self.idle_since = now;
    }

    fn usable(&self, now: u64) -> bool {
        !self.sender.is_closed() && now < self.expires
    }
}

/// hyper calls a body that failed under way the user's error.
pub fn sent(error: hyper::Error) -> Error {
    if error.is_user() {
        Error::RequestBody(error)
    } else {
        Error::Reset(error)
    }
}

/// Idle connections, the last used at the end. Boxed as their leases are: they go in and out with every request.
#[derive(Default)]
#[expect(clippy::vec_box, reason = "what is put in and taken out is the box")]
pub struct Idle {
    connections: RefCell<Vec<Box<Connection>>>,
    /// Requests that wait for one.
    pub handover: Handover<Box<Connection>>,
}

impl Idle {
    /// Whether there is any.
    pub fn any(&self) -> bool {
        !self.connections.borrow().is_empty()
    }

    /// A connection of this client, or of all, that can take a request now.
    pub fn take(&self, now: u64, client: Option<Addresses>) -> Option<Box<Connection>> {
        let mut connections = self.connections.borrow_mut();
        let mut at = connections.len();
        while at > 0 {
            at -= 1;
            if !connections[at].usable(now) {
                connections.remove(at);
            } else if connections[at].client == client && connections[at].sender.is_ready() {
                return Some(connections.remove(at));
            }
        }
        None
    }

    /// Gives a connection back after its response ended. hyper may need one more turn before it is ready.
    pub fn put(&self, connection: Box<Connection>, max_idle: usize) {
        let mut connections = self.connections.borrow_mut();
        if !connection.sender.is_closed() && connections.len() < max_idle {
            connections.push(connection);
        }
    }

    /// The one that has been idle for the longest.
    pub fn pop_oldest(&self) -> Option<Box<Connection>> {
        let mut connections = self.connections.borrow_mut();
        (!connections.is_empty()).then(|| connections.remove(0))
    }

    /// Puts back what [`pop_oldest`](Self::pop_oldest) gave.
    pub fn put_oldest(&self, connection: Box<Connection>) {
        self.connections.borrow_mut().insert(0, connection);
    }

    /// Closes what is broken, too old, or has been idle for too long. Times in microseconds.
    pub fn sweep(&self, now: u64, idle_timeout: u64) {
        self.connections.borrow_mut().retain(|connection| {
            connection.usable(now) && now.saturating_sub(connection.idle_since) < idle_timeout
        });
    }
}
