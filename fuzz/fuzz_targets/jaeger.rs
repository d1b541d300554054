//! Any text as a download of Jaeger's. Every row and payload in it is read.

#![no_main]

use agno_top::sources::file::fuzz;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fuzz::jaeger(bytes));
