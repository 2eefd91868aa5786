//! The last bytes that a peer sent: in them it may say why it ended the connection.
//!
//! hyper knows the reason of a GOAWAY and keeps it for itself when the streams have been allowed to end. What we must know
//! is one reason: gRPC servers that get more pings than they allow (grpc-go: one in five minutes, unless told otherwise) say
//! `too_many_pings` and hang up; to come back with the same pings would go on like that for ever.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// As much as a GOAWAY with a short text takes.
const KEPT: usize = 64;

/// The debug data of that GOAWAY, in grpc-go and in gRPC's C core.
const TOO_MANY_PINGS: &[u8] = b"too_many_pings";

/// What was heard last.
#[derive(Clone, Debug, Default)]
pub struct LastWords(Arc<Mutex<Vec<u8>>>);

impl LastWords {
    /// Whether the peer complains of pings.
    pub fn too_many_pings(&self) -> bool {
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut parts = heard.windows(TOO_MANY_PINGS.len());
        parts.any(|part| part == TOO_MANY_PINGS)
    }

    fn hear(&self, bytes: &[u8]) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.extend_from_slice(&bytes[bytes.len().saturating_sub(KEPT)..]);
        let old = heard.len().saturating_sub(KEPT);
        heard.drain(..old);
    }
}

/// A stream that is listened to.
pub struct Overheard<S> {
    stream: S,
    words: LastWords,
}

impl<S> Overheard<S> {
    /// What is read from `stream` is heard by what is returned with it.
    pub fn new(stream: S) -> (Self, LastWords) {
        let words = LastWords::default();
        let heard = words.clone();
        (Self { stream, words }, heard)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Overheard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        self.words.hear(&buffer.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Overheard<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    async fn heard(parts: &[&[u8]]) -> LastWords {
        let all = parts.concat();
        let (mut stream, words) = Overheard::new(&*all);
        for part in parts {
            stream.read_exact(&mut vec![0; part.len()]).await.unwrap();
        }
        words
    }

    #[tokio::test]
    async fn a_complaint_is_heard_in_parts_and_only_at_the_end() {
        let long = [7; 1000];
        assert!(
            heard(&[&long, b"too_many", b"_pings"])
                .await
                .too_many_pings()
        );
        assert!(!heard(&[b"too_many_pings", &long]).await.too_many_pings());
        assert!(!heard(&[]).await.too_many_pings());
    }
}
