#![allow(clippy::unwrap_used)]

use super::*;

fn asked(status: &str, run_status: &str, kind: &str) -> Approval {
    let text = |text: &'static str| Some(text.as_bytes());
    let columns = [text("a"), text("r"), None, None, None, text("delete"), text("{\"id\": 7}"), text("1796009864"), None, None];
    let mut columns = columns;
    (columns[2], columns[3], columns[4]) = (Some(status.as_bytes()), Some(kind.as_bytes()), Some(run_status.as_bytes()));
    approval(columns)
}

#[test]
fn only_an_unanswered_question_of_a_paused_run_waits() {
    assert!(asked("pending", "PAUSED", "required").waits);
    assert!(asked("pending", "", "").waits, "the state of the run may be unknown");
    assert!(!asked("approved", "PAUSED", "required").waits);
    assert!(!asked("pending", "CANCELLED", "required").waits);
    assert!(!asked("pending", "PAUSED", "audit").waits);
    let found = asked("pending", "PAUSED", "required");
    assert_eq!((found.asked, &*found.arguments), (Some(1_796_009_864_000_000_000), "{\"id\": 7}"));
    let odd = approval([Some(b"\xff"), None, None, None, None, None, Some(b"null"), Some(b"soon"), Some(b"9223372036854775807"), None]);
    assert_eq!((odd.waits, odd.asked, odd.answered, &*odd.arguments), (false, None, None, ""));
}

fn stored(kind: &str, data: &str, input: &str) -> Option<Stored> {
    evaluation([Some(b"e1"), Some(kind.as_bytes()), Some(b"sums"), Some(data.as_bytes()), Some(input.as_bytes())])
}

#[test]
fn each_iteration_of_an_accuracy_test_is_judged_apart() {
    let data = r#"{"results": [{"score": 4}, {"score": 9}], "avg_score": 6.5}"#;
    let found = stored("accuracy", data, r#"{"num_iterations": 2}"#).unwrap();
    let verdicts: Vec<_> = found.evaluation.verdicts.iter().map(|verdict| (&*verdict.subject, verdict.score)).collect();
    assert_eq!(verdicts, [("eval_e1_1", Some(4.0)), ("eval_e1_2", Some(9.0))]);
    assert!(stored("accuracy", data, r#"{"num_iterations": 3}"#).is_none(), "one iteration failed: which one is unknown");
    assert!(stored("accuracy", data, "null").is_none());
}

#[test]
fn a_judgement_counts_where_one_run_fits() {
    let judged = || stored("agent_as_judge", r#"{"results": [{"score": null, "passed": true}]}"#, "{}").unwrap();
    assert!(judged().is_unlinked());
    let pair = |run: &str| ("e1".to_owned(), run.to_owned());
    let links = |pairs: Vec<(String, String)>| {
        let mut links = Links::new();
        add_links(&mut links, &["e1".into()], &pairs);
        linked(vec![judged()], &links)
    };
    assert_eq!(&*links(vec![pair("r1"), pair("r1")])[0].verdicts[0].subject, "r1");
    assert!(links(vec![pair("r1"), pair("r2")]).is_empty() && links(Vec::new()).is_empty());
}

#[test]
fn what_is_no_evaluation_is_left_out() {
    for data in ["", "null", "[]", "{", r#"{"results": 3}"#, r#"{"results": []}"#, r#"{"results": [{"score": "high"}]}"#] {
        for kind in ["accuracy", "agent_as_judge", "performance", "reliability", ""] {
            assert!(stored(kind, data, r#"{"num_iterations": 1}"#).is_none(), "{kind} {data}");
        }
    }
}

#[test]
fn metrics_of_a_run_are_read_as_far_as_they_are_known() {
    let metrics =
        stored_metrics(br#"{"input_tokens": 111, "output_tokens": 0, "cost": 0.25, "time_to_first_token": 0.5, "duration": "x"}"#).unwrap();
    assert_eq!(metrics, RunMetrics { input: Some(111), output: None, cost_usd: Some(0.25), first_token: Some(500_000_000) });
    assert_eq!([stored_metrics(b"{}"), stored_metrics(b"null"), stored_metrics(b"{"), stored_metrics(br#"{"cost": -1}"#)], [None; 4]);
}
