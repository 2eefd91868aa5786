//! How streams and connections end before their time.

use std::{fmt, io};

/// Why a stream or a connection is given up, as a number (RFC 9113, 7).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reason(u32);

impl Reason {
    /// Nothing is wrong.
    pub const NO_ERROR: Self = Self(0);
    /// The other side breaks a rule that has no number of its own.
    pub const PROTOCOL_ERROR: Self = Self(1);
    /// Something is wrong with us.
    pub const INTERNAL_ERROR: Self = Self(2);
    /// More has come than the window had room for.
    pub const FLOW_CONTROL_ERROR: Self = Self(3);
    /// SETTINGS were not acknowledged in time.
    pub const SETTINGS_TIMEOUT: Self = Self(4);
    /// A frame for a stream that has ended.
    pub const STREAM_CLOSED: Self = Self(5);
    /// A frame of a length that it can't have.
    pub const FRAME_SIZE_ERROR: Self = Self(6);
    /// Nothing has been done about it.
    pub const REFUSED_STREAM: Self = Self(7);
    /// Nobody is interested any more.
    pub const CANCEL: Self = Self(8);
    /// A header block that can't be understood.
    pub const COMPRESSION_ERROR: Self = Self(9);
    /// What a CONNECT was connected to is gone.
    pub const CONNECT_ERROR: Self = Self(10);
    /// The other side does too much of something.
    pub const ENHANCE_YOUR_CALM: Self = Self(11);
    /// What is below is not good enough.
    pub const INADEQUATE_SECURITY: Self = Self(12);
    /// It must be HTTP/1.1.
    pub const HTTP_1_1_REQUIRED: Self = Self(13);

    const NAMES: [&str; 14] = [
        "NO_ERROR",
        "PROTOCOL_ERROR",
        "INTERNAL_ERROR",
        "FLOW_CONTROL_ERROR",
        "SETTINGS_TIMEOUT",
        "STREAM_CLOSED",
        "FRAME_SIZE_ERROR",
        "REFUSED_STREAM",
        "CANCEL",
        "COMPRESSION_ERROR",
        "CONNECT_ERROR",
        "ENHANCE_YOUR_CALM",
        "INADEQUATE_SECURITY",
        "HTTP_1_1_REQUIRED",
    ];
}

impl From<u32> for Reason {
    fn from(number: u32) -> Self {
        Self(number)
    }
}

impl From<Reason> for u32 {
    fn from(reason: Reason) -> Self {
        reason.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::NAMES.get(self.0 as usize) {
            Some(name) => f.write_str(name),
            None => write!(f, "error {}", self.0),
        }
    }
}

impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Who gave it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// This side.
    Us,
    /// The other one.
    Them,
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Us => "by us",
            Self::Them => "by the other side",
        })
    }
}

/// Why there is no more of a stream, or of a connection and so of all its streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A stream was reset.
    #[error("the stream was reset {1}: {0}")]
    Reset(Reason, By),
    /// A connection was ended with GOAWAY. From the other side it says of a stream that it was not looked at.
    #[error("the connection was ended {1}: {0}")]
    GoAway(Reason, By),
    /// What the connection runs on failed, or ended.
    #[error("the connection broke: {0}")]
    Io(io::ErrorKind),
}

impl Error {
    /// The number, where there is one.
    pub fn reason(&self) -> Option<Reason> {
        match *self {
            Self::Reset(reason, _) | Self::GoAway(reason, _) => Some(reason),
            Self::Io(_) => None,
        }
    }

    /// Whether the request of the stream was not processed (RFC 9113, 8.7), and may go to somebody else.
    pub fn is_unprocessed(&self) -> bool {
        match *self {
            Self::Reset(reason, _) => reason == Reason::REFUSED_STREAM,
            Self::GoAway(_, by) => by == By::Them,
            Self::Io(_) => false,
        }
    }
}

/// What a frame has broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection, for this reason.
    Connection(Reason),
    /// Its stream.
    Stream(Reason),
}
