//! The comparison of two traces: which steps correspond, and how they differ.

mod actions;
mod align;
mod parameters;

use std::time::Instant;

use super::refresh::Pace;
use crate::model::sort;
use crate::model::{Nanos, SpanId, SpanType};
use crate::sources::PayloadRequest;
use crate::store::{Row, RowIx, Store, Symbol, TraceIx};
use align::align;
use parameters::Parameters;

/// Steps of a trace to compare at most; the others are only counted.
pub const STEPS: usize = 2000;

/// A pair of corresponding steps, or a step without a counterpart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepPair {
    /// The rows in the earlier and the later trace.
    pub rows: [Option<RowIx>; 2],
    /// The depth of each row in its tree.
    pub depths: [usize; 2],
}

/// The relevant differences of a pair.
#[expect(clippy::struct_excessive_bools, reason = "the view highlights each one by itself")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// The step is in one trace only, or its name differs.
    pub step: bool,
    /// The status.
    pub status: bool,
    /// The duration, by at least a fifth and ten milliseconds.
    pub time: bool,
    /// The tokens.
    pub tokens: bool,
    /// The cost.
    pub cost: bool,
    /// The beginning of the input, or the error.
    pub text: bool,
    /// The parameters of a model call.
    pub parameters: bool,
}

impl Differences {
    /// Whether anything differs.
    #[must_use]
    pub fn any(self) -> bool {
        self != Self::default()
    }
}

/// The parameters that a step states, and the first lines of its input and its output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    /// The parameters, a line each.
    pub parameters: Vec<TextLine>,
    /// The input.
    pub input: Vec<TextLine>,
    /// The output.
    pub output: Vec<TextLine>,
}

/// A line of a text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TextLine {
    /// The text.
    pub text: String,
    /// The indentation in cells.
    pub indent: usize,
    /// The indentation of continuation lines in cells.
    pub hang: usize,
}

/// The state of the comparison.
#[derive(Clone, Debug)]
pub struct Compare {
    /// The earlier and the later trace.
    pub traces: [TraceIx; 2],
    /// The pairs in tree order.
    pub pairs: Vec<StepPair>,
    /// The number of steps in each trace that are not compared.
    pub omitted: [usize; 2],
    /// The index of the pair under the cursor.
    pub cursor: usize,
    /// The texts of the two steps under the cursor; `None` until their payloads arrive.
    pub texts: [Option<Texts>; 2],
    is_requested: [bool; 2],
    parameters: Parameters,
    pace: Pace,
}

impl Compare {
    /// Compares two traces. In the worst case it costs the product of the numbers of their steps.
    #[must_use]
    pub fn new(store: &Store, traces: [TraceIx; 2]) -> Self {
        let mut traces = traces;
        sort::by_key(&mut traces, |&trace| (store.trace(trace).start, trace));
        let mut compare = Self {
            traces,
            pairs: Vec::new(),
            omitted: [0; 2],
            cursor: 0,
            texts: [None, None],
            is_requested: [false; 2],
            parameters: Parameters::default(),
            pace: Pace::due(),
        };
        compare.refresh(store);
        compare
    }

    /// Compares the traces again. The cursor stays on its step.
    fn refresh(&mut self, store: &Store) {
        let begun = Instant::now();
        let current = self.pairs.get(self.cursor).copied();
        let sides = self.traces.map(|trace| steps(store, trace));
        for (omitted, (steps, trace)) in self.omitted.iter_mut().zip(sides.iter().zip(self.traces)) {
            *omitted = store.rows_of(trace).len().saturating_sub(steps.len());
        }
        let [left, right] = &sides;
        let step = |side: &[(RowIx, usize)], index: Option<usize>| index.map(|index| side[index]);
        self.pairs = align(&keys(store, left), &keys(store, right))
            .into_iter()
            .map(|[a, b]| {
                let steps = [step(left, a), step(right, b)];
                StepPair { rows: steps.map(|step| step.map(|(row, _)| row)), depths: steps.map(|step| step.map_or(0, |(_, depth)| depth)) }
            })
            .collect();
        let is_current = |pair: &StepPair| {
            current.is_some_and(|current| (0..2).any(|side| pair.rows[side].is_some() && pair.rows[side] == current.rows[side]))
        };
        let cursor = self.pairs.iter().position(is_current).unwrap_or_default();
        if self.pairs.get(cursor).map(|pair| pair.rows) == current.map(|current| current.rows) {
            self.cursor = cursor;
        } else {
            self.set_cursor(cursor);
        }
        self.queue_parameters(store);
        self.pace.finish(begun);
    }

    /// Compares the traces again if they have changed and a comparison is due.
    pub(super) fn refresh_if_due(&mut self, store: &Store) {
        if self.pace.is_due() {
            self.refresh(store);
        }
    }

    /// Whether the comparison is outdated.
    pub(super) fn is_stale(&self) -> bool {
        self.pace.is_stale()
    }

    /// Moves the cursor, stopping at the ends.
    pub fn step(&mut self, by: isize) {
        let cursor = self.cursor.saturating_add_signed(by).min(self.pairs.len().saturating_sub(1));
        if cursor != self.cursor {
            self.set_cursor(cursor);
        }
    }

    /// Moves the cursor to a pair.
    pub fn go_to(&mut self, pair: usize) {
        self.step(pair as isize - self.cursor as isize);
    }

    fn set_cursor(&mut self, cursor: usize) {
        (self.cursor, self.texts, self.is_requested) = (cursor, [None, None], [false; 2]);
    }

    /// Goes to the next pair that differs or the previous one. Returns whether there is one.
    pub fn seek(&mut self, store: &Store, back: bool, now: Nanos) -> bool {
        let differs = |&at: &usize| self.differences(store, at, now).any();
        let count = self.pairs.len();
        let found = if back { (0..self.cursor).rev().find(differs) } else { (self.cursor + 1..count).find(differs) };
        if let Some(at) = found {
            self.set_cursor(at);
        }
        found.is_some()
    }

    /// Returns how the steps of a pair differ.
    #[must_use]
    pub fn differences(&self, store: &Store, pair: usize, now: Nanos) -> Differences {
        let [Some(left), Some(right)] = self.pairs[pair].rows else { return Differences { step: true, ..Differences::default() } };
        let [a, b] = [left, right].map(|row| store.row(row));
        let [x, y] = [left, right].map(|row| store.shown_totals(row));
        let is_longer = |a: Nanos, b: Nanos| a - b >= 10_000_000 && a - b >= b / 5;
        let time = match [left, right].map(|row| store.shown_time(row, now)) {
            [Some(a), Some(b)] => is_longer(a.max(b), a.min(b)),
            [a, b] => a.is_some() != b.is_some(),
        };
        Differences {
            step: key(a) != key(b),
            status: store.run_status(left) != store.run_status(right),
            time,
            tokens: x.tokens() != y.tokens(),
            cost: x.cost() != y.cost(),
            text: (a.input, a.error) != (b.input, b.error),
            parameters: self.parameters_differ(left, right),
        }
    }

    /// Returns the number of pairs that differ.
    #[must_use]
    pub fn difference_count(&self, store: &Store, now: Nanos) -> usize {
        (0..self.pairs.len()).filter(|&at| self.differences(store, at, now).any()).count()
    }

    /// Returns the payloads of the two steps under the cursor with their sides, once.
    fn take_requests(&mut self, store: &Store) -> Vec<(usize, PayloadRequest)> {
        let Some(pair) = self.pairs.get(self.cursor) else { return Vec::new() };
        let mut requests = Vec::new();
        for side in 0..2 {
            let data = pair.rows[side].map(|row| store.row(row)).filter(|data| !data.placeholder);
            if let Some(data) = data.filter(|_| !self.is_requested[side]) {
                self.is_requested[side] = true;
                requests.push((side, PayloadRequest { source: data.source, payload_ref: data.payload_ref, span: data.id }));
            }
        }
        requests
    }

    /// Sets the texts of a step, if it is still under the cursor.
    fn load(&mut self, store: &Store, side: usize, id: SpanId, texts: Texts) {
        let row = self.pairs.get(self.cursor).and_then(|pair| pair.rows[side]);
        if row.is_some_and(|row| store.row(row).id == id) {
            self.texts[side] = Some(texts);
        }
    }
}

/// Returns the rows of a trace in screen order with their depths.
fn steps(store: &Store, trace: TraceIx) -> Vec<(RowIx, usize)> {
    // The screen shows the other roots below the first one.
    let mut roots = 0;
    let steps = store.walk(trace).map(|(row, depth)| {
        roots += usize::from(depth == 0);
        (row, depth + usize::from(roots > 1))
    });
    steps.take(STEPS).collect()
}

fn keys(store: &Store, steps: &[(RowIx, usize)]) -> Vec<(SpanType, Symbol)> {
    steps.iter().map(|&(row, _)| key(store.row(row))).collect()
}

/// Returns what steps are matched by: their type and name.
fn key(row: &Row) -> (SpanType, Symbol) {
    (row.span_type, if row.label.is_empty() { row.name } else { row.label })
}
