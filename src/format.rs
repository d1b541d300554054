//! Numbers and text for a person's eye: what is written into a cell is made here.
//!
//! [`safe`] stands between text from outside and a terminal; [`width`], [`fit`] and the pads count terminal cells;
//! the rest turn times, tokens, money and sizes into few cells of constant shape. Nothing here knows what a span is.

mod escape;
mod number;
mod plain;
mod safe;
mod time;
mod width;

pub use number::{bytes, count, money, percent, plural, tokens};
pub use plain::plain;
pub use safe::{file_name, safe, safe_lines};
pub use time::{age, clock, duration, is_same_day, moment, rfc3339, short_moment, time_of_day};
pub use width::{cells, fit, fit_end, pad_left, pad_right, width};

/// Stands for a number that nobody stated.
pub const UNKNOWN: &str = "–";
