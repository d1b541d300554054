//! A trace in the fewest characters that tell its tree, for readers that pay for each: a line per step, indented by its depth.

use std::fmt::Write as _;

use crate::export::record::status_name;
use crate::format;
use crate::model::{Nanos, SpanType};
use crate::store::{RowIx, RunStatus, Store, Totals, TraceIx};
use crate::tui::display;
use crate::why;

/// The most characters of a name and of an error.
const MAX_NAME: usize = 80;
const MAX_ERROR: usize = 160;

/// The fewest digits of a span id.
const MIN_DIGITS: usize = 4;

/// What a compact trace holds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shape {
    /// Whether each line names the beginning of its span's id, which no other span of the trace shares.
    pub(super) ids: bool,
    /// The row to begin at; `None` for the whole trace.
    pub(super) from: Option<RowIx>,
    /// The most characters; the deepest steps are left out first.
    pub(super) limit: Option<usize>,
}

/// A compact trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Compact {
    /// The lines.
    pub(super) text: String,
    /// The steps that were left out for the limit.
    pub(super) left_out: usize,
}

/// Returns a trace as text, safe for a terminal:
///
/// ```text
/// 8354bea7e8e18f2223f0cadaa93849f4 error
/// Support Agent: 239ms 108>87 $0.00020
///  gpt-5-mini 95ms 47>31
///  refund_order() 2.1ms !HTTP 502
/// ```
///
/// `in>out` are tokens, `()` marks a tool, `:` what has steps below, `!` an error, `×3` three steps in a row with the same name.
pub(super) fn compact(store: &Store, trace: TraceIx, now: Nanos, shape: Shape) -> Compact {
    let rows = store.told_once(match shape.from {
        Some(row) => store.walk_below(row),
        None => store.walk(trace),
    });
    let digits = if shape.ids { id_digits(store, trace) } else { 0 };
    let writer = Writer { store, now, digits };
    let mut depth = rows.iter().map(|&(_, depth)| depth).max().unwrap_or_default();
    loop {
        let (mut text, left_out) = writer.text(trace, &rows, depth, shape.from.is_none());
        let fits = shape.limit.is_none_or(|limit| text.chars().count() <= limit);
        match (fits, depth, shape.limit) {
            (false, 0, Some(limit)) => {
                // Even the first level is too long: its first lines.
                let whole = text.lines().count();
                let end = text.char_indices().nth(limit).map_or(text.len(), |(at, _)| at);
                text.truncate(text[..end].rfind('\n').map_or(0, |at| at + 1));
                return Compact { left_out: left_out + whole - text.lines().count(), text };
            }
            (false, ..) => depth -= 1,
            (true, ..) => return Compact { text, left_out },
        }
    }
}

struct Writer<'a> {
    store: &'a Store,
    now: Nanos,
    /// The digits of span ids; 0 for none.
    digits: usize,
}

impl Writer<'_> {
    /// Returns the lines of the rows down to a depth, and the number of rows below it.
    fn text(&self, trace: TraceIx, rows: &[(RowIx, usize)], max_depth: usize, is_whole: bool) -> (String, usize) {
        let (store, data) = (self.store, self.store.trace(trace));
        let mut text = format!("{} {}", data.id, status_name(data.run_status()));
        // A single root tells the time and the sums.
        if data.roots().len() > 1 {
            let _ = write!(text, " {}", format::duration_if_known(store.trace_time(trace, self.now), store.is_time_bound(trace)));
            usage(&store.totals_of(trace), true, &mut text);
        }
        text.push('\n');
        if is_whole {
            for sentence in why::scope(store, trace, self.now) {
                let _ = writeln!(text, "({sentence})");
            }
        }
        let mut at = 0;
        while let Some(&(row, depth)) = rows.get(at) {
            at += 1;
            if depth > max_depth {
                continue;
            }
            // Leaves of the same name in a row are one line.
            let is_alike = |&&(other, other_depth): &&(RowIx, usize)| depth == other_depth && self.is_alike(row, other);
            let alike = if self.is_plain_leaf(row) && self.digits == 0 { rows[at..].iter().take_while(is_alike).count() } else { 0 };
            let group: Vec<RowIx> = rows[at - 1..at + alike].iter().map(|&(row, _)| row).collect();
            at += alike;
            self.line(&group, depth, depth == max_depth, &mut text);
        }
        let left_out = rows.iter().filter(|(_, depth)| *depth > max_depth).count();
        (text, left_out)
    }

    fn line(&self, rows: &[RowIx], depth: usize, is_last_level: bool, text: &mut String) {
        let (store, row) = (self.store, rows[0]);
        let (data, is_leaf) = (store.row(row), store.is_told_leaf(row));
        text.extend(std::iter::repeat_n(' ', depth.min(display::INDENTED_LEVELS)));
        text.push_str(&cut(&display::name(store, data), MAX_NAME));
        text.push_str(match data.span_type {
            SpanType::Tool => "()",
            _ if is_leaf => "",
            _ => ":",
        });
        if rows.len() > 1 {
            let _ = write!(text, " ×{}", rows.len());
        }
        if self.digits > 0 {
            let id: String = data.id.to_string().chars().take(self.digits).collect();
            let _ = write!(text, " #{id}");
        }
        let _ = write!(text, " {}", format::duration(store.total_duration(rows, self.now)));
        if is_leaf || data.span_type.is_agentic() {
            usage(&store.sum(rows), !is_leaf, text);
        }
        match store.run_status(row) {
            RunStatus::Error if store.is_failed_step(row) => {
                let _ = write!(text, " !{}", cut(store.text(store.failure_text(row)), MAX_ERROR));
            }
            // The failure below tells why.
            RunStatus::Error if data.own_failure() => text.push_str(" !"),
            RunStatus::Error | RunStatus::Ok => {}
            status => {
                let _ = write!(text, " {}", status_name(status));
            }
        }
        if is_last_level && !is_leaf {
            let below = store.told_once(store.walk_below(row)).len() - 1;
            let _ = write!(text, " (+{})", format::plural(below as u64, "step"));
        }
        text.push('\n');
    }

    /// Whether the row has no rows below and nothing but its name, time and tokens to tell.
    fn is_plain_leaf(&self, row: RowIx) -> bool {
        self.store.is_told_leaf(row) && self.store.run_status(row) == RunStatus::Ok
    }

    fn is_alike(&self, row: RowIx, other: RowIx) -> bool {
        let (data, other_data) = (self.store.row(row), self.store.row(other));
        (data.span_type, data.label, data.name) == (other_data.span_type, other_data.label, other_data.name) && self.is_plain_leaf(other)
    }
}

/// Writes tokens, and with `costs` the cost; nothing that is unknown.
fn usage(totals: &Totals, costs: bool, text: &mut String) {
    let known = |text: String, calls: u32| if calls > 0 { text } else { "?".to_owned() };
    if totals.tokens().is_some() {
        let _ = write!(text, " {}>{}", known(display::input(totals), totals.inputs), known(display::output(totals), totals.outputs));
    }
    if costs && totals.cost().is_some() {
        let _ = write!(text, " {}", display::cost(totals));
    }
}

/// Returns the digits from which the ids of a trace's spans differ.
pub(super) fn id_digits(store: &Store, trace: TraceIx) -> usize {
    let mut ids: Vec<String> = store.walk(trace).map(|(row, _)| store.row(row).id.to_string()).collect();
    ids.sort_unstable();
    let shared = |pair: &[String]| pair[0].bytes().zip(pair[1].bytes()).take_while(|(one, other)| one == other).count();
    ids.windows(2).map(|pair| shared(pair) + 1).max().unwrap_or_default().max(MIN_DIGITS)
}

/// Cuts a text to one line of so many characters, safe for a terminal.
fn cut(text: &str, length: usize) -> String {
    let text = format::safe(text);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(length) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}
