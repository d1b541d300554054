//! What the numbers of a trace cover, in sentences: a run may be stored as several traces, and a trace may hold runs that leaked into it.

use crate::format;
use crate::model::Nanos;
use crate::store::{RowIx, ShortIds, Store, TraceIx};

/// The most other traces that a sentence names.
const MAX_NAMED: usize = 4;

/// The most rows of a trace among which those that are told twice are counted.
const MAX_COUNTED: usize = 10_000;

/// Returns what the numbers of a trace leave out or hold beside its run, up to `now`. Costs the traces if the trace has parts, and its rows.
#[must_use]
pub fn scope(store: &Store, trace: TraceIx, now: Nanos) -> Vec<String> {
    together(store, trace, now).into_iter().chain(leaked(store, trace, now)).chain(told_twice(store, trace)).collect()
}

/// Returns the numbers of all traces that belong together, if there are others.
fn together(store: &Store, trace: TraceIx, now: Nanos) -> Option<String> {
    let main = store.main_of(trace);
    let others: Vec<TraceIx> = store.group(main).filter(|&other| other != trace).collect();
    if others.is_empty() {
        return None;
    }
    let short = ShortIds::new(store);
    let mut ids: Vec<String> = others.iter().take(MAX_NAMED).map(|&other| short.id(store, other)).collect();
    if others.len() > MAX_NAMED {
        ids.push(format!("{} more", format::count((others.len() - MAX_NAMED) as u64)));
    }
    let totals = store.group_totals(main);
    let mut numbers = vec![
        format::duration_if_known(store.group_time(main, now), store.is_group_time_bound(main)),
        format::plural(totals.spans.into(), "span"),
    ];
    if totals.tokens().is_some() {
        let known = |count: u64, calls: u32| format::tokens((calls > 0).then_some(count));
        let (input, output) = (known(totals.input, totals.inputs), known(totals.output, totals.outputs));
        numbers.push(format!("{} in and {output} out", format::with_noun(&input, "token")));
    }
    numbers.extend(totals.cost().map(|cost| format::money_at_least(Some(cost), totals.is_cost_incomplete())));
    let count = format::count((others.len() + 1) as u64);
    Some(format!("one of {count} traces of the same run, which are {} together; the others: {}", numbers.join(", "), ids.join(", ")))
}

/// Returns what leaked into a trace, if anything did.
fn leaked(store: &Store, trace: TraceIx, now: Nanos) -> Option<String> {
    if !store.has_leaked(trace) {
        return None;
    }
    let data = store.trace(trace);
    let runs: Vec<RowIx> = data.roots().iter().copied().filter(|&root| store.is_leaked(root)).collect();
    let spans: usize = runs.iter().map(|&run| store.walk_below(run).count()).sum();
    let end = if data.counts().running > 0 { data.end.max(now) } else { data.end };
    let until = format::duration(end.saturating_sub(data.start).max(0));
    let is_one = runs.len() == 1;
    let (runs, spans) = (format::plural(runs.len() as u64, "run"), format::plural(spans as u64, "span"));
    let (began, their) = if is_one {
        ("began after its parent had ended (it leaked in)", "its")
    } else {
        ("began after their parents had ended (they leaked in)", "their")
    };
    Some(format!("{runs} {began}: tokens and cost include {their} {spans}, the time does not ({until} with them)"))
}

/// Returns how many spans of a trace tell again what others tell, if any do; of a large trace, how many do at least.
fn told_twice(store: &Store, trace: TraceIx) -> Option<String> {
    let mut rows = store.walk(trace);
    let count = rows.by_ref().take(MAX_COUNTED).filter(|&(row, _)| store.is_retold(row)).count() as u64;
    let at_least = if rows.next().is_some() { "at least " } else { "" };
    let spans = format!("{at_least}{}", format::plural(count, "span"));
    match count {
        0 => None,
        1 => Some(format!("{spans} tells again what the one above it tells: it counts once, and lists of steps leave it out")),
        _ => Some(format!("{spans} tell again what those above them tell: they count once, and lists of steps leave them out")),
    }
}
