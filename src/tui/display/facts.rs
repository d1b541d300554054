//! What a line says beside the name and the text: short facts, the most important ones first.

use crate::format;
use crate::model::{Nanos, SpanType};
use crate::store::{Anomalies, Phase, RowIx, Store, Totals, TraceIx};

/// The shortest wait for a permission that is worth a word: programs that ask nobody wait, too, for a moment.
const MIN_WAIT: Nanos = 1_000_000_000;

/// Returns what a trace's line says of a turn: how often it called a model again, its project, and its model calls with the part of their input
/// that came from a cache. The calls are left out where neither is known. `anomalies` are those of the run that the trace is named after.
#[must_use]
pub fn turn_facts(store: &Store, trace: TraceIx, anomalies: Option<&Anomalies>, now: Nanos) -> Vec<String> {
    let retries = anomalies.and_then(|anomalies| retries(store, anomalies, now));
    let project = Some(store.text(store.project(trace))).filter(|project| !project.is_empty());
    let totals = store.group_totals(trace);
    let cached = cached(&totals);
    let is_worth_counting = totals.calls > 0 && (project.is_some() || cached.is_some());
    let calls = is_worth_counting.then(|| {
        let cached = cached.map(|cached| format!(", {cached}")).unwrap_or_default();
        format!("{}{cached}", format::plural(totals.calls.into(), "call"))
    });
    retries.into_iter().chain(project.map(str::to_owned)).chain(calls).collect()
}

/// Returns how often a run called a model again, with the time and the money that its failed calls cost.
fn retries(store: &Store, anomalies: &Anomalies, now: Nanos) -> Option<String> {
    let count = match anomalies.retries {
        0 => return None,
        1 => "1 retry".to_owned(),
        count => format!("{} retries", format::count(count)),
    };
    let failed: Vec<RowIx> = anomalies.retried.iter().map(|(failed, _)| *failed).collect();
    let time = Some(store.total_duration(&failed, now)).filter(|time| *time > 0).map(format::duration);
    let cost = store.sum(&failed);
    let cost = cost.cost().map(|_| super::cost(&cost));
    let lost: Vec<String> = time.into_iter().chain(cost).collect();
    Some(if lost.is_empty() { count } else { format!("{count}, lost {}", lost.join(", ")) })
}

/// Returns the anomalies of the run that a trace is named after, if it can have retries. Costs the rows of the run.
#[must_use]
pub fn anomalies_of_turn(store: &Store, trace: TraceIx) -> Option<Anomalies> {
    let totals = store.group_totals(trace);
    let lead = store.lead(trace).filter(|_| totals.failed + totals.errors > 0 || store.has_surroundings())?;
    Some(store.anomalies(store.run_of(lead)))
}

/// Returns what a row's line says of its call: of a tool or a run, how its command ended and how long it waited for a permission; of a model,
/// which attempt it was, what is odd about its answer, the time to the first token, and the part of the input that came from a cache.
#[must_use]
pub fn call_facts(store: &Store, row: RowIx, now: Nanos) -> Vec<String> {
    let data = store.row(row);
    let exit = store.exit_status(row).map(|status| format!("exit {status}"));
    let attempt = store.attempt(row).map(|attempt| format!("attempt {attempt}"));
    let facts = match data.span_type {
        SpanType::Model => {
            let first = store.first_token(row).map(|first| format!("first token {}", format::duration(first)));
            let asked = store.requested_model(row).map(|model| format!("asked for {}", store.text(model)));
            let truncated = store.is_truncated(row).then(|| "cut short".to_owned());
            let stalled = store.is_stalled(row).then(|| "stalled".to_owned());
            vec![attempt, truncated, stalled, asked, first.filter(|_| data.phase == Phase::Ended), cached(&store.totals(row))]
        }
        _ => vec![exit, waited(store, row, now), attempt],
    };
    facts.into_iter().flatten().collect()
}

/// Returns that a row waits for a permission, and how long it has.
#[must_use]
pub fn waits(store: &Store, row: RowIx, now: Nanos) -> Option<String> {
    let (wait, _) = store.permission_wait(row, now).filter(|(_, is_waiting)| *is_waiting)?;
    Some(format!("waits for permission {}", format::clock(wait)))
}

/// Returns that a row waits for a permission, or how long it waited.
#[must_use]
pub fn waited(store: &Store, row: RowIx, now: Nanos) -> Option<String> {
    match store.permission_wait(row, now)? {
        (_, true) => waits(store, row, now),
        (wait, false) => (wait >= MIN_WAIT).then(|| format!("waited {} for permission", format::duration(wait))),
    }
}

/// Returns the part of the input that was read from a cache, if there is one.
fn cached(totals: &Totals) -> Option<String> {
    (totals.cache_read > 0).then(|| format!("{} cached", format::percent(totals.cache_read, totals.input)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::model::{Batch, Origin, PayloadRef, SourceId, Span, SpanFacts, SpanId, Status, Text, TraceId, Usage};
    use crate::store::Limits;

    /// A run with a failed tool call and a model call of 1,000 tokens, of which so many came from a cache.
    fn store(project: &str, cached: u32) -> Store {
        let mut batch = Batch::new(SourceId(0), Origin::Live);
        let project = batch.intern(project);
        let usage = Usage { input: Some(1000), output: Some(1), cache_read: Some(cached), ..Usage::default() };
        let facts = [
            SpanFacts { span_type: SpanType::Agent, project, ..SpanFacts::default() },
            SpanFacts { span_type: SpanType::Tool, exit_status: Some(2), ..SpanFacts::default() },
            SpanFacts {
                span_type: SpanType::Model,
                usage: Some(usage),
                first_token: Some(250_000_000),
                attempt: Some(3),
                ..SpanFacts::default()
            },
        ];
        for (id, facts) in (1_u64..).zip(facts) {
            batch.spans.push(Span {
                trace: TraceId::new([1; 16]).unwrap(),
                id: SpanId::new(id.to_be_bytes()).unwrap(),
                parent: SpanId::new(u64::from(id > 1).to_be_bytes()),
                start: id as Nanos,
                end: Some(id as Nanos + 1_000_000_000),
                status: Status::Unset,
                name: Text::default(),
                facts,
                error: Text::default(),
                payload_ref: PayloadRef(0),
                retained_bytes: 0,
            });
        }
        let mut store = Store::new(Limits::default());
        store.apply(&batch, 0);
        store
    }

    #[test]
    fn a_turn_states_its_project_and_its_calls_and_a_call_how_it_went() {
        let facts = |project: &str, cached| {
            let store = store(project, cached);
            turn_facts(&store, store.traces().next().unwrap(), None, 0)
        };
        assert_eq!(facts("shop", 800), ["shop", "1 call, 80% cached"]);
        assert_eq!(facts("shop", 0), ["shop", "1 call"]);
        assert_eq!(facts("", 800), ["1 call, 80% cached"]);
        assert!(facts("", 0).is_empty());
        let store = store("shop", 800);
        let rows = store.rows_of(store.traces().next().unwrap());
        assert_eq!(call_facts(&store, rows[1], 0), ["exit 2"]);
        assert_eq!(call_facts(&store, rows[2], 0), ["attempt 3", "first token 250ms", "80% cached"]);
    }

    #[test]
    fn retries_of_a_turn_are_counted_with_what_the_failed_calls_cost() {
        let stated = |calls: &[(bool, Option<u32>, Option<i64>)]| {
            let mut batch = Batch::new(SourceId(0), Origin::Live);
            let agent = SpanFacts { span_type: SpanType::Agent, ..SpanFacts::default() };
            let calls = calls.iter().map(|&(has_failed, attempt, cost)| {
                let usage = (!has_failed || cost.is_some()).then(|| Usage { input: Some(10), output: Some(1), cost, ..Usage::default() });
                (SpanFacts { span_type: SpanType::Model, attempt, usage, ..SpanFacts::default() }, has_failed)
            });
            for ((facts, has_failed), id) in std::iter::once((agent, false)).chain(calls).zip(1_u64..) {
                let start = id as Nanos * 1_000_000_000;
                batch.spans.push(Span {
                    trace: TraceId::new([1; 16]).unwrap(),
                    id: SpanId::new(id.to_be_bytes()).unwrap(),
                    parent: SpanId::new(u64::from(id > 1).to_be_bytes()),
                    start,
                    end: Some(start + 400_000_000),
                    status: if has_failed { Status::Error } else { Status::Unset },
                    name: Text::default(),
                    facts,
                    error: Text::default(),
                    payload_ref: PayloadRef(0),
                    retained_bytes: 0,
                });
            }
            let mut store = Store::new(Limits::default());
            store.apply(&batch, 0);
            let trace = store.traces().next().unwrap();
            let anomalies = anomalies_of_turn(&store, trace);
            turn_facts(&store, trace, anomalies.as_ref(), 0).join(" · ")
        };
        assert_eq!(stated(&[(false, None, None)]), "");
        assert_eq!(stated(&[(true, None, None), (false, None, None)]), "1 retry, lost 400ms");
        assert_eq!(stated(&[(true, None, None), (true, None, None), (false, None, None)]), "2 retries, lost 800ms");
        assert_eq!(stated(&[(true, None, Some(20_000_000)), (false, None, None)]), "1 retry, lost 400ms, $0.0200");
        assert_eq!(stated(&[(false, Some(3), None)]), "2 retries", "no row tells of the first two attempts");
        assert_eq!(stated(&[(true, None, None), (false, Some(3), None)]), "2 retries, lost 400ms");
        assert_eq!(stated(&[(true, Some(4), None)]), "3 retries", "all attempts failed");
        assert_eq!(stated(&[(true, None, None)]), "", "it was not made again");
    }
}
