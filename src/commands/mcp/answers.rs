//! Answers from the store, as text of bounded length.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use super::super::compact::{Shape, compact};
use super::super::stats::count::count;
use crate::cli::GroupBy;
use crate::export::record::{rfc3339, status_name};
use crate::format;
use crate::model::Nanos;
use crate::model::sort;
use crate::store::{RowIx, ShortIds, Store, Totals, TraceIx};
use crate::tui::display;
use crate::why::{self, Why};

/// The most characters of a tree: about 2,000 tokens.
const MAX_TREE: usize = 7000;

/// The most groups of statistics, differences and findings, and the most steps of the critical path.
const MAX_GROUPS: usize = 40;
const MAX_FINDINGS: usize = 20;
const MAX_STEPS: usize = 6;

/// The most characters of a text in a line.
const MAX_TEXT: usize = 160;

fn cut(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_TEXT) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

fn usage(totals: &Totals) -> String {
    if totals.tokens().is_none() {
        return "tokens unknown".to_owned();
    }
    format!("{}>{} tokens {}", display::input(totals), display::output(totals), display::cost(totals))
}

/// Returns a trace and its parts on one line.
pub(super) fn trace_line(store: &Store, ids: &ShortIds, main: TraceIx, now: Nanos) -> String {
    let (data, counts, id) = (store.trace(main), store.group_counts(main), ids.id(store, main));
    let took = format::duration_if_known(store.group_time(main, now), store.is_group_time_bound(main));
    let (status, start, usage) = (status_name(counts.run_status()), rfc3339(data.start), usage(&store.group_totals(main)));
    let name = cut(&display::lead_name(store, main));
    let mut roots = store.group(main).flat_map(|part| store.trace(part).roots().iter().copied());
    let error = roots.find(|&root| store.totals(root).failed > 0).map(|root| store.failure_text(root));
    let error = error.map_or_else(String::new, |error| format!(" !{}", cut(store.text(error))));
    format!("{id} {status} {start} {took} {usage} {}{error}", if name.is_empty() { "(no name)" } else { &name })
}

/// Returns the tree of a trace, or of a span in it, and what was left out.
pub(super) fn tree(store: &Store, trace: TraceIx, from: Option<RowIx>, now: Nanos) -> (String, String) {
    let tree = compact(store, trace, now, Shape { ids: true, from, limit: Some(MAX_TREE) });
    let note = match tree.left_out {
        0 => String::new(),
        steps => format!("{} left out: get_trace with a span shows those below it.", format::plural(steps as u64, "deeper step")),
    };
    (tree.text, note)
}

fn scope(store: &Store, trace: TraceIx, now: Nanos, text: &mut String) {
    for sentence in why::scope(store, trace, now) {
        let _ = writeln!(text, "({sentence})");
    }
}

/// Returns what stands out in a trace, and what decided its time.
pub(super) fn why(store: &Store, trace: TraceIx, now: Nanos) -> String {
    let Why { findings, times, left_out, is_truncated } = why::why(store, trace, now);
    let data = store.trace(trace);
    let mut text = format!(
        "{} {} {}\n",
        data.id,
        status_name(data.run_status()),
        format::duration_if_known(store.trace_time(trace, now), store.is_time_bound(trace))
    );
    scope(store, trace, now, &mut text);
    if findings.is_empty() {
        text.push_str("Nothing stands out.\n");
    }
    for (finding, number) in findings.iter().take(MAX_FINDINGS).zip(1..) {
        let ids: Vec<String> = finding.rows.iter().take(3).map(|&row| format!("#{}", store.row(row).id)).collect();
        let more = finding.rows.len().saturating_sub(ids.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let _ = writeln!(text, "{number}. {} ({}: {}{more})", finding.sentence, finding.cause.name(), ids.join(" "));
    }
    let left_out = left_out + findings.len().saturating_sub(MAX_FINDINGS);
    if left_out > 0 {
        let _ = writeln!(text, "{left_out} less important ones left out");
    }
    if is_truncated {
        text.push_str("The trace is large: only its first spans were analysed.\n");
    }
    let total: Nanos = times.iter().map(|(_, time)| *time).sum();
    if !times.is_empty() {
        text.push_str("What decided the time:\n");
    }
    for &(row, time) in times.iter().take(MAX_STEPS) {
        let share = format::percent(time.unsigned_abs(), total.unsigned_abs());
        let _ = writeln!(text, "{share} {} {} #{}", format::duration(time), why::name(store, row), store.row(row).id);
    }
    if times.len() > MAX_STEPS {
        let _ = writeln!(text, "and {}", format::plural((times.len() - MAX_STEPS) as u64, "other step"));
    }
    text
}

/// Returns two traces side by side: their sums, and the steps by kind and name.
pub(super) fn compare(store: &Store, traces: [TraceIx; 2], now: Nanos) -> String {
    let mut text = String::new();
    for (name, &trace) in ["a", "b"].into_iter().zip(&traces) {
        let (data, totals) = (store.trace(trace), store.totals_of(trace));
        let (status, took) =
            (status_name(data.run_status()), format::duration_if_known(store.trace_time(trace, now), store.is_time_bound(trace)));
        let _ = writeln!(text, "{name}: {} {status} {took} {} {}", data.id, format::plural(totals.spans.into(), "span"), usage(&totals));
        scope(store, trace, now, &mut text);
    }
    let mut steps: BTreeMap<String, [(u64, Nanos); 2]> = BTreeMap::new();
    for (side, &trace) in traces.iter().enumerate() {
        for (row, _) in store.walk(trace) {
            let (count, time) = &mut steps.entry(cut(&why::name(store, row))).or_default()[side];
            *count += 1;
            *time = time.saturating_add(store.row(row).duration(now));
        }
    }
    let mut steps: Vec<(String, [(u64, Nanos); 2])> = steps.into_iter().collect();
    // The largest differences of time first.
    sort::by_key(&mut steps, |(_, [a, b])| std::cmp::Reverse(a.1.abs_diff(b.1)));
    text.push_str("step: times and count in a, in b; the largest differences first\n");
    for (name, sides) in steps.iter().take(MAX_GROUPS) {
        let side =
            |(count, time): (u64, Nanos)| if count == 0 { "–".to_owned() } else { format!("{} ×{count}", format::duration(time)) };
        let _ = writeln!(text, "{name}: {}, {}", side(sides[0]), side(sides[1]));
    }
    if steps.len() > MAX_GROUPS {
        let _ = writeln!(text, "{} smaller differences left out; get_trace shows all steps", steps.len() - MAX_GROUPS);
    }
    text
}

/// Returns sums by group, and what was left out.
pub(super) fn stats(store: &mut Store, traces: &[TraceIx], by: GroupBy) -> (String, String) {
    let groups = count(store, traces, by, &HashMap::new());
    store.end_selection();
    let mut text = format!("{} in {}\n", by.name(), format::plural(traces.len() as u64, "trace"));
    for group in groups.iter().take(MAX_GROUPS) {
        let name = group.key.as_deref().map_or_else(|| by.rest().to_owned(), cut);
        let time = |percent| group.percentile(percent).map_or_else(|| format::UNKNOWN.to_owned(), format::duration);
        let (calls, failed) = (format::plural(group.calls, "call"), format::count(group.failed));
        let _ = writeln!(text, "{name}: {calls}, {failed} failed, p50 {}, p95 {}, {}", time(50), time(95), usage(&group.usage));
    }
    let rest = groups.len().saturating_sub(MAX_GROUPS);
    let note = if rest > 0 { format!("{rest} groups with fewer calls left out: narrow the filter.") } else { String::new() };
    (text, note)
}

/// Returns the facts of a span that the store knows.
pub(super) fn facts(store: &Store, row: RowIx, now: Nanos) -> String {
    let data = store.row(row);
    let mut text = format!("{} {}\n", why::name(store, row), status_name(store.run_status(row)));
    let mut fact = |name: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(text, "{name}: {value}");
        }
    };
    fact("span", &data.id.to_string());
    fact("parent", &data.parent().map(|parent| format!("{} {}", store.row(parent).id, why::name(store, parent))).unwrap_or_default());
    fact("began", &rfc3339(data.start));
    fact("took", &display::elapsed(data, now));
    let totals = store.totals(row);
    fact("used", &if totals.tokens().is_some() { usage(&totals) } else { String::new() });
    for (name, symbol) in [
        ("agent", store.agent(row)),
        ("model", store.model(row)),
        ("provider", store.provider(row)),
        ("session", store.session(row)),
        ("error", store.failure_text(row)),
    ] {
        fact(name, &cut(store.text(symbol)));
    }
    fact("steps below", &format::count((store.walk_below(row).count() - 1) as u64));
    text
}
