//! The user interface: state and actions in [`app`], text and drawing in [`view`], and the event loop that connects both to the terminal.

pub mod app;
pub mod clipboard;
pub mod display;
pub mod event_loop;
pub mod history;
pub mod input;
pub mod slices;
pub mod terminal;
pub mod theme;
pub mod view;
pub mod widget;
