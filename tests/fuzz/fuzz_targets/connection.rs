//! See `outrigger_tests::fuzz::connection`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| outrigger_tests::fuzz::connection(bytes));
