//! Shows any texts in every view and exports them in every format.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agno_top::fuzz::views(bytes));
