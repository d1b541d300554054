//! Parses any text as a filter.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agno_top::fuzz::filter(bytes));
