//! The entrances of the program, each as a function of any bytes: for the targets in `fuzz/` and the tests here.
//!
//! Each function panics where the program breaks a promise.

#![allow(clippy::panic, reason = "a fuzz target fails by panicking")]

mod configuration;
mod filter;
mod signals;
#[cfg(test)]
mod tests;
mod views;

pub use configuration::configuration;
pub use filter::filter;
pub use views::views;

pub use crate::sources::agentos::fuzz::agentos;
pub use crate::sources::agno_row_fuzz::row;
pub use crate::sources::clickhouse::fuzz::clickhouse;
pub use crate::sources::file::fuzz::file;
pub use crate::sources::otlp::fuzz::otlp;
