//! The tables beside the traces.

use std::path::Path;
use std::process::Command;

use crate::real::{check_reviews, models_with_script, python};
use crate::server::Server;

#[test]
fn what_agno_keeps_beside_its_traces_is_shown_with_the_runs() {
    let (Some(server), Some(python)) = (Server::shared(), python()) else { return };
    let (_models, address) = models_with_script(&python, Path::new("tests/agno/beside.json"));
    let url = server.url(&server.empty_database());
    let done = Command::new(python).args(["tests/agno/beside.py", &url, &address]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    check_reviews(&url);
}

#[test]
fn tables_that_cannot_be_read_are_not_asked_for() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    let mut writer = server.writer(&database);
    // Of one table the columns are others; the other is denied.
    writer.run("CREATE TABLE ai.agno_approvals (id text, state text); CREATE TABLE ai.agno_eval_runs (run_id text, eval_type text, name text, eval_data jsonb, \
        eval_input jsonb, created_at bigint, agent_id text, team_id text); CREATE ROLE looker LOGIN; GRANT USAGE ON SCHEMA ai TO looker; \
        GRANT SELECT ON ai.agno_spans, ai.agno_traces, ai.agno_approvals TO looker");
    let url = server.url(&database).replace("postgres@", "looker@");
    let mut watch = crate::server::watch(&url, u64::MAX);
    watch.until_watching();
    // What is written later has the tables looked at again.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    writer.run(&crate::writer::spans(1, 3));
    watch.until_spans(2);
    assert!(watch.skipped.is_empty());
    let log = server.log();
    assert!(!log.contains("agno_approvals") && !log.contains("agno_eval_runs"), "{log}");
}
