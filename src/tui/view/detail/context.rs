//! The page of the contexts: of a model call its parts, of a run its calls above one another.

use std::fmt::Write;

use super::content::note;
use crate::context::{Before, CallReport, Cause, Change, Outcome, PART_KINDS, PartKind, Piece, Sides};
use crate::export::cost_of_misses;
use crate::format;
use crate::model::SpanType;
use crate::store::{RowIx, Store};
use crate::tui::app::{Action, Detail, Keymap, OpenedPart, Page, RunContext};
use crate::tui::widget::text::{Document, TextRole};

/// Cells before the values.
const LABEL: usize = 15;

/// Cells of the longest bar.
const BAR: usize = 48;

/// Cells before a call's bar: its number and its tokens.
const CALL: usize = 12;

/// The largest pieces of a part that is not open.
const MAX_CLOSED: usize = 8;

/// Unused tools that are named.
const MAX_UNUSED: usize = 12;

/// The sign and the style of each part. Each has a sign of its own, also without colours.
const SIGNS: [(&str, TextRole); PART_KINDS.len()] = [
    ("▓", TextRole::Key),
    ("▒", TextRole::Keyword),
    ("▚", TextRole::String),
    ("▞", TextRole::String),
    ("░", TextRole::Label),
    ("▄", TextRole::Number),
    ("▌", TextRole::Plain),
];

/// Returns the page of a row, with the lines where something changed.
pub(super) fn page(detail: &Detail, store: &Store, row: RowIx, keys: &Keymap) -> Page {
    let context = &detail.context;
    let (run, is_call) = (store.run_of(row), store.row(row).span_type == SpanType::Model);
    if run != row && !is_call {
        return note("Only model calls and runs have a context. That of the run is in the agent above.").into();
    }
    let at = context.calls().iter().position(|call| call.reports.contains(&row));
    match at.map(|at| (at, context.report().calls().get(at))) {
        Some((at, Some(call))) => call_page(detail, store, row, (at, call), keys),
        None if is_call && !context.is_reading() => note("Another span reports this call; its context is there.").into(),
        None if !is_call && context.calls().is_empty() => note("This run made no model call of its own.").into(),
        None if !is_call && !context.is_reading() => run_page(context, store),
        _ => {
            let (read, all) = (context.report().calls().len(), context.calls().len());
            note(&format!("reading the model calls of the run: {} of {}", format::count(read as u64), format::count(all as u64))).into()
        }
    }
}

fn fact(document: &mut Document, name: &str, value: &str, role: TextRole) {
    document.begin_line(0, LABEL);
    document.push(&format::pad_right(name, LABEL), TextRole::Label);
    document.push(value, role);
}

fn call_page(detail: &Detail, store: &Store, row: RowIx, (at, call): (usize, &CallReport), keys: &Keymap) -> Page {
    let (context, mut document) = (&detail.context, Document::new());
    let input = call.facts.input.map(u64::from);
    let mut text = format::with_noun(&input.map_or_else(|| format::UNKNOWN.to_owned(), format::count), "token");
    if let (Some(read), Some(input)) = (call.facts.cache_read, input) {
        let _ = write!(text, " · {} from the cache ({})", format::count(read.into()), format::percent(read.into(), input));
    }
    if let (Some(input), Some(window)) = (input, store.context_window(row).filter(|window| *window > 0)) {
        let _ = write!(text, " · {} of the window of {}", format::percent(input, window), format::tokens(Some(window)));
    }
    fact(&mut document, "input", &text, TextRole::Number);
    cache(&mut document, LABEL, "cache", call);
    let difference = call.since.as_ref().zip(call.difference());
    if let Some(((before, diff), counts)) = difference {
        let label = match before {
            Before::OfRun(at) => format!("since call {}", at + 1),
            Before::OfSession(_) => "since last run".to_owned(),
        };
        fact(&mut document, &label, &format!("messages: {counts}"), TextRole::Plain);
        // What did not harm the cache is told as well.
        if let Some(change) = diff.first.as_ref().filter(|change| !is_told(call, change)) {
            fact(&mut document, "", &change.words(), TextRole::Plain);
            sides(&mut document, LABEL, change.sides());
        }
    }
    fact(&mut document, "call", &format!("{} of {} in this run", at + 1, context.calls().len()), TextRole::Faint);
    document.begin_line(0, 0);
    let lines = parts(&mut document, detail, call);
    if !lines.is_empty() {
        document.begin_line(0, 0);
        let [next, open] = [Action::NextMatch, Action::Detail].map(|action| keys.hint(action));
        document.push(&format!("{next} chooses a part, {open} opens it"), TextRole::Faint);
    }
    Page { document, parts: lines, ..Page::default() }
}

/// Whether the verdict already tells of a change.
fn is_told(call: &CallReport, change: &Change) -> bool {
    matches!(&call.verdict.cause, Some(Cause::Changed(told)) if told == change)
}

/// Writes what the cache did, with both sides of a changed text.
fn cache(document: &mut Document, indent: usize, label: &str, call: &CallReport) {
    document.begin_line(0, indent);
    document.push(&format::pad_right(label, indent), TextRole::Label);
    let role = match call.verdict.outcome {
        Outcome::Miss => TextRole::Keyword,
        Outcome::Hit => TextRole::String,
        _ => TextRole::Faint,
    };
    document.push(&call.verdict.words(&call.facts), role);
    if let Some(Cause::Changed(change)) = &call.verdict.cause {
        sides(document, indent, change.sides());
    }
}

fn sides(document: &mut Document, indent: usize, sides: Option<&Sides>) {
    for (sign, text) in sides.into_iter().flat_map(|sides| [("- ", &sides.before), ("+ ", &sides.after)]) {
        document.begin_line(indent, indent + 2);
        document.push(sign, TextRole::Punct);
        document.push(&text.replace('\n', "⏎"), TextRole::Plain);
    }
}

/// Writes the bar, and each part with its pieces. Returns the lines of the parts.
fn parts(document: &mut Document, detail: &Detail, call: &CallReport) -> Vec<(usize, PartKind)> {
    let (context, mut lines) = (&detail.context, Vec::new());
    let Some(shares) = call.parts.shares() else {
        fact(document, "parts", "no messages are recorded on this span", TextRole::Faint);
        return lines;
    };
    document.begin_line(LABEL, LABEL);
    bar(document, shares, BAR);
    let tokens = call.parts.tokens();
    for (index, (kind, name)) in PART_KINDS.iter().enumerate() {
        let pieces: Vec<&Piece> = call.pieces.iter().filter(|piece| piece.kind == *kind).collect();
        if pieces.is_empty() {
            continue;
        }
        document.begin_line(0, LABEL);
        lines.push((document.lines() - 1, *kind));
        let (sign, role) = SIGNS[index];
        let is_chosen = detail.chosen_part() == Some(*kind);
        document.push(if is_chosen { "▸" } else { sign }, if is_chosen { TextRole::Keyword } else { role });
        document.push(&format::pad_right(&format!(" {name}"), LABEL - 1), TextRole::Label);
        document.push(&amount(tokens.map(|tokens| tokens[index]), shares[index]), TextRole::Number);
        if *kind == PartKind::Tools {
            document.push(&format!("  {}", format::plural(call.tools.unwrap_or_default() as u64, "tool")), TextRole::Faint);
        }
        let opened = detail.opened_part().filter(|opened| opened.kind == *kind);
        if pieces.len() > 1 || matches!(kind, PartKind::Tools | PartKind::Memory | PartKind::Knowledge | PartKind::Results) {
            let shown = if opened.is_some() { pieces.len() } else { MAX_CLOSED };
            for piece in pieces.iter().take(shown) {
                write_piece(document, context, piece);
            }
            if pieces.len() > shown {
                document.begin_line(LABEL, LABEL + 2);
                document.push(&format!("and {} more", pieces.len() - shown), TextRole::Faint);
            }
        }
        if let Some(opened) = opened {
            write_texts(document, opened);
        }
    }
    document.begin_line(0, 0);
    document.begin_line(0, 0);
    let sum = if tokens.is_some() { "~ estimated by length: the parts add up to the stated input" } else { "shares by length" };
    document.push(sum, TextRole::Faint);
    if call.tools.is_none() && context.report().calls_tools() {
        document.begin_line(0, 0);
        document.push("tool schemas are not recorded: their tokens are among the other parts", TextRole::Faint);
    }
    if call.is_partial {
        document.begin_line(0, 0);
        document.push("the sender dropped messages: their tokens are among the other parts, and nothing is compared", TextRole::Faint);
    }
    lines
}

/// Writes the texts of a part.
fn write_texts(document: &mut Document, opened: &OpenedPart) {
    if opened.texts.is_empty() {
        document.begin_line(LABEL, LABEL);
        document.push(if opened.is_reading { "reading…" } else { "another span reports its text" }, TextRole::Faint);
    }
    for text in &opened.texts {
        document.begin_line(2, 2);
        let place = text.message.map(|message| format!("message {message}  ")).unwrap_or_default();
        document.push(&place, TextRole::Label);
        document.push(&format::safe(&text.name), TextRole::Call);
        document.begin_line(4, 4);
        document.push(&text.text, TextRole::Plain);
        if text.left_out > 0 {
            document.push(&format!("… {} more", format::plural(text.left_out as u64, "byte")), TextRole::Faint);
        }
    }
    if opened.more > 0 {
        document.begin_line(2, 2);
        document.push(&format!("and {} more", format::count(opened.more as u64)), TextRole::Faint);
    }
}

fn write_piece(document: &mut Document, context: &RunContext, piece: &Piece) {
    document.begin_line(LABEL, LABEL + 2);
    document.push(&amount(piece.tokens, piece.share), TextRole::Plain);
    document.push("  ", TextRole::Plain);
    document.push(&format::safe(&piece.name), TextRole::Call);
    if piece.count > 1 {
        document.push(&format!(" ×{}", piece.count), TextRole::Faint);
    }
    if piece.kind == PartKind::Tools && !context.is_reading() && !context.is_cut() && !context.report().is_called(&piece.name) {
        document.push("  never called in this run", TextRole::Keyword);
    }
}

/// Returns an estimated count and a share: `~1,234  12%`.
fn amount(tokens: Option<u64>, share: u64) -> String {
    let tokens = tokens.map_or_else(|| format::UNKNOWN.to_owned(), |tokens| format!("~{}", format::count(tokens)));
    format!("{} {}", format::pad_left(&tokens, 9), format::pad_left(&format::percent(share, 10_000), 4))
}

/// Writes a bar of the given cells. Every part that is there takes a cell at least, if there is room.
fn bar(document: &mut Document, shares: [u64; PART_KINDS.len()], cells: usize) {
    let mut done = 0_u64;
    let mut drawn = 0;
    for (share, (sign, role)) in shares.into_iter().zip(SIGNS) {
        done += share;
        let end = ((done * cells as u64 + 5000) / 10_000) as usize;
        let end = if share > 0 { end.max(drawn + 1).min(cells) } else { drawn };
        document.push(&sign.repeat(end.saturating_sub(drawn)), role);
        drawn = end.max(drawn);
    }
}

fn run_page(context: &RunContext, store: &Store) -> Page {
    let (mut document, mut marks) = (Document::new(), Vec::new());
    let report = context.report();
    let mut sum = report.summary().words();
    if let Some(cost) = cost_of_misses(store, context.calls(), report) {
        let _ = write!(sum, " · misses cost {}", format::money(Some(cost)));
    }
    fact(&mut document, "contexts", &sum, TextRole::Number);
    if context.is_cut() {
        fact(&mut document, "", "only the first calls of this run were read", TextRole::Faint);
    }
    unused_tools(&mut document, context);
    legend(&mut document, context);
    let largest = report.calls().iter().filter_map(|call| call.facts.input).max().unwrap_or_default();
    for (at, call) in report.calls().iter().enumerate() {
        if matches!(call.verdict.outcome, Outcome::Miss) || call.since.as_ref().is_some_and(|(_, diff)| diff.first.is_some()) {
            marks.push(document.lines());
        }
        document.begin_line(0, CALL);
        document.push(&format::pad_left(&(at + 1).to_string(), 4), TextRole::Label);
        let tokens = format::tokens(call.facts.input.map(u64::from));
        document.push(&format!("{} ", format::pad_left(&tokens, CALL - 5)), TextRole::Number);
        match (call.parts.shares(), call.facts.input) {
            (Some(shares), Some(input)) => {
                let cells = (u64::from(input) * BAR as u64).div_ceil(u64::from(largest.max(1)));
                bar(&mut document, shares, (cells as usize).clamp(1, BAR));
            }
            (Some(shares), None) => bar(&mut document, shares, BAR),
            (None, _) => document.push("no messages recorded", TextRole::Faint),
        }
        cache(&mut document, CALL, "", call);
        if let Some((_, diff)) = &call.since
            && let Some(change) = diff.first.as_ref().filter(|change| !is_told(call, change))
        {
            document.begin_line(CALL, CALL);
            document.push(&change.words(), TextRole::Plain);
            sides(&mut document, CALL, change.sides());
        }
    }
    Page { document, marks, ..Page::default() }
}

fn unused_tools(document: &mut Document, context: &RunContext) {
    let unused = context.report().unused_tools();
    if unused.is_empty() || context.is_cut() {
        return;
    }
    let tokens: u64 = unused.iter().map(|(_, tool)| tool.tokens).sum();
    let names: Vec<String> = unused.iter().take(MAX_UNUSED).map(|(name, _)| format::safe(name).into_owned()).collect();
    let more = if unused.len() > MAX_UNUSED { format!(" and {} more", unused.len() - MAX_UNUSED) } else { String::new() };
    let tokens = if tokens > 0 { format!(": ~{} in all calls", format::plural(tokens, "token")) } else { String::new() };
    fact(document, "never called", &format!("{}{more}{tokens}", names.join(", ")), TextRole::Keyword);
}

/// Writes the signs of the parts that occur.
fn legend(document: &mut Document, context: &RunContext) {
    document.begin_line(0, 0);
    document.begin_line(CALL, CALL);
    for (index, (_, name)) in PART_KINDS.iter().enumerate() {
        let occurs = |call: &CallReport| call.parts.shares().is_some_and(|shares| shares[index] > 0);
        if context.report().calls().iter().any(occurs) {
            let (sign, role) = SIGNS[index];
            document.push(sign, role);
            document.push(&format!(" {name} "), TextRole::Faint);
        }
    }
    document.push(" ~ by length", TextRole::Faint);
}
