//! Processes that live, fall silent, speak again and end.

use super::*;

/// A run with an open tool below a call that ended.
fn open_run(process: Option<u64>) -> Batch {
    let running = |id, parent| SpanSpec { running: true, ..spec(id, parent) };
    let mut batch = batch(&[running(1, None), SpanSpec { tokens: Some((5, 2)), ..spec(2, Some(1)) }, running(3, Some(1))]);
    batch.process = process;
    batch
}

fn of(process: u64, mut batch: Batch) -> Batch {
    batch.process = Some(process);
    batch
}

fn alive(process: u64) -> Batch {
    of(process, batch(&[]))
}

/// A process lived until then and may have ended since.
fn lived(process: u64, until: Nanos) -> Batch {
    let mut batch = alive(process);
    batch.lived_until = Some(until);
    batch
}

fn statuses(store: &Store) -> [RunStatus; 3] {
    [1, 2, 3].map(|id| store.row(row(store, id)).own_status())
}

const RUNNING: [RunStatus; 3] = [RunStatus::Running, RunStatus::Ok, RunStatus::Running];
const CUT: [RunStatus; 3] = [RunStatus::Cut, RunStatus::Ok, RunStatus::Cut];

#[test]
fn what_a_silent_process_had_open_was_cut_until_it_speaks_again() {
    let mut store = Store::new(Limits::default());
    store.apply(&open_run(Some(7)), 10 * SECOND);
    for now in (15..200).step_by(5) {
        store.apply(&alive(7), now * SECOND);
        store.expire(now * SECOND + 1);
        assert_eq!(statuses(&store), RUNNING, "it runs for longer than a span may be silent");
    }
    assert!(store.expire(211 * SECOND).rows.is_empty());
    let changes = store.expire(215 * SECOND);
    assert_eq!((statuses(&store), changes.rows.len(), changes.traces.len()), (CUT, 2, 1));
    assert_eq!((store.all().cut, store.all().running, store.all().lost), (2, 0, 0));
    store.check_invariants();

    // News of the trace from another process do not revive it, its own do.
    store.apply(&batch(&[spec(4, Some(1))]), 220 * SECOND);
    assert_eq!(statuses(&store), CUT);
    store.apply(&alive(8), 221 * SECOND);
    assert_eq!(statuses(&store), CUT);
    store.apply(&alive(7), 222 * SECOND);
    assert_eq!(statuses(&store), RUNNING);
    store.check_invariants();

    store.apply(&of(7, batch(&[spec(3, Some(1)), spec(1, None)])), 223 * SECOND);
    assert_eq!(statuses(&store), [RunStatus::Ok; 3]);
    assert_eq!((store.all().cut, store.all().running), (0, 0));
    assert!(store.expire(400 * SECOND).rows.is_empty() && store.end_processes().rows.is_empty());
    store.check_invariants();
}

#[test]
fn the_end_of_all_processes_cuts_at_once_what_was_known_to_run() {
    let mut store = Store::new(Limits::default());
    store.apply(&open_run(Some(7)), 10 * SECOND);
    store.apply(&batch(&[SpanSpec { trace: 2, running: true, ..spec(9, None) }]), 10 * SECOND);
    assert_eq!(store.end_processes().rows.len(), 2);
    assert_eq!(statuses(&store), CUT);
    assert_eq!(store.all().running, 1, "of another sender nothing is known");
    store.check_invariants();
    // A report of the end that was on its way.
    store.apply(&batch(&[spec(3, Some(1))]), 11 * SECOND);
    assert_eq!(statuses(&store), [RunStatus::Cut, RunStatus::Ok, RunStatus::Ok]);
    store.check_invariants();
}

#[test]
fn a_span_that_was_cut_ran_at_least_until_its_process_lived_last() {
    let mut store = Store::new(Limits::default());
    store.apply(&open_run(Some(7)), 10 * SECOND);
    let rows = [1, 3].map(|id| row(&store, id));
    let trace = store.row(rows[0]).trace();
    let starts = rows.map(|row| store.row(row).start);
    store.apply(&alive(7), 15 * SECOND);
    assert_eq!(store.row(rows[1]).time(16 * SECOND), Some(16 * SECOND - starts[1]), "it runs");
    assert!(!store.is_shown_time_bound(rows[0]));
    store.expire(40 * SECOND);
    let times = |store: &Store| rows.map(|row| store.row(row).time(50 * SECOND));
    let until = |end: Nanos| starts.map(|start| Some(end - start));
    assert_eq!((statuses(&store), times(&store)), (CUT, until(15 * SECOND)));
    assert_eq!(store.trace_time(trace, 50 * SECOND), until(15 * SECOND)[0]);
    assert!(rows.iter().all(|&row| store.is_shown_time_bound(row)) && !store.is_shown_time_bound(super::row(&store, 2)));
    assert_eq!(store.time_breakdown(trace, 50 * SECOND).total(), 15 * SECOND - starts[0]);
    // Its connection closes: it lived until then, and does not live.
    let changes = store.apply(&lived(7, 17 * SECOND), 41 * SECOND);
    assert_eq!((statuses(&store), times(&store), changes.rows.len()), (CUT, until(17 * SECOND), 2));
    store.apply(&lived(7, 12 * SECOND), 42 * SECOND);
    assert_eq!(times(&store), until(17 * SECOND), "older news change nothing");
    store.check_invariants();
    // The end of the tool was on its way, and is before the latest sign of life.
    store.apply(&of(7, batch(&[spec(3, Some(1))])), 43 * SECOND);
    assert_eq!(statuses(&store), [RunStatus::Running, RunStatus::Ok, RunStatus::Ok]);
    store.apply(&of(7, batch(&[spec(1, None)])), 44 * SECOND);
    assert!(!store.is_shown_time_bound(rows[0]));
    let end = [1, 2, 3].map(|id| store.row(super::row(&store, id)).end).into_iter().max().unwrap();
    assert_eq!(store.trace(trace).end, end, "nothing of what was cut is left");
    store.check_invariants();
}

#[test]
fn the_end_of_all_processes_leaves_each_its_own_last_sign_of_life() {
    let mut store = Store::new(Limits::default());
    store.apply(&open_run(Some(7)), 10 * SECOND);
    store.apply(&of(8, batch(&[SpanSpec { trace: 2, running: true, ..spec(9, None) }])), 11 * SECOND);
    store.apply(&lived(8, 12 * SECOND), 12 * SECOND);
    store.apply(&alive(7), 14 * SECOND);
    store.end_processes();
    let other = store.rows().find(|&row| store.row(row).trace() != store.row(super::row(&store, 1)).trace()).unwrap();
    assert_eq!((store.row(row(&store, 3)).end, store.row(other).end), (14 * SECOND, 12 * SECOND));
    // A connection whose end is seen late.
    store.apply(&lived(7, 15 * SECOND), 16 * SECOND);
    assert_eq!((store.row(row(&store, 3)).end, statuses(&store)), (15 * SECOND, CUT));
}

#[test]
fn a_clock_that_is_set_silences_nobody() {
    let mut store = Store::new(Limits::default());
    store.apply(&open_run(Some(7)), 10 * SECOND);
    store.clock_was_set(3600 * SECOND);
    store.expire(3612 * SECOND);
    assert_eq!(statuses(&store), RUNNING);
}

#[test]
fn spans_without_a_process_are_lost_as_before() {
    let mut store = Store::new(Limits::default());
    store.apply(&open_run(None), 10 * SECOND);
    store.expire(100 * SECOND);
    assert_eq!(statuses(&store), [RunStatus::Lost, RunStatus::Ok, RunStatus::Lost]);
}
