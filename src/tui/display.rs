//! The appearance of rows on the screen and on standard output: names, symbols, theme roles, numbers and bars.

mod bar;
pub mod counted;
mod difference;
mod facts;
pub mod log;
pub mod metric;
mod note;
pub mod review;
mod summary;
mod symbols;
mod tokens;

pub use bar::row_bar;
pub use difference::difference;
pub use facts::{anomalies_of_turn, call_facts, turn_facts, waited, waits};
pub use note::{continuation_note, group_note, note, skew};
pub use summary::summary;
pub use symbols::{ascii_symbol, span_type_role, span_type_symbol, status_role, status_symbol};
pub use tokens::{Shares, cost, cost_width, input, output, tokens, tokens_in_out};

use crate::format;
use crate::model::{Attribute, Nanos, SpanType, Value};
use crate::store::{Phase, Row, RowIx, Store, Symbol, TraceIx};

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
                // A tool calls no model itself.
                SpanType::Team if calls_models(store, row) => "team or workflow",
                SpanType::Team => "run",
                SpanType::Workflow => "workflow",
                SpanType::Other => "span",
                _ => "agent",
            };
            match (store.text(likely_name(store, row)), row.phase == Phase::Running) {
                ("", true) => format!("running {what}"),
                ("", false) => format!("{what}, never ended"),
                (likely, true) => format!("~{likely}, running"),
                (likely, false) => format!("~{likely}, never ended"),
            }
        }
        (true, true) => "(no name)".to_owned(),
    }
}

/// Formats the parameters of a model call: `temperature 0.2 · max_tokens 100`.
#[must_use]
pub fn parameters(parameters: &[Attribute]) -> String {
    let text = |value: &Value| if let Value::Text(text) = value { text.clone() } else { value.to_json() };
    parameters.iter().map(|(name, value)| format!("{name} {}", text(value))).collect::<Vec<_>>().join(" · ")
}

/// Returns the likely name of a row that has not arrived; empty if nothing tells it.
fn likely_name(store: &Store, row: &Row) -> Symbol {
    store.find(row.trace(), row.id).map_or(Symbol::EMPTY, |row| store.likely_name(row))
}

/// Whether a model call is among the first rows below a row.
fn calls_models(store: &Store, row: &Row) -> bool {
    let children = store.find(row.trace(), row.id).map_or(&[][..], |row| store.children(row));
    children.iter().take(16).any(|&child| store.row(child).span_type == SpanType::Model)
}

/// Returns the name of a trace: that of the run that it is about.
#[must_use]
pub fn lead_name(store: &Store, trace: TraceIx) -> String {
    store.lead(trace).map_or_else(String::new, |lead| name(store, store.row(store.telling(lead))))
}

/// Formats the time that stands beside a row at the time `now`: beside the first root of a trace that of the trace.
#[must_use]
pub fn time(store: &Store, row: RowIx, now: Nanos) -> String {
    written_time(store.shown_time(row, now), store.is_shown_time_running(row), store.is_shown_time_bound(row))
}

/// Formats the time that a trace took, without other traces that are parts of it.
#[must_use]
pub fn trace_time(store: &Store, trace: TraceIx, now: Nanos) -> String {
    written_time(store.trace_time(trace, now), store.is_time_running(trace), store.is_time_bound(trace))
}

/// Formats the time of a row alone at the time `now`.
#[must_use]
pub fn elapsed(row: &Row, now: Nanos) -> String {
    written_time(row.time(now), row.phase == Phase::Running, row.is_cut_off())
}

/// Formats a time, which may be that of something that runs, or a lower bound; an unknown one is [`format::UNKNOWN`].
fn written_time(time: Option<Nanos>, is_running: bool, is_bound: bool) -> String {
    match time {
        Some(time) if is_running => format::clock(time),
        time => format::duration_if_known(time, is_bound),
    }
}
