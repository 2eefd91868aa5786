//! Frames (RFC 9113, 4.1 and 6): their heads both ways, and those that are written whole.

use bytes::{Buf, BufMut, BytesMut};

use crate::error::Reason;

/// Bytes before a frame's payload.
pub(crate) const HEAD: usize = 9;

/// The longest payload that we take, and send unless less is taken: what everybody must (RFC 9113, 4.2).
pub(crate) const LONGEST: usize = 1 << 14;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PUSH_PROMISE: u8 = 5;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

/// Of DATA and HEADERS.
pub(crate) const END_STREAM: u8 = 0x1;
/// Of SETTINGS and PING.
pub(crate) const ACK: u8 = 0x1;
/// Of HEADERS and CONTINUATION.
pub(crate) const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITIZED: u8 = 0x20;

/// The highest number of a stream, and the widest window.
pub(crate) const MOST: u32 = (1 << 31) - 1;

/// What a frame begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) length: usize,
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
}

impl Head {
    /// That of the first frame of `input`, once it is there.
    pub(crate) fn read(input: &[u8]) -> Option<Self> {
        let &[a, b, c, kind, flags, s, t, u, v] = input.first_chunk::<HEAD>()?;
        Some(Self {
            length: u32::from_be_bytes([0, a, b, c]) as usize,
            kind,
            flags,
            stream: u32::from_be_bytes([s, t, u, v]) & MOST,
        })
    }

    pub(crate) fn write(self, to: &mut BytesMut) {
        let [_, a, b, c] = (self.length as u32).to_be_bytes();
        let [s, t, u, v] = self.stream.to_be_bytes();
        to.put_slice(&[a, b, c, self.kind, self.flags, s, t, u, v]);
    }

    pub(crate) fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Whether the payload of DATA or HEADERS begins with a byte that says how much is behind it.
    pub(crate) fn is_padded(self) -> bool {
        self.has(PADDED)
    }

    /// What is left of such a payload without its padding.
    pub(crate) fn unpad(self, payload: &[u8]) -> Result<&[u8], Reason> {
        if !self.is_padded() {
            return Ok(payload);
        }
        let (&padding, rest) = payload.split_first().ok_or(Reason::FRAME_SIZE_ERROR)?;
        let length = rest.len().checked_sub(padding.into());
        Ok(&rest[..length.ok_or(Reason::PROTOCOL_ERROR)?])
    }

    /// What is left of a payload of HEADERS without its priority; whether the stream depends on itself, which is a fault of
    /// it, and is nothing that the connection may end by.
    pub(crate) fn unprioritize(self, payload: &[u8]) -> Result<(&[u8], bool), Reason> {
        if !self.has(PRIORITIZED) {
            return Ok((payload, false));
        }
        let (priority, rest) = payload
            .split_at_checked(5)
            .ok_or(Reason::FRAME_SIZE_ERROR)?;
        Ok((rest, self.depends_on_itself(priority)))
    }

    pub(crate) fn depends_on_itself(self, mut priority: &[u8]) -> bool {
        priority.get_u32() & MOST == self.stream
    }
}

/// A frame that has a number for a payload.
fn number(kind: u8, stream: u32, number: u32, to: &mut BytesMut) {
    let length = 4;
    Head {
        length,
        kind,
        flags: 0,
        stream,
    }
    .write(to);
    to.put_u32(number);
}

pub(crate) fn reset(stream: u32, reason: Reason, to: &mut BytesMut) {
    number(RST_STREAM, stream, reason.into(), to);
}

pub(crate) fn window_update(stream: u32, more: u32, to: &mut BytesMut) {
    number(WINDOW_UPDATE, stream, more, to);
}

pub(crate) fn ping(payload: [u8; 8], flags: u8, to: &mut BytesMut) {
    let length = payload.len();
    Head {
        length,
        kind: PING,
        flags,
        stream: 0,
    }
    .write(to);
    to.put_slice(&payload);
}

pub(crate) fn go_away(last: u32, reason: Reason, to: &mut BytesMut) {
    let length = 8;
    Head {
        length,
        kind: GOAWAY,
        flags: 0,
        stream: 0,
    }
    .write(to);
    to.put_u32(last);
    to.put_u32(reason.into());
}
