//! See `outrigger_tests::fuzz::timeout`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| outrigger_tests::fuzz::timeout(bytes));
