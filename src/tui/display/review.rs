//! Approvals and scores in words.

use crate::format;
use crate::model::Nanos;
use crate::model::review::Approval;
use crate::store::{RowIx, Score, Store, TraceIx};

/// Returns what a trace waits for: `waits for you 4m · delete_order {"order": 7}`.
#[must_use]
pub fn awaiting(store: &Store, main: TraceIx, now: Nanos) -> Option<String> {
    store.awaiting(main).map(|(_, approval)| waiting(approval, now))
}

/// Returns what a row waits for.
#[must_use]
pub fn awaited(store: &Store, row: RowIx, now: Nanos) -> Option<String> {
    store.awaited(row).map(|approval| waiting(approval, now))
}

fn waiting(approval: &Approval, now: Nanos) -> String {
    let time = approval.asked.map(|asked| format!(" {}", format::age(now.saturating_sub(asked)))).unwrap_or_default();
    format!("waits for you{time} · {}", call(approval))
}

/// Returns the call that an approval is about.
fn call(approval: &Approval) -> String {
    let Approval { tool, arguments, .. } = approval;
    if arguments.is_empty() { tool.to_string() } else { format!("{tool} {arguments}") }
}

/// Returns an approval with its answer: `delete_order {"order": 8}: rejected by ada`.
#[must_use]
pub fn approval(approval: &Approval, now: Nanos) -> String {
    if approval.waits {
        let since = approval.asked.map(|asked| format!(" since {}", format::age(now.saturating_sub(asked)))).unwrap_or_default();
        return format!("{}: waits{since}", call(approval));
    }
    let by = if approval.answered_by.is_empty() { String::new() } else { format!(" by {}", approval.answered_by) };
    let after = approval.asked.zip(approval.answered).map(|(asked, answered)| format!(" after {}", format::duration(answered - asked)));
    format!("{}: {}{by}{}", call(approval), approval.status, after.unwrap_or_default())
}

/// Returns a judgement as a number or a word: `4`, `7.25`, `passed`.
#[must_use]
pub fn verdict(score: &Score) -> String {
    match (score.value, score.passed) {
        (Some(value), _) => number(value),
        (None, Some(true)) => "passed".to_owned(),
        (None, Some(false)) => "failed".to_owned(),
        (None, None) => format::UNKNOWN.to_owned(),
    }
}

/// Returns a score with the evaluation: `9 style (agent_as_judge), passed`.
#[must_use]
pub fn score(score: &Score) -> String {
    let kind = if score.name.is_empty() { String::new() } else { format!(" ({})", score.kind) };
    let passed = match (score.value, score.passed) {
        (Some(_), Some(passed)) => {
            if passed {
                ", passed"
            } else {
                ", failed"
            }
        }
        _ => "",
    };
    format!("{} {}{kind}{passed}", verdict(score), score.title())
}

/// Returns the cell of the scores of a run: the first one, and how many others there are.
#[must_use]
pub fn scores<'a>(mut scores: impl Iterator<Item = &'a Score>) -> Option<String> {
    let first = verdict(scores.next()?);
    Some(match scores.count() {
        0 => first,
        others => format!("{first} +{others}"),
    })
}

fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
