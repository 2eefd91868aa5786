//! The bytes of a connection, shared by its requests: who answers one may still be reading its body.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::request;
use http_body::{Frame, SizeHint};
use socket2::SockRef;
use tokio::{io::AsyncWrite as _, time::timeout};

use super::super::io::Phase;
use crate::{
    body::Body,
    http1::{
        Broken, Decoder, Framing, Outgoing, Sending, Unsendable,
        buffer::{self, SIZE, poll_fill},
        head::{Awaited, Noted},
    },
    stream::Stream,
};

/// How long a client that is still sending may take to see why it was hung up on: a socket that is closed with bytes
/// unread takes back what was sent.
const LINGER: Duration = Duration::from_secs(1);

/// So much of what it sends meanwhile is passed over.
const LEFTOVERS: usize = 256 * 1024;

/// And so much the kernel keeps. The rest waits on its own side.
const KEPT: usize = 32 * 1024;

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// See the module.
pub struct Line {
    wire: RefCell<Wire>,
    phase: Rc<Phase>,
    /// The worker's clock as of its last tick.
    tick: Rc<Cell<u64>>,
}

struct Wire {
    stream: Stream,
    /// What has come and is not read yet.
    buffer: BytesMut,
    /// The body of the request under way.
    decoder: Decoder,
    /// Whose body that is: who still has that of another request, as a stream to an endpoint may, reads no more of it.
    turn: u64,
    /// What is left to be said before its client sends that body.
    invitation: &'static [u8],
}

/// A request's body on its way in.
pub struct Received {
    line: Rc<Line>,
    /// As long as it is its turn.
    turn: u64,
    /// Its last byte has been read.
    ended: Cell<bool>,
}

impl Line {
    pub(super) fn new(
        stream: Stream,
        first: BytesMut,
        phase: Rc<Phase>,
        tick: Rc<Cell<u64>>,
    ) -> Rc<Self> {
        Rc::new(Self {
            wire: RefCell::new(Wire {
                stream,
                buffer: first,
                decoder: Decoder::new(Framing::Length(0)),
                turn: 0,
                invitation: b"",
            }),
            phase,
            tick,
        })
    }

    /// The next head; `None`: the client has left in place of one.
    pub(super) fn poll_head(
        &self,
        awaited: &mut Awaited,
        limit: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<(request::Parts, Noted)>, Broken>> {
        let Wire { stream, buffer, .. } = &mut *self.wire.borrow_mut();
        loop {
            if !buffer.is_empty() {
                if self.phase.head_since.get() == 0 {
                    let now = self.tick().max(1);
                    self.phase.head_since.set(now);
                }
                if let Some(head) = awaited.request(buffer, limit)? {
                    return Poll::Ready(Ok(Some(head)));
                }
            }
            match ready!(poll_fill(stream, buffer, SIZE, cx))? {
                0 if buffer.is_empty() => return Poll::Ready(Ok(None)),
                0 => return Poll::Ready(Err(Broken::Ended)),
                _ => {}
            }
        }
    }

    /// Waits for more bytes, and holds nothing for them.
    pub(super) fn poll_stirs(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire.borrow().stream.socket().poll_read_ready(cx)
    }

    /// The body of the request whose head was just read. If its client waits to be `invited`, it is when that body is
    /// first read.
    pub(super) fn receive(self: &Rc<Self>, framing: Framing, invited: bool) -> Body {
        let wire = &mut *self.wire.borrow_mut();
        wire.turn += 1;
        if framing == Framing::Length(0) {
            return Body::default();
        }
        wire.decoder = Decoder::new(framing);
        wire.invitation = if invited { CONTINUE } else { b"" };
        Body::from(Received {
            line: Rc::clone(self),
            turn: wire.turn,
            ended: Cell::new(false),
        })
    }

    /// The worker's clock as of its last tick, in microseconds.
    pub(super) fn tick(&self) -> u64 {
        self.tick.get()
    }

    /// Whether the client still waits to be asked for its body.
    pub(super) fn awaits_invitation(&self) -> bool {
        self.wire.borrow().invitation.len() == CONTINUE.len()
    }

    /// Nobody is invited any more: the response begins.
    pub(super) fn answer(&self) {
        let wire = &mut *self.wire.borrow_mut();
        if wire.invitation.len() == CONTINUE.len() {
            wire.invitation = b"";
        }
    }

    /// Sends what can be sent of a response.
    pub(super) fn poll_send(
        &self,
        sending: &mut Sending,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Unsendable>> {
        let before = sending.written();
        let sent = sending.poll(&mut self.wire.borrow_mut().stream, cx);
        let stuck = &self.phase.stuck_since;
        if !sending.is_stuck() {
            stuck.set(0);
        } else if sending.written() != before || stuck.get() == 0 {
            stuck.set(self.tick().max(1));
        }
        sent
    }

    /// Whether the client has left, if it is time for a look.
    pub(super) fn client_has_left(&self) -> bool {
        let probe = &self.phase.probe;
        probe.replace(false) && self.wire.borrow_mut().stream.has_ended()
    }

    /// Whether the body of the request that was answered has been read, if need be now. If it has not come yet, there is
    /// no telling where the next request begins.
    pub(super) fn is_clear(&self) -> bool {
        let wire = &mut *self.wire.borrow_mut();
        if !wire.decoder.is_done() {
            // What is passed over here must not be missing from what somebody still reads.
            wire.turn += 1;
            while let Ok(Some(_)) = wire.decoder.decode(&mut wire.buffer) {}
        }
        if wire.buffer.is_empty() {
            buffer::give(std::mem::take(&mut wire.buffer));
        }
        wire.decoder.is_done()
    }

    /// Says something in a few words.
    pub(super) async fn say(&self, words: &[u8]) -> io::Result<()> {
        let mut outgoing = Outgoing::from(BytesMut::from(words));
        poll_fn(|cx| {
            let stream = &mut self.wire.borrow_mut().stream;
            ready!(outgoing.poll_write(stream, cx))?;
            Pin::new(stream).poll_flush(cx)
        })
        .await
    }

    /// Says goodbye, and waits a moment for a client that is still sending.
    pub(super) async fn close(&self) -> io::Result<()> {
        self.wire.borrow_mut().turn += 1;
        let end = poll_fn(|cx| Pin::new(&mut self.wire.borrow_mut().stream).poll_shutdown(cx));
        end.await?;
        let wire = &self.wire;
        let sends = !wire.borrow().decoder.is_done() || !wire.borrow().buffer.is_empty();
        if sends {
            wire.borrow().take_little();
            let mut left = LEFTOVERS;
            let discarded = poll_fn(|cx| wire.borrow_mut().poll_discard(&mut left, cx));
            let _ = timeout(LINGER, discarded).await;
        }
        Ok(())
    }

    /// Lets the client see that it was broken off: by an end alone it could take what came for all of it.
    pub(super) fn reset(&self) {
        let wire = self.wire.borrow();
        let _ = SockRef::from(wire.stream.socket()).set_linger(Some(Duration::ZERO));
    }

    /// What the connection comes down to, and what of it has been read; if nobody else has it.
    pub(super) fn into_parts(self: Rc<Self>) -> Option<(BytesMut, Stream)> {
        let wire = Rc::into_inner(self)?.wire.into_inner();
        Some((wire.buffer, wire.stream))
    }
}

impl Wire {
    /// Has the kernel take no more than that: by itself it would take as much as any socket may, some 32 MiB.
    fn take_little(&self) {
        let _ = SockRef::from(self.stream.socket()).set_recv_buffer_size(KEPT);
    }

    /// Passes over what comes, as long as it is no more than `left`; ready when no more can come.
    fn poll_discard(&mut self, left: &mut usize, cx: &mut Context<'_>) -> Poll<()> {
        while *left > 0 {
            self.buffer.clear();
            match ready!(poll_fill(&mut self.stream, &mut self.buffer, SIZE, cx)) {
                Ok(read @ 1..) => *left = left.saturating_sub(read),
                _ => return Poll::Ready(()),
            }
        }
        buffer::give(std::mem::take(&mut self.buffer));
        Poll::Pending
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        while !self.invitation.is_empty() {
            let stream = Pin::new(&mut self.stream);
            match ready!(stream.poll_write(cx, self.invitation)) {
                Ok(0) => return Poll::Ready(Some(Err(Broken::Ended))),
                Ok(written) => self.invitation = &self.invitation[written..],
                Err(error) => return Poll::Ready(Some(Err(error.into()))),
            }
            // A few bytes: TLS may keep them until it is told.
            let _ = Pin::new(&mut self.stream).poll_flush(cx);
        }
        self.decoder
            .poll_frame(&mut self.stream, &mut self.buffer, cx)
    }
}

impl Received {
    /// The next frame.
    pub fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if self.ended.get() {
            return Poll::Ready(None);
        }
        let wire = &mut *self.line.wire.borrow_mut();
        if wire.turn != self.turn {
            self.ended.set(true);
            return Poll::Ready(Some(Err(Broken::Ended)));
        }
        let frame = ready!(wire.poll_frame(cx));
        self.ended
            .set(wire.decoder.is_done() || !matches!(frame, Some(Ok(_))));
        Poll::Ready(frame)
    }

    /// It has come to its end.
    pub fn is_end_stream(&self) -> bool {
        self.ended.get()
    }

    /// How much is still to come.
    pub fn size_hint(&self) -> SizeHint {
        match self.ended.get() {
            true => SizeHint::with_exact(0),
            false => self.line.wire.borrow().decoder.size_hint(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokio::{
        io::AsyncWriteExt,
        net::{TcpListener, TcpStream},
    };

    use super::*;

    async fn line() -> (Rc<Line>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = TcpStream::connect(address).await.unwrap();
        let stream = listener.accept().await.unwrap().0.into();
        let line = Line::new(stream, BytesMut::new(), Rc::default(), Rc::default());
        (line, client)
    }

    async fn head(line: &Line) {
        let mut awaited = Awaited::default();
        let head = poll_fn(|cx| line.poll_head(&mut awaited, 1024, cx)).await;
        assert!(head.unwrap().is_some());
    }

    fn body(line: &Rc<Line>) -> Received {
        let _ = line.receive(Framing::Chunked, false);
        Received {
            line: Rc::clone(line),
            turn: line.wire.borrow().turn,
            ended: Cell::new(false),
        }
    }

    #[tokio::test]
    async fn who_still_has_a_body_reads_nothing_of_the_next_and_takes_no_part_for_all_of_it() {
        let (line, mut client) = line().await;
        let request = "POST / HTTP/1.1\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
        client.write_all(request.as_bytes()).await.unwrap();
        head(&line).await;
        let mut first = body(&line);
        assert!(line.is_clear(), "all of it has come, and is passed over");
        let read = poll_fn(|cx| first.poll_frame(cx)).await;
        assert!(matches!(read, Some(Err(_))), "a part of it is not all");

        let mut first = body(&line);
        client.write_all(request.as_bytes()).await.unwrap();
        head(&line).await;
        let mut second = body(&line);
        let read = poll_fn(|cx| first.poll_frame(cx)).await;
        assert!(matches!(read, Some(Err(_))), "that is another's");
        let read = poll_fn(|cx| second.poll_frame(cx)).await;
        assert_eq!(read.unwrap().unwrap().into_data().unwrap(), "abc");
    }
}
