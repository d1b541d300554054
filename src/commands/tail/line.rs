//! One line per span.

use std::io::{self, Write};

use super::super::json;
use super::super::output::{Output, Style, StyledText, description, usage};
use crate::export::record::SpanRecord;
use crate::format;
use crate::model::SpanType;
use crate::store::{RowIx, Store};
use crate::tui::display;

/// Prints a span, and flushes.
pub(super) fn print(store: &Store, row: RowIx, json: bool, output: Output) -> io::Result<()> {
    let mut line = Vec::new();
    if json {
        json::line(&mut line, &SpanRecord::from_row(store, row))?;
    } else {
        output.line(&mut line, &pieces(store, row))?;
    }
    let mut out = io::stdout().lock();
    out.write_all(&line)?;
    out.flush()
}

/// Returns when the span ended, its duration, tokens and cost, its agent and name, and its error, requested tools or arguments.
fn pieces(store: &Store, row: RowIx) -> Vec<StyledText> {
    let data = store.row(row);
    let [tokens, cost] = usage(store.row(row).span_type, &store.totals(row));
    let number = |text: String, width| StyledText::from(format::pad_left(&text, width));
    let mut pieces = vec![
        StyledText::new(&format::time_of_day(data.end), Style::Dim),
        number(format::duration(data.end.saturating_sub(data.start)), 8),
        number(tokens, 7),
        number(cost, 9),
        "  ".to_owned().into(),
        Output::symbol(data.span_type),
        " ".to_owned().into(),
    ];
    let (agent, name) = (store.text(store.agent(row)), display::name(store, data));
    if !agent.is_empty() && agent != name {
        pieces.push(StyledText::new(agent, Style::SpanType(SpanType::Agent)));
        pieces.push(StyledText::new(" / ", Style::Dim));
    }
    pieces.push(StyledText::new(&name, Style::SpanType(data.span_type)));
    pieces.push("  ".to_owned().into());
    pieces.push(description(store, row, data.span_type == SpanType::Tool));
    pieces
}
