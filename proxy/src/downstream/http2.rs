//! A downstream connection that speaks HTTP/2: many requests at once, each by a task, all on one connection.
//!
//! ```text
//! connection --a head--> Exchange: the stack, then its response --> the stream's end, or a tunnel
//! ```

use std::{
    cell::Cell,
    error::Error,
    future::{Future as _, poll_fn},
    pin::pin,
    rc::Rc,
    task::Poll,
};

use bytes::BytesMut;
use http::{HeaderValue, Method, Request, Response, header};
use http_body::Body as _;
use outrigger_http2::{
    Error as Http2Error, Reason, Receiving, Settings,
    server::{self, Responding},
};
use tokio::{sync::oneshot, task::yield_now};

use super::{Connection, io::Io, upgrade::OnUpgrade};
use crate::{
    body::Body,
    call::Arrived,
    date,
    http2::{Incoming, Outgoing, Tunneled},
    stack::Stack,
    stream::Stream,
    telemetry::metrics::DownstreamError,
    worker::tasks::Job,
};

/// How many streams of one connection may break the rules before it does: an attack in which a server resets its streams
/// itself costs as much as one in which its client does (CVE-2025-8671).
const MAX_BROKEN_STREAMS: u32 = 100;

/// After so many requests of one connection those of others go first: hundreds may come at once, and each may need a connection
/// to an endpoint.
const IN_A_ROW: u32 = 16;

/// How a connection failed: for the metric, and for the log.
pub(super) type Failure = (DownstreamError, Box<dyn Error>);

/// Serves a connection to its end; `first` was read of it before.
///
/// # Errors
/// How it broke, if that was its client's doing.
pub(super) async fn serve(
    stream: Stream,
    first: BytesMut,
    connection: &Rc<Connection>,
    stack: &Rc<Stack>,
) -> Result<(), Failure> {
    connection.phase.head_since.set(0);
    connection.multiplex();
    let phase = Rc::clone(&connection.phase);
    let io = Io::new(stream, first, phase, connection.tick_handle());
    let drain = Cell::new(false);
    let served = accept(io, &drain, connection, stack);
    let served = connection.run(served, |_| drain.set(true)).await;
    let served = served.unwrap_or(Ok(()));
    served.map_err(|error| (failure(error), error.into()))
}

async fn accept(
    io: Io,
    drain: &Cell<bool>,
    connection: &Rc<Connection>,
    stack: &Rc<Stack>,
) -> Result<(), Http2Error> {
    let listener = connection.listener();
    let config = &listener.config;
    let settings = Settings {
        max_streams: config.max_streams,
        max_header_list: u32::try_from(config.max_header_bytes).unwrap_or(u32::MAX),
        max_broken_streams: MAX_BROKEN_STREAMS,
    };
    let mut http2 = server::handshake(io, settings).await?;
    let mut next = async || {
        poll_fn(|cx| {
            if drain.take() {
                http2.shut_down();
            }
            http2.poll_accept(cx)
        })
        .await
    };
    let mut row = 0;
    while let Some(arrived) = next().await {
        let (request, responding) = arrived?;
        row += 1;
        if row > IN_A_ROW {
            row = 1;
            yield_now().await;
        }
        let exchanges = &connection.worker().exchanges;
        exchanges.spawn(Exchange {
            request,
            responding,
            connection: Rc::clone(connection),
            stack: Rc::clone(stack),
        });
    }
    Ok(())
}

fn failure(error: Http2Error) -> DownstreamError {
    match error {
        Http2Error::GoAway(Reason::ENHANCE_YOUR_CALM, _) => DownstreamError::Flood,
        Http2Error::GoAway(..) | Http2Error::Reset(..) => DownstreamError::BadHead,
        Http2Error::Io(_) => DownstreamError::Reset,
    }
}

/// A request, and where its response goes.
pub struct Exchange {
    request: Request<Receiving>,
    responding: Responding,
    connection: Rc<Connection>,
    stack: Rc<Stack>,
}

impl Job for Exchange {
    async fn run(self) {
        let Self {
            request,
            responding,
            connection,
            stack,
        } = self;
        let (mut answering, arrived) = Answering::begin(request, responding);
        let tick = connection.tick_handle();
        let response = {
            let mut serving = pin!(stack.serve(arrived, connection));
            let answered = poll_fn(|cx| match serving.as_mut().poll(cx) {
                // A client that wants no response any more says so, or is gone.
                Poll::Pending => answering.responding.poll_reset(cx).map(|_| None),
                answered => answered.map(Some),
            });
            answered.await
        };
        match response {
            Some(Ok(response)) => answering.answer(response, tick.get()).await,
            Some(Err(_broken_off)) => answering.responding.reset(Reason::INTERNAL_ERROR),
            None => {}
        }
    }
}

/// What of a request matters to its response.
struct Answering {
    responding: Responding,
    /// CONNECT: what gets the stream once it is a tunnel.
    switch: Option<(Receiving, oneshot::Sender<Tunneled>)>,
}

impl Answering {
    fn begin(request: Request<Receiving>, responding: Responding) -> (Self, Arrived) {
        let (head, stream) = request.into_parts();
        let (body, switch, upgrade) = match head.method {
            Method::CONNECT => {
                let (give, take) = oneshot::channel();
                let upgrade = OnUpgrade::Http2(take);
                (Body::default(), Some((stream, give)), Some(upgrade))
            }
            _ => (Body::from(Incoming::from(stream)), None, None),
        };
        let arrived = Arrived {
            head,
            body,
            upgrade,
            doubt: None,
        };
        (Self { responding, switch }, arrived)
    }

    async fn answer(self, response: Response<Body>, tick: u64) {
        let (head, body) = response.into_parts();
        let switch = self.switch.filter(|_| head.status.is_success());
        let ends = body.is_end_stream() && switch.is_none();
        let mut head = Response::from_parts(head, ());
        complete(&mut head, &body, switch.is_some(), tick);
        // That the client is gone, or that the body broke off, has been seen by what rides on it.
        if ends {
            let _ = self.responding.send_whole(head);
            return;
        }
        let Ok(stream) = self.responding.send(head) else {
            return;
        };
        if let Some((incoming, switch)) = switch {
            // Whoever asked for it waits.
            let _ = switch.send(Tunneled::new(incoming, stream));
        } else {
            let mut sending = Outgoing::new(stream, body);
            let _ = poll_fn(|cx| sending.poll(cx)).await;
        }
    }
}

/// Makes it a response of HTTP/2, and adds what a server says: when it is (RFC 9110, 6.6.1), and how much follows if it knows.
fn complete(head: &mut Response<()>, body: &Body, tunnels: bool, tick: u64) {
    let length = body.size_hint().exact().filter(|length| *length > 0);
    let headers = head.headers_mut();
    // What HTTP/1 says of the connection has no place here (RFC 9113, 8.2.2).
    headers.remove(header::CONNECTION);
    if tunnels {
        headers.remove(header::CONTENT_LENGTH);
    } else if let Some(length) = length {
        headers
            .entry(header::CONTENT_LENGTH)
            .or_insert_with(|| HeaderValue::from(length));
    }
    headers.entry(header::DATE).or_insert_with(|| {
        let date = date::with(tick, |date| HeaderValue::from_bytes(date));
        date.unwrap_or(HeaderValue::from_static(""))
    });
}
