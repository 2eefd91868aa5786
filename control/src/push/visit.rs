//! A connection that was taken in: bounded in number by the place it holds, and in patience until it speaks.
//!
//! Whoever speaks HTTP/2 is asked by pings whether it lives. Before that nobody asks, and a peer that connects and says
//! nothing would hold a descriptor for as long as it likes.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use outrigger_entrance::Stream;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::OwnedSemaphorePermit,
    time::{Sleep, sleep},
};
use tonic::transport::server::Connected;

use crate::access::Visitor;

/// Bytes with which each connection of HTTP/2 begins (RFC 9113, 3.4).
const PREFACE: usize = 24;

/// A connection that was taken in.
pub(super) struct Visit {
    stream: Stream,
    visitor: Visitor,
    _place: Option<OwnedSemaphorePermit>,
    /// Until it has spoken.
    silence: Option<Silence>,
}

struct Silence {
    until: Pin<Box<Sleep>>,
    /// How much of the preface is still to come.
    missing: usize,
}

impl Visit {
    /// One that has this long for the preface, and holds its place until it ends.
    pub(super) fn new(
        stream: Stream,
        visitor: Visitor,
        place: Option<OwnedSemaphorePermit>,
        patience: Duration,
    ) -> Self {
        Self {
            stream,
            visitor,
            _place: place,
            silence: Some(Silence {
                until: Box::pin(sleep(patience)),
                missing: PREFACE,
            }),
        }
    }

    /// It has said so many bytes.
    fn heard(&mut self, count: usize) {
        if let Some(silence) = &mut self.silence {
            silence.missing = silence.missing.saturating_sub(count);
        }
        self.silence.take_if(|silence| silence.missing == 0);
    }
}

impl Connected for Visit {
    type ConnectInfo = Visitor;

    fn connect_info(&self) -> Visitor {
        self.visitor.clone()
    }
}

impl AsyncRead for Visit {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buffer);
        this.heard(buffer.filled().len() - before);
        match &mut this.silence {
            Some(silence) if read.is_pending() => silence
                .until
                .as_mut()
                .poll(cx)
                .map(|()| Err(io::ErrorKind::TimedOut.into())),
            _ => read,
        }
    }
}

impl AsyncWrite for Visit {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{net::Ipv4Addr, sync::Arc};

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
        sync::Semaphore,
    };

    use super::*;

    /// A visit of this patience, and its peer.
    async fn visit(patience: Duration, places: &Arc<Semaphore>) -> (Visit, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).await;
        let (stream, address) = listener.accept().await.unwrap();
        let visitor = Visitor {
            address,
            identity: None,
        };
        let place = Arc::clone(places).try_acquire_owned().ok();
        let stream = Stream::Left(stream);
        (Visit::new(stream, visitor, place, patience), peer.unwrap())
    }

    #[tokio::test]
    async fn who_says_nothing_has_no_place_for_long() {
        let places = Arc::new(Semaphore::new(1));
        let (mut silent, _peer) = visit(Duration::from_millis(1), &places).await;
        assert_eq!(places.available_permits(), 0);
        let read = silent.read_u8().await.unwrap_err();
        assert_eq!(read.kind(), io::ErrorKind::TimedOut);
        drop(silent);
        assert_eq!(places.available_permits(), 1);
    }

    #[tokio::test]
    async fn who_has_begun_may_rest() {
        let places = Arc::new(Semaphore::new(1));
        let (mut visit, mut peer) = visit(Duration::from_secs(3600), &places).await;
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        let (first, rest) = preface.split_at(1);
        for (part, silent) in [(first, true), (rest, false)] {
            peer.write_all(part).await.unwrap();
            visit.read_exact(&mut vec![0; part.len()]).await.unwrap();
            assert_eq!(visit.silence.is_some(), silent, "a byte is no beginning");
        }
    }
}
