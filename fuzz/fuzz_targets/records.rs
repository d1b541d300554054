//! Reads any text as spans that are one JSON object each, with every row and payload in them.

#![no_main]

use agno_top::sources::file::fuzz;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fuzz::records(bytes));
