//! A gRPC stream both ways, as a conversation: say and hear.

use std::pin::Pin;

use http::uri::PathAndQuery;
use prost::Message;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

use super::connect::{Connection, Trouble};

/// Requests that may wait for a control plane that is slow to read. There is one a response, and some for new names.
const UNREAD: usize = 256;

type Opened<H> = Result<Response<Streaming<H>>, Status>;

/// A conversation: `S` is said, `H` is heard.
pub struct Stream<S, H> {
    outgoing: mpsc::Sender<S>,
    incoming: Incoming<H>,
}

enum Incoming<H> {
    /// Some send the head of their response only with the first message.
    Opening(Pin<Box<dyn Future<Output = Opened<H>> + Send>>),
    Open(Box<Streaming<H>>),
}

impl<S, H> Stream<S, H>
where
    S: Message + Send + Sync + 'static,
    H: Message + Default + Send + Sync + 'static,
{
    /// Begins to call `path`.
    pub fn open(connection: &Connection, path: &'static str) -> Self {
        let (outgoing, requests) = mpsc::channel(UNREAD);
        let mut grpc = connection.grpc();
        let opening = async move {
            let requests = Request::new(ReceiverStream::new(requests));
            let path = PathAndQuery::from_static(path);
            grpc.streaming(requests, path, ProstCodec::<S, H>::default())
                .await
        };
        Self {
            outgoing,
            incoming: Incoming::Opening(Box::pin(opening)),
        }
    }

    /// Sends.
    pub fn say(&self, request: S) -> Result<(), Trouble> {
        self.outgoing
            .try_send(request)
            .map_err(|error| match error {
                TrySendError::Full(_) => Trouble::Deaf,
                TrySendError::Closed(_) => Trouble::Ended,
            })
    }

    /// Whether the control plane has begun to answer.
    pub fn is_open(&self) -> bool {
        matches!(self.incoming, Incoming::Open(_))
    }

    /// Waits for the next message. May be dropped at any time and begun anew.
    pub async fn hear(&mut self) -> Result<H, Trouble> {
        if let Incoming::Opening(opening) = &mut self.incoming {
            let response = opening.await?;
            self.incoming = Incoming::Open(Box::new(response.into_inner()));
        }
        match &mut self.incoming {
            Incoming::Open(stream) => stream.message().await?.ok_or(Trouble::Ended),
            Incoming::Opening(_) => Err(Trouble::Ended),
        }
    }
}
