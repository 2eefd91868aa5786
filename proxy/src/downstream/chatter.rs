//! What an HTTP/2 client says that carries nothing, against what is done for it.
//!
//! SETTINGS, PING, PRIORITY, WINDOW_UPDATE and their like cost a client a dozen bytes and nothing else: no stream, no window
//! bounds them. They are worked on, some are answered, and a connection that sends nothing else keeps its worker from all
//! others for as long as it likes (CVE-2019-9512, -9513, -9515). So a connection has an allowance of them. It grows with time,
//! and with what gives a well-behaved client reason for them: requests, and bytes that are sent to it.
//!
//! The other floods end in `outrigger-http2`: resets (CVE-2023-44487, CVE-2025-8671), CONTINUATION (CVE-2024-27316), header lists.

/// What a connection may say at once. The preludes of browsers have some ten such frames; what is said in it is read before
/// anybody else has to wait for a millisecond.
const BURST: u32 = 1_000;

/// By so much the allowance grows in a second. Keep-alives and cancelled requests are far below.
const A_SECOND: u64 = 200;

/// By so much with each request: its window, its priority, its cancellation, a PING beside it.
const A_REQUEST: u32 = 4;

/// By one for so many bytes sent. The shortest messages of a stream, of 20 bytes, may each be followed by an opened window
/// of stream and connection, and by the PING with which gRPC measures its bandwidth.
const BYTES: usize = 8;

/// A frame that is answered costs so much: a PING earns two by its answer.
const ANSWERED: u32 = 3;

/// A client that has had so much for its frames may send as many in one piece: it has read them at last.
const MOST: u32 = 1 << 20;

/// RFC 9113, 3.4: before the first frame.
const PREFACE: usize = 24;

const HEAD: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
/// END_STREAM of DATA, ACK of SETTINGS and PING.
const FLAG: u8 = 1;

const MICROS: u64 = 1_000_000;

/// It has said more than it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMuch;

/// See the module. Sans-IO; times in microseconds.
#[derive(Debug)]
pub struct Chatter {
    /// Of a frame's head (RFC 9113, 4.1), what has come.
    head: [u8; HEAD],
    come: usize,
    /// Bytes that are to come before the next frame.
    left: usize,
    allowance: u32,
    /// Bytes sent that are not counted in it yet.
    uncounted: usize,
    /// Up to when the time is counted in it.
    counted: u64,
}

impl Chatter {
    /// Of a connection of which nothing has been read, the preface included.
    pub fn new(now: u64) -> Self {
        Self {
            head: [0; HEAD],
            come: 0,
            left: PREFACE,
            allowance: BURST,
            uncounted: 0,
            counted: now,
        }
    }

    /// So much has been sent to it.
    pub fn sent(&mut self, bytes: usize) {
        let bytes = self.uncounted + bytes;
        self.uncounted = bytes % BYTES;
        self.earn(u32::try_from(bytes / BYTES).unwrap_or(MOST));
    }

    /// It says this.
    ///
    /// # Errors
    /// When that is too much.
    pub fn hear(&mut self, mut bytes: &[u8], now: u64) -> Result<(), TooMuch> {
        self.pass(now);
        loop {
            let passed = self.left.min(bytes.len());
            self.left -= passed;
            bytes = &bytes[passed..];
            if bytes.is_empty() {
                return Ok(());
            }
            let come = (HEAD - self.come).min(bytes.len());
            self.head[self.come..self.come + come].copy_from_slice(&bytes[..come]);
            self.come += come;
            bytes = &bytes[come..];
            if self.come == HEAD {
                self.come = 0;
                self.frame()?;
            }
        }
    }

    /// A frame's head is complete.
    fn frame(&mut self) -> Result<(), TooMuch> {
        let [a, b, c, kind, flags, ..] = self.head;
        self.left = u32::from_be_bytes([0, a, b, c]) as usize;
        let flagged = flags & FLAG != 0;
        let cost = match kind {
            HEADERS => {
                self.earn(A_REQUEST);
                0
            }
            DATA if self.left > 0 || flagged => 0,
            SETTINGS | PING if !flagged => ANSWERED,
            _ => 1,
        };
        self.allowance = self.allowance.checked_sub(cost).ok_or(TooMuch)?;
        Ok(())
    }

    /// Time passes. By it alone no more than [`BURST`] is saved up.
    fn pass(&mut self, now: u64) {
        let earned = now.saturating_sub(self.counted) * A_SECOND / MICROS;
        if earned == 0 {
            return;
        }
        self.counted = now;
        let room = BURST.saturating_sub(self.allowance);
        self.earn(room.min(u32::try_from(earned).unwrap_or(BURST)));
    }

    fn earn(&mut self, more: u32) {
        self.allowance = self.allowance.saturating_add(more).min(MOST);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
