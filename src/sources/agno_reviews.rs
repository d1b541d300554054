//! Approvals and evaluations from the tables that Agno keeps beside its traces, and what its record of a run states.
//!
//! The tables are optional: one that is missing, denied or of another shape holds nothing. An evaluation names the run that it judges
//! only through the sessions that Agno makes for it, or by the texts that it judged (see [`LINKS`]).

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::UpdateSender;
use crate::model::review::{Approval, Evaluation, Reviews, RunMetrics, Verdict};
use crate::model::{Batch, Nanos, Origin};
use crate::semconv::beginning;

/// The table of approvals.
pub(super) const APPROVALS: &str = "agno_approvals";
/// The table of evaluations.
pub(super) const EVALUATIONS: &str = "agno_eval_runs";
/// The table of runs.
pub(super) const RUNS: &str = "agno_runs";
/// The table of sessions.
pub(super) const SESSIONS: &str = "agno_sessions";

/// Where a table keeps the metrics of what its rows are: the table, the column of the id, the column with the metrics, and their key in it.
pub(super) const RUN_METRICS: [&str; 4] = [RUNS, "run_id", "run_data", "metrics"];
/// The same of sessions.
pub(super) const SESSION_METRICS: [&str; 4] = [SESSIONS, "session_id", "session_data", "session_metrics"];

/// The columns of an approval, in the order of [`approval`].
pub(super) const APPROVAL: [&str; 10] =
    ["id", "run_id", "status", "approval_type", "run_status", "tool_name", "tool_args", "created_at", "resolved_at", "resolved_by"];

/// The columns of a run that tell whether an evaluation judged it.
pub(super) const RUN: [&str; 5] = ["run_id", "agent_id", "team_id", "run_data", "created_at"];

/// The columns of an evaluation, in the order of [`evaluation`].
pub(super) const EVALUATION: [&str; 5] = ["run_id", "eval_type", "name", "eval_data", "eval_input"];

/// The most approvals that were answered, and evaluations, that are read: the newest.
pub(super) const NEWEST: u32 = 1000;
/// The most approvals that wait.
pub(super) const WAITING: u32 = 10_000;
/// The most bytes of what an evaluation states.
pub(super) const MAX_DATA: usize = 1 << 20;
/// How long before an evaluation was stored the run began that it judges, in seconds.
pub(super) const BEFORE: u32 = 3600;

/// The most characters of a text that is kept.
const MAX_TEXT: usize = 1024;

/// The approvals and evaluations of a database as they were last sent.
#[derive(Debug, Default)]
pub(super) struct SentReviews(Option<Arc<Reviews>>);

impl SentReviews {
    /// Whether none were sent.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Returns a batch with what was read, if it differs from what was last sent.
    pub(super) fn change(&mut self, reviews: Reviews, origin: Origin, updates: &UpdateSender) -> Option<Batch> {
        if self.0.as_deref().unwrap_or(&Reviews::default()) == &reviews {
            return None;
        }
        let reviews = Arc::new(reviews);
        self.0 = Some(reviews.clone());
        let mut batch = updates.batch(origin);
        batch.reviews = Some(reviews);
        Some(batch)
    }
}

/// Returns the statements that read approvals: those that wait, and the newest others. `cast` reads a column as text.
pub(super) fn select_approvals(table: &str, cast: impl Fn(&str) -> String) -> String {
    let columns = APPROVAL.map(cast).join(", ");
    let part = |condition: &str, limit: u32| {
        format!(
            "SELECT * FROM (SELECT {columns} FROM {table} WHERE status {condition} 'pending' ORDER BY created_at DESC LIMIT {limit}) AS part"
        )
    };
    format!("{} UNION ALL {}", part("=", WAITING), part("<>", NEWEST))
}

/// Returns a statement for a text that changes with the approvals.
pub(super) fn approvals_mark(table: &str) -> String {
    let count = |condition: &str| format!("coalesce(sum(CASE WHEN {condition} THEN 1 END), 0)");
    let [pending, paused] = [count("status = 'pending'"), count("run_status = 'PAUSED'")];
    format!(
        "SELECT count(*) || ' ' || {pending} || ' ' || {paused} || ' ' || coalesce(max(updated_at), 0) || ' ' || coalesce(max(created_at), 0) FROM {table}"
    )
}

/// Returns a statement for a text that changes with the evaluations.
pub(super) fn evaluations_mark(table: &str) -> String {
    format!("SELECT count(*) || ' ' || coalesce(max(created_at), 0) FROM {table}")
}

/// Returns the statement that reads the newest evaluations.
pub(super) fn select_evaluations(table: &str, cast: impl Fn(&str) -> String) -> String {
    format!("SELECT {} FROM {table} ORDER BY created_at DESC LIMIT {NEWEST}", EVALUATION.map(cast).join(", "))
}

/// Builds an approval from its columns as text; `None` for null.
pub(super) fn approval(columns: [Option<&[u8]>; 10]) -> Approval {
    let [id, run, status, kind, run_status, tool, arguments, asked, answered, by] = columns;
    let is = |value: Option<&[u8]>, expected: &str| value.is_some_and(|value| value.eq_ignore_ascii_case(expected.as_bytes()));
    // What is recorded for an audit was answered before. A run that ended otherwise waits no more.
    let is_open = run_status.is_none_or(<[u8]>::is_empty) || is(run_status, "paused");
    Approval {
        id: text(id),
        run: text(run),
        status: text(status),
        waits: is(status, "pending") && is_open && !is(kind, "audit"),
        tool: text(tool),
        arguments: text(arguments.filter(|arguments| *arguments != b"null")),
        asked: seconds(asked),
        answered: seconds(answered),
        answered_by: text(by),
    }
}

/// An evaluation with its id. Which run it judges may have to be looked up.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) id: Box<str>,
    pub(super) evaluation: Evaluation,
}

impl Stored {
    /// Whether its run must be looked up by what was judged.
    fn is_unlinked(&self) -> bool {
        matches!(self.evaluation.verdicts.as_slice(), [verdict] if verdict.subject.is_empty())
    }
}

/// Builds an evaluation from its columns as text. `None` if it judges no run.
pub(super) fn evaluation(columns: [Option<&[u8]>; 5]) -> Option<Stored> {
    let [id, kind, name, data, input] = columns;
    let parse = |json: Option<&[u8]>| serde_json::from_slice::<Value>(json.filter(|json| json.len() <= MAX_DATA)?).ok();
    let data = parse(data)?;
    let (id, kind) = (text(id), text(kind));
    let results = data.get("results")?.as_array()?;
    let verdict = |subject: String, result: &Value| {
        let score = result.get("score").and_then(Value::as_f64);
        let passed = result.get("passed").and_then(Value::as_bool);
        (score.is_some() || passed.is_some()).then(|| Verdict { subject: subject.into(), score, passed })
    };
    let verdicts: Vec<Verdict> = match (&*kind, results.as_slice()) {
        // Each iteration ran in a session of its own. One that failed has no result, so that the others can't be told apart.
        ("accuracy", results) if parse(input)?.get("num_iterations")?.as_u64() == Some(results.len() as u64) => {
            results.iter().zip(1..).filter_map(|(result, number)| verdict(format!("eval_{id}_{number}"), result)).collect()
        }
        ("agent_as_judge", [result]) => verdict(String::new(), result).into_iter().collect(),
        _ => Vec::new(),
    };
    (!verdicts.is_empty()).then(|| Stored { id, evaluation: Evaluation { kind, name: text(name), verdicts } })
}

/// The runs of the evaluations that had to be looked up, by the ids of the evaluations; `None` if no run is the only one that fits.
pub(super) type Links = HashMap<Box<str>, Option<Box<str>>>;

/// The most evaluations whose runs are looked up at once.
pub(super) const LINKED: usize = 16;

/// Returns the ids of the evaluations whose runs must be looked up.
pub(super) fn unknown(stored: &[Stored], links: &Links) -> Vec<Box<str>> {
    stored.iter().filter(|stored| stored.is_unlinked() && !links.contains_key(&stored.id)).map(|stored| stored.id.clone()).collect()
}

/// Adds pairs of evaluations and runs that fit each other to the runs of `ids`.
pub(super) fn add_links(links: &mut Links, ids: &[Box<str>], pairs: &[(String, String)]) {
    for id in ids {
        let mut runs = pairs.iter().filter(|(evaluation, _)| **evaluation == **id).map(|(_, run)| run);
        let run = runs.next().filter(|run| runs.all(|other| other == *run));
        links.insert(id.clone(), run.map(|run| run.as_str().into()));
    }
}

/// Returns the evaluations whose runs are known.
pub(super) fn linked(stored: Vec<Stored>, links: &Links) -> Vec<Evaluation> {
    let link = |mut stored: Stored| {
        if stored.is_unlinked() {
            let run = links.get(&stored.id)?.as_ref()?;
            stored.evaluation.verdicts.first_mut()?.subject = run.clone();
        }
        Some(stored.evaluation)
    };
    stored.into_iter().filter_map(link).collect()
}

/// Reads the metrics in the record of a run or a session: an object, as text.
pub(super) fn stored_metrics(metrics: &[u8]) -> Option<RunMetrics> {
    let metrics: Value = serde_json::from_slice(metrics).ok()?;
    let metrics = metrics.as_object()?;
    // Agno leaves out what is 0, and states 0 for what it does not know.
    let count = |name: &str| metrics.get(name).and_then(Value::as_u64).filter(|count| *count > 0);
    let number = |name: &str| metrics.get(name).and_then(Value::as_f64).filter(|number| number.is_finite() && *number >= 0.0);
    let found = RunMetrics {
        input: count("input_tokens"),
        output: count("output_tokens"),
        cost_usd: number("cost"),
        first_token: number("time_to_first_token").map(|seconds| (seconds * 1e9) as Nanos),
    };
    (found != RunMetrics::default()).then_some(found)
}

fn text(value: Option<&[u8]>) -> Box<str> {
    let value = String::from_utf8_lossy(value.unwrap_or_default());
    beginning(value.chars(), MAX_TEXT).collect::<String>().into()
}

/// Parses a time in seconds since 1970. Others than Agno may have written another one.
fn seconds(value: Option<&[u8]>) -> Option<Nanos> {
    std::str::from_utf8(value?).ok()?.parse::<i64>().ok()?.checked_mul(1_000_000_000)
}

#[cfg(test)]
mod tests;
