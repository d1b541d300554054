//! Drawing that knows only text, numbers and cells: flame bars, gauges, sparklines, documents and what fills them.
//!
//! A widget is told what to draw and writes text or cells; colours are chosen by who calls it.

pub mod chat;
pub mod gauge;
pub mod json;
pub mod pager;
pub mod sparkline;
pub mod text;
pub mod waterfall;

pub use chat::{Message, Part};
pub use gauge::gauge;
pub use pager::{Pager, Styles};
pub use sparkline::sparkline;
pub use text::{Document, TextRole};
pub use waterfall::{Axis, Bar, Palette, State};

/// Which characters a terminal can be trusted with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Glyphs {
    /// Blocks, arrows and lines.
    #[default]
    Unicode,
    /// Nothing beyond ASCII.
    Ascii,
}
