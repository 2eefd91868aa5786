//! What the sides tell each other at the beginning, and whenever it changes (RFC 9113, 6.5).

use bytes::{Buf, BufMut, BytesMut};

use crate::{
    error::Reason,
    frame::{self, Head},
    hpack,
    state::Side,
};

const HEADER_TABLE_SIZE: u16 = 1;
const ENABLE_PUSH: u16 = 2;
const MAX_CONCURRENT_STREAMS: u16 = 3;
const INITIAL_WINDOW_SIZE: u16 = 4;
const MAX_FRAME_SIZE: u16 = 5;
const MAX_HEADER_LIST_SIZE: u16 = 6;

/// A window's size before anything is said of it.
pub(crate) const WINDOW: u32 = 65_535;

/// What a connection allows the other side.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Streams at a time that the other side may have; of no meaning to a client, which is pushed nothing.
    pub max_streams: u32,
    /// Bytes of names and values of a message's head, 32 more for each.
    pub max_header_list: u32,
    /// Streams that are malformed, or go on after their end, before the connection ends. One that comes to a good end makes up
    /// for another.
    pub max_broken_streams: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_streams: 100,
            max_header_list: 64 * 1024,
            max_broken_streams: 100,
        }
    }
}

/// What the other side allows us.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Theirs {
    pub(crate) table: usize,
    /// The smallest that it was since the SETTINGS before, which may name it twice.
    pub(crate) least_table: usize,
    pub(crate) max_streams: u32,
    pub(crate) window: u32,
    pub(crate) max_frame: usize,
}

impl Default for Theirs {
    fn default() -> Self {
        Self {
            table: hpack::TABLE,
            least_table: hpack::TABLE,
            max_streams: u32::MAX,
            window: WINDOW,
            max_frame: frame::LONGEST,
        }
    }
}

impl Theirs {
    /// Takes over what a payload says.
    pub(crate) fn take(&mut self, mut payload: &[u8], ours: Side) -> Result<(), Reason> {
        if !payload.len().is_multiple_of(6) {
            return Err(Reason::FRAME_SIZE_ERROR);
        }
        // No server may offer what only clients allow.
        let most_push = u32::from(ours == Side::Server);
        self.least_table = usize::MAX;
        while payload.has_remaining() {
            let (name, value) = (payload.get_u16(), payload.get_u32());
            match name {
                HEADER_TABLE_SIZE => {
                    self.table = value as usize;
                    self.least_table = self.least_table.min(self.table);
                }
                ENABLE_PUSH if value > most_push => return Err(Reason::PROTOCOL_ERROR),
                MAX_CONCURRENT_STREAMS => self.max_streams = value,
                INITIAL_WINDOW_SIZE if value > frame::MOST => {
                    return Err(Reason::FLOW_CONTROL_ERROR);
                }
                INITIAL_WINDOW_SIZE => self.window = value,
                MAX_FRAME_SIZE if !(1 << 14..1 << 24).contains(&value) => {
                    return Err(Reason::PROTOCOL_ERROR);
                }
                MAX_FRAME_SIZE => self.max_frame = value as usize,
                // Others mean nothing to us, and must not (RFC 9113, 6.5.2).
                _ => {}
            }
        }
        self.least_table = self.least_table.min(self.table);
        Ok(())
    }
}

/// The first SETTINGS of a server.
pub(crate) fn of_server(settings: &Settings, window: u32, to: &mut BytesMut) {
    let said = [
        (MAX_CONCURRENT_STREAMS, settings.max_streams),
        (INITIAL_WINDOW_SIZE, window),
        (MAX_HEADER_LIST_SIZE, settings.max_header_list),
    ];
    write(&said, to);
}

/// The first SETTINGS of a client.
pub(crate) fn of_client(settings: &Settings, window: u32, to: &mut BytesMut) {
    let said = [
        (ENABLE_PUSH, 0),
        (INITIAL_WINDOW_SIZE, window),
        (MAX_HEADER_LIST_SIZE, settings.max_header_list),
    ];
    write(&said, to);
}

/// Another window for every stream.
pub(crate) fn of_window(window: u32, to: &mut BytesMut) {
    write(&[(INITIAL_WINDOW_SIZE, window)], to);
}

/// That theirs are in force.
pub(crate) fn acknowledge(to: &mut BytesMut) {
    Head {
        length: 0,
        kind: frame::SETTINGS,
        flags: frame::ACK,
        stream: 0,
    }
    .write(to);
}

fn write(said: &[(u16, u32)], to: &mut BytesMut) {
    let length = 6 * said.len();
    Head {
        length,
        kind: frame::SETTINGS,
        flags: 0,
        stream: 0,
    }
    .write(to);
    for &(name, value) in said {
        to.put_u16(name);
        to.put_u32(value);
    }
}
