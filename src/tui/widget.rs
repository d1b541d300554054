//! Widgets that know only text, numbers and cells: bars, gauges, sparklines and documents.
//!
//! The caller chooses all colours.

pub mod cell;
pub mod chat;
pub mod gauge;
pub mod json;
pub mod pager;
pub mod sparkline;
pub mod text;
pub mod waterfall;

pub use cell::put_grapheme;
pub use chat::{Message, Part};
pub use gauge::gauge;
pub use pager::{Pager, Styles};
pub use sparkline::{sparkline, sparkline_of};
pub use text::{Document, TextRole};
pub use waterfall::{Axis, Bar, State};

/// The characters that a terminal displays reliably.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Glyphs {
    /// Blocks, arrows and lines.
    #[default]
    Unicode,
    /// ASCII only.
    Ascii,
}
