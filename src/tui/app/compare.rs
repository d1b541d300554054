//! Two traces side by side: which step of one is which step of the other, and what of the two differs.

mod align;

use std::time::Instant;

use super::refresh::Pace;
use super::{Action, App, Focus, Overlay};
use crate::model::{Nanos, SpanId, SpanType};
use crate::sources::PayloadRequest;
use crate::store::{Changes, Row, RowIx, Store, Symbol, Totals, TraceIx};
use align::align;

/// Steps of a trace that are compared; the rest is counted.
pub const STEPS: usize = 2000;

/// A step of one trace, of the other, or of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepPair {
    /// The rows: of the earlier trace, of the later.
    pub rows: [Option<RowIx>; 2],
    /// How deep each lies in its tree.
    pub depths: [usize; 2],
}

/// What of a pair differs enough to be told.
#[expect(clippy::struct_excessive_bools, reason = "each is shown by itself")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// It is in one trace only, or has another name.
    pub step: bool,
    /// One failed, runs or is lost, and the other is not so.
    pub standing: bool,
    /// The times are a fifth apart, and ten milliseconds.
    pub time: bool,
    /// The tokens.
    pub tokens: bool,
    /// The cost.
    pub cost: bool,
    /// The beginnings of the inputs or of the errors.
    pub text: bool,
}

impl Differences {
    /// Whether anything differs.
    #[must_use]
    pub fn any(self) -> bool {
        self != Self::default()
    }
}

/// First lines of what a step was given and what it answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    /// What it was given.
    pub input: Vec<TextLine>,
    /// What it answered.
    pub output: Vec<TextLine>,
}

/// A line of a text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TextLine {
    /// The line.
    pub text: String,
    /// Cells by which it is indented.
    pub indent: usize,
    /// Cells by which what it is wrapped into is indented.
    pub hang: usize,
}

/// Two traces side by side.
#[derive(Clone, Debug)]
pub struct Compare {
    /// The earlier and the later.
    pub traces: [TraceIx; 2],
    /// The steps, in the order of their trees.
    pub pairs: Vec<StepPair>,
    /// Steps of each that are not compared.
    pub left_out: [usize; 2],
    /// The pair that the cursor is on.
    pub cursor: usize,
    /// What the two steps under the cursor were given and answered; `None` until it has come.
    pub texts: [Option<Texts>; 2],
    asked: [bool; 2],
    pace: Pace,
}

impl Compare {
    /// Compares two traces. Costs the product of their steps, of which [`STEPS`] are taken at most.
    #[must_use]
    pub fn new(store: &Store, traces: [TraceIx; 2]) -> Self {
        let mut traces = traces;
        traces.sort_by_key(|&trace| (store.trace(trace).start, trace));
        let mut compare =
            Self { traces, pairs: Vec::new(), left_out: [0; 2], cursor: 0, texts: [None, None], asked: [false; 2], pace: Pace::due() };
        compare.refresh(store);
        compare
    }

    /// Compares again what has changed. The cursor stays with its step.
    pub fn refresh(&mut self, store: &Store) {
        let begun = Instant::now();
        let at = self.pairs.get(self.cursor).copied();
        let sides = self.traces.map(|trace| flat(store, trace));
        for (left_out, (steps, trace)) in self.left_out.iter_mut().zip(sides.iter().zip(self.traces)) {
            *left_out = store.rows_of(trace).len().saturating_sub(steps.len());
        }
        let [left, right] = &sides;
        let step = |side: &[(RowIx, usize)], at: Option<usize>| at.map(|at| side[at]);
        self.pairs = align(&keys(store, left), &keys(store, right))
            .into_iter()
            .map(|[a, b]| {
                let steps = [step(left, a), step(right, b)];
                StepPair { rows: steps.map(|step| step.map(|(row, _)| row)), depths: steps.map(|step| step.map_or(0, |(_, depth)| depth)) }
            })
            .collect();
        let same = |pair: &StepPair| at.is_some_and(|at| (0..2).any(|side| pair.rows[side].is_some() && pair.rows[side] == at.rows[side]));
        let cursor = self.pairs.iter().position(same).unwrap_or_default();
        if self.pairs.get(cursor).map(|pair| pair.rows) == at.map(|at| at.rows) {
            self.cursor = cursor;
        } else {
            self.go(cursor);
        }
        self.pace.finish(begun);
    }

    /// Matches the steps again if the traces have changed; what takes long is not done for every change.
    pub(super) fn catch_up(&mut self, store: &Store) {
        if self.pace.is_due() {
            self.refresh(store);
        }
    }

    /// Whether the steps wait to be matched again.
    pub(super) fn is_stale(&self) -> bool {
        self.pace.is_stale()
    }

    /// Moves the cursor, stopping at the ends.
    pub fn step(&mut self, by: isize) {
        let cursor = self.cursor.saturating_add_signed(by).min(self.pairs.len().saturating_sub(1));
        if cursor != self.cursor {
            self.go(cursor);
        }
    }

    /// Moves the cursor to a pair.
    pub fn go_to(&mut self, pair: usize) {
        self.step(pair as isize - self.cursor as isize);
    }

    fn go(&mut self, cursor: usize) {
        (self.cursor, self.texts, self.asked) = (cursor, [None, None], [false; 2]);
    }

    /// Goes to the next pair that differs, or the one before; whether there is one.
    pub fn seek(&mut self, store: &Store, back: bool, now: Nanos) -> bool {
        let differs = |&at: &usize| self.differences(store, at, now).any();
        let count = self.pairs.len();
        let found = if back { (0..self.cursor).rev().find(differs) } else { (self.cursor + 1..count).find(differs) };
        if let Some(at) = found {
            self.go(at);
        }
        found.is_some()
    }

    /// What differs in a pair.
    #[must_use]
    pub fn differences(&self, store: &Store, pair: usize, now: Nanos) -> Differences {
        let [Some(left), Some(right)] = self.pairs[pair].rows else { return Differences { step: true, ..Differences::default() } };
        let [a, b] = [left, right].map(|row| store.row(row));
        let [x, y] = [left, right].map(|row| totals(store, row));
        let [short, long] = {
            let [a, b] = [a, b].map(|row| row.duration(now));
            [a.min(b), a.max(b)]
        };
        Differences {
            step: key(a) != key(b),
            standing: a.run_status() != b.run_status(),
            time: long - short >= 10_000_000 && long - short >= short / 5,
            tokens: x.tokens() != y.tokens(),
            cost: x.cost() != y.cost(),
            text: (a.input, a.error) != (b.input, b.error),
        }
    }

    /// Pairs that differ.
    #[must_use]
    pub fn differing(&self, store: &Store, now: Nanos) -> usize {
        (0..self.pairs.len()).filter(|&at| self.differences(store, at, now).any()).count()
    }

    /// The payloads of the two steps under the cursor, to be asked for once.
    pub fn wanted(&mut self, store: &Store) -> Vec<(usize, PayloadRequest)> {
        let Some(pair) = self.pairs.get(self.cursor) else { return Vec::new() };
        let mut wanted = Vec::new();
        for side in 0..2 {
            let data = pair.rows[side].map(|row| store.row(row)).filter(|data| !data.placeholder);
            if let Some(data) = data.filter(|_| !self.asked[side]) {
                self.asked[side] = true;
                wanted.push((side, PayloadRequest { source: data.source, payload_ref: data.payload_ref, span: data.id }));
            }
        }
        wanted
    }

    /// Takes in a payload that was asked for, if its step is still under the cursor.
    pub fn load(&mut self, store: &Store, side: usize, id: SpanId, texts: Texts) {
        let row = self.pairs.get(self.cursor).and_then(|pair| pair.rows[side]);
        if row.is_some_and(|row| store.row(row).id == id) {
            self.texts[side] = Some(texts);
        }
    }
}

/// A trace's rows as they stand on the screen when all is unfolded, with their depths.
fn flat(store: &Store, trace: TraceIx) -> Vec<(RowIx, usize)> {
    // The screen shows the other roots below the first one.
    let mut roots = 0;
    let steps = store.walk(trace).map(|(row, depth)| {
        roots += usize::from(depth == 0);
        (row, depth + usize::from(roots > 1))
    });
    steps.take(STEPS).collect()
}

/// The sums over a row and all below it; the first row of a trace stands for all of the trace.
#[must_use]
pub fn totals(store: &Store, row: RowIx) -> Totals {
    let trace = store.row(row).trace();
    if store.trace(trace).roots().first() == Some(&row) { store.totals_of(trace) } else { store.totals(row) }
}

fn keys(store: &Store, steps: &[(RowIx, usize)]) -> Vec<(SpanType, Symbol)> {
    steps.iter().map(|&(row, _)| key(store.row(row))).collect()
}

/// What steps are matched by: kind, and name.
fn key(row: &Row) -> (SpanType, Symbol) {
    (row.span_type, if row.label.is_empty() { row.name } else { row.label })
}

impl App {
    /// Compares the two marked traces, or the one marked with the one under the cursor.
    pub(super) fn compare(&mut self, store: &Store, now: Nanos) {
        let mut traces: Vec<TraceIx> = self.marks.iter().copied().collect();
        if let ([marked], Some(row)) = (traces.as_slice(), self.tree.cursor()) {
            traces.extend(Some(store.row(row).trace()).filter(|here| here != marked));
        }
        if let [a, b] = traces[..] {
            self.overlay = Some(Overlay::Compare(Box::new(Compare::new(store, [a, b]))));
            self.message = None;
            return;
        }
        let (mark, compare) = (self.keymap.hint(Action::Mark), self.keymap.hint(Action::Compare));
        let text = match self.marks.len() {
            0 | 1 => format!("mark a trace with {mark}, go to another, and {compare} compares them"),
            count => format!("{count} traces are marked; two can be compared"),
        };
        self.say(text, false, now);
    }

    /// Takes into the comparison what has changed, or ends it if a trace of it is gone.
    pub(super) fn compare_again(&mut self, changes: &Changes) {
        let Some(Overlay::Compare(compare)) = &mut self.overlay else { return };
        if compare.traces.iter().any(|trace| changes.evicted.contains(trace)) {
            self.overlay = None;
            self.say("a trace that was compared is held no longer", true, self.now);
        } else if compare.traces.iter().any(|trace| changes.traces.contains(trace)) {
            compare.pace.invalidate();
            // A step that came again may have another payload.
            let rows = compare.pairs.get(compare.cursor).map(|pair| pair.rows).unwrap_or_default();
            for (side, row) in rows.into_iter().enumerate() {
                if row.is_some_and(|row| changes.rows.binary_search(&row).is_ok()) {
                    (compare.asked[side], compare.texts[side]) = (false, None);
                }
            }
        }
    }

    /// Leaves the comparison for the step under its cursor.
    pub(super) fn go_to_compared(&mut self, store: &Store) {
        let Some(Overlay::Compare(compare)) = self.overlay.take() else { return };
        let row = compare.pairs.get(compare.cursor).and_then(|pair| pair.rows[0].or(pair.rows[1]));
        if let Some(row) = row {
            self.focus = Focus::Traces;
            self.tree.reveal(store, row);
            self.look(store);
        }
    }

    pub(super) fn next_difference(&mut self, store: &Store, back: bool, now: Nanos) {
        if let Some(Overlay::Compare(compare)) = &mut self.overlay
            && !compare.seek(store, back, now)
        {
            self.say("no other difference", false, now);
        }
    }

    /// The payloads that the comparison wants, with the side that each is for.
    pub fn compared(&mut self, store: &Store) -> Vec<(usize, PayloadRequest)> {
        if let Some(Overlay::Compare(compare)) = &mut self.overlay { compare.wanted(store) } else { Vec::new() }
    }

    /// Takes in a payload that the comparison asked for; one that can't be had leaves what the rows hold.
    pub fn load_compared(&mut self, store: &Store, side: usize, id: SpanId, texts: Texts) {
        if let Some(Overlay::Compare(compare)) = &mut self.overlay {
            compare.load(store, side, id, texts);
        }
    }
}
