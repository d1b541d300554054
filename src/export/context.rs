//! What fills the contexts of a run's calls, as records. Programs read their fields, so the names and meanings are stable.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::context::{Before, CallFacts, CallReport, Cause, Change, Outcome, PART_KINDS, RunReport};
use crate::model::usage::NanoUsd;
use crate::store::{By, RowIx, Store};

/// Returns what the row of a model call states.
#[must_use]
pub fn call_facts(store: &Store, row: RowIx) -> CallFacts {
    let (data, usage) = (store.row(row), store.usage(row).unwrap_or_default());
    CallFacts {
        model: store.text(store.label(By::Model, row)).to_owned(),
        start: data.start,
        end: data.end,
        input: usage.input,
        cache_read: usage.cache_read,
        cache_write: usage.cache_write,
        keeps_an_hour: store.rare_tokens(row).cache_write_1h > 0,
    }
}

/// The context of a model call.
#[derive(Clone, Debug, Serialize)]
pub struct CallContextRecord {
    /// The estimated tokens of each part; their sum is the stated input. `None` if no content is recorded or no input stated.
    pub estimated_tokens: Option<PartsRecord>,
    /// The number of tools that it offers; `None` if it records none.
    pub tools: Option<usize>,
    /// What the cache did: `first_of_session`, `first`, `hit`, `miss`, `too_short` or `not_reported`.
    pub cache: &'static str,
    /// Why it missed, or must have: `model`, `changed`, `still_running`, `expired` or `provider`.
    pub cause: Option<&'static str>,
    /// The cause in words.
    pub reason: Option<String>,
    /// Where the earlier call is that it is compared with: in the `run`, or before it in the `session`.
    pub compared_with: Option<&'static str>,
    /// What changed first: `tools_reordered`, `tool_added`, `tool_removed`, `tool_changed`, `message_changed`, `messages_dropped`,
    /// `messages_inserted` or `compacted`.
    pub change: Option<&'static str>,
    /// The first message that differs, from 0.
    pub message: Option<usize>,
    /// The tool that differs.
    pub tool: Option<String>,
    /// The first character that differs in it, from 0.
    pub at: Option<usize>,
    /// The earlier text around that character.
    pub before: Option<String>,
    /// The later text around that character.
    pub after: Option<String>,
    /// Tokens that an earlier call had sent and that the provider processed again; `None` if the call does not state what the cache did.
    pub rebuilt_tokens: Option<u64>,
    /// Messages that the call before had, too.
    pub kept: Option<usize>,
    /// Messages that only this call has.
    pub added: Option<usize>,
    /// Messages that only the call before had.
    pub dropped: Option<usize>,
    /// Messages with another text than before.
    pub changed: Option<usize>,
}

/// Estimated tokens by part.
#[derive(Clone, Copy, Debug)]
pub struct PartsRecord([u64; PART_KINDS.len()]);

impl Serialize for PartsRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(PART_KINDS.len()))?;
        for ((_, name), tokens) in PART_KINDS.iter().zip(self.0) {
            map.serialize_entry(&name.replace(' ', "_"), &tokens)?;
        }
        map.end()
    }
}

impl CallContextRecord {
    /// Returns the record of a call.
    #[must_use]
    pub fn new(call: &CallReport) -> Self {
        let verdict = &call.verdict;
        let diff = call.since.as_ref().map(|(_, diff)| diff);
        let change = diff.and_then(|diff| diff.first.as_ref());
        let sides = change.and_then(Change::sides).cloned();
        let (name, message, tool, at) = change.map(place).unwrap_or_default();
        Self {
            estimated_tokens: call.parts.tokens().map(PartsRecord),
            tools: call.tools,
            cache: outcome_name(verdict.outcome),
            cause: verdict.cause.as_ref().map(cause_name),
            reason: verdict.cause.as_ref().map(Cause::words),
            compared_with: call.since.as_ref().map(|(before, _)| match before {
                Before::OfRun(_) => "run",
                Before::OfSession(_) => "session",
            }),
            change: change.map(|_| name),
            message,
            tool,
            at,
            before: sides.as_ref().map(|sides| sides.before.clone()),
            after: sides.map(|sides| sides.after),
            rebuilt_tokens: (verdict.outcome != Outcome::NotReported).then_some(verdict.rebuilt),
            kept: diff.map(|diff| diff.kept),
            added: diff.map(|diff| diff.added),
            dropped: diff.map(|diff| diff.dropped),
            changed: diff.map(|diff| diff.changed),
        }
    }
}

/// Returns the name of a change, its message, its tool and its character.
fn place(change: &Change) -> (&'static str, Option<usize>, Option<String>, Option<usize>) {
    match change {
        Change::ToolsReordered { tool } => ("tools_reordered", None, Some(tool.clone()), None),
        Change::ToolAdded { tool } => ("tool_added", None, Some(tool.clone()), None),
        Change::ToolRemoved { tool } => ("tool_removed", None, Some(tool.clone()), None),
        Change::ToolChanged { tool, at, .. } => ("tool_changed", None, Some(tool.clone()), Some(*at)),
        Change::MessageChanged { message, at, .. } => ("message_changed", Some(*message), None, Some(*at)),
        Change::MessagesDropped { message, .. } => ("messages_dropped", Some(*message), None, None),
        Change::MessagesInserted { message, .. } => ("messages_inserted", Some(*message), None, None),
        Change::Compacted { message, .. } => ("compacted", Some(*message), None, None),
    }
}

fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::First => "first",
        Outcome::FirstOfSession => "first_of_session",
        Outcome::Hit => "hit",
        Outcome::Miss => "miss",
        Outcome::TooShort => "too_short",
        Outcome::NotReported => "not_reported",
    }
}

fn cause_name(cause: &Cause) -> &'static str {
    match cause {
        Cause::Model { .. } => "model",
        Cause::Changed(_) => "changed",
        Cause::StillRunning => "still_running",
        Cause::Expired { .. } => "expired",
        Cause::Provider { .. } => "provider",
    }
}

/// The contexts of a run's calls together.
#[derive(Clone, Debug, Serialize)]
pub struct RunContextRecord {
    /// The model calls, without those of runs below it.
    pub calls: usize,
    /// The calls that the cache missed; `None` if no call states cached tokens.
    pub misses: Option<usize>,
    /// Their input tokens; `None` if no call states them.
    pub input_tokens: Option<u64>,
    /// Tokens that were read from caches.
    pub reused_tokens: Option<u64>,
    /// Tokens that earlier calls had sent and that were read again.
    pub rebuilt_tokens: Option<u64>,
    /// What these tokens cost beyond their price from the cache, in US dollars; `None` if a price is unknown or nothing was missed.
    pub misses_cost_usd: Option<f64>,
    /// Tools that calls offered and none called, the largest first.
    pub unused_tools: Vec<String>,
    /// The estimated tokens of these tools in all calls.
    pub unused_tools_estimated_tokens: u64,
    /// Whether all calls were examined; of a run with very many spans only the first are.
    pub complete: bool,
}

impl RunContextRecord {
    /// Returns the record of a run; `complete` tells whether the report has all of its calls, and `cost` what the misses cost.
    #[must_use]
    pub fn new(run: &RunReport, complete: bool, cost: Option<NanoUsd>) -> Self {
        let (sum, unused) = (run.summary(), run.unused_tools());
        let reported = |count: u64| sum.is_reported.then_some(count);
        Self {
            calls: sum.calls,
            misses: sum.is_reported.then_some(sum.misses),
            input_tokens: (sum.inputs > 0).then_some(sum.input),
            reused_tokens: reported(sum.reused),
            rebuilt_tokens: reported(sum.rebuilt),
            misses_cost_usd: cost.map(|cost| cost as f64 / 1e9),
            unused_tools_estimated_tokens: unused.iter().map(|(_, tool)| tool.tokens).sum(),
            complete,
            unused_tools: unused.into_iter().map(|(name, _)| name.to_owned()).collect(),
        }
    }
}
