//! Reads any bytes as an answer of AgentOS.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agno_top::fuzz::agentos(bytes));
