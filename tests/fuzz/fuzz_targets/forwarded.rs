//! See `outrigger_tests::fuzz::forwarded`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| outrigger_tests::fuzz::forwarded(bytes));
