//! Any bytes as a file of spans: it is told what it is, or that it is none. Every row and payload in it is read.

#![no_main]

use agno_top::sources::file::fuzz;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fuzz::by_content(bytes));
