//! Any bytes as a row of Agno's table of spans. It is a span or a message, and its payload is read either way.

#![no_main]

use agno_top::sources::fuzz;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fuzz::row(bytes));
