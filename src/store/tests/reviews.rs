//! Approvals and evaluations of runs.

use super::*;
use crate::model::review::{Approval, Evaluation, Reviews, Verdict};
use crate::model::{Ending, Naming};

/// The span of an agent's run that paused or not.
fn run(trace: u8, id: u64, run: &str, pauses: bool) -> Batch {
    let mut batch = batch(&[SpanSpec { trace, kind: Some(SpanType::Agent), ..spec(id, None) }]);
    batch.spans[0].facts.run = batch.intern(run);
    batch.spans[0].facts.naming = Naming::Stated;
    batch.spans[0].facts.ending = if pauses { Ending::Paused } else { Ending::default() };
    batch
}

fn reviews(waiting: &[&str], scored: &[(&str, f64)]) -> Batch {
    let approval =
        |run: &&str| Approval { id: (*run).into(), run: (*run).into(), status: "pending".into(), waits: true, ..Approval::default() };
    let evaluation = |&(run, score): &(&str, f64)| Evaluation {
        kind: "accuracy".into(),
        name: "sums".into(),
        verdicts: vec![Verdict { subject: run.into(), score: Some(score), passed: None }],
    };
    let reviews = Reviews { approvals: waiting.iter().map(approval).collect(), evaluations: scored.iter().map(evaluation).collect() };
    let mut batch = batch(&[]);
    batch.reviews = Some(Arc::new(reviews));
    batch
}

#[test]
fn reviews_find_their_run_whichever_comes_first() {
    let spans = run(1, 1, "r", true);
    let said = reviews(&["r"], &[("r", 4.0)]);
    for order in [[&spans, &said], [&said, &spans]] {
        let mut store = Store::new(Limits::default());
        for batch in order {
            store.apply(batch, 100 * SECOND);
        }
        let row = row(&store, 1);
        let trace = store.row(row).trace();
        assert_eq!(store.awaited(row).map(|approval| &*approval.run), Some("r"));
        assert_eq!(store.awaiting(trace).map(|(row, _)| row), Some(row));
        assert_eq!(store.scores(row).map(|score| score.value).collect::<Vec<_>>(), [Some(4.0)]);
        // What the source no longer knows is gone.
        let changes = store.apply(&reviews(&[], &[]), 100 * SECOND);
        assert_eq!((changes.traces, changes.rows), (vec![trace], vec![row]));
        assert!(store.awaiting(trace).is_none() && store.scores(row).next().is_none() && store.reviewed(trace).next().is_none());
    }
}

#[test]
fn what_a_run_failed_comes_first() {
    let verdicts = |passed| vec![Verdict { subject: "r".into(), score: None, passed: Some(passed) }];
    let evaluation =
        |(name, passed): (&str, bool)| Evaluation { kind: "agent_as_judge".into(), name: name.into(), verdicts: verdicts(passed) };
    let evaluations = [("style", true), ("secrets", false), ("polite", true)].map(evaluation).into();
    let mut store = Store::new(Limits::default());
    store.apply(&run(1, 1, "r", false), 100 * SECOND);
    let mut said = batch(&[]);
    said.reviews = Some(Arc::new(Reviews { approvals: Vec::new(), evaluations }));
    store.apply(&said, 100 * SECOND);
    assert_eq!(store.scores(row(&store, 1)).map(Score::title).collect::<Vec<_>>(), ["secrets", "polite", "style"]);
}

#[test]
fn a_run_that_was_continued_or_did_not_pause_does_not_wait() {
    let mut store = Store::new(Limits::default());
    store.apply(&reviews(&["r", "s"], &[]), 100 * SECOND);
    store.apply(&run(1, 1, "r", true), 100 * SECOND);
    store.apply(&run(2, 2, "s", false), 100 * SECOND);
    assert_eq!(store.all_awaiting().count(), 1);
    let mut later = run(3, 3, "r", false);
    later.spans[0].facts.continues = true;
    store.apply(&later, 100 * SECOND);
    assert_eq!(store.all_awaiting().count(), 0);
}

#[test]
fn only_a_new_question_asks() {
    let mut store = Store::new(Limits::default());
    let mut first = reviews(&["r"], &[]);
    first.origin = Origin::History;
    assert!(!store.apply(&first, 0).asks);
    assert!(!store.apply(&reviews(&["r"], &[("r", 1.0)]), 0).asks);
    assert!(store.apply(&reviews(&["s", "r"], &[]), 0).asks);
    assert!(!store.apply(&reviews(&["s"], &[]), 0).asks);
}

#[test]
fn evicted_runs_are_forgotten() {
    let mut store = Store::new(Limits { spans: 1, ..Limits::default() });
    store.apply(&reviews(&["r"], &[("s", 1.0)]), 100 * SECOND);
    store.apply(&run(1, 1, "r", true), 100 * SECOND);
    store.apply(&run(2, 2, "s", false), 100 * SECOND);
    assert_eq!(store.trace_count(), 1);
    assert_eq!((store.all_awaiting().count(), store.reviews.sizes()), (0, [1, 1, 1]));
}

#[test]
fn a_session_that_an_evaluation_made_is_its_run() {
    let mut store = Store::new(Limits::default());
    let mut spans = run(1, 1, "r", false);
    spans.spans[0].facts.session = spans.intern("eval_e_1");
    store.apply(&spans, 100 * SECOND);
    store.apply(&reviews(&[], &[("eval_e_1", 7.0)]), 100 * SECOND);
    assert_eq!(store.scores(row(&store, 1)).map(|score| (score.title(), score.value)).collect::<Vec<_>>(), [("sums", Some(7.0))]);
}
