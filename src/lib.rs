//! agno-top: htop for AI agents.
//!
//! A span travels one way: a [`source`] reads it, the [`store`] indexes it and says what changed, the [`app`]
//! decides what is looked at, the [`view`] paints that. Imports point against that way only (`tests/layering.rs`).

pub mod app;
pub mod cli;
pub mod clipboard;
pub mod command;
pub mod config;
pub mod demo;
pub mod export;
pub mod format;
pub mod history;
pub mod log;
pub mod look;
pub mod model;
pub mod panic;
pub mod query;
pub mod send;
pub mod source;
pub mod store;
pub mod terminal;
pub mod view;
pub mod widget;
