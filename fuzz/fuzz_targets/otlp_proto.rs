//! Reads any bytes as OTLP in protobuf, with every row and payload in it.

#![no_main]

use agno_top::sources::file::fuzz;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fuzz::otlp_proto(bytes));
