//! HTTP/2 connections of one worker to one endpoint: many requests at once each, as many as the endpoint allows.
//!
//! ```text
//! Multiplexed --Stream: one that has room--> Message, then the head--> Response, whose body holds the Stream
//! ```

mod multiplexed;
mod stream;

use std::{
    cell::Cell,
    future::{Future as _, poll_fn},
    io,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::Poll,
};

pub use multiplexed::Multiplexed;
use outrigger_config::model::PoolPolicy;
use outrigger_http2::{
    Settings,
    client::{self, Requests},
};
pub use stream::{Failure, Message, Stream};
use tokio::task::spawn_local;
use tokio_util::io::InspectReader;

use super::{
    connect::notice_its_end,
    pool::Opened,
    silence::{Heard, Silence},
};
use crate::{clock, error::Error, limits::connections::Slot, stream::Stream as Socket};

/// The largest head of a response, as for HTTP/1.
const MAX_HEAD: u32 = 64 * 1024;

/// A connection that speaks HTTP/2.
pub struct Connection {
    requests: Requests,
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
        let ear = heard.clone();
        let stream = InspectReader::new(stream, move |_: &[u8]| ear.note());
        let settings = Settings {
            max_header_list: MAX_HEAD,
            ..Settings::default()
        };
        let (requests, mut connection) = client::connect(stream, settings);
        poll_fn(|cx| match Pin::new(&mut connection).poll(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(Error::Protocol(error.into()))),
            Poll::Ready(Ok(())) => {
                Poll::Ready(Err(Error::Connect(io::ErrorKind::ConnectionAborted.into())))
            }
            Poll::Pending if requests.allowed() == 0 => Poll::Pending,
            Poll::Pending => Poll::Ready(Ok(())),
        })
        .await?;
        let slot = Arc::clone(&open.slot);
        spawn_local(async move {
            let _ended = connection.await;
            drop(open);
        });
        Ok(Rc::new(Self {
            requests,
            active: Cell::new(0),
            expires,
            idle_since: Cell::new(clock::now()),
            used: Cell::new(false),
            silence: Silence::after(heard),
            slot,
        }))
    }

    fn usable(&self, now: u64) -> bool {
        now < self.expires && !self.silence.is_doubtful(now) && !self.requests.is_closed()
    }

    fn has_room(&self, policy: &PoolPolicy) -> bool {
        self.active.get() < self.requests.allowed().min(policy.max_streams as usize)
    }
}
