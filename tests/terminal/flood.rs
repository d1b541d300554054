//! Keys that come faster than they can be handled, without an end.

use super::*;

#[test]
fn keys_without_an_end_keep_neither_frames_nor_sources_nor_signals_waiting() {
    let mut program = Program::start(&["traces.db"], &[]);
    program.wait_for("11 traces · 75 spans · 3 failed runs");
    let mut keys = std::mem::replace(&mut program.keys, Box::new(std::io::sink()));
    std::thread::spawn(move || {
        let chunk = "jkJKGg".repeat(2000);
        let mut taken = keys.write_all(b"!");
        while taken.is_ok() {
            taken = keys.write_all(chunk.as_bytes());
        }
    });
    program.wait_for("1 of 3 shown");
    let database = program.directory.path().join("traces.db");
    let database = rusqlite::Connection::open(database).expect("a database");
    let another_trace =
        "PRAGMA foreign_keys = OFF; CREATE TEMP TABLE another AS SELECT * FROM agno_spans WHERE parent_span_id IS NULL LIMIT 1;
        UPDATE another SET trace_id = '0123456789abcdef0123456789abcdef', span_id = '0123456789abcdef';
        INSERT INTO agno_spans SELECT * FROM another";
    database.execute_batch(another_trace).expect("another trace");
    program.wait_for("12 traces");
    program.signal("TERM");
    assert_eq!(program.wait_for_exit().0, 0);
}
