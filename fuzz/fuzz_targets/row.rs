//! Reads any bytes as a row of Agno's table of spans.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agno_top::fuzz::row(bytes));
