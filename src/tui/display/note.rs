//! What connects a row or a trace with others, in words.

use crate::format;
use crate::model::SpanType;
use crate::store::{RowIx, Skew, Store, TraceIx};

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
    match store.continuations(row) {
        (Some(before), _) => return Some(format!("continues {}", id(store, store.row(before).trace()))),
        (None, Some(after)) => return Some(format!("continued in {}", id(store, store.row(after).trace()))),
        (None, None) => {}
    }
    if store.trace(trace).roots().first() != Some(&row) {
        return None;
    }
    match store.group(trace).skip(1).count() as u64 {
        _ if updates_memory(store, row) => Some("memory update".to_owned()),
        _ if store.is_side_call(trace) => Some("own trace".to_owned()),
        count if count > 0 && !store.is_part(trace) => Some(format!("+{}", format::plural(count, "trace"))),
        _ => None,
    }
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
    let ids: Vec<String> = store.group(main).skip(1).take(MAX_IDS).map(|part| id(store, part)).collect();
    let count = store.group(main).skip(1).count();
    let more = if count > MAX_IDS { ", …" } else { "" };
    let parts = format!("{}: {}{more}", format::plural(count as u64, "trace"), ids.join(", "));
    match store.group(main).nth(1).map(|part| store.is_side_call(part)) {
        None => None,
        Some(true) if main == trace => Some(format!("made calls in {parts}")),
        Some(true) => Some(format!("called during the only run of that time, in trace {}", id(store, main))),
        Some(false) if main == trace => Some(format!("the turn goes on in {parts}")),
        Some(false) => Some(format!("goes on with the turn of trace {}", id(store, main))),
    }
}

/// Returns a clock skew in words.
#[must_use]
pub fn skew(store: &Store, skew: Skew) -> String {
    let [service, caller] = [skew.service, skew.caller].map(|number| store.service_name(number));
    format!("{service} is at least {} behind {caller}", format::duration(skew.behind))
}

fn id(store: &Store, trace: TraceIx) -> String {
    store.trace(trace).id.to_string().chars().take(ID_DIGITS).collect()
}
