//! What the other side says, frame by frame (RFC 9113, 6).

use std::ops::Range;

use bytes::{Buf, BufMut, BytesMut};
use http::{Method, StatusCode};

use super::{Block, Key, Side, State};
use crate::{
    error::{By, Error, Fault, Reason},
    frame::{self, Head},
    message::{Fields, Malformed, write_response},
    settings,
    stream::Awaits,
};

/// Frames that one header block may come in. Empty ones would cost nothing but time (CVE-2024-27316).
const MAX_FRAGMENTS: u32 = 64;

/// How many requests may be taken back before anybody has looked at them, more than are looked at (CVE-2023-44487).
const MAX_HASTY: u32 = 100;

/// Data that is not longer is copied.
const SHORT: usize = 1024;

type Outcome = Result<(), Fault>;

impl From<Malformed> for Fault {
    fn from(_: Malformed) -> Self {
        Self::Stream(Reason::PROTOCOL_ERROR)
    }
}

impl State {
    /// Takes the first frame off `input`; whether there was a whole one.
    ///
    /// # Errors
    /// When the connection can't go on.
    pub(crate) fn receive(&mut self, input: &mut BytesMut) -> Result<bool, Reason> {
        let Some(head) = Head::read(input) else {
            return Ok(false);
        };
        if head.length > frame::LONGEST {
            return Err(Reason::FRAME_SIZE_ERROR);
        }
        let whole = frame::HEAD + head.length;
        if input.len() < whole {
            input.reserve(whole - input.len());
            return Ok(false);
        }
        let outcome = match head.kind {
            frame::DATA if self.settled && self.block.is_none() => {
                input.advance(frame::HEAD);
                self.data(head, input)
            }
            _ => {
                let outcome = self.frame(head, &input[frame::HEAD..whole]);
                input.advance(whole);
                outcome
            }
        };
        match outcome {
            Ok(()) => Ok(true),
            Err(Fault::Stream(reason)) => self.fault(head.stream, reason).map(|()| true),
            Err(Fault::Connection(reason)) => Err(reason),
        }
    }

    /// A stream has broken a rule.
    fn fault(&mut self, id: u32, reason: Reason) -> Result<(), Reason> {
        self.broken += 1;
        if self.broken > self.ours.max_broken_streams {
            return Err(Reason::ENHANCE_YOUR_CALM);
        }
        match self.ids.get(&id) {
            Some(&key) => {
                self.withdraw(key);
                self.reset(key, reason);
            }
            // There is nothing yet to end.
            None if self.is_to_come(id) => return Err(reason),
            None => {
                frame::reset(id, reason, self.output.answer());
                self.finished.add(id);
            }
        }
        Ok(())
    }

    fn frame(&mut self, head: Head, payload: &[u8]) -> Outcome {
        let continued = self.block.as_ref().map(|block| block.stream);
        match head.kind {
            frame::CONTINUATION if continued == Some(head.stream) => {
                return self.continuation(head, payload);
            }
            // Nothing may come between (RFC 9113, 6.10), and nothing before SETTINGS (3.4).
            frame::CONTINUATION => return Err(Fault::Connection(Reason::PROTOCOL_ERROR)),
            kind if continued.is_some() || !self.settled && kind != frame::SETTINGS => {
                return Err(Fault::Connection(Reason::PROTOCOL_ERROR));
            }
            _ => {}
        }
        let of_stream = matches!(
            head.kind,
            frame::HEADERS | frame::PRIORITY | frame::RST_STREAM
        );
        let of_connection = matches!(head.kind, frame::SETTINGS | frame::PING | frame::GOAWAY);
        if of_stream && head.stream == 0 || of_connection && head.stream != 0 {
            return Err(Fault::Connection(Reason::PROTOCOL_ERROR));
        }
        match head.kind {
            frame::HEADERS => self.headers(head, payload),
            frame::PRIORITY => self.priority(head, payload),
            frame::RST_STREAM => self.reset_by_them(head, payload),
            frame::SETTINGS => self.settings(head, payload),
            frame::PING => self.ping(head, payload),
            frame::GOAWAY => self.go_away(payload),
            frame::WINDOW_UPDATE => self.window_update(head, payload),
            // No client may push, and no server that was told not to.
            frame::PUSH_PROMISE => Err(Fault::Connection(Reason::PROTOCOL_ERROR)),
            // Others mean nothing to us, and must not (RFC 9113, 4.1).
            _ => Ok(()),
        }
    }

    /// DATA, whose payload `input` begins with.
    fn data(&mut self, head: Head, input: &mut BytesMut) -> Outcome {
        let admitted = self.admit(head, &input[..head.length]);
        let Ok(Some((key, data))) = admitted else {
            input.advance(head.length);
            return admitted.map(drop);
        };
        let padding = head.length - data.len();
        let stream = &mut self.streams[key];
        if data.len() > SHORT {
            stream.keep_whole(input.split_to(head.length).freeze().slice(data));
        } else {
            stream.keep(&input[data]);
            input.advance(head.length);
        }
        stream.wake_reader();
        if padding > 0 {
            self.credit(key, padding);
        }
        match head.has(frame::END_STREAM) {
            true => self.end_receiving(key).map_err(Fault::Stream),
            false => Ok(()),
        }
    }

    /// Whether DATA may come: of which stream, and what of the payload is data; none if nobody wants it.
    fn admit(&mut self, head: Head, payload: &[u8]) -> Result<Option<(Key, Range<usize>)>, Fault> {
        self.account(head.length)?;
        let length = head.unpad(payload).map_err(Fault::Connection)?.len();
        let Some(&key) = self.ids.get(&head.stream) else {
            if head.stream == 0 || self.is_to_come(head.stream) {
                return Err(Fault::Connection(Reason::PROTOCOL_ERROR));
            }
            self.release_connection(head.length);
            return match self.finished.has(head.stream) {
                true => Ok(None),
                false => Err(self.closed()),
            };
        };
        if let Err(reason) = self.admit_to(key, head.length, length) {
            self.release_connection(head.length);
            return Err(Fault::Stream(reason));
        }
        if self.streams[key].unwanted {
            self.release_connection(head.length);
            return match head.has(frame::END_STREAM) {
                true => self
                    .end_receiving(key)
                    .map_err(Fault::Stream)
                    .map(|()| None),
                false => Ok(None),
            };
        }
        let start = usize::from(head.is_padded());
        Ok(Some((key, start..start + length)))
    }

    /// Whether so much may come on a stream, of which `length` bytes are data.
    fn admit_to(&mut self, key: Key, whole: usize, length: usize) -> Result<(), Reason> {
        let stream = &mut self.streams[key];
        match stream.awaits {
            Awaits::Body => {}
            Awaits::Head => return Err(Reason::PROTOCOL_ERROR),
            Awaits::Nothing => return Err(Reason::STREAM_CLOSED),
        }
        // A response without content has none, whatever it says of its length (RFC 9110, 6.4.1).
        if stream.bodiless && length > 0 {
            return Err(Reason::PROTOCOL_ERROR);
        }
        stream.room -= whole as i64;
        if stream.room < 0 {
            return Err(Reason::FLOW_CONTROL_ERROR);
        }
        if let Some(left) = stream.left {
            let left = left.checked_sub(length as u64);
            stream.left = Some(left.ok_or(Reason::PROTOCOL_ERROR)?);
        }
        Ok(())
    }

    fn headers(&mut self, head: Head, payload: &[u8]) -> Outcome {
        let fragment = head.unpad(payload).map_err(Fault::Connection)?;
        let (fragment, loops) = head.unprioritize(fragment).map_err(Fault::Connection)?;
        let ends_stream = head.has(frame::END_STREAM);
        if !head.has(frame::END_HEADERS) {
            self.block = Some(Block {
                stream: head.stream,
                ends_stream,
                fragments: 1,
                bytes: BytesMut::from(fragment),
            });
            return Ok(());
        }
        self.block_of(head.stream, ends_stream, fragment)?;
        match loops {
            true => Err(Fault::Stream(Reason::PROTOCOL_ERROR)),
            false => Ok(()),
        }
    }

    fn continuation(&mut self, head: Head, payload: &[u8]) -> Outcome {
        let Some(mut block) = self.block.take() else {
            return Ok(());
        };
        block.fragments += 1;
        // What is written for so many bytes of headers has never more, but for a frame's worth of what is in no list.
        let most = self.ours.max_header_list as usize + frame::LONGEST;
        if block.fragments > MAX_FRAGMENTS || block.bytes.len() + payload.len() > most {
            return Err(Fault::Connection(Reason::ENHANCE_YOUR_CALM));
        }
        block.bytes.put_slice(payload);
        if head.has(frame::END_HEADERS) {
            return self.block_of(block.stream, block.ends_stream, &block.bytes);
        }
        self.block = Some(block);
        Ok(())
    }

    /// A header block is complete.
    fn block_of(&mut self, id: u32, ends: bool, block: &[u8]) -> Outcome {
        let mut fields = Fields::new(self.ours.max_header_list);
        // Whatever becomes of it: the next ones can't be understood without it.
        let read = self
            .decoder
            .decode(block, |field, size| fields.take(field, size));
        match read {
            Ok(()) => {}
            Err(_) if fields.is_bomb() => return Err(Fault::Connection(Reason::ENHANCE_YOUR_CALM)),
            Err(_) => return Err(Fault::Connection(Reason::COMPRESSION_ERROR)),
        }
        match self.ids.get(&id) {
            Some(&key) if self.streams[key].awaits == Awaits::Head => {
                self.response(key, fields, ends)
            }
            Some(&key) => self.trailers(key, fields, ends),
            None if self.finished.has(id) => Ok(()),
            None if self.side == Side::Server && id % 2 == 1 && self.is_to_come(id) => {
                self.last = id;
                self.request(id, fields, ends)
            }
            None if self.is_to_come(id) || id.is_multiple_of(2) => {
                Err(Fault::Connection(Reason::PROTOCOL_ERROR))
            }
            None => Err(self.closed()),
        }
    }

    /// Something was said on a stream that has ended: unless we may have forgotten that it was us who ended it, that is one fault
    /// too many.
    fn closed(&self) -> Fault {
        match self.finished.is_full() {
            true => Fault::Stream(Reason::STREAM_CLOSED),
            false => Fault::Connection(Reason::STREAM_CLOSED),
        }
    }

    fn request(&mut self, id: u32, fields: Fields, ends: bool) -> Outcome {
        if self.is_decided() {
            self.finished.add(id);
            return Ok(());
        }
        if self.ids.len() >= self.ours.max_streams as usize {
            return Err(Fault::Stream(Reason::REFUSED_STREAM));
        }
        if fields.is_too_large() {
            self.refuse_head(id, ends);
            return Ok(());
        }
        let length = fields.length;
        let request = fields.into_request()?;
        // A tunnel has no length.
        let length = length.filter(|_| request.method() != Method::CONNECT);
        if ends && length.is_some_and(|length| length > 0) {
            return Err(Fault::Stream(Reason::PROTOCOL_ERROR));
        }
        let key = self.begin(id, if ends { Awaits::Nothing } else { Awaits::Body });
        self.streams[key].left = length;
        self.arrived.push_back((request, key));
        Ok(())
    }

    /// Answers a head that is too large by itself: nobody has seen all of it.
    fn refuse_head(&mut self, id: u32, ends: bool) {
        let mut response = http::Response::new(());
        *response.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        self.write_block(id, true, |encoder, to| {
            write_response(&response.into_parts().0, encoder, to);
        });
        if !ends {
            frame::reset(id, Reason::NO_ERROR, self.output.answer());
        }
        self.finished.add(id);
    }

    fn response(&mut self, key: Key, fields: Fields, ends: bool) -> Outcome {
        if fields.is_too_large() {
            return Err(Fault::Stream(Reason::PROTOCOL_ERROR));
        }
        let length = fields.length;
        let response = fields.into_response()?;
        let status = response.status();
        if status.is_informational() {
            // It is not for us; the final one follows.
            return match ends || status == StatusCode::SWITCHING_PROTOCOLS {
                true => Err(Fault::Stream(Reason::PROTOCOL_ERROR)),
                false => Ok(()),
            };
        }
        let stream = &mut self.streams[key];
        stream.bodiless |= status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED;
        stream.left = length.filter(|_| !stream.bodiless);
        if ends && stream.left.is_some_and(|left| left > 0) {
            return Err(Fault::Stream(Reason::PROTOCOL_ERROR));
        }
        stream.response = Some(Box::new(response));
        stream.awaits = Awaits::Body;
        stream.wake_reader();
        match ends {
            true => self.end_receiving(key).map_err(Fault::Stream),
            false => Ok(()),
        }
    }

    fn trailers(&mut self, key: Key, fields: Fields, ends: bool) -> Outcome {
        let stream = &mut self.streams[key];
        if stream.awaits == Awaits::Nothing {
            return Err(Fault::Connection(Reason::STREAM_CLOSED));
        }
        if !ends {
            return Err(Fault::Stream(Reason::PROTOCOL_ERROR));
        }
        let trailers = fields.into_trailers()?;
        if !stream.unwanted {
            stream.trailers = Some(Box::new(trailers));
        }
        self.end_receiving(key).map_err(Fault::Stream)
    }

    fn priority(&mut self, head: Head, payload: &[u8]) -> Outcome {
        if payload.len() != 5 {
            return Err(Fault::Stream(Reason::FRAME_SIZE_ERROR));
        }
        match head.depends_on_itself(payload) {
            true => Err(Fault::Stream(Reason::PROTOCOL_ERROR)),
            false => Ok(()),
        }
    }

    fn reset_by_them(&mut self, head: Head, payload: &[u8]) -> Outcome {
        let reason = Reason::from(number(payload)?);
        let Some(&key) = self.ids.get(&head.stream) else {
            return match self.is_to_come(head.stream) {
                true => Err(Fault::Connection(Reason::PROTOCOL_ERROR)),
                false => Ok(()),
            };
        };
        if self.withdraw(key) {
            self.hasty += 1;
        }
        self.break_off(key, Error::Reset(reason, By::Them));
        match self.hasty > MAX_HASTY {
            true => Err(Fault::Connection(Reason::ENHANCE_YOUR_CALM)),
            false => Ok(()),
        }
    }

    /// Takes back a request that nobody has looked at; whether it is one.
    fn withdraw(&mut self, key: Key) -> bool {
        let at = self.arrived.iter().position(|(_, other)| *other == key);
        let Some(at) = at else { return false };
        self.arrived.remove(at);
        self.streams[key].handles = 0;
        true
    }

    fn settings(&mut self, head: Head, payload: &[u8]) -> Outcome {
        if head.has(frame::ACK) {
            return match (payload.is_empty(), self.settled) {
                (true, true) => Ok(()),
                (true, false) => Err(Fault::Connection(Reason::PROTOCOL_ERROR)),
                (false, _) => Err(Fault::Connection(Reason::FRAME_SIZE_ERROR)),
            };
        }
        let before = self.theirs.window;
        let taken = self.theirs.take(payload, self.side);
        taken.map_err(Fault::Connection)?;
        self.settled = true;
        self.encoder.resize(self.theirs.least_table);
        self.encoder.resize(self.theirs.table);
        settings::acknowledge(self.output.answer());
        self.rewindow(before)
    }

    fn ping(&mut self, head: Head, payload: &[u8]) -> Outcome {
        let payload = payload.try_into();
        let payload = payload.map_err(|_| Fault::Connection(Reason::FRAME_SIZE_ERROR))?;
        match head.has(frame::ACK) {
            true => {
                self.measure(payload);
                self.answered(payload);
            }
            false => frame::ping(payload, frame::ACK, self.output.answer()),
        }
        Ok(())
    }

    fn go_away(&mut self, payload: &[u8]) -> Outcome {
        let Some((mut numbers, _)) = payload.split_at_checked(8) else {
            return Err(Fault::Connection(Reason::FRAME_SIZE_ERROR));
        };
        let last = numbers.get_u32() & frame::MOST;
        self.hear_farewell(last, numbers.get_u32().into());
        Ok(())
    }

    fn window_update(&mut self, head: Head, payload: &[u8]) -> Outcome {
        let more = number(payload)? & frame::MOST;
        if head.stream == 0 {
            return self.open_window(more).map_err(Fault::Connection);
        }
        match self.ids.get(&head.stream) {
            Some(&key) => self.open_stream(key, more).map_err(Fault::Stream),
            None if self.is_to_come(head.stream) => Err(Fault::Connection(Reason::PROTOCOL_ERROR)),
            None => Ok(()),
        }
    }
}

/// A payload that is one.
fn number(mut payload: &[u8]) -> Result<u32, Fault> {
    match payload.len() {
        4 => Ok(payload.get_u32()),
        _ => Err(Fault::Connection(Reason::FRAME_SIZE_ERROR)),
    }
}
