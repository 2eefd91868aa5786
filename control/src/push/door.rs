//! Takes in the connections of proxies: as they come, or after TLS has said who they are from.

use std::{io, sync::Arc, time::Duration};

use outrigger_entrance::{Entrance, Pass, Refusal, Stream};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
    time::sleep,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::visit::Visit;
use crate::{access::Visitor, metric};

/// Handshakes at once: of a fleet that comes back, the rest waits in the kernel's queue.
const HANDSHAKES: usize = 256;

/// Connections at once. No fleet of one control plane is as large; what comes from elsewhere leaves descriptors for files.
const PLACES: usize = 10_000;

/// From a connection's start, or the end of its handshake, to its first word. As long as the API's port waits.
const PATIENCE: Duration = Duration::from_secs(10);

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
    let places = Arc::new(Semaphore::new(PLACES));
    let mut full = false;
    loop {
        let turn = Arc::clone(&handshakes).acquire_owned().await;
        if !full && places.available_permits() == 0 {
            tracing::warn!(
                most = PLACES,
                "no more proxies are taken in until some have left"
            );
        }
        full = places.available_permits() == 0;
        let place = Arc::clone(&places).acquire_owned().await.ok();
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
                    let visit = Visit::new(stream, visitor, place, PATIENCE);
                    // Nobody takes it: the process ends.
                    let _ = taken_in.send(Ok(visit)).await;
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

/// Who sends a request, and by what they are let in, if they are.
///
/// # Errors
/// When they are not.
pub(crate) fn admit<B>(
    door: &Entrance,
    request: &http::Request<B>,
) -> Result<(Option<Visitor>, Pass), Status> {
    let visitor = request.extensions().get::<Visitor>();
    let identity = visitor.and_then(|visitor| visitor.identity.as_ref());
    match door.admit(identity, request.headers()) {
        Ok(pass) => Ok((visitor.cloned(), pass)),
        Err(refusal) => {
            metrics::counter!(metric::STRANGERS, "port" => "xds").increment(1);
            Err(status(&refusal))
        }
    }
}

/// A refusal, in the words of gRPC.
pub(crate) fn status(refusal: &Refusal) -> Status {
    match refusal.status() {
        http::StatusCode::UNAUTHORIZED => Status::unauthenticated(refusal.to_string()),
        _ => Status::permission_denied(refusal.to_string()),
    }
}
