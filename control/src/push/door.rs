//! Takes in the connections of proxies: as they come, or after TLS has said who they are from.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use outrigger_entrance::{Entrance, Stream};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
    time::sleep,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, transport::server::Connected};

use crate::{access::Visitor, metric};

/// Handshakes at once: of a fleet that comes back, the rest waits in the kernel's queue.
const HANDSHAKES: usize = 256;

/// The connections that come in at `listener`, for as long as somebody takes them.
pub(super) fn connections(
    listener: TcpListener,
    door: Arc<Entrance>,
) -> ReceiverStream<io::Result<Visit>> {
    let (taken_in, visits) = mpsc::channel(HANDSHAKES);
    tokio::spawn(async move {
        tokio::select! {
            () = taken_in.closed() => {}
            () = accept(listener, door, taken_in.clone()) => {}
        }
    });
    ReceiverStream::new(visits)
}

async fn accept(
    listener: TcpListener,
    door: Arc<Entrance>,
    taken_in: mpsc::Sender<io::Result<Visit>>,
) {
    let handshakes = Arc::new(Semaphore::new(HANDSHAKES));
    loop {
        let turn = Arc::clone(&handshakes).acquire_owned().await;
        let Ok((stream, address)) = listener.accept().await else {
            // Out of file descriptors: they come back.
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (door, taken_in) = (Arc::clone(&door), taken_in.clone());
        tokio::spawn(async move {
            match welcome(&door, stream).await {
                Ok((stream, identity)) => {
                    let visitor = Visitor { address, identity };
                    // Nobody takes it: the process ends.
                    let _ = taken_in.send(Ok(Visit { stream, visitor })).await;
                }
                Err(error) => tracing::debug!(%address, %error, "no handshake with a proxy"),
            }
            drop(turn);
        });
    }
}

async fn welcome(
    door: &Entrance,
    stream: TcpStream,
) -> io::Result<(Stream, Option<outrigger_config::model::SpiffeId>)> {
    let _ = stream.set_nodelay(true);
    door.welcome(stream).await
}

/// Who sends a request, if it is let in.
///
/// # Errors
/// When it is not.
pub(crate) fn admit<B>(
    door: &Entrance,
    request: &http::Request<B>,
) -> Result<Option<Visitor>, Status> {
    let visitor = request.extensions().get::<Visitor>();
    let identity = visitor.and_then(|visitor| visitor.identity.as_ref());
    match door.admit(identity, request.headers()) {
        Ok(()) => Ok(visitor.cloned()),
        Err(refusal) => {
            metrics::counter!(metric::STRANGERS, "port" => "xds").increment(1);
            let text = refusal.to_string();
            Err(match refusal.status() {
                http::StatusCode::UNAUTHORIZED => Status::unauthenticated(text),
                _ => Status::permission_denied(text),
            })
        }
    }
}

/// A connection that was taken in.
pub(super) struct Visit {
    stream: Stream,
    visitor: Visitor,
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
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buffer)
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
