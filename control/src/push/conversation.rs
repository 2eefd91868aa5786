//! One stream: lets the session hear what the client says and see what changes, and says what the session has to say.
//!
//! It is the body of the HTTP response itself and no task: it runs when the client can take more. So one that does not
//! read is not read from either.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame};
use outrigger_entrance::{Pass, Stay};
use outrigger_xds::Kind;
use tokio_stream::{Stream as _, wrappers::WatchStream};
use tonic::Status;

use super::{
    Push, door, form::Speech, latency::Latency, message::Message, node::Node, proxies::Entry,
    requests::Requests, session::Session,
};
use crate::{access::Visitor, metric, view::View};

/// The responses of one stream, as bytes.
pub struct Conversation<S: Speech> {
    requests: Requests<S::Request>,
    visitor: Option<Visitor>,
    stay: Stay,
    push: Push,
    /// Since the first request.
    client: Option<Client>,
    sending: Option<Message>,
    ended: bool,
    stopped: Pin<Box<dyn Future<Output = ()> + Send>>,
}

struct Client {
    session: Session,
    views: WatchStream<Option<Arc<View>>>,
    entry: Entry,
    latency: Latency,
}

impl<S: Speech> Conversation<S> {
    /// That with the client who sends these.
    pub fn new(
        requests: Requests<S::Request>,
        visitor: Option<Visitor>,
        pass: Pass,
        push: Push,
    ) -> Self {
        let stop = push.stop.clone();
        Self {
            requests,
            visitor,
            stay: Stay::begin(Arc::clone(&push.door), pass),
            push,
            client: None,
            sending: None,
            ended: false,
            stopped: Box::pin(stop.told()),
        }
    }

    fn hear(&mut self, request: &S::Request) -> Result<(), Status> {
        let client = self.client.get_or_insert_with(|| {
            let visitor = self.visitor.as_ref();
            let identity = visitor.and_then(|visitor| visitor.identity.as_ref());
            let address = visitor.map(|visitor| visitor.address);
            let node = Node::new(S::node(request).unwrap_or(&Default::default()), identity);
            Client {
                session: Session::new(S::FORM, node.proxyless()),
                entry: self.push.proxies.enter(&node, S::FORM, address),
                views: WatchStream::new(self.push.audience.join(node.labels)),
                latency: Latency::default(),
            }
        });
        let Some(kind) = Kind::of(S::type_url(request)) else {
            // A stock proxy may ask for secrets or run-time values of the same server: there are none.
            tracing::debug!(
                type_url = S::type_url(request),
                "asked for what is not served"
            );
            return Ok(());
        };
        let heard = S::hear(&mut client.session, kind, request);
        let verdict = heard.map_err(|error| Status::resource_exhausted(error.to_string()))?;
        if let Some(verdict) = verdict {
            let refusal = S::refusal(request);
            if refusal.is_some() {
                metrics::counter!(metric::REFUSALS, "kind" => kind.as_str()).increment(1);
            }
            let text = refusal.map_or("", |refusal| &refusal.message);
            client.entry.proxy().answered(kind, verdict, text);
        }
        Ok(())
    }
}

impl<S: Speech> Conversation<S> {
    /// What to send next, or how the stream ends.
    fn poll_message(&mut self, context: &mut Context<'_>) -> Poll<Result<Message, Status>> {
        if self.stopped.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(Status::ok("")));
        }
        if let Poll::Ready(refusal) = self.stay.poll_over(context) {
            return Poll::Ready(Err(door::status(&refusal)));
        }
        loop {
            if let Some(client) = &mut self.client {
                client.look(context);
                if let Some(message) = client.speak::<S>() {
                    return Poll::Ready(Ok(message));
                }
            }
            match ready!(self.requests.poll_next(context)) {
                Some(Ok(request)) => self.hear(&request)?,
                Some(Err(status)) => return Poll::Ready(Err(status)),
                // A broken connection is no news: the proxy's entry says that it is gone.
                None => return Poll::Ready(Err(Status::ok(""))),
            }
        }
    }
}

impl<S: Speech> Body for Conversation<S> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        loop {
            if let Some(piece) = this.sending.as_mut().and_then(Iterator::next) {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            this.sending = None;
            match ready!(this.poll_message(context)) {
                Ok(message) => this.sending = Some(message),
                Err(status) => {
                    this.ended = true;
                    let mut trailers = HeaderMap::new();
                    status.add_header(&mut trailers)?;
                    return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
                }
            }
        }
    }
}

impl Client {
    /// Sees the newest view, if it has not.
    fn look(&mut self, context: &mut Context<'_>) {
        while let Poll::Ready(Some(view)) = Pin::new(&mut self.views).poll_next(context) {
            if let Some(view) = view {
                self.latency.see(&view);
                self.session.see(view);
            }
        }
    }

    fn speak<S: Speech>(&mut self) -> Option<Message> {
        let response = self.session.respond();
        if let Some(response) = &response {
            self.entry.proxy().sent(response.kind, &response.version);
            self.latency.sent();
        }
        if self.session.settled() {
            self.latency.settled();
        }
        self.entry.proxy().stands(&self.session);
        let response = response?;
        let kind = response.kind.as_str();
        let message = Message::new::<S>(response);
        metrics::counter!(metric::PUSHES, "kind" => kind).increment(1);
        metrics::counter!(metric::BYTES, "kind" => kind).increment(message.length() as u64);
        Some(message)
    }
}
