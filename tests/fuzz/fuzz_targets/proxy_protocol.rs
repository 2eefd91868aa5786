//! See `outrigger_tests::fuzz::proxy_protocol`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| outrigger_tests::fuzz::proxy_protocol(bytes));
