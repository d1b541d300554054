//! Reads any bytes as a row of Agno's table of spans.

#![no_main]

use agno_top::sources::fuzz;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fuzz::row(bytes));
