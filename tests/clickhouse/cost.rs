//! What questions cost the server, in rows read.

use crate::front::{Front, spans};
use crate::output;

/// A span every 26 seconds: 100,000 in a month.
const STEP: i64 = 26_000_000;
const START: &str = "toDateTime64('2025-02-01 00:00:00', 6, 'UTC')";

#[test]
fn the_rows_read_for_one_hour_stay_flat_while_the_table_grows_tenfold() {
    // A process of its own, whose questions are counted.
    let Some(front) = Front::new() else { return };
    let ask = |rows: u64| {
        let database = front.agno();
        front.run(&spans(&database, 1, rows, START, STEP));
        front.run(&format!("OPTIMIZE TABLE {database}.agno_spans FINAL"));
        front.cost();
        let hour = ["--since", "2025-02-10T10:00Z", "--until", "2025-02-10T11:00Z", "--json"];
        let arguments: Vec<String> = ["list".to_owned(), front.url(&database)].into_iter().chain(hour.map(ToOwned::to_owned)).collect();
        let listed = output(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).replace(&database, "d");
        (listed.lines().count(), front.cost())
    };
    let (few, many) = (ask(1_000_000), ask(10_000_000));
    assert_eq!(few.0, 13);
    assert_eq!((few.0, few.1.0), (many.0, many.1.0));
    assert!(many.1.1 * 10 < few.1.1 * 12, "{} rows, then {}", few.1.1, many.1.1);
}

#[test]
fn a_payload_is_read_without_the_table() {
    let Some(front) = Front::new() else { return };
    let database = front.agno();
    front.run(&spans(&database, 1, 200_000, START, 1000));
    let mut watch = crate::front::watch(&front.url(&database), 100);
    watch.until_watching();
    front.cost();
    let payload = watch.payload(199_999).unwrap();
    assert_eq!(payload.attributes.len(), 1);
    let (_, rows) = front.cost();
    assert!(rows < 60_000, "{rows} rows were read");
    watch.end();
}
