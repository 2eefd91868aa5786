//! See `outrigger_tests::fuzz::http1_session`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| outrigger_tests::fuzz::http1_session(bytes));
