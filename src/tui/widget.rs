//! Drawing that knows only text, numbers and cells: flame bars, gauges, sparklines, documents and what fills them.
//!
//! A widget is told what to draw and writes text or cells; colours are chosen by who calls it.

pub mod chat;
pub mod flame;
pub mod gauge;
pub mod json;
pub mod reader;
pub mod sparkline;
pub mod text;

pub use chat::{Message, Part};
pub use flame::{Axis, Bar, Palette, State};
pub use gauge::gauge;
pub use reader::{Reader, Styles};
pub use sparkline::sparkline;
pub use text::{Document, Role};

/// Which characters a terminal can be trusted with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Glyphs {
    /// Blocks, arrows and lines.
    #[default]
    Unicode,
    /// Nothing beyond ASCII.
    Ascii,
}
