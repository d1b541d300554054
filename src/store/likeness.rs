//! The likely name of a run that has not arrived: that of an earlier run that looks the same.

use super::Store;
use super::interner::Symbol;
use super::ix::{RowIx, TraceIx};
use super::row::Phase;
use crate::model::SpanType;

/// The most earlier traces, the most rows of each, and the most calls of each run that are compared.
const MAX_TRACES: usize = 64;
const MAX_ROWS: usize = 64;
const MAX_CALLS: usize = 8;

/// What runs are compared by.
struct Signs {
    /// The first message of the first model call.
    message: Symbol,
    session: Symbol,
    /// The names of its tools, steps and members.
    tools: Vec<Symbol>,
}

impl Store {
    /// Returns the likely name of a running row that has not arrived: that of the latest runs with the same first message, else with the
    /// same tools, else in the same session. Empty if there are none or if these have several names.
    #[must_use]
    pub fn likely_name(&self, row: RowIx) -> Symbol {
        let data = self.row(row);
        if !data.placeholder || data.phase != Phase::Running {
            return Symbol::EMPTY;
        }
        let signs = self.signs(row);
        let mut names: [Option<Symbol>; 3] = [None; 3];
        let (trace, start) = (data.trace(), self.trace(data.trace()).start);
        for earlier in self.traces_before(start, trace).take(MAX_TRACES) {
            for (run, _) in self.walk(earlier).take(MAX_ROWS) {
                let label = self.row(run).label;
                if !self.row(run).is_agent() || label.is_empty() || self.row(run).phase != Phase::Ended {
                    continue;
                }
                for (name, is_like) in names.iter_mut().zip(signs.compare(&self.signs(run))) {
                    if is_like {
                        // Runs with different names tell nothing.
                        *name = Some(if name.is_none_or(|name| name == label) { label } else { Symbol::EMPTY });
                    }
                }
            }
        }
        names.into_iter().flatten().next().unwrap_or_default()
    }

    /// Returns the traces that began before a trace, newest first.
    fn traces_before(&self, start: i64, trace: TraceIx) -> impl Iterator<Item = TraceIx> {
        self.by_start.range(..(start, trace)).rev().map(|&(_, trace)| trace)
    }

    fn signs(&self, run: RowIx) -> Signs {
        let calls = || self.children(run).iter().take(MAX_CALLS).map(|&call| self.row(call));
        let message = calls().find(|call| call.span_type == SpanType::Model).map_or(Symbol::EMPTY, |call| call.input);
        let tools = calls().filter(|call| !call.span_type.calls_model() && !call.label.is_empty()).map(|call| call.label).collect();
        let session = calls().map(|call| call.session).find(|session| !session.is_empty());
        let session = if self.row(run).placeholder { session.unwrap_or_default() } else { self.session(run) };
        Signs { message, session, tools }
    }
}

impl Signs {
    /// Compares the signs of a run with those of an earlier one: the message, the tools, the session.
    fn compare(&self, earlier: &Self) -> [bool; 3] {
        let is_same = |sign: Symbol, other: Symbol| !sign.is_empty() && sign == other;
        let has_same_tools = !self.tools.is_empty() && self.tools.iter().all(|tool| earlier.tools.contains(tool));
        [is_same(self.message, earlier.message), has_same_tools, is_same(self.session, earlier.session)]
    }
}

#[cfg(test)]
mod tests;
