//! Following a table, and what is said where that is not possible.

use agno_top::model::Origin;
use agno_top::sources::State;

use crate::server::{LOGIN, Server, spans};
use crate::watch::id;

#[test]
fn a_tail_of_ten_thousand_spans_by_two_writers_misses_none() {
    let Some(server) = Server::shared() else { return };
    let schema = server.schema();
    let mut watch = server.watch(LOGIN, &schema, u64::MAX);
    watch.until_watching();
    std::thread::scope(|scope| {
        for writer in 0..2_u64 {
            let schema = &schema;
            // One clock is behind the other.
            scope.spawn(move || server.run(schema, &spans((0..5000).map(|number| number * 2 + writer + 1), 5 * writer as u32)));
        }
        watch.until_spans(10_000);
    });
    assert!(watch.spans.values().all(|span| span.times == 1 && span.origin == Origin::Live));
    assert!(watch.skipped.is_empty());
}

#[test]
fn existing_spans_come_newest_first_up_to_the_limit_and_can_be_read_and_searched() {
    let Some(server) = Server::shared() else { return };
    let schema = server.schema();
    server.run(&schema, &spans(1..3001, 0));
    let mut watch = server.watch(LOGIN, &schema, 1000);
    watch.until_watching();
    assert_eq!((watch.spans.len(), watch.states.last()), (1000, Some(&State::Watching { left_out: 2000 })));
    assert!(watch.spans.values().all(|span| span.times == 1 && span.origin == Origin::History));
    assert!(watch.spans.contains_key(&id(3000)) && !watch.spans.contains_key(&id(2000)));
    assert!(format!("{:?}", watch.payload(3000).unwrap()).contains("input 3000 it's"));
    assert_eq!(watch.search("text:\"input 2999 it\""), [2999]);
    server.run(&schema, &spans(4000..4002, 0));
    watch.until_span(4001);
    assert_eq!(watch.spans[&id(4001)].origin, Origin::Live);
}

#[test]
fn a_table_that_comes_later_is_waited_for_and_odd_rows_cost_no_others() {
    let Some(server) = Server::shared() else { return };
    let schema = server.empty_schema();
    let mut watch = server.watch(LOGIN, &schema, u64::MAX);
    watch.until_message("has no table");
    server.create(&schema);
    let odd =
        "INSERT INTO agno_spans VALUES ('no id', 'x', NULL, 'odd', '', '', NULL, 'soon', 'later', 0, NULL, '2026-11-22T05:59:05+00:00');";
    server.run(&schema, &format!("{odd}{}", spans(1..3, 0)));
    watch.until_spans(2);
    assert_eq!(watch.skipped.len(), 1, "{:?}", watch.skipped);
    assert!(watch.spans.values().all(|span| span.origin == Origin::Live));
}

#[test]
fn a_connection_that_is_killed_loses_and_repeats_nothing() {
    let Some(server) = Server::shared() else { return };
    let schema = server.schema();
    // A user of its own: the other tests share the server.
    server.run("mysql", "CREATE USER 'lost'@'%' IDENTIFIED BY 'p@ss'; GRANT SELECT ON *.* TO 'lost'@'%'");
    server.run(&schema, &spans(1..101, 0));
    let mut watch = server.watch("lost:p%40ss", &schema, u64::MAX);
    watch.until_watching();
    for (first, count) in [(1000, 200), (2000, 300), (3000, 400)] {
        server.run("mysql", "KILL USER 'lost'");
        server.run(&schema, &spans(first..first + 100, 0));
        watch.until_spans(count);
    }
    assert!(watch.spans.values().all(|span| span.times == 1));
    assert!(watch.skipped.is_empty());
}

#[test]
fn a_restart_of_the_server_is_told_and_loses_and_repeats_nothing() {
    let Some(mut server) = Server::start() else { return };
    let schema = server.schema();
    server.run(&schema, &spans(1..101, 0));
    let mut watch = server.watch(LOGIN, &schema, u64::MAX);
    watch.until_watching();
    for (first, count) in [(1000, 200), (2000, 300)] {
        // What is written last before the server goes comes after it is back.
        server.run(&schema, &spans(first..first + 50, 0));
        server.stop();
        watch.until_message("can't be reached");
        server.start_again();
        server.run(&schema, &spans(first + 50..first + 100, 0));
        watch.until_spans(count);
        watch.until_watching();
    }
    assert!(watch.spans.values().all(|span| span.times == 1));
    assert!(watch.skipped.is_empty());
}

#[test]
fn a_table_of_another_shape_is_told_and_waited_for() {
    let Some(server) = Server::shared() else { return };
    let schema = server.schema();
    server.run(&schema, &spans(1..11, 0));
    server.run(&schema, "ALTER TABLE agno_spans CHANGE attributes properties JSON");
    let mut watch = server.watch(LOGIN, &schema, u64::MAX);
    watch.until_message("has no column attributes; it is not a table of spans");
    server.run(&schema, "ALTER TABLE agno_spans CHANGE properties attributes JSON");
    watch.until_spans(10);
    watch.until_watching();
    // While it is followed.
    server.run(&schema, "ALTER TABLE agno_spans RENAME COLUMN end_time TO ended");
    server.run(&schema, &spans(20..25, 0));
    watch.until_message("has no column end_time");
    server.run(&schema, "ALTER TABLE agno_spans RENAME COLUMN ended TO end_time");
    server.run(&schema, &spans(25..30, 0));
    watch.until_spans(20);
    watch.until_watching();
    assert!(watch.spans.values().all(|span| span.times == 1) && watch.skipped.is_empty());
}

#[test]
fn what_is_refused_is_said_without_the_password() {
    let Some(server) = Server::shared() else { return };
    let schema = server.schema();
    server.run("mysql", "CREATE USER 'viewer'@'%' IDENTIFIED BY 'sesame'");
    for (login, said) in
        [("agno:sesame", "refuses the connection"), ("viewer:sesame", "viewer may not read"), ("nobody:sesame", "refuses the connection")]
    {
        let mut watch = server.watch(login, &schema, u64::MAX);
        watch.until_message(said);
        assert!(!format!("{:?}", watch.states).contains("sesame"), "{:?}", watch.states);
    }
    // Some columns are not enough, and a right that is given is used at once.
    server.run(&schema, "GRANT SELECT (span_id) ON agno_spans TO 'viewer'@'%'");
    let mut watch = server.watch("viewer:sesame", &schema, u64::MAX);
    watch.until_message("viewer may not read");
    server.run(&schema, "GRANT SELECT ON agno_spans TO 'viewer'@'%'");
    watch.until_watching();
    let mut watch = server.watch(&format!("{LOGIN}@127.0.0.1:1/x?sslmode=require#"), &schema, u64::MAX);
    watch.until_message("can't be reached");
}

#[test]
fn a_server_of_another_kind_is_told_within_seconds() {
    // It accepts connections and says nothing, as a server does that waits for a request.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("mysql://u:sesame@{}/x", listener.local_addr().unwrap());
    let limits = agno_top::sources::ReadLimits::of(1);
    let location = agno_top::sources::postgres::Location::default();
    let mut watch = crate::watch::Watch::start(|updates| agno_top::sources::mysql::start_with(&url, location, limits, updates));
    watch.until_message("says nothing within 4 seconds, where MySQL and MariaDB greet at once");
    assert!(!format!("{:?}", watch.states).contains("sesame"));
    // It speaks another protocol.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("mysql://u:sesame@{}/x", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/html\r\n\r\n<html>no</html>");
        }
    });
    let location = agno_top::sources::postgres::Location::default();
    let mut watch = crate::watch::Watch::start(|updates| agno_top::sources::mysql::start_with(&url, location, limits, updates));
    watch.until_message("does not answer as MySQL or MariaDB do");
}

#[test]
fn scores_beside_the_traces_are_read_and_followed() {
    let Some(server) = Server::shared() else { return };
    let schema = server.schema();
    let insert = |id: &str| {
        format!(
            "INSERT INTO agno_eval_runs VALUES ('{id}', 'accuracy', 'sums', '{{\"results\": [{{\"score\": 4}}]}}', '{{\"num_iterations\": 1}}', 1700000000);"
        )
    };
    let table = "CREATE TABLE agno_eval_runs (run_id VARCHAR(128) PRIMARY KEY, eval_type VARCHAR(50), name VARCHAR(255), eval_data JSON, eval_input JSON, created_at BIGINT);";
    server.run(&schema, &format!("{table} {}", insert("e")));
    let mut watch = server.watch(LOGIN, &schema, u64::MAX);
    watch.until_watching();
    let (origin, reviews) = watch.reviews[0].clone();
    let evaluation = &reviews.evaluations[0];
    assert_eq!((origin, &*evaluation.name, &*evaluation.verdicts[0].subject), (Origin::History, "sums", "eval_e_1"));
    assert_eq!(evaluation.verdicts[0].score, Some(4.0));
    server.run(&schema, &insert("f"));
    watch.until("the other score", |watch| watch.reviews.len() == 2);
    let (origin, reviews) = watch.reviews[1].clone();
    assert_eq!((origin, reviews.evaluations.len()), (Origin::Live, 2));
    assert!(watch.spans.is_empty() && watch.skipped.is_empty());
}
