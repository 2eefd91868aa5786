//! A downstream connection that speaks HTTP/1: one request after the other, each with its response.
//!
//! ```text
//! Line --a head--> exchange: the stack, then its response --> Line, or a tunnel, or the end
//! ```
//!
//! Between requests a connection is its socket and little else: buffers are lent, and what a request needs ends with it.

mod exchange;
mod line;

use std::{future::poll_fn, rc::Rc, task::Poll};

use bytes::BytesMut;
use http::StatusCode;
pub use line::Received;

use self::{
    exchange::{After, Exchange},
    line::Line,
};
use super::Connection;
use crate::{
    http1::{Broken, Malformed, head::Awaited},
    stack::Stack,
    stream::Stream,
};

/// What the proxy itself answers to what is no request has what every answer of its has.
const REFUSAL: &str = "server: outrigger\r\nproxy-status: outrigger; error=http_request_error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// Serves a connection to its end; `first` was read of it before.
///
/// # Errors
/// How it broke, if that was its client's doing.
pub fn serve(
    stream: Stream,
    first: BytesMut,
    connection: &Rc<Connection>,
    stack: &Rc<Stack>,
) -> impl Future<Output = Result<(), Broken>> {
    let phase = Rc::clone(&connection.phase);
    let mut line = Line::new(stream, first, phase, connection.tick_handle());
    async move {
        // Boxed: what requests need goes when none has come for a while.
        while let Some(resting) = Box::pin(busy(line, connection, stack)).await? {
            line = resting;
            connection.forwarded.rest();
            poll_fn(|cx| line.poll_stirs(cx)).await?;
        }
        Ok(())
    }
}

/// Serves requests until none comes for a while; `None`: the connection has ended.
async fn busy(
    mut line: Rc<Line>,
    connection: &Rc<Connection>,
    stack: &Rc<Stack>,
) -> Result<Option<Rc<Line>>, Broken> {
    let limit = connection.listener().config.max_header_bytes;
    loop {
        let mut awaited = Awaited::default();
        let head = poll_fn(|cx| match line.poll_head(&mut awaited, limit, cx) {
            Poll::Pending if connection.may_rest() => Poll::Ready(None),
            head => head.map(Some),
        });
        let head = match head.await {
            Some(Ok(Some(head))) => head,
            Some(Ok(None)) => return Ok(None),
            Some(Err(Broken::Malformed(malformed))) => {
                refuse(&line, malformed).await;
                return Err(malformed.into());
            }
            Some(Err(broken)) => return Err(broken),
            None => return Ok(Some(line)),
        };
        match Exchange::serve(line, head, connection, stack).await? {
            After::Next(next) => line = next,
            After::End(line) => {
                line.close().await?;
                return Ok(None);
            }
            After::Gone => return Ok(None),
        }
    }
}

/// Says that what came is no request.
async fn refuse(line: &Rc<Line>, malformed: Malformed) {
    let status = match malformed {
        Malformed::TooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        _ => StatusCode::BAD_REQUEST,
    };
    let reason = status.canonical_reason().unwrap_or_default();
    let answer = format!("HTTP/1.1 {} {reason}\r\n{REFUSAL}", status.as_str());
    // Who is gone need not be told.
    let _ = line.say(answer.as_bytes()).await;
    let _ = line.close().await;
}
