//! How much may be on its way to us: what the path holds, found out while bytes are taken.
//!
//! A sender waits when a window is smaller than what its path holds, which is its bandwidth times its round trip: RFC 9113's
//! 64 KiB let one of 50 ms run at 10 Mbit/s, [`MOST`] at 2 Gbit/s. But what may be on its way may as well lie here when nobody
//! takes it. So windows are small until it shows that they are what limits: a PING goes out while bytes are taken, and if much
//! of a window was taken when it is answered, the window is doubled. gRPC and hyper measure by the same.

/// What one stream may have on its way, at first.
pub(crate) const STREAM: u32 = 256 * 1024;

/// What a whole connection may, at first. It is larger, so that one slow stream can't block the others.
pub(crate) const CONNECTION: u32 = 4 * STREAM;

/// What one stream may have at most.
const MOST: u32 = 12 * 1024 * 1024;

/// Bytes until the first PING; twice as many each time that nothing comes of one.
const PAUSE: u64 = 128 * 1024;
const LONGEST_PAUSE: u64 = 16 * 1024 * 1024;

/// Sans-IO. All in bytes.
#[derive(Debug)]
pub(crate) struct Growth {
    window: u32,
    /// What had been taken when a PING went out that is not answered yet.
    asked: Option<u64>,
    /// When so much has been taken the next one is due.
    next: u64,
    pause: u64,
}

impl Default for Growth {
    fn default() -> Self {
        Self {
            window: STREAM,
            asked: None,
            next: PAUSE,
            pause: PAUSE,
        }
    }
}

impl Growth {
    /// What one stream may have on its way.
    pub(crate) fn window(&self) -> u32 {
        self.window
    }

    /// Whether a PING is to go out, now that so much has been taken in all.
    pub(crate) fn is_due(&self, received: u64) -> bool {
        self.asked.is_none() && received >= self.next && self.window < MOST
    }

    /// It goes out.
    pub(crate) fn ask(&mut self, received: u64) {
        self.asked = Some(received);
    }

    /// The window, if it grows.
    pub(crate) fn answered(&mut self, received: u64) -> Option<u32> {
        let came = received - self.asked.take()?;
        let window = u64::from(self.window);
        // The other side hears of more room by halves of the window, and may answer before it fills the half that it has just been
        // given: of one that is the limit, so much comes at least.
        if came * 3 < window {
            self.pause = LONGEST_PAUSE.min(self.pause * 2);
            self.next = received + self.pause;
            return None;
        }
        self.window = MOST.min(2 * self.window);
        self.pause = PAUSE;
        // What comes next was sent by the old one.
        self.next = received + 2 * window;
        Some(self.window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The window after many round trips of a path that holds so much.
    fn settled(path: u64) -> (u32, u32) {
        let (mut growth, mut received, mut pings) = (Growth::default(), 0, 0);
        for _ in 0..10_000 {
            let trip = path.min(growth.window.into());
            if growth.is_due(received) {
                growth.ask(received);
                pings += 1;
            }
            received += trip;
            growth.answered(received);
        }
        (growth.window, pings)
    }

    #[test]
    fn a_window_grows_to_what_its_path_holds_and_no_further() {
        for path in [10_000, 50_000, 87_000] {
            assert_eq!(settled(path).0, STREAM, "{path}");
        }
        for path in [100_000, 1_000_000, 4_000_000] {
            let window = u64::from(settled(path).0);
            assert!(path <= window && window <= 6 * path, "{path}: {window}");
        }
        assert_eq!(settled(100_000_000).0, MOST);
    }

    #[test]
    fn an_answer_that_comes_before_the_half_that_was_just_allowed_says_enough() {
        let mut growth = Growth::default();
        growth.ask(u64::from(STREAM / 2) + 16 * 1024);
        assert_eq!(growth.answered(STREAM.into()), Some(2 * STREAM));
    }

    #[test]
    fn a_path_that_is_short_is_seldom_asked() {
        let (_, pings) = settled(80_000);
        // A gigabyte has come.
        assert!(pings < 80, "{pings}");
        assert_eq!(settled(1).1, 0);
    }
}
