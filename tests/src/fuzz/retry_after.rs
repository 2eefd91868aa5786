//! The wait that an endpoint asks for, in whatever bytes.

use std::time::{Duration, SystemTime};

use outrigger::retry::retry_after::parse;

/// What is a wait does not grow while time passes, and is no shorter for white space around it.
pub fn retry_after(bytes: &[u8]) {
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_700);
    let Some(wait) = parse(bytes, then) else {
        return;
    };
    let later = parse(bytes, then + Duration::from_secs(60)).expect("it was a wait before");
    assert!(later <= wait && wait - later <= Duration::from_secs(60));
    let spaced = [b" \t", bytes, b" "].concat();
    assert_eq!(parse(&spaced, then), Some(wait));
}
