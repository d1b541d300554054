//! The appearance of rows on the screen and on standard output: names, symbols, theme roles, numbers and bars.

mod bar;
mod symbols;
mod tokens;

pub use bar::row_bar;
pub use symbols::{ascii_symbol, span_type_role, span_type_symbol, status_role, status_symbol};
pub use tokens::{Shares, cost, tokens_in_out};

use crate::format;
use crate::model::{Nanos, SpanType};
use crate::store::{Phase, Row, Store};

/// Levels of a tree that are indented; deeper rows are drawn at the last of them.
pub const INDENTED_LEVELS: usize = 24;

/// Returns the name of a row: its label, else the name of its span. The text is not yet safe for a terminal.
#[must_use]
pub fn name(store: &Store, row: &Row) -> String {
    match (row.label.is_empty(), row.name.is_empty()) {
        (false, _) => store.text(row.label).to_owned(),
        (true, false) => store.text(row.name).to_owned(),
        (true, true) if row.placeholder => {
            let what = match row.span_type {
                SpanType::Team => "team or workflow",
                SpanType::Workflow => "workflow",
                _ => "agent",
            };
            let state = if row.phase == Phase::Running { "still running" } else { "never ended" };
            format!("{what}, {state}")
        }
        (true, true) => "(no name)".to_owned(),
    }
}

/// Formats the duration of a row at the time `now`, or [`format::UNKNOWN`] for a lost row.
#[must_use]
pub fn elapsed(row: &Row, now: Nanos) -> String {
    match row.phase {
        Phase::Running => format::clock(row.duration(now)),
        Phase::Lost => format::UNKNOWN.to_owned(),
        Phase::Ended => format::duration(row.duration(now)),
    }
}
