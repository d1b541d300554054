//! Reads any bytes as a file of spans, with every row and payload in it.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agno_top::fuzz::file(bytes));
