//! Header blocks, read.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::{
    Invalid, OVERHEAD, TABLE,
    field::{Field, Name},
    huffman, integer, statics,
};

/// Room for the values of some requests, taken at once.
const ARENA: usize = 2048;

/// One side's view of what the other has said.
#[derive(Debug)]
pub(crate) struct Decoder {
    /// The newest first.
    table: VecDeque<Entry>,
    /// What they count together, at most `room`.
    size: usize,
    /// As the other side has chosen; at most what we have allowed, which is [`TABLE`].
    room: usize,
    /// Where values are put together: many in one allocation.
    arena: BytesMut,
}

#[derive(Debug)]
struct Entry {
    name: Name,
    field: Field,
    /// Bytes of name and value.
    size: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            table: VecDeque::new(),
            size: 0,
            room: TABLE,
            arena: BytesMut::new(),
        }
    }
}

impl Decoder {
    /// Tells `take` of each field of `block`, and how many bytes its name and value have, until it has had enough.
    pub(crate) fn decode(
        &mut self,
        mut block: &[u8],
        mut take: impl FnMut(Field, usize) -> Result<(), Invalid>,
    ) -> Result<(), Invalid> {
        let mut begun = false;
        while let Some(&first) = block.first() {
            if first & 0xe0 == 0x20 {
                let room = integer::take(&mut block, 5)?;
                if begun || room > TABLE {
                    return Err(Invalid);
                }
                self.room = room;
                self.make_room(0);
                continue;
            }
            begun = true;
            if first & 0x80 != 0 {
                let index = integer::take(&mut block, 7)?;
                let (_, field, size) = self.get(index)?;
                take(field.clone(), size)?;
                continue;
            }
            let kept = first & 0x40 != 0;
            let index = integer::take(&mut block, if kept { 6 } else { 4 })?;
            let (name, name_size) = match index {
                0 => {
                    let text = self.string(&mut block)?;
                    (Name::read(&text), text.len())
                }
                _ => {
                    let name = self.get(index)?.0.clone();
                    let size = name.len();
                    (name, size)
                }
            };
            let value = self.string(&mut block)?;
            let size = name_size + value.len();
            if kept {
                // In memory of its own: the rest of the arena would stay with it.
                self.keep(&name, Bytes::copy_from_slice(&value), size);
            }
            take(name.with(value, first & 0xf0 == 0x10), size)?;
        }
        Ok(())
    }

    fn get(&self, index: usize) -> Result<(&Name, &Field, usize), Invalid> {
        if let Some(entry) = statics::get(index) {
            return Ok((&entry.name, &entry.field, entry.size));
        }
        let index = index.checked_sub(statics::COUNT + 1).ok_or(Invalid)?;
        let entry = self.table.get(index).ok_or(Invalid)?;
        Ok((&entry.name, &entry.field, entry.size))
    }

    fn string(&mut self, block: &mut &[u8]) -> Result<Bytes, Invalid> {
        let coded = block.first().ok_or(Invalid)? & 0x80 != 0;
        let length = integer::take(block, 7)?;
        let (text, rest) = block.split_at_checked(length).ok_or(Invalid)?;
        *block = rest;
        if self.arena.capacity() < 2 * length {
            self.arena.reserve(ARENA.max(2 * length));
        }
        match coded {
            true => huffman::decode(text, &mut self.arena)?,
            false => self.arena.extend_from_slice(text),
        }
        Ok(self.arena.split().freeze())
    }

    fn keep(&mut self, name: &Name, value: Bytes, size: usize) {
        self.make_room(size + OVERHEAD);
        // What is larger than the whole table empties it, and that is all.
        if size + OVERHEAD <= self.room {
            self.size += size + OVERHEAD;
            self.table.push_front(Entry {
                name: name.clone(),
                field: name.with(value, false),
                size,
            });
        }
    }

    fn make_room(&mut self, wanted: usize) {
        while self.size + wanted > self.room
            && let Some(oldest) = self.table.pop_back()
        {
            self.size -= oldest.size + OVERHEAD;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use http::{HeaderName, HeaderValue, Method, StatusCode, uri::Scheme};

    use super::*;

    fn decode(decoder: &mut Decoder, block: &[u8]) -> Result<Vec<Field>, Invalid> {
        let mut fields = Vec::new();
        decoder.decode(block, |field, _| {
            fields.push(field);
            Ok(())
        })?;
        Ok(fields)
    }

    fn header(name: &'static str, value: &'static str) -> Field {
        Field::Header(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    }

    fn of_request(authority: &'static str, scheme: Scheme, path: &'static str) -> Vec<Field> {
        vec![
            Field::Method(Method::GET),
            Field::Scheme(scheme),
            Field::Path(path.parse().unwrap()),
            Field::Authority(authority.parse().unwrap()),
        ]
    }

    #[test]
    fn requests_of_the_standard() {
        // RFC 7541, C.4: with Huffman's code, on one connection.
        let mut decoder = Decoder::default();
        let first = b"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff";
        let expected = of_request("www.example.com", Scheme::HTTP, "/");
        assert_eq!(decode(&mut decoder, first), Ok(expected.clone()));
        assert_eq!(decoder.size, 57);

        let mut expected = expected;
        expected.push(header("cache-control", "no-cache"));
        let second = b"\x82\x86\x84\xbe\x58\x86\xa8\xeb\x10\x64\x9c\xbf";
        assert_eq!(decode(&mut decoder, second), Ok(expected));
        assert_eq!(decoder.size, 110);

        let third = b"\x82\x87\x85\xbf\x40\x88\x25\xa8\x49\xe9\x5b\xa9\x7d\x7f\x89\x25\xa8\x49\xe9\x5b\xb8\xe8\xb4\xbf";
        let mut expected = of_request("www.example.com", Scheme::HTTPS, "/index.html");
        expected.push(header("custom-key", "custom-value"));
        assert_eq!(decode(&mut decoder, third), Ok(expected));
        assert_eq!((decoder.size, decoder.table.len()), (164, 3));
    }

    #[test]
    fn a_small_table_forgets_the_oldest() {
        // RFC 7541, C.5.1 and C.5.2: a table of 256 bytes.
        let mut decoder = Decoder {
            room: 256,
            ..Decoder::default()
        };
        let first = b"\x48\x03302\x58\x07private\x61\x1dMon, 21 Oct 2013 20:13:21 GMT\x6e\x17https://www.example.com";
        let fields = decode(&mut decoder, first).unwrap();
        assert_eq!(fields[0], Field::Status(StatusCode::FOUND));
        assert_eq!((decoder.size, decoder.table.len()), (222, 4));
        let fields = decode(&mut decoder, b"\x48\x03307\xc1\xc0\xbf").unwrap();
        let expected = [
            Field::Status(StatusCode::TEMPORARY_REDIRECT),
            header("cache-control", "private"),
            header("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
            header("location", "https://www.example.com"),
        ];
        assert_eq!(fields, expected);
        assert_eq!((decoder.size, decoder.table.len()), (222, 4));
    }

    #[test]
    fn the_other_side_may_make_its_table_smaller_at_the_beginning() {
        let mut decoder = Decoder::default();
        decode(&mut decoder, b"\x40\x01a\x01b").unwrap();
        assert_eq!(
            decode(&mut decoder, b"\x20\xbe"),
            Err(Invalid),
            "it is empty"
        );
        assert_eq!(
            decode(&mut decoder, b"\x40\x01a\x01b"),
            Ok(vec![header("a", "b")])
        );
        assert_eq!(decoder.size, 0);
        assert_eq!(decode(&mut decoder, b"\x82\x20"), Err(Invalid), "too late");
        assert_eq!(decode(&mut decoder, b"\x3f\xe1\x1f"), Ok(vec![]), "4,096");
        assert_eq!(decode(&mut decoder, b"\x3f\xe2\x1f"), Err(Invalid), "4,097");
    }

    #[test]
    fn what_ends_too_soon_or_points_nowhere_is_invalid() {
        let blocks: [&[u8]; 7] = [
            b"\x80",
            b"\xbe",
            b"\x40",
            b"\x40\x01",
            b"\x40\x01a",
            b"\x40\x01a\x02b",
            b"\x7f",
        ];
        for block in blocks {
            assert_eq!(
                decode(&mut Decoder::default(), block),
                Err(Invalid),
                "{block:?}"
            );
        }
    }

    #[test]
    fn what_no_message_may_have_is_malformed_and_the_table_goes_on() {
        let mut decoder = Decoder::default();
        let blocks: [&[u8]; 7] = [
            b"\x40\x01A\x01b",
            b"\x40\x02:a\x01b",
            b"\x40\x00\x01b",
            b"\x40\x01a\x01\n",
            b"\x40\x0aconnection\x05close",
            b"\x40\x02te\x04gzip",
            b"\x44\x01 ",
        ];
        for block in blocks {
            assert_eq!(
                decode(&mut decoder, block),
                Ok(vec![Field::Malformed]),
                "{block:?}"
            );
        }
        assert_eq!(decoder.table.len(), blocks.len());
        let sizes = 2 + 3 + 1 + 2 + 15 + 6 + 6;
        assert_eq!(decoder.size, sizes + blocks.len() * OVERHEAD);
        assert_eq!(
            decode(&mut decoder, b"\x40\x02te\x08trailers"),
            Ok(vec![header("te", "trailers")])
        );
    }

    #[test]
    fn what_must_never_be_kept_is_marked() {
        let fields = decode(&mut Decoder::default(), b"\x10\x01a\x01b\x00\x01a\x01b").unwrap();
        let sensitive = fields.iter().map(|field| match field {
            Field::Header(_, value) => value.is_sensitive(),
            _ => panic!("{field:?}"),
        });
        assert_eq!(sensitive.collect::<Vec<_>>(), [true, false]);
    }
}
