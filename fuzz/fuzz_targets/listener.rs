//! Ingests any bytes as an OTLP request: traces, logs or metrics, in protobuf or JSON.

#![no_main]

use agno_top::sources::otlp::fuzz;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fuzz::request(bytes));
