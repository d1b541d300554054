//! What connects a row or a trace with others, in words.

use super::symbols::status_symbol;
use crate::format;
use crate::model::SpanType;
use crate::store::{RowIx, RunStatus, Skew, Store, TraceIx};

/// The digits of a trace id in a note.
const ID_DIGITS: usize = 8;

/// The most trace ids in a note.
const MAX_IDS: usize = 4;

/// The part of a tool's name that tells that it keeps something for later runs.
const MEMORY: &str = "memor";

/// Returns what connects a row with another run, or keeps it apart, if anything does.
#[must_use]
pub fn note(store: &Store, row: RowIx) -> Option<String> {
    if store.is_leaked(row) {
        return Some("leaked context".to_owned());
    }
    let trace = store.row(row).trace();
    if let Some(note) = part_note(store, row) {
        return Some(note);
    }
    let place = |other: RowIx| match store.row(other).trace() {
        other if other == trace => "this trace".to_owned(),
        other => id(store, other),
    };
    match store.continuations(row) {
        (Some(before), _) => return Some(format!("continues a run in {}", place(before))),
        (None, Some(after)) => return Some(format!("continued in {}", place(after))),
        (None, None) => {}
    }
    if store.trace(trace).roots().first() != Some(&row) {
        return None;
    }
    let purpose = if updates_memory(store, row) { "memory update" } else { "memory or learning call" };
    match store.group(trace).skip(1).count() as u64 {
        _ if let Some(runs @ 2..) = store.possible_runs(trace) => Some(format!("{purpose} of one of {runs} runs")),
        _ if updates_memory(store, row) => Some(purpose.to_owned()),
        _ if store.is_side_call(trace) => Some("own trace".to_owned()),
        count if count > 0 && !store.is_part(trace) => Some(format!("+{}", format::plural(count, "trace"))),
        _ => None,
    }
}

/// Returns which part of a run that paused a row is, or, for the first part, how many there are.
fn part_note(store: &Store, row: RowIx) -> Option<String> {
    let trace = store.row(row).trace();
    let main = store.main_of(trace);
    let count = store.run_parts(main).count();
    if count == 1 || store.lead(trace) != Some(row) {
        return None;
    }
    if trace == main {
        let calls = (store.group(main).count() - count) as u64;
        let calls = if calls > 0 { format!(" +{}", format::plural(calls, "trace")) } else { String::new() };
        return Some(format!("{}{count} parts{calls}", status_symbol(RunStatus::Paused)));
    }
    let number = store.run_parts(main).take_while(|&part| part != trace).count() + 1;
    let waited = store.waited(trace).map(|waited| format!(" after {} of waiting", format::duration(waited)));
    Some(format!("{}{number}/{count}{}", status_symbol(RunStatus::Paused), waited.unwrap_or_default()))
}

/// Whether a trace of a single call keeps something for later runs, as the name of its tool or of the tools that it asks for tells.
fn updates_memory(store: &Store, head: RowIx) -> bool {
    let data = store.row(head);
    let name = match data.span_type {
        SpanType::Tool => store.text(data.label),
        SpanType::Model => store.text(data.requested_tools()),
        _ => "",
    };
    name.contains(MEMORY) && store.children(head).is_empty()
}

/// Returns what connects a trace with others that are parts of the same run, in a sentence.
#[must_use]
pub fn group_note(store: &Store, trace: TraceIx) -> Option<String> {
    let main = store.main_of(trace);
    if store.is_side_call(trace) {
        return Some(format!("called during the only run of that time, in trace {}", id(store, store.caller(trace))));
    }
    let calls: Vec<TraceIx> = store.side_calls(trace).collect();
    if !calls.is_empty() {
        return Some(format!("made calls in {}", traces(store, &calls)));
    }
    let turn: Vec<TraceIx> = store.group(main).skip(1).filter(|&part| !store.is_side_call(part) && !store.continues_run(part)).collect();
    match turn.is_empty() {
        true => None,
        false if main == trace => Some(format!("the turn goes on in {}", traces(store, &turn))),
        false => Some(format!("goes on with the turn of trace {}", id(store, main))),
    }
}

/// Returns which run a row continues, or where it was continued, in a sentence.
#[must_use]
pub fn continuation_note(store: &Store, row: RowIx) -> Option<String> {
    let (text, other) = match store.continuations(row) {
        (Some(before), _) => ("continues the run that paused in trace", before),
        (None, after) => ("the run was continued in trace", after?),
    };
    Some(format!("{text} {}", store.trace(store.row(other).trace()).id))
}

/// Returns the number of traces and their ids.
fn traces(store: &Store, traces: &[TraceIx]) -> String {
    let ids: Vec<String> = traces.iter().take(MAX_IDS).map(|&part| id(store, part)).collect();
    let more = if traces.len() > MAX_IDS { ", …" } else { "" };
    format!("{}: {}{more}", format::plural(traces.len() as u64, "trace"), ids.join(", "))
}

/// Returns a clock skew in words.
#[must_use]
pub fn skew(store: &Store, skew: Skew) -> String {
    let [behind, caller] = [skew.clock, skew.caller].map(|clock| {
        let host = clock.host.map(|host| format!(" on {}", store.host_name(host)));
        format!("{}{}", store.service_name(clock.service), host.unwrap_or_default())
    });
    format!("{behind} is at least {} behind {caller}", format::duration(skew.behind))
}

fn id(store: &Store, trace: TraceIx) -> String {
    store.trace(trace).id.to_string().chars().take(ID_DIGITS).collect()
}
