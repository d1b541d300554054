//! Formats text and numbers for the terminal.
//!
//! [`safe`] and [`safe_lines`] clean untrusted text; [`width`], [`fit`] and the pads count terminal cells; the rest format times, tokens,
//! money and sizes in few cells.

mod escape;
mod number;
mod plain;
mod safe;
mod time;
mod width;

pub use number::{
    MONEY_WIDTH, align_money, bytes, count, decimal, money, money_at_least, percent, plural, tokens, tokens_at_least, with_noun,
};
pub use plain::plain;
pub use safe::{file_name, safe, safe_lines};
pub use time::{
    age, clock, date_time, duration, duration_at_least, duration_if_known, is_same_day, moment, rfc3339, round_duration, short_moment,
    time_of_day, time_of_day_millis,
};
pub use width::{cells, fit, fit_end, fit_middle, pad_left, pad_right, parts, width};

/// The text of an unknown number.
pub const UNKNOWN: &str = "–";
