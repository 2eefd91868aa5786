//! See `outrigger_tests::fuzz::client_hello`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| outrigger_tests::fuzz::client_hello(bytes));
