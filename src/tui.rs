//! The screen: state and actions in [`app`], drawing in [`view`], and the event loop that joins them to the terminal.

pub mod app;
pub mod clipboard;
pub mod display;
pub mod event_loop;
pub mod history;
pub mod terminal;
pub mod theme;
pub mod view;
pub mod widget;
