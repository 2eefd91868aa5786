//! The time of day as responses tell it (RFC 9110, 6.6.1), made once a second.

use std::{
    cell::Cell,
    io::Write,
    time::{SystemTime, UNIX_EPOCH},
};

use httpdate::HttpDate;

use crate::clock;

/// `Sun, 06 Nov 1994 08:49:37 GMT`.
type Text = [u8; 29];

thread_local! {
    /// When the next is to be made, in microseconds of [`clock`], and what it is until then.
    static DATE: Cell<(u64, Text)> = const { Cell::new((0, [b' '; 29])) };
}

/// Lends it to `write`.
pub fn with(write: impl FnOnce(&Text)) {
    let now = clock::now();
    let (next, mut text) = DATE.get();
    if now >= next {
        let time = SystemTime::now();
        // Of a longer or shorter text nothing is left but what fits: there is none before the year 10,000.
        let _ = write!(&mut text[..], "{}", HttpDate::from(time));
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let left = 1_000_000 - u64::from(since.subsec_micros());
        DATE.set((now + left, text));
    }
    write(&text);
}
