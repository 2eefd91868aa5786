//! HTTP/2 connections of one worker to one endpoint: many requests at once each, as many as the endpoint allows.
//!
//! ```text
//! Multiplexed --Stream: one that has room--> the request, then the head--> Response, whose body holds the Stream
//! ```

mod multiplexed;
mod stream;

use std::{
    cell::{Cell, RefCell},
    future::{Future as _, poll_fn},
    io,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use h2::{
    SendStream,
    client::{Builder, ResponseFuture, SendRequest},
};
use http::Request;
pub use multiplexed::Multiplexed;
use outrigger_config::model::PoolPolicy;
pub use stream::{Failure, Stream};
use tokio::task::spawn_local;
use tokio_util::io::InspectReader;

use super::{
    connect::notice_its_end,
    pool::Opened,
    silence::{Heard, Silence},
};
use crate::{
    clock,
    error::Error,
    http2::{Windows, windows},
    limits::connections::Slot,
    stream::Stream as Socket,
};

/// The largest head of a response, as for HTTP/1.
const MAX_HEAD: u32 = 64 * 1024;

/// A connection that speaks HTTP/2.
pub struct Connection {
    sender: RefCell<SendRequest<Bytes>>,
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
    ///
    /// # Errors
    /// When it does not speak HTTP/2, or hangs up.
    pub async fn open(stream: Socket, expires: u64, open: Opened) -> Result<Rc<Self>, Error> {
        notice_its_end(stream.socket());
        let heard = Heard::default();
        let [ear, received] = [heard.clone(), heard.clone()];
        let stream = InspectReader::new(stream, move |bytes: &[u8]| ear.note(bytes.len()));
        let (sender, mut connection) = Builder::new()
            .enable_push(false)
            .initial_max_send_streams(0)
            .initial_window_size(windows::STREAM)
            .initial_connection_window_size(windows::CONNECTION)
            .max_header_list_size(MAX_HEAD)
            .handshake(stream)
            .await
            .map_err(|error| Error::Protocol(error.into()))?;
        poll_fn(|cx| match Pin::new(&mut connection).poll(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(Error::Protocol(error.into()))),
            Poll::Ready(Ok(())) => {
                Poll::Ready(Err(Error::Connect(io::ErrorKind::ConnectionAborted.into())))
            }
            Poll::Pending if connection.max_concurrent_send_streams() == 0 => Poll::Pending,
            Poll::Pending => Poll::Ready(Ok(())),
        })
        .await?;
        let allowed = Rc::new(Cell::new(connection.max_concurrent_send_streams()));
        let refreshed = Rc::clone(&allowed);
        let slot = Arc::clone(&open.slot);
        let mut windows = Windows::new(connection.ping_pong());
        spawn_local(async move {
            let _ended = poll_fn(|cx| {
                if let Some((stream, all)) = windows.poll(received.bytes(), cx) {
                    connection.set_target_window_size(all);
                    // The last change is in force: what made this one necessary came by it.
                    let _ = connection.set_initial_window_size(stream);
                }
                let ended = Pin::new(&mut connection).poll(cx);
                // As fresh as it has to be: what changes it has just been read.
                refreshed.set(connection.max_concurrent_send_streams());
                ended
            })
            .await;
            drop(open);
        });
        Ok(Rc::new(Self {
            sender: RefCell::new(sender),
            allowed,
            active: Cell::new(0),
            expires,
            idle_since: Cell::new(clock::now()),
            used: Cell::new(false),
            silence: Silence::after(heard),
            slot,
        }))
    }

    /// Whether it takes no more requests: it is broken, or its endpoint has said goodbye.
    fn is_closed(&self) -> bool {
        let mut sender = self.sender.borrow_mut();
        let ready = sender.poll_ready(&mut Context::from_waker(Waker::noop()));
        if ready.is_pending() {
            // The endpoint has lowered what it allows: a sender without a request before it lets the next wait in line.
            *sender = sender.clone();
        }
        matches!(ready, Poll::Ready(Err(_)))
    }

    /// Sends the head of a request; that `ends` it, or a body follows.
    fn begin(
        &self,
        head: Request<()>,
        ends: bool,
    ) -> Result<(ResponseFuture, SendStream<Bytes>), h2::Error> {
        self.sender.borrow_mut().send_request(head, ends)
    }

    fn usable(&self, now: u64) -> bool {
        now < self.expires && !self.silence.is_doubtful(now) && !self.is_closed()
    }

    fn has_room(&self, policy: &PoolPolicy) -> bool {
        self.active.get() < self.allowed.get().min(policy.max_streams as usize)
    }
}
