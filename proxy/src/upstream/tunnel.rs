//! After a protocol switch (WebSocket, CONNECT): bytes both ways until both sides have ended, or none has moved for too
//! long.

use std::{
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::BytesMut;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf, copy_bidirectional},
    time::timeout,
};

use super::http1;
use crate::{
    downstream::upgrade::{OnUpgrade, Switched},
    idle_timeout::Idle,
    limits::connections::Slot,
    stream::Stream,
};

/// How long a side may take to switch after it agreed to.
const SWITCH: Duration = Duration::from_secs(10);

/// Two sides that agreed to switch.
pub struct Tunnel {
    /// The client's side.
    pub downstream: OnUpgrade,
    /// The endpoint's.
    pub upstream: Side,
    /// Its place among the connections of its cluster.
    pub slot: Arc<Slot>,
}

/// The endpoint's side of a tunnel.
pub enum Side {
    /// An HTTP/1 connection that answered 101.
    Switched(Box<http1::Connection>),
    /// A connection of its own, for CONNECT.
    Stream(Stream),
}

impl Tunnel {
    /// Carries bytes until both sides have ended; one side's end is passed on to the other (half-close). How a tunnel
    /// breaks is nobody's business but the two ends', who see it.
    pub async fn run(self, idle: Option<Rc<Idle>>) {
        let (said, upstream) = match self.upstream {
            Side::Switched(connection) => connection.into_parts(),
            Side::Stream(upstream) => (BytesMut::new(), upstream),
        };
        match self.downstream {
            OnUpgrade::Http1(switch) => {
                if let Ok(Ok(Switched { first, stream })) = timeout(SWITCH, switch).await {
                    carry(stream, first, upstream, said, idle).await;
                }
            }
            OnUpgrade::Http2(switch) => {
                if let Ok(Ok(stream)) = timeout(SWITCH, switch).await {
                    carry(stream, BytesMut::new(), upstream, said, idle).await;
                }
            }
        }
    }
}

/// `asked` and `said` are what the two have sent already.
async fn carry(
    downstream: impl AsyncRead + AsyncWrite + Unpin,
    asked: BytesMut,
    upstream: Stream,
    said: BytesMut,
    idle: Option<Rc<Idle>>,
) {
    if let Some(idle) = &idle {
        idle.tunnel();
    }
    let mut downstream = Watched(downstream, idle.clone());
    let mut upstream = Watched(upstream, idle.clone());
    let mut copied = pin!(async {
        upstream.write_all(&asked).await?;
        downstream.write_all(&said).await?;
        copy_bidirectional(&mut downstream, &mut upstream).await
    });
    poll_fn(|cx| {
        let copied = copied.as_mut().poll(cx).map(drop);
        match &idle {
            Some(idle) if copied.is_pending() => idle
                .silent_or_wake(cx.waker())
                .map_or(Poll::Pending, |_| Poll::Ready(())),
            _ => copied,
        }
    })
    .await;
}

/// A side of a tunnel that tells when bytes went to it. What comes from one side goes to the other, so both are seen.
struct Watched<S>(S, Option<Rc<Idle>>);

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.0).poll_write(cx, bytes));
        if let Some(idle) = &this.1 {
            idle.moved();
        }
        Poll::Ready(written)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(cx)
    }
}
