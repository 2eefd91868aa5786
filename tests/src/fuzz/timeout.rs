//! Deadlines as callers may send them.

use std::time::Duration;

use outrigger::layer::deadline::asked;

/// Whatever came, reading it does not panic; what is read is passed on as no more than it was, and as something that is
/// read again.
pub fn timeout(bytes: &[u8]) {
    if let Some(asked) = asked::grpc(bytes) {
        let told = asked::grpc(asked::format_grpc(asked).as_bytes());
        let told = told.expect("what is written can be read");
        assert!(told <= asked, "{told:?} for {asked:?}");
        // The coarsest unit that is needed loses less than one of itself.
        assert!(
            asked - told <= asked / 1_000_000 * 10 + Duration::from_nanos(1),
            "{told:?} for {asked:?}"
        );
    }
    if let Some(asked) = asked::plain(bytes) {
        let told = asked::plain(asked::format_plain(asked).as_bytes());
        let told = told.expect("what is written can be read");
        assert!(
            told == asked.max(Duration::from_millis(1)),
            "{told:?} for {asked:?}"
        );
    }
}
