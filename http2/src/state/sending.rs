//! What goes to the other side, as far as there is room for it (RFC 9113, 5.2 and 6.9).
//!
//! A stream that has room of its own and none of the connection's stands in line. When there is some, the first is told that it
//! is its turn; when it has sent a frame's worth, or has nothing to send after all, it is the next one's. So nobody is passed
//! over, and nobody is woken in vain.

use std::task::{Context, Poll};

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, Method, response};

use super::{Key, State};
use crate::{
    error::{By, Error, Fault, Reason},
    frame::{self, Head},
    hpack::Encoder,
    message,
    stream::{Awaits, remember},
};

/// Bytes that one stream sends before it is another's turn.
const TURN: usize = frame::LONGEST;

impl State {
    /// Begins a stream with a request; that `ends` it, or a body follows.
    ///
    /// # Errors
    /// When no more streams can begin now: it has not been sent.
    pub(crate) fn send_request(
        &mut self,
        head: message::Head<'_>,
        ends: bool,
    ) -> Result<Key, Error> {
        if let Some(error) = self.error {
            return Err(error);
        }
        if !self.takes_requests() || self.ids.len() >= self.theirs.max_streams as usize {
            return Err(Error::Reset(Reason::REFUSED_STREAM, By::Us));
        }
        let id = self.next;
        self.next += 2;
        let key = self.begin(id, Awaits::Head);
        self.streams[key].bodiless = *head.method == Method::HEAD;
        self.write_block(id, ends, |encoder, to| {
            message::write_request(head, encoder, to)
        });
        if ends {
            self.end_sending(key);
        }
        Ok(key)
    }

    /// Answers with a head; that `ends` it, or a body follows.
    pub(crate) fn send_response(
        &mut self,
        key: Key,
        head: &response::Parts,
        ends: bool,
    ) -> Result<(), Error> {
        let id = self.open(key)?;
        self.write_block(id, ends, |encoder, to| {
            message::write_response(head, encoder, to)
        });
        if ends {
            self.end_sending(key);
        }
        Ok(())
    }

    /// Ends a stream with trailers.
    pub(crate) fn send_trailers(&mut self, key: Key, trailers: &HeaderMap) -> Result<(), Error> {
        let id = self.open(key)?;
        self.write_block(id, true, |encoder, to| {
            message::write_trailers(trailers, encoder, to)
        });
        self.end_sending(key);
        Ok(())
    }

    /// Takes off `data` what there is room for, and sends it; ready when that is all, and with it the `end`.
    pub(crate) fn poll_send(
        &mut self,
        key: Key,
        data: &mut Bytes,
        end: bool,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        let id = self.open(key)?;
        while !data.is_empty() {
            let mine = self.turn == Some(key);
            let free = mine || self.turn.is_none() && self.line.is_empty();
            let stream = &mut self.streams[key];
            if stream.window <= 0 || self.window <= 0 || self.output.is_full() || !free {
                remember(&mut stream.writer, cx.waker());
                if stream.window > 0 && !stream.in_line {
                    stream.in_line = true;
                    // Whose turn was cut short is the next again.
                    match mine && stream.due > 0 {
                        true => self.line.push_front(key),
                        false => self.line.push_back(key),
                    }
                }
                if mine {
                    self.end_turn();
                }
                return Poll::Pending;
            }
            let most = match mine {
                true => stream.due,
                false => TURN,
            };
            let most = most.min(self.theirs.max_frame);
            let room = stream.window.min(self.window).min(most as i64) as usize;
            let part = data.split_to(room.min(data.len()));
            stream.due = stream.due.saturating_sub(part.len());
            let over = stream.due == 0 || data.is_empty();
            stream.window -= part.len() as i64;
            self.window -= part.len() as i64;
            self.write_data(id, part, end && data.is_empty());
            if mine && over {
                self.end_turn();
            }
            if data.is_empty() {
                if end {
                    self.end_sending(key);
                }
                return Poll::Ready(Ok(()));
            }
        }
        self.leave_line(key);
        if end {
            self.write_data(id, Bytes::new(), true);
            self.end_sending(key);
        }
        Poll::Ready(Ok(()))
    }

    /// Waits for a reset, or the end of the connection.
    pub(crate) fn poll_reset(&mut self, key: Key, cx: &mut Context<'_>) -> Poll<Error> {
        let stream = &mut self.streams[key];
        match stream.error {
            Some(error) => Poll::Ready(error),
            None => {
                remember(&mut stream.writer, cx.waker());
                Poll::Pending
            }
        }
    }

    /// The number of a stream that may be sent on.
    fn open(&self, key: Key) -> Result<u32, Error> {
        let stream = &self.streams[key];
        match stream.error {
            Some(error) => Err(error),
            None if stream.sent => Err(Error::Reset(Reason::STREAM_CLOSED, By::Us)),
            None => Ok(stream.id),
        }
    }

    fn write_data(&mut self, stream: u32, data: Bytes, end: bool) {
        let head = Head {
            length: data.len(),
            kind: frame::DATA,
            flags: if end { frame::END_STREAM } else { 0 },
            stream,
        };
        head.write(self.output.tail());
        self.output.push(data);
        self.wake_driver();
    }

    /// Writes HEADERS, and CONTINUATION as far as it takes.
    pub(super) fn write_block(
        &mut self,
        stream: u32,
        ends: bool,
        write: impl FnOnce(&mut Encoder, &mut BytesMut),
    ) {
        let most = self.theirs.max_frame.min(frame::LONGEST);
        let ends = if ends { frame::END_STREAM } else { 0 };
        let tail = self.output.tail();
        let start = tail.len();
        let head = |length, kind, flags| Head {
            length,
            kind,
            flags,
            stream,
        };
        // Its length is known afterwards.
        head(0, frame::HEADERS, 0).write(tail);
        write(&mut self.encoder, tail);
        let length = tail.len() - start - frame::HEAD;
        if length <= most {
            let [_, a, b, c] = (length as u32).to_be_bytes();
            let flags = frame::END_HEADERS | ends;
            tail[start..start + 5].copy_from_slice(&[a, b, c, frame::HEADERS, flags]);
        } else {
            let mut block = tail.split_off(start);
            block.advance(frame::HEAD);
            let (mut kind, mut flags) = (frame::HEADERS, ends);
            while !block.is_empty() {
                let part = block.split_to(most.min(block.len()));
                if block.is_empty() {
                    flags |= frame::END_HEADERS;
                }
                head(part.len(), kind, flags).write(tail);
                tail.extend_from_slice(&part);
                (kind, flags) = (frame::CONTINUATION, 0);
            }
        }
        self.wake_driver();
    }

    /// The next in line sends, if there is room. To be called whenever that may be.
    pub(crate) fn next_turn(&mut self) {
        if self.turn.is_none()
            && self.window > 0
            && !self.output.is_full()
            && let Some(key) = self.line.pop_front()
        {
            self.turn = Some(key);
            let stream = &mut self.streams[key];
            stream.in_line = false;
            if stream.due == 0 {
                stream.due = TURN;
            }
            stream.wake_writer();
        }
    }

    fn end_turn(&mut self) {
        self.turn = None;
        self.next_turn();
    }

    /// It does not send any more.
    pub(super) fn leave_line(&mut self, key: Key) {
        let stream = &mut self.streams[key];
        if stream.in_line {
            stream.in_line = false;
            self.line.retain(|other| *other != key);
        }
        if self.turn == Some(key) {
            self.end_turn();
        }
    }

    /// The connection's window is wider by so much.
    pub(super) fn open_window(&mut self, more: u32) -> Result<(), Reason> {
        self.window = wider(self.window, more)?;
        self.next_turn();
        Ok(())
    }

    /// A stream's window is wider by so much.
    pub(super) fn open_stream(&mut self, key: Key, more: u32) -> Result<(), Reason> {
        let stream = &mut self.streams[key];
        stream.window = wider(stream.window, more)?;
        if !stream.in_line && stream.window > 0 {
            stream.wake_writer();
        }
        Ok(())
    }

    /// The windows of all streams are as much wider, or narrower, as `theirs.window` is than it was `before`.
    pub(super) fn rewindow(&mut self, before: u32) -> Result<(), Fault> {
        let more = i64::from(self.theirs.window) - i64::from(before);
        for (_, stream) in &mut self.streams {
            if stream.is_over() {
                continue;
            }
            stream.window += more;
            if stream.window > frame::MOST.into() {
                return Err(Fault::Connection(Reason::FLOW_CONTROL_ERROR));
            }
            if more > 0 && stream.window > 0 && !stream.in_line {
                stream.wake_writer();
            }
        }
        Ok(())
    }
}

fn wider(window: i64, more: u32) -> Result<i64, Reason> {
    let window = window + i64::from(more);
    match more {
        0 => Err(Reason::PROTOCOL_ERROR),
        _ if window > frame::MOST.into() => Err(Reason::FLOW_CONTROL_ERROR),
        _ => Ok(window),
    }
}
