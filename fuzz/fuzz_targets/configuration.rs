//! Reads any text as configuration file, variables, theme and price list.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agno_top::fuzz::configuration(bytes));
