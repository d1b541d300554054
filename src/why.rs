//! What stands out in a trace, in sentences: why it failed, what it waited for, what it did in vain, what took the time, and which of its
//! numbers are incomplete.
//!
//! Each sentence rests on spans of the trace, which it names. A trace in which nothing stands out has none.

mod answers;
mod calls;
mod endings;
mod numbers;
mod scope;
#[cfg(test)]
mod tests;
mod times;

pub use scope::scope;

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use crate::format;
use crate::model::Nanos;
use crate::model::sort;
use crate::store::{Anomalies, MAX_ANALYZED_ROWS, RowIx, Store, TraceIx};
use calls::{ToolCall, retried, tool_calls};

/// The most characters of an error or a name in a sentence.
const MAX_TEXT: usize = 240;

/// Findings with the same cause that differ in numbers only are one from this number on.
const MIN_ALIKE: usize = 4;

/// The most findings with the same cause.
const MAX_FINDINGS: usize = 8;

/// What a finding is about, the most important first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// A step failed, and nothing below it did.
    Failure,
    /// A check refused an input or an output.
    Refusal,
    /// It was cancelled, timed out, or its reader went away.
    Cut,
    /// It waits for a person.
    Paused,
    /// It never ended.
    Lost,
    /// Tools were called in turns with the same arguments.
    Loop,
    /// A tool was called again and again with the same arguments.
    Repeat,
    /// A call failed and was made again.
    Retry,
    /// The answer of a model reached the limit of tokens.
    Truncated,
    /// The stream of a model's answer nearly stood still.
    Stalled,
    /// A step took much longer than it usually does.
    Slow,
    /// One step took most of the time.
    Time,
    /// The input of the model calls grew.
    Context,
    /// A model call did not find in the cache what the call before did.
    Cache,
    /// Another model answered than the one that was asked for.
    Model,
    /// Tokens or costs are not known.
    Numbers,
    /// The clocks of two senders differ.
    Clock,
}

impl Cause {
    /// Returns the name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Failure => "failure",
            Self::Refusal => "refusal",
            Self::Cut => "cut",
            Self::Paused => "paused",
            Self::Lost => "lost",
            Self::Loop => "loop",
            Self::Repeat => "repeat",
            Self::Retry => "retry",
            Self::Truncated => "truncated",
            Self::Stalled => "stalled",
            Self::Slow => "slow",
            Self::Time => "time",
            Self::Context => "context",
            Self::Cache => "cache",
            Self::Model => "model",
            Self::Numbers => "numbers",
            Self::Clock => "clock",
        }
    }
}

/// Something that stands out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is about.
    pub cause: Cause,
    /// One sentence. It may hold texts from outside: clean it before it is shown.
    pub sentence: String,
    /// The spans that it rests on. Never empty; the first is the one to look at.
    pub rows: Vec<RowIx>,
    /// The importance among findings with the same cause.
    weight: u64,
}

/// What stands out in a trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Why {
    /// The findings, the most important first.
    pub findings: Vec<Finding>,
    /// The steps on the critical path with the time in which each decided, the longest first. They add up to the length of the trace without
    /// its gaps.
    pub times: Vec<(RowIx, Nanos)>,
    /// The findings that were left out: less important than others with the same cause, of which there are many.
    pub left_out: usize,
    /// Whether only the first [`MAX_ANALYZED_ROWS`] rows of the trace, or of a run in it, were analysed.
    pub is_truncated: bool,
}

/// Returns what stands out in a trace up to `now`. Costs its rows, and the agents, models and tools in the store.
#[must_use]
pub fn why(store: &Store, trace: TraceIx, now: Nanos) -> Why {
    let mut analysis = Analysis::new(store, trace, now);
    analysis.endings();
    analysis.calls();
    analysis.answers();
    analysis.times();
    analysis.numbers();
    let order: HashMap<RowIx, usize> = analysis.rows.iter().copied().zip(0..).collect();
    let mut findings = analysis.findings;
    sort::by_key(&mut findings, |finding| {
        (finding.cause, Reverse(finding.weight), finding.rows.first().and_then(|row| order.get(row)).copied().unwrap_or(usize::MAX))
    });
    let (findings, left_out) = bounded(findings);
    let is_truncated = analysis.is_truncated || analysis.runs.iter().any(|(_, anomalies)| anomalies.is_truncated);
    Why { findings, times: analysis.path, left_out, is_truncated }
}

/// Joins findings that differ in numbers only, and leaves out what is too much. Also returns how many were left out.
fn bounded(findings: Vec<Finding>) -> (Vec<Finding>, usize) {
    let mut alike: HashMap<(Cause, String), usize> = HashMap::new();
    for finding in &findings {
        *alike.entry(shape(finding)).or_default() += 1;
    }
    let (mut places, mut kept): (HashMap<(Cause, String), usize>, Vec<Finding>) = (HashMap::new(), Vec::new());
    for mut finding in findings {
        let key = shape(&finding);
        let count = alike.get(&key).copied().unwrap_or_default();
        if let Some(first) = places.get(&key).and_then(|&at| kept.get_mut(at)) {
            first.rows.append(&mut finding.rows);
            continue;
        }
        if count >= MIN_ALIKE {
            places.insert(key, kept.len());
            let _ = write!(finding.sentence, " (and {} more like this)", format::count((count - 1) as u64));
        }
        kept.push(finding);
    }
    let (mut counts, all): (HashMap<Cause, usize>, usize) = (HashMap::new(), kept.len());
    kept.retain(|finding| {
        let count = counts.entry(finding.cause).or_default();
        *count += 1;
        *count <= MAX_FINDINGS
    });
    let left_out = all - kept.len();
    (kept, left_out)
}

/// Returns the cause and the sentence without its numbers and ids.
fn shape(finding: &Finding) -> (Cause, String) {
    let words = finding.sentence.split(' ').map(|word| if word.bytes().any(|byte| byte.is_ascii_digit()) { "0" } else { word });
    (finding.cause, words.collect::<Vec<_>>().join(" "))
}

/// A trace while it is analysed.
struct Analysis<'a> {
    store: &'a Store,
    trace: TraceIx,
    now: Nanos,
    /// The rows of the trace, parents first.
    rows: Vec<RowIx>,
    /// The runs of the trace with their anomalies.
    runs: Vec<(RowIx, Anomalies)>,
    /// The tool calls of each run.
    tool_calls: HashMap<RowIx, Vec<ToolCall>>,
    /// The failed calls that were made again, each with the next call.
    retried: Vec<(RowIx, RowIx)>,
    /// See [`Why::times`].
    path: Vec<(RowIx, Nanos)>,
    findings: Vec<Finding>,
    is_truncated: bool,
}

impl<'a> Analysis<'a> {
    fn new(store: &'a Store, trace: TraceIx, now: Nanos) -> Self {
        let mut rows: Vec<RowIx> = store.walk(trace).map(|(row, _)| row).take(MAX_ANALYZED_ROWS + 1).collect();
        let is_truncated = rows.len() > MAX_ANALYZED_ROWS;
        rows.truncate(MAX_ANALYZED_ROWS);
        let mut runs: Vec<RowIx> = rows.iter().copied().filter(|&row| store.row(row).span_type.is_agentic()).collect();
        runs.extend(store.trace(trace).roots().iter().copied().filter(|&root| !store.row(root).span_type.is_agentic()));
        let runs: Vec<(RowIx, Anomalies)> = runs.into_iter().map(|run| (run, store.anomalies(run))).collect();
        let mut path: Vec<(RowIx, Nanos)> =
            if is_truncated { Vec::new() } else { store.critical_path(trace, now).into_iter().filter(|(_, time)| *time > 0).collect() };
        sort::by_key(&mut path, |&(row, time)| (Reverse(time), store.row(row).start, store.row(row).id));
        let tool_calls = tool_calls(store, &rows);
        let retried = retried(store, &runs, &tool_calls);
        Self { store, trace, now, rows, runs, tool_calls, retried, path, findings: Vec::new(), is_truncated }
    }

    fn find(&mut self, cause: Cause, weight: u64, rows: Vec<RowIx>, sentence: String) {
        self.findings.push(Finding { cause, sentence, rows, weight });
    }

    /// Returns a row's kind and name: `tool look_up`.
    fn name(&self, row: RowIx) -> String {
        name(self.store, row)
    }

    /// Returns the time and, if any is known, the cost of rows.
    fn spent(&self, rows: &[RowIx]) -> String {
        let totals = self.store.sum(rows);
        let cost = totals.cost().map(|cost| format!(" and {}", format::money_at_least(Some(cost), totals.is_cost_incomplete())));
        format!("{}{}", format::duration(self.store.total_duration(rows, self.now)), cost.unwrap_or_default())
    }

    /// Returns the rows above a row, the nearest first.
    fn above(&self, row: RowIx) -> impl Iterator<Item = RowIx> {
        std::iter::successors(self.store.row(row).parent(), |&above| self.store.row(above).parent())
    }

    /// Returns whether any of `rows` is above a row.
    fn is_below_any(&self, row: RowIx, rows: &HashSet<RowIx>) -> bool {
        self.above(row).any(|above| rows.contains(&above))
    }
}

/// Returns a row's kind and name: `tool look_up`. The text may come from outside.
#[must_use]
pub fn name(store: &Store, row: RowIx) -> String {
    let data = store.row(row);
    let name = [data.label, data.name].map(|symbol| store.text(symbol)).into_iter().find(|text| !text.is_empty());
    let noun = data.span_type.noun();
    match name {
        Some(name) => format!("{noun} {}", short(name)),
        None if data.placeholder => format!("{noun} that has not arrived"),
        None => format!("{noun} without a name"),
    }
}

/// Cuts a text to one line of at most [`MAX_TEXT`] characters.
fn short(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_TEXT) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

/// Returns a list in words: `a, b and c`.
fn list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
