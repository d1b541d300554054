#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use super::*;

fn record(time: Nanos, span: u8, session: &str, size: usize) -> LogRecord {
    LogRecord {
        time,
        severity: 9,
        trace: TraceId::new([span; 16]),
        span: SpanId::new([span; 8]),
        session: session_hash(session.as_bytes()),
        event: (0, 0),
        group: Arc::default(),
        encoded: vec![0; size].into(),
    }
}

fn batch(records: Vec<LogRecord>) -> LogBatch {
    LogBatch { source: SourceId(3), records }
}

#[test]
fn records_are_found_by_their_span_or_by_session_and_time() {
    let mut logs = LogStore::default();
    logs.apply(batch(vec![record(1, 7, "s", 1), record(2, 0, "s", 1), record(3, 0, "t", 1), record(9, 0, "s", 1)]));
    let (trace, span) = (TraceId::new([7; 16]).unwrap(), SpanId::new([7; 8]).unwrap());
    assert_eq!(logs.of_span(trace, span).collect::<Vec<_>>(), [0]);
    assert_eq!(logs.of_session("s", 0, 5).collect::<Vec<_>>(), [1], "the first names a span, the last is later");
    assert_eq!(logs.of_session("", 0, 5).count(), 0);
    assert_eq!((logs.source(2), logs.get(2).unwrap().time), (Some(SourceId(3)), 3));
}

#[test]
fn lines_on_standard_error_without_a_span_are_found_by_time() {
    let line = |time: Nanos, span: u8| LogRecord {
        group: Arc::new(crate::model::LogGroup { scope: "stderr".to_owned(), ..Default::default() }),
        ..record(time, span, "", 40_000)
    };
    let mut logs = LogStore::new(100_000);
    logs.apply(batch(vec![line(3, 0), line(2, 7)]));
    logs.apply(batch(vec![record(4, 0, "", 1)]));
    assert_eq!(logs.loose_lines(0, 9).collect::<Vec<_>>(), [3], "one belongs to a span, one is another record");
    assert_eq!((logs.loose_lines(4, 9).count(), logs.loose_lines(9, 0).count()), (0, 0));
    logs.apply(batch(vec![line(7, 0)]));
    assert_eq!(logs.loose_lines(0, 9).collect::<Vec<_>>(), [7], "what goes is not found");
}

#[test]
fn a_record_that_two_sources_send_is_one_and_one_that_a_source_repeats_is_two() {
    let mut logs = LogStore::default();
    logs.apply(batch(vec![record(1, 7, "s", 1), record(1, 7, "s", 1)]));
    assert_eq!(logs.len(), 2);
    logs.apply(LogBatch { source: SourceId(4), ..batch(vec![record(1, 7, "s", 1), record(2, 7, "s", 2)]) });
    assert_eq!(logs.len(), 3, "the second of the other source is new");
}

#[test]
fn the_oldest_records_go_beyond_the_limit_and_leave_the_tables() {
    let mut logs = LogStore::new(100_000);
    logs.apply(batch((0..1000).map(|at| record(at, 1 + (at % 50) as u8, "s", 1000)).collect()));
    assert!(logs.len() < 100 && logs.bytes <= 100_000 && logs.end() == 1000);
    assert_eq!(logs.first() + logs.len() as u64, 1000);
    assert!(logs.get(0).is_none() && logs.get(999).is_some() && logs.get(1000).is_none());
    assert!(logs.by_span.values().flatten().all(|number| *number >= logs.first()));
    assert_eq!(logs.by_session.values().map(VecDeque::len).sum::<usize>(), logs.len());
    logs.apply(batch(vec![record(1, 1, "s", 1 << 20)]));
    assert!(logs.is_empty() && logs.by_span.is_empty() && logs.by_session.is_empty(), "one that is larger than the limit is not kept");
}
