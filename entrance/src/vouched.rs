//! A connection over TLS, for as long as somebody vouches for whom it is from.
//!
//! A stream of xDS lasts for weeks, and a certificate was looked at when it began. So who has shown one is asked about again
//! when it ends, and when the roots change: a client whose certificate is renewed in time comes back with the new one, and one
//! whose authority is believed no more is out, without a restart. The connection ends and not a stream of it, because a
//! client that holds on to its connection would come back over it, with the old certificate, for good.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Interval, MissedTickBehavior, interval_at},
};
use tokio_rustls::server::TlsStream;

use super::tls::{Current, Tls, end};

/// So often is asked whether something has changed.
pub(crate) const ASK: Duration = Duration::from_secs(3);

/// See the module.
#[derive(Debug)]
pub struct Vouched {
    stream: TlsStream<TcpStream>,
    /// Of one who has shown a certificate.
    shown: Option<Shown>,
}

#[derive(Debug)]
struct Shown {
    tls: Arc<Tls>,
    /// By what it was good when it was looked at last.
    by: Arc<Current>,
    /// When the first certificate of the chain ends, in seconds since 1970.
    end: i64,
    ask: Interval,
}

impl Vouched {
    /// One that is good by `by`, of `tls`, now.
    pub(crate) fn new(stream: TlsStream<TcpStream>, tls: Arc<Tls>, by: Arc<Current>) -> Self {
        let chain = stream.get_ref().1.peer_certificates();
        let ends = chain.and_then(|chain| chain.iter().map(|it| end(it)).min());
        let shown = ends.map(|end| {
            let mut ask = interval_at(Instant::now() + ASK, ASK);
            ask.set_missed_tick_behavior(MissedTickBehavior::Delay);
            Shown { tls, by, end, ask }
        });
        Self { stream, shown }
    }

    /// Asks again, if it is time to.
    fn ask(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        let Some(shown) = &mut self.shown else {
            return Ok(());
        };
        while shown.ask.poll_tick(context).is_ready() {
            let current = shown.tls.current();
            if Arc::ptr_eq(&current, &shown.by) && now() <= shown.end {
                continue;
            }
            let chain = self.stream.get_ref().1.peer_certificates();
            if !current.vouches_for(chain.unwrap_or_default()) {
                tracing::info!(
                    "a connection ends: nobody vouches any more for the certificate with which it began"
                );
                return Err(io::ErrorKind::PermissionDenied.into());
            }
            shown.by = current;
        }
        Ok(())
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs().cast_signed())
}

impl AsyncRead for Vouched {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.ask(context)?;
        Pin::new(&mut this.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Vouched {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
