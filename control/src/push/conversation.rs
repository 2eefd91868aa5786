//! One stream: lets the session hear what the client says and see what changes, and says what the session has to say.
//!
//! It is the stream of responses itself and no task: it runs when the client can take another response. So one that does
//! not read is not read from either, and holds one response.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use outrigger_xds::Kind;
use prost::Message as _;
use tokio_stream::{Stream, wrappers::WatchStream};
use tonic::{Status, Streaming};

use super::{Push, form::Speech, latency::Latency, node::Node, proxies::Entry, session::Session};
use crate::{metric, view::View};

/// The responses of one stream.
pub struct Conversation<S: Speech> {
    requests: Streaming<S::Request>,
    address: Option<SocketAddr>,
    push: Push,
    /// Since the first request.
    client: Option<Client>,
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
    pub fn new(requests: Streaming<S::Request>, address: Option<SocketAddr>, push: Push) -> Self {
        let stop = push.stop.clone();
        Self {
            requests,
            address,
            push,
            client: None,
            stopped: Box::pin(stop.told()),
        }
    }

    fn hear(&mut self, request: &S::Request) -> Result<(), Status> {
        let client = self.client.get_or_insert_with(|| {
            let node = S::node(request).map(Node::new).unwrap_or_default();
            Client {
                session: Session::new(S::FORM, node.proxyless()),
                entry: self.push.proxies.enter(&node, S::FORM, self.address),
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

impl<S: Speech> Stream for Conversation<S> {
    type Item = Result<S::Response, Status>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.stopped.as_mut().poll(context).is_ready() {
            return Poll::Ready(None);
        }
        loop {
            if let Some(client) = &mut this.client {
                client.look(context);
                if let Some(response) = client.speak::<S>() {
                    return Poll::Ready(Some(Ok(response)));
                }
            }
            match ready!(Pin::new(&mut this.requests).poll_next(context)) {
                Some(Ok(request)) => {
                    if let Err(status) = this.hear(&request) {
                        return Poll::Ready(Some(Err(status)));
                    }
                }
                // A broken connection is no news: the proxy's entry says that it is gone.
                Some(Err(_)) | None => return Poll::Ready(None),
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

    fn speak<S: Speech>(&mut self) -> Option<S::Response> {
        let response = self.session.respond();
        if let Some(response) = &response {
            self.entry.proxy().sent(response.kind, &response.version);
            self.latency.sent();
        }
        if self.session.settled() {
            self.latency.settled();
        }
        self.entry.proxy().stands(&self.session);
        let kind = response.as_ref()?.kind.as_str();
        let response = S::say(response?);
        metrics::counter!(metric::PUSHES, "kind" => kind).increment(1);
        metrics::counter!(metric::BYTES, "kind" => kind).increment(response.encoded_len() as u64);
        Some(response)
    }
}
