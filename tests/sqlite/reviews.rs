//! Approvals and evaluations in the tables beside the traces.

use agno_top::model::Origin;
use agno_top::model::review::Reviews;
use agno_top::sources::State;

use crate::watch::Watch;
use crate::writer::{Writer, spans};

const TABLES: &str = "CREATE TABLE agno_approvals (id VARCHAR, run_id VARCHAR, status VARCHAR, approval_type VARCHAR, run_status VARCHAR, \
    tool_name VARCHAR, tool_args JSON, created_at BIGINT, updated_at BIGINT, resolved_at BIGINT, resolved_by VARCHAR); \
    CREATE TABLE agno_eval_runs (run_id VARCHAR, eval_type VARCHAR, name VARCHAR, agent_id VARCHAR, team_id VARCHAR, eval_data JSON, \
    eval_input JSON, created_at BIGINT); \
    CREATE TABLE agno_runs (run_id VARCHAR, agent_id VARCHAR, team_id VARCHAR, run_data JSON, created_at BIGINT)";

fn ask(id: &str) -> String {
    format!("INSERT INTO agno_approvals VALUES ('{id}', 'r-{id}', 'pending', 'required', 'PAUSED', 'pay', '{{}}', 5, NULL, NULL, NULL)")
}

fn judge(id: &str, agent: &str) -> String {
    format!(
        "INSERT INTO agno_eval_runs VALUES ('{id}', 'agent_as_judge', 'style', '{agent}', NULL, \
         '{{\"results\": [{{\"input\": \"q\", \"output\": \"a\", \"score\": 3}}]}}', '{{}}', 100)"
    )
}

fn run(id: &str, agent: &str, data: &str, created: i64) -> String {
    format!("INSERT INTO agno_runs VALUES ('{id}', '{agent}', NULL, '{data}', {created})")
}

fn waiting(reviews: &Reviews) -> Vec<&str> {
    reviews.approvals.iter().filter(|approval| approval.waits).map(|approval| &*approval.id).collect()
}

#[test]
fn approvals_come_when_they_change_and_only_then() {
    for open in [Writer::wal, Writer::rollback] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("traces.db");
        let mut writer = open(&path);
        writer.run(TABLES);
        writer.run(&ask("a"));
        let mut watch = Watch::new(&path);
        watch.until("the first", |watch| watch.reviews.len() == 1);
        assert_eq!((waiting(&watch.reviews[0].1), watch.reviews[0].0), (vec!["a"], Origin::History));
        writer.run(&ask("b"));
        watch.until("the second", |watch| watch.reviews.len() == 2);
        assert_eq!((waiting(&watch.reviews[1].1), watch.reviews[1].0), (vec!["a", "b"], Origin::Live));
        writer.run(&spans(1, 10));
        watch.until_spans(9);
        writer.run("UPDATE agno_approvals SET status = 'approved', updated_at = 9 WHERE id = 'a'");
        watch.until("the answer", |watch| watch.reviews.len() == 3);
        assert_eq!(waiting(&watch.reviews[2].1), ["b"]);
        writer.run("DELETE FROM agno_approvals");
        watch.until("the end", |watch| watch.reviews.len() == 4);
        assert!(watch.reviews[3].1.approvals.is_empty());
    }
}

#[test]
fn an_evaluation_belongs_to_the_only_run_with_its_texts() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traces.db");
    let mut writer = Writer::wal(&path);
    writer.run(TABLES);
    let data = r#"{"content": "a", "input": {"input_content": "q"}}"#;
    writer.run(&run("r1", "x", data, 90));
    // Another agent, another answer, too early, too late, no JSON.
    for (at, (agent, data, created)) in
        (2..).zip([("y", data, 90), ("x", r#"{"content": "b"}"#, 90), ("x", data, -9000), ("x", data, 101), ("x", "{", 90)])
    {
        writer.run(&run(&format!("r{at}"), agent, data, created));
    }
    // Of twins, nobody knows which one was meant.
    writer.run(&run("t1", "z", data, 90));
    writer.run(&run("t2", "z", data, 91));
    writer.run(&judge("e1", "x"));
    writer.run(&judge("e2", "z"));
    let mut watch = Watch::new(&path);
    watch.until("the evaluations", |watch| watch.reviews.len() == 1);
    let evaluations = &watch.reviews[0].1.evaluations;
    assert_eq!(evaluations.iter().map(|evaluation| &*evaluation.verdicts[0].subject).collect::<Vec<_>>(), ["r1"]);
}

#[test]
fn tables_of_another_shape_hold_nothing() {
    let shapes = [
        "CREATE TABLE agno_approvals (id VARCHAR); CREATE TABLE agno_eval_runs (x)",
        "CREATE VIEW agno_approvals AS SELECT 1 AS id; CREATE VIEW agno_eval_runs AS SELECT * FROM agno_eval_runs",
        &format!(
            "{TABLES}; INSERT INTO agno_approvals VALUES (x'ff', NULL, 7, 1.5, NULL, NULL, x'00', 'soon', NULL, NULL, NULL); \
            INSERT INTO agno_eval_runs VALUES (1, NULL, NULL, NULL, NULL, '{{', x'ff', NULL)"
        ),
    ];
    for shape in shapes {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("traces.db");
        let mut writer = Writer::wal(&path);
        writer.run(shape);
        writer.run(&spans(1, 10));
        let mut watch = Watch::new(&path);
        watch.until_watching();
        watch.until_spans(9);
        assert!(watch.skipped.is_empty() && watch.reviews.iter().all(|(_, reviews)| waiting(reviews).is_empty()), "{shape}");
        assert_eq!(watch.states.last(), Some(&State::Watching { left_out: 0 }));
    }
}
