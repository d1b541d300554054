//! What is known of the calls of a run.

use std::collections::{BTreeMap, HashSet};

use super::CallFacts;
use super::cache::{Earlier, Outcome, Verdict, verdict};
use super::diff::Diff;
use super::parts::{PartKind, Parts, Piece};
use crate::model::sort;

/// An earlier call that a call is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Before {
    /// One of an earlier run of the session, as an index.
    OfSession(usize),
    /// One of the run, as an index.
    OfRun(usize),
}

/// What is known of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallReport {
    /// What its row states.
    pub facts: CallFacts,
    /// What fills its context.
    pub parts: Parts,
    /// The contributors to the parts.
    pub pieces: Vec<Piece>,
    /// The earlier call that began most like this one, and what changed since; `None` if there is none.
    pub since: Option<(Before, Diff)>,
    /// What the cache did.
    pub verdict: Verdict,
    /// The number of tools that it offers; `None` if it records none.
    pub tools: Option<usize>,
    /// Whether its messages are missing or cut by the sender, so that nothing can be compared.
    pub is_partial: bool,
}

/// A call that was read: its report, and the tools that its messages and its answer call.
#[derive(Clone, Debug, Default)]
pub struct ReadCall {
    pub(super) report: CallReport,
    pub(super) called: Vec<String>,
}

/// A call of an earlier run of the session that was read.
#[derive(Clone, Debug)]
pub struct EarlierCall(pub(super) CallFacts);

/// A tool that calls of a run offered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OfferedTool {
    /// The number of calls that offered it.
    pub calls: usize,
    /// Its estimated tokens in these calls together; 0 if no call states input tokens.
    pub tokens: u64,
}

/// The sums over the calls of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The calls.
    pub calls: usize,
    /// The calls that the cache missed.
    pub misses: usize,
    /// The calls that state input tokens.
    pub inputs: usize,
    /// Input tokens that are stated.
    pub input: u64,
    /// Tokens that were read from caches.
    pub reused: u64,
    /// Tokens that earlier calls had sent and that were read again.
    pub rebuilt: u64,
    /// Whether any call states cached tokens.
    pub is_reported: bool,
}

/// The calls of a run, in the order in which a [`Comparer`](super::Comparer) read them.
#[derive(Clone, Debug, Default)]
pub struct RunReport {
    /// The last calls before the run in its session.
    earlier: Vec<CallFacts>,
    is_first: bool,
    calls: Vec<CallReport>,
    tools: BTreeMap<String, OfferedTool>,
    called: HashSet<String>,
    /// The models of which a call states cached tokens.
    stating: HashSet<String>,
}

impl RunReport {
    /// Notes that no run with calls came before in the session.
    pub fn set_first(&mut self) {
        self.is_first = true;
    }

    /// Adds the next of the calls before the run in its session, before its own.
    pub fn add_earlier(&mut self, EarlierCall(facts): EarlierCall) {
        if facts.states_cached() {
            self.stating.insert(facts.model.clone());
        }
        self.earlier.push(facts);
    }

    /// Adds the next call.
    pub fn add(&mut self, call: ReadCall) {
        let ReadCall { report, called } = call;
        for piece in report.pieces.iter().filter(|piece| piece.kind == PartKind::Tools && !piece.name.is_empty()) {
            let tool = self.tools.entry(piece.name.clone()).or_default();
            tool.calls += 1;
            tool.tokens += piece.tokens.unwrap_or_default();
        }
        self.called.extend(called);
        let is_new = report.facts.states_cached() && self.stating.insert(report.facts.model.clone());
        self.calls.push(report);
        let first = if is_new { 0 } else { self.calls.len() - 1 };
        for at in first..self.calls.len() {
            self.calls[at].verdict = self.verdict(at, &self.calls[at]);
        }
    }

    fn verdict(&self, at: usize, call: &CallReport) -> Verdict {
        if call.is_partial {
            let outcome = if call.facts.cache_read.is_some_and(|read| read > 0) { Outcome::Hit } else { Outcome::NotReported };
            return Verdict { outcome, ..Verdict::default() };
        }
        let earlier =
            call.since.as_ref().and_then(|(before, diff)| Some(Earlier { facts: self.facts(*before)?, change: diff.first.as_ref() }));
        let mut verdict = verdict(&call.facts, earlier.as_ref(), self.stating.contains(&call.facts.model));
        if verdict.outcome == Outcome::First && self.is_first && at == 0 {
            verdict.outcome = Outcome::FirstOfSession;
        }
        verdict
    }

    /// Returns the facts of a call that a call is compared with.
    fn facts(&self, before: Before) -> Option<&CallFacts> {
        match before {
            Before::OfSession(at) => self.earlier.get(at),
            Before::OfRun(at) => self.calls.get(at).map(|call| &call.facts),
        }
    }

    /// Returns the calls with what the cache did for each.
    #[must_use]
    pub fn calls(&self) -> &[CallReport] {
        &self.calls
    }

    /// Returns whether any message or answer of the run calls the tool.
    #[must_use]
    pub fn is_called(&self, tool: &str) -> bool {
        self.called.contains(tool)
    }

    /// Returns whether any message or answer of the run calls a tool.
    #[must_use]
    pub fn calls_tools(&self) -> bool {
        !self.called.is_empty()
    }

    /// Returns the tools that calls offered and none called, those of the most tokens first.
    #[must_use]
    pub fn unused_tools(&self) -> Vec<(&str, &OfferedTool)> {
        let unused = self.tools.iter().filter(|(name, _)| !self.called.contains(*name));
        let mut unused: Vec<(&str, &OfferedTool)> = unused.map(|(name, tool)| (name.as_str(), tool)).collect();
        sort::by_key(&mut unused, |(name, tool)| (std::cmp::Reverse(tool.tokens), *name));
        unused
    }

    /// Returns the sums over the calls.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let mut sum = Summary::default();
        for call in &self.calls {
            let count = |count: Option<u32>| u64::from(count.unwrap_or_default());
            sum.calls += 1;
            sum.misses += usize::from(call.verdict.outcome == Outcome::Miss);
            sum.inputs += usize::from(call.facts.input.is_some());
            sum.input += count(call.facts.input);
            sum.reused += count(call.facts.cache_read);
            sum.rebuilt += call.verdict.rebuilt;
            sum.is_reported |= call.facts.cache_read.is_some() || self.stating.contains(&call.facts.model);
        }
        sum
    }
}
