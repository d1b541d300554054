//! Approvals and scores in words.

use crate::format;
use crate::model::Nanos;
use crate::model::review::{Approval, RunMetrics};
use crate::store::{RowIx, Score, Store, Totals, TraceIx};

/// Costs that differ by less than one part in this many are equal.
const SHARE: u64 = 200;

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

/// Returns what an approval that is open says: `waits for you 4m · delete_order {"order": 7}`.
#[must_use]
pub fn waiting(approval: &Approval, now: Nanos) -> String {
    let time = approval.asked.map(|asked| format!(" {}", format::age(now.saturating_sub(asked)))).unwrap_or_default();
    format!("waits for you{time} · {}", call(approval))
}

/// Returns the call that an approval is about.
#[must_use]
pub fn call(approval: &Approval) -> String {
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
pub fn scores(scores: &[&Score]) -> Option<String> {
    let (first, others) = scores.split_first()?;
    let first = verdict(first);
    Some(if others.is_empty() { first } else { format!("{first} +{}", others.len()) })
}

/// Returns what the record of a run or a session states: `1,200 tokens in, 30 out · $0.02 · first token after 1.2s`.
#[must_use]
pub fn stored(metrics: &RunMetrics) -> String {
    let RunMetrics { input, output, cost_usd, first_token } = *metrics;
    let count = |count: Option<u64>| count.map_or_else(|| format::UNKNOWN.to_owned(), format::count);
    let mut stated = vec![format!("{} in, {} out", format::with_noun(&count(input), "token"), count(output))];
    stated.extend(cost_usd.map(|cost| format::money(Some(nano_usd(cost)))));
    stated.extend(first_token.map(|first| format!("first token after {}", format::duration(first))));
    stated.join(" · ")
}

/// Returns how the record of a run or a session differs from the sums over its spans; `None` if it does not.
#[must_use]
pub fn difference(metrics: &RunMetrics, totals: &Totals) -> Option<String> {
    let mut differs = Vec::new();
    for (name, is_known, ours, stored) in
        [("in", totals.inputs > 0, totals.input, metrics.input), ("out", totals.outputs > 0, totals.output, metrics.output)]
    {
        if let Some(stored) = stored.filter(|stored| is_known && *stored != ours) {
            differs.push(format!("{} {name} there, {} in the spans", format::count(stored), format::count(ours)));
        }
    }
    let costs = metrics.cost_usd.map(nano_usd).zip(totals.cost());
    if let Some((stored, ours)) = costs.filter(|(stored, ours)| stored.abs_diff(*ours) > ours.unsigned_abs() / SHARE) {
        differs.push(format!("{} there, {} for the spans", format::money(Some(stored)), format::money(Some(ours))));
    }
    (!differs.is_empty()).then(|| format!("differs: {}", differs.join("; ")))
}

fn nano_usd(usd: f64) -> i64 {
    (usd * 1e9).round() as i64
}

fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
