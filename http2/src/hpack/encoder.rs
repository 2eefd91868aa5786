//! Header blocks, written.
//!
//! A line that has been seen before is told by its index; one that is new is told in full, and kept when it comes a second
//! time. So what is different in every message, such as a trace, never pushes out what is the same in all of them.

use std::{collections::VecDeque, hash::BuildHasher};

use bytes::{BufMut, BytesMut};
use foldhash::fast::FixedState;
use http::{HeaderValue, Method, StatusCode, header};

use super::{OVERHEAD, TABLE, integer, statics};

/// Lines that are remembered, at most one for each remainder of their hashes: the table has room for as many.
const SLOTS: usize = 128;

/// A line that takes more of the table would push out too many others.
const LONGEST: usize = TABLE / 4;

/// What both sides know.
#[derive(Debug)]
pub(crate) struct Encoder {
    /// The newest last. `dropped` were before them.
    table: VecDeque<Entry>,
    dropped: u32,
    /// What they count together, at most `room`.
    size: usize,
    room: usize,
    /// The other side has to be told of these: the smallest room there has been, and the one there is.
    resized: Option<(usize, usize)>,
    /// By hash. Empty until a line can be kept.
    slots: Vec<Slot>,
    hasher: FixedState,
}

/// A line that was written last among those of its remainder.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    hash: u32,
    /// Its place in the table, from 1 and counted from the connection's beginning; 0: it is not kept.
    place: u32,
}

#[derive(Debug)]
struct Entry {
    /// Name and value, one after the other.
    text: Box<[u8]>,
    name: usize,
}

impl Default for Encoder {
    fn default() -> Self {
        Self {
            table: VecDeque::new(),
            dropped: 0,
            size: 0,
            room: TABLE,
            resized: None,
            slots: Vec::new(),
            // Who picks names and values to collide gets longer blocks; nothing else.
            hasher: FixedState::default(),
        }
    }
}

impl Encoder {
    /// The other side's table has room for so much from now on. More than [`TABLE`] is of no use to us.
    pub(crate) fn resize(&mut self, room: usize) {
        let room = room.min(TABLE);
        if room == self.room && self.resized.is_none() {
            return;
        }
        let smallest = self
            .resized
            .map_or(room, |(smallest, _)| smallest.min(room));
        self.resized = Some((smallest, room));
        self.room = smallest;
        self.make_room(0);
        self.room = room;
    }

    /// Must be called before anything of a block.
    pub(crate) fn begin(&mut self, to: &mut BytesMut) {
        if let Some((smallest, room)) = self.resized.take() {
            if smallest < room {
                integer::put(smallest, 0x20, 5, to);
            }
            integer::put(room, 0x20, 5, to);
        }
    }

    /// `:status`.
    pub(crate) fn status(&mut self, status: StatusCode, to: &mut BytesMut) {
        match status.as_u16() {
            200 => to.put_u8(0x88),
            204 => to.put_u8(0x89),
            206 => to.put_u8(0x8a),
            304 => to.put_u8(0x8b),
            400 => to.put_u8(0x8c),
            404 => to.put_u8(0x8d),
            500 => to.put_u8(0x8e),
            _ => literal(8, "", status.as_str().as_bytes(), 0, to),
        }
    }

    /// `:method`.
    pub(crate) fn method(&mut self, method: &Method, to: &mut BytesMut) {
        match *method {
            Method::GET => to.put_u8(0x82),
            Method::POST => to.put_u8(0x83),
            _ => self.line(2, ":method", method.as_str().as_bytes(), to),
        }
    }

    /// `:scheme`.
    pub(crate) fn scheme(&mut self, scheme: &str, to: &mut BytesMut) {
        match scheme {
            "http" => to.put_u8(0x86),
            "https" => to.put_u8(0x87),
            _ => self.line(6, ":scheme", scheme.as_bytes(), to),
        }
    }

    /// `:path`.
    pub(crate) fn path(&mut self, path: &str, to: &mut BytesMut) {
        match path {
            "/" => to.put_u8(0x84),
            _ => self.line(4, ":path", path.as_bytes(), to),
        }
    }

    /// `:authority`.
    pub(crate) fn authority(&mut self, authority: &str, to: &mut BytesMut) {
        self.line(1, ":authority", authority.as_bytes(), to);
    }

    /// A header, unless it is one that only HTTP/1 has.
    pub(crate) fn header(
        &mut self,
        name: &header::HeaderName,
        value: &HeaderValue,
        to: &mut BytesMut,
    ) {
        let Some(index) = statics::index_of(name.as_str()) else {
            return;
        };
        if *name == header::TE && value != "trailers" {
            return;
        }
        if value.is_sensitive() {
            return literal(index, name.as_str(), value.as_bytes(), 0x10, to);
        }
        // Requests of many clients share a connection to an endpoint: that one guessed another's secret must not be seen by
        // how short it becomes (RFC 7541, 7.1).
        let secret = matches!(
            *name,
            header::AUTHORIZATION
                | header::COOKIE
                | header::SET_COOKIE
                | header::PROXY_AUTHORIZATION
        );
        if secret {
            return literal(index, name.as_str(), value.as_bytes(), 0, to);
        }
        self.line(index, name.as_str(), value.as_bytes(), to);
    }

    /// A line that may be kept; `index` is its name's in the static table, or 0.
    fn line(&mut self, index: usize, name: &str, value: &[u8], to: &mut BytesMut) {
        let size = name.len() + value.len() + OVERHEAD;
        if size > LONGEST.min(self.room) {
            return literal(index, name, value, 0, to);
        }
        if self.slots.is_empty() {
            self.slots = vec![Slot::default(); SLOTS];
        }
        let hash = self.hasher.hash_one((name, value)) as u32;
        let at = hash as usize % SLOTS;
        let slot = self.slots[at];
        let seen = slot.hash == hash;
        if seen
            && let Some(entry) = self.kept(slot.place)
            && entry.is(name, value)
        {
            let index = statics::COUNT + 1 + self.newest().wrapping_sub(slot.place) as usize;
            return integer::put(index, 0x80, 7, to);
        }
        self.slots[at] = Slot { hash, place: 0 };
        if !seen {
            return literal(index, name, value, 0, to);
        }
        literal(index, name, value, 0x40, to);
        self.make_room(size);
        self.size += size;
        self.table.push_back(Entry {
            text: [name.as_bytes(), value].concat().into(),
            name: name.len(),
        });
        self.slots[at].place = self.newest();
    }

    fn kept(&self, place: u32) -> Option<&Entry> {
        let at = place.wrapping_sub(self.dropped).wrapping_sub(1);
        self.table.get(at as usize)
    }

    fn newest(&self) -> u32 {
        self.dropped.wrapping_add(self.table.len() as u32)
    }

    fn make_room(&mut self, wanted: usize) {
        while self.size + wanted > self.room
            && let Some(oldest) = self.table.pop_front()
        {
            self.size -= oldest.text.len() + OVERHEAD;
            self.dropped = self.dropped.wrapping_add(1);
        }
    }
}

impl Entry {
    fn is(&self, name: &str, value: &[u8]) -> bool {
        let (own_name, own_value) = self.text.split_at(self.name);
        own_name == name.as_bytes() && own_value == value
    }
}

/// A line in full: `0x40` keeps it, `0x10` tells everybody never to, `0` leaves that to the next one.
fn literal(index: usize, name: &str, value: &[u8], kind: u8, to: &mut BytesMut) {
    to.reserve(name.len() + value.len() + 12);
    integer::put(index, kind, if kind == 0x40 { 6 } else { 4 }, to);
    if index == 0 {
        integer::put(name.len(), 0, 7, to);
        to.put_slice(name.as_bytes());
    }
    integer::put(value.len(), 0, 7, to);
    to.put_slice(value);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use http::HeaderName;
    use proptest::prelude::*;

    use super::{
        super::{Decoder, Field},
        *,
    };

    fn header(name: &str, value: &str) -> (HeaderName, HeaderValue) {
        (name.parse().unwrap(), value.parse().unwrap())
    }

    fn encode(encoder: &mut Encoder, headers: &[(HeaderName, HeaderValue)]) -> BytesMut {
        let mut block = BytesMut::new();
        encoder.begin(&mut block);
        for (name, value) in headers {
            encoder.header(name, value, &mut block);
        }
        block
    }

    fn decode(decoder: &mut Decoder, block: &[u8]) -> Vec<(HeaderName, HeaderValue)> {
        let mut headers = Vec::new();
        let take = |field, _| match field {
            Field::Header(name, value) => {
                headers.push((name, value));
                Ok(())
            }
            field => panic!("{field:?}"),
        };
        decoder.decode(block, take).unwrap();
        headers
    }

    #[test]
    fn what_comes_again_is_one_byte_from_the_third_time_on() {
        let (mut encoder, mut decoder) = (Encoder::default(), Decoder::default());
        let lines = [header("user-agent", "curl/8"), header("x-a", "b")];
        let lengths = [0, 1, 2, 3].map(|_| {
            let block = encode(&mut encoder, &lines);
            assert_eq!(decode(&mut decoder, &block), lines);
            block.len()
        });
        assert_eq!(lengths[0], (2 + 1 + 6) + (1 + 1 + 3 + 1 + 1));
        assert_eq!(lengths[1], lengths[0] - 1, "the name's index has more room");
        assert_eq!(lengths[2..], [2, 2]);
    }

    #[test]
    fn what_is_always_different_is_not_kept() {
        let mut encoder = Encoder::default();
        for number in 0..1_000 {
            encode(&mut encoder, &[header("traceparent", &number.to_string())]);
        }
        assert_eq!(encoder.size, 0);
    }

    #[test]
    fn secrets_are_not_kept_and_what_is_sensitive_is_said_to_be() {
        let (mut encoder, mut decoder) = (Encoder::default(), Decoder::default());
        let mut sensitive = header("x-key", "secret");
        sensitive.1.set_sensitive(true);
        let lines = [
            header("authorization", "secret"),
            header("cookie", "a=b"),
            sensitive,
        ];
        for _ in 0..3 {
            let block = encode(&mut encoder, &lines);
            let read = decode(&mut decoder, &block);
            assert_eq!(read, lines);
            assert!(read[2].1.is_sensitive() && !read[1].1.is_sensitive());
        }
        assert_eq!(encoder.size, 0);
    }

    #[test]
    fn a_table_that_is_made_smaller_and_larger_again_is_empty() {
        let (mut encoder, mut decoder) = (Encoder::default(), Decoder::default());
        let lines = [header("a", "b")];
        for _ in 0..3 {
            decode(&mut decoder, &encode(&mut encoder, &lines));
        }
        encoder.resize(0);
        encoder.resize(100_000);
        let block = encode(&mut encoder, &lines);
        assert_eq!(block[..4], [0x20, 0x3f, 0xe1, 0x1f]);
        assert_eq!(decode(&mut decoder, &block), lines);
        encoder.resize(10);
        for _ in 0..3 {
            assert_eq!(decode(&mut decoder, &encode(&mut encoder, &lines)), lines);
        }
        assert_eq!(encoder.size, 0, "no line fits");
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_read(
            messages in prop::collection::vec(prop::collection::vec((0..20_usize, "[ -~]{0,200}", 0..6_usize), 0..12), 0..40),
            rooms in prop::collection::vec(prop::option::of(0..6_000_usize), 40),
        ) {
            let (mut encoder, mut decoder) = (Encoder::default(), Decoder::default());
            for (message, room) in messages.iter().zip(rooms) {
                if let Some(room) = room {
                    encoder.resize(room);
                }
                let lines: Vec<_> = message.iter().map(|(name, value, same)| {
                    let value = if *same > 0 { same.to_string() } else { value.trim().to_owned() };
                    header(&format!("x-{name}"), &value)
                }).collect();
                let block = encode(&mut encoder, &lines);
                prop_assert_eq!(decode(&mut decoder, &block), lines);
                prop_assert!(encoder.size <= encoder.room);
            }
        }
    }
}
