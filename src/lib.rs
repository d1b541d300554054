//! agno-top: htop for AI agents.
//!
//! A span travels one way: a source in [`sources`] reads it, the [`store`] indexes it and reports what changed, the [`tui`]
//! shows it or one of the [`commands`] prints it. Imports point against that way only (`tests/layering`).

pub mod cli;
pub mod commands;
pub mod config;
pub mod context;
pub mod demo;
pub mod export;
pub mod format;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;
pub mod job_control;
pub mod keymap;
pub mod log;
pub mod logs;
pub mod metrics;
pub mod model;
pub(crate) mod otlp;
pub mod panic_hook;
pub mod query;
mod regular_file;
pub mod run;
pub mod semconv;
pub mod send;
pub mod settings;
pub mod setup;
pub mod sources;
pub mod store;
pub mod tui;
pub mod version;
pub mod why;
