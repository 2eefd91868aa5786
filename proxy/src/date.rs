//! The time of day as responses tell it (RFC 9110, 6.6.1), made once a tick: it may be late by that much.

use std::{cell::Cell, io::Write, time::SystemTime};

use httpdate::HttpDate;

/// `Sun, 06 Nov 1994 08:49:37 GMT`.
type Text = [u8; 29];

thread_local! {
    /// As of which tick, and what it says.
    static DATE: Cell<(u64, Text)> = const { Cell::new((0, [b' '; 29])) };
}

/// Lends it to `write`, as it is at `tick`.
pub fn with<T>(tick: u64, write: impl FnOnce(&Text) -> T) -> T {
    let (made, mut text) = DATE.get();
    if made != tick {
        // It has this length until the year 10,000.
        let _ = write!(&mut text[..], "{}", HttpDate::from(SystemTime::now()));
        DATE.set((tick, text));
    }
    write(&text)
}
