//! Agno's JSON store: a list that is written whole each time, and read while it is.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::Mutex;

use agno_top::model::Origin;
use agno_top::sources::{State, Update};
use serde_json::{Value, json};

use super::{Read, open};

/// A span as Agno stores it.
fn span(number: u64) -> Value {
    json!({
        "span_id": format!("{:016x}", number + 1), "trace_id": format!("{:032x}", number / 10 + 1), "parent_span_id": null, "name": format!("span {number}"),
        "span_kind": "INTERNAL", "status_code": "OK", "status_message": null, "start_time": "2026-11-22T05:59:04.229975+00:00",
        "end_time": "2026-11-22T05:59:05+00:00", "duration_ms": 770, "attributes": {"input.value": format!("input {number}")},
        "created_at": "2026-11-22T05:59:05+00:00"
    })
}

fn list(spans: &[Value]) -> String {
    serde_json::to_string_pretty(spans).unwrap()
}

/// Waits until there are this many spans.
fn until(read: &mut Read, count: usize) {
    while read.spans.len() < count {
        match read.updates.blocking_recv().unwrap() {
            Update::Batch(batch) => {
                assert_eq!(batch.origin, Origin::Live);
                read.skipped.extend(batch.skipped.iter().cloned());
                read.spans.extend(batch.spans.iter().map(|span| (span.clone(), batch.text(span.name).to_owned(), String::new())));
            }
            Update::State(_, state) => read.state = state,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(read.spans.len(), count);
}

fn assert_once_each(read: &Read) {
    let ids: HashSet<_> = read.spans.iter().map(|(span, ..)| span.id).collect();
    assert_eq!((ids.len(), read.skipped.len()), (read.spans.len(), 0));
}

#[test]
fn spans_of_two_writers_arrive_once_whether_the_file_is_replaced_or_overwritten() {
    const SPANS: u64 = 10_000;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agno_spans.json");
    fs::write(&path, "[]").unwrap();
    let mut read = open(&path);
    assert_eq!((read.spans.len(), &read.state), (0, &State::Watching { left_out: 0 }));
    let spans = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for writer in 0..2 {
            let (path, spans) = (&path, &spans);
            scope.spawn(move || {
                for from in (0..SPANS / 2).step_by(500) {
                    let mut spans = spans.lock().unwrap();
                    spans.extend((from..from + 500).map(|number| span(number * 2 + writer)));
                    let text = list(&spans);
                    if writer == 0 {
                        let other = path.with_extension("tmp");
                        fs::write(&other, text).unwrap();
                        fs::rename(other, path).unwrap();
                    } else {
                        write_slowly(path, &text);
                    }
                }
            });
        }
        until(&mut read, SPANS as usize);
    });
    assert_once_each(&read);
    assert_eq!(read.state, State::Watching { left_out: 0 });
}

/// Writes a file in pieces, so that a reader may meet it half written.
fn write_slowly(path: &Path, text: &str) {
    use std::io::Write;
    let mut file = fs::File::create(path).unwrap();
    for piece in text.as_bytes().chunks(1 + text.len() / 7) {
        file.write_all(piece).unwrap();
        std::thread::yield_now();
    }
}

#[test]
fn a_store_may_come_later_go_and_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agno_spans.json");
    fs::write(&path, list(&[span(1)])).unwrap();
    let mut read = open(&path);
    assert_eq!(read.spans.len(), 1);
    fs::remove_file(&path).unwrap();
    while !matches!(&read.state, State::Waiting(message) if message.contains("does not exist yet")) {
        if let Update::State(_, state) = read.updates.blocking_recv().unwrap() {
            read.state = state;
        }
    }
    // What was there before is not shown twice, and an object that is no span costs no other.
    fs::write(&path, list(&[span(2), json!({"trace_id": "x"}), span(1), span(3)])).unwrap();
    until(&mut read, 3);
    assert_eq!(read.skipped.len(), 1);
    read.skipped.clear();
    assert_once_each(&read);
    assert_eq!(read.spans.iter().map(|(_, name, _)| name.as_str()).collect::<HashSet<_>>(), HashSet::from(["span 1", "span 2", "span 3"]));
}

#[test]
fn what_is_no_list_of_spans_is_told_until_it_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agno_spans.json");
    for text in ["<!doctype html><title>Sign in</title>", "{\"detail\": \"Not Found\"}", "[{\"span_id\": 1}] x", "\u{0}\u{1}"] {
        fs::write(&path, text).unwrap();
        let mut read = open(&path);
        assert!(matches!(&read.state, State::Failing(message) if message.contains("no complete list")), "{text}: {:?}", read.state);
        fs::write(&path, list(&[span(1), span(2)])).unwrap();
        until(&mut read, 2);
        assert_once_each(&read);
        // A span that another writer's list lacks stays, and comes once.
        fs::write(&path, list(&[span(1), span(3)])).unwrap();
        until(&mut read, 3);
        fs::write(&path, list(&[span(1), span(2), span(3), span(4)])).unwrap();
        until(&mut read, 4);
        assert_once_each(&read);
    }
}

#[test]
fn a_store_that_stays_half_written_is_reported_and_read_when_it_is_complete() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agno_spans.json");
    let text = list(&[span(1), span(2)]);
    fs::write(&path, &text[..text.len() - 40]).unwrap();
    let mut read = open(&path);
    assert!(matches!(&read.state, State::Failing(message) if message.contains("no complete list")), "{:?}", read.state);
    fs::write(&path, &text).unwrap();
    until(&mut read, 2);
    assert_once_each(&read);
}
