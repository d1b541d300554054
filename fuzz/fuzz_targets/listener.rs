//! Any bytes as a request to the listener: spans, logs and metrics, in protobuf and in JSON.

#![no_main]

use agno_top::sources::otlp::fuzz;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fuzz::request(bytes));
