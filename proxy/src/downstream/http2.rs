//! A downstream connection that speaks HTTP/2: a task for each request, all on one connection.
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

use bytes::{Bytes, BytesMut};
use h2::{
    Reason, RecvStream,
    server::{Builder, SendResponse},
};
use http::{HeaderValue, Method, Request, Response, header, request, uri::PathAndQuery};
use http_body::Body as _;
use tokio::{sync::oneshot, task::spawn_local};

use super::{Connection, io::Io, upgrade::OnUpgrade};
use crate::{
    body::Body,
    call::Arrived,
    date,
    http1::Malformed,
    http2::{Incoming, Outgoing, Tunneled, Windows, has_foreign_name, windows},
    stack::Stack,
    stream::Stream,
    telemetry::metrics::DownstreamError,
};

/// How many streams of one connection may break the rules before it does: an attack in which a server resets its streams
/// itself costs as much as one in which its client does (CVE-2025-8671).
const MAX_BROKEN_STREAMS: usize = 1024;

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
    served.map_err(|error| (failure(connection, &error), error.into()))
}

async fn accept(
    io: Io,
    drain: &Cell<bool>,
    connection: &Rc<Connection>,
    stack: &Rc<Stack>,
) -> Result<(), h2::Error> {
    let listener = connection.listener();
    let config = &listener.config;
    let mut http2 = Builder::new()
        .initial_window_size(windows::STREAM)
        .initial_connection_window_size(windows::CONNECTION)
        .max_concurrent_streams(config.max_streams)
        .max_header_list_size(u32::try_from(config.max_header_bytes).unwrap_or(u32::MAX))
        .max_local_error_reset_streams(Some(MAX_BROKEN_STREAMS))
        .handshake(io)
        .await?;
    let mut windows = Windows::new(http2.ping_pong());
    let received = &connection.phase.received;
    let mut next = async || {
        poll_fn(|cx| {
            if drain.take() {
                http2.graceful_shutdown();
            }
            if let Some((stream, all)) = windows.poll(received.get(), cx) {
                http2.set_target_window_size(all);
                // The last change is in force: what made this one necessary came by it.
                let _ = http2.set_initial_window_size(stream);
            }
            http2.poll_accept(cx)
        })
        .await
    };
    while let Some(arrived) = next().await {
        let (request, respond) = arrived?;
        let (exchange, arrived) = Exchange::begin(request, respond);
        spawn_local(exchange.serve(arrived, Rc::clone(connection), Rc::clone(stack)));
    }
    Ok(())
}

fn failure(connection: &Connection, error: &h2::Error) -> DownstreamError {
    // h2 has floods of its own that it ends.
    let calmed = error.reason() == Some(Reason::ENHANCE_YOUR_CALM);
    match error.is_library() {
        _ if connection.phase.flooded.get() => DownstreamError::Flood,
        true if calmed => DownstreamError::Flood,
        true => DownstreamError::BadHead,
        false => DownstreamError::Reset,
    }
}

/// What of a request matters to its response.
struct Exchange {
    respond: SendResponse<Bytes>,
    /// CONNECT: what gets the stream once it is a tunnel.
    switch: Option<(RecvStream, oneshot::Sender<Tunneled>)>,
}

impl Exchange {
    fn begin(request: Request<RecvStream>, respond: SendResponse<Bytes>) -> (Self, Arrived) {
        let (head, stream) = request.into_parts();
        let doubt = malformed(&head);
        let (body, switch, upgrade) = match head.method {
            Method::CONNECT => {
                let (give, take) = oneshot::channel();
                let upgrade = OnUpgrade::Http2(take);
                (Body::default(), Some((stream, give)), Some(upgrade))
            }
            _ => (Body::from(Incoming::new(stream, &head.headers)), None, None),
        };
        let arrived = Arrived {
            head,
            body,
            upgrade,
            doubt,
        };
        (Self { respond, switch }, arrived)
    }

    async fn serve(mut self, arrived: Arrived, connection: Rc<Connection>, stack: Rc<Stack>) {
        let tick = connection.tick_handle();
        let response = {
            let mut serving = pin!(stack.serve(arrived, connection));
            let answered = poll_fn(|cx| match serving.as_mut().poll(cx) {
                // A client that wants no response any more says so, or is gone.
                Poll::Pending => self.respond.poll_reset(cx).map(|_| None),
                answered => answered.map(Some),
            });
            answered.await
        };
        match response {
            Some(Ok(response)) => self.answer(response, tick.get()).await,
            Some(Err(_broken_off)) => self.respond.send_reset(Reason::INTERNAL_ERROR),
            None => {}
        }
    }

    async fn answer(mut self, response: Response<Body>, tick: u64) {
        let (head, body) = response.into_parts();
        let switch = self.switch.filter(|_| head.status.is_success());
        let ends = body.is_end_stream() && switch.is_none();
        let mut head = Response::from_parts(head, ());
        complete(&mut head, &body, switch.is_some(), tick);
        let Ok(stream) = self.respond.send_response(head, ends) else {
            self.respond.send_reset(Reason::INTERNAL_ERROR);
            return;
        };
        if let Some((incoming, switch)) = switch {
            // Whoever asked for it waits.
            let _ = switch.send(Tunneled::new(incoming, stream));
        } else if !ends {
            let mut sending = Outgoing::new(stream, body);
            // That the client is gone, or that the body broke off, has been seen by what rides on it.
            let _ = poll_fn(|cx| sending.poll(cx)).await;
        }
    }
}

/// What h2 lets through of what is no request (RFC 9113, 8.2.1 and 8.3.1).
fn malformed(head: &request::Parts) -> Option<Malformed> {
    let target = head.uri.path_and_query().map(PathAndQuery::as_str);
    let is_path = match target {
        // So does a target that is missing look, where there is no authority; where there is one, h2 refuses that itself.
        Some("/") if head.uri.authority().is_none() => {
            head.uri.clone().into_parts().path_and_query.is_some()
        }
        Some(target) => target.starts_with('/') || target == "*",
        None => head.method == Method::CONNECT,
    };
    match is_path {
        false => Some(Malformed::Head("path")),
        _ if has_foreign_name(&head.headers) => Some(Malformed::Head("name of a header")),
        _ => None,
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
