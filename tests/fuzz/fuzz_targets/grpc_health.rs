//! See `outrigger_tests::fuzz::grpc_health`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| outrigger_tests::fuzz::grpc_health(bytes));
