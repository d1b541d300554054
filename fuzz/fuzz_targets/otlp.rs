//! Takes any bytes as an OTLP request of any signal and encoding, or as a whole connection.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agno_top::fuzz::otlp(bytes));
