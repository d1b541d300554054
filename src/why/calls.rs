//! Calls made in vain: repeated, in a loop, or made again after they failed.

use std::collections::{HashMap, HashSet};

use super::{Analysis, Cause, list, short};
use crate::format;
use crate::model::sort;
use crate::model::{Nanos, SpanType};
use crate::store::{Anomalies, RowIx, Store, Symbol};

/// The most different calls of a loop.
const MAX_PERIOD: usize = 4;

/// The number of calls from which repeated ones with equal pauses count as polling.
const MIN_POLLS: usize = 4;

/// A tool and its arguments.
type Call = (Symbol, Symbol);

/// A tool call with known arguments.
pub(super) type ToolCall = (RowIx, Call);

impl Analysis<'_> {
    pub(super) fn calls(&mut self) {
        let failed: HashSet<RowIx> = self.retried.iter().map(|&(failed, _)| failed).collect();
        for index in 0..self.runs.len() {
            let run = self.runs[index].0;
            let mut looping = HashSet::new();
            for rows in loops(self.tool_calls.get(&run).map(Vec::as_slice).unwrap_or_default(), &failed) {
                looping.extend(rows.iter().copied());
                self.looped(run, rows);
            }
            for calls in self.runs[index].1.repeated.clone() {
                let calls: Vec<RowIx> = calls.into_iter().filter(|call| !failed.contains(call)).collect();
                if calls.len() >= 3 && !calls.iter().all(|call| looping.contains(call)) {
                    self.repeated(run, calls);
                }
            }
        }
        self.retries();
    }

    fn looped(&mut self, run: RowIx, rows: Vec<RowIx>) {
        let data = |row: &RowIx| (self.store.row(*row).label, self.store.row(*row).argument_hash(), self.store.row(*row).input);
        let period = (1..rows.len()).find(|&period| data(&rows[period]) == data(&rows[0])).unwrap_or(rows.len());
        let names: Vec<String> = rows[..period].iter().map(|&row| short(self.store.text(self.store.row(row).label))).collect();
        let rounds = format::count((rows.len() / period) as u64);
        let spent = self.spent(&rows[period..]);
        let sentence = format!(
            "{} called {} in turns, {rounds} times with the same arguments; the rounds after the first took {spent}",
            self.name(run),
            list(&names)
        );
        self.find(Cause::Loop, rows.len() as u64, rows, sentence);
    }

    fn repeated(&mut self, run: RowIx, calls: Vec<RowIx>) {
        let count = format::count(calls.len() as u64);
        let (tool, spent) = (self.name(calls[0]), self.spent(&calls[1..]));
        let how = match self.interval(&calls) {
            Some(interval) => format!("was polled {count} times, about every {}", format::duration(interval)),
            None => format!("was called {count} times"),
        };
        let sentence = format!("{tool} {how} with the same arguments by {}; the calls after the first took {spent}", self.name(run));
        self.find(Cause::Repeat, calls.len() as u64, calls, sentence);
    }

    /// Returns the mean time between the starts of calls if all these times are about equal.
    fn interval(&self, calls: &[RowIx]) -> Option<Nanos> {
        let starts: Vec<Nanos> = calls.iter().map(|&row| self.store.row(row).start).collect();
        let gaps: Vec<Nanos> = starts.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect();
        let mean = gaps.iter().sum::<Nanos>().checked_div(gaps.len() as Nanos)?;
        let is_even = gaps.iter().all(|gap| gap.abs_diff(mean) <= mean.unsigned_abs() / 5);
        (calls.len() >= MIN_POLLS && is_even && mean > 0).then_some(mean)
    }

    /// Finds failed calls that were made again; those with the same name and error together.
    fn retries(&mut self) {
        let store = self.store;
        let mut places: HashMap<Call, usize> = HashMap::new();
        let mut groups: Vec<(Symbol, Vec<RowIx>)> = Vec::new();
        for &(failed, _) in &self.retried {
            let error = store.failure_text(failed);
            let at = *places.entry((store.row(failed).label, error)).or_insert(groups.len());
            match groups.get_mut(at) {
                Some((_, rows)) => rows.push(failed),
                None => groups.push((error, vec![failed])),
            }
        }
        for (error, rows) in groups {
            let Some(&first) = rows.first() else { continue };
            let times = if rows.len() > 1 { format!(" {} times", format::count(rows.len() as u64)) } else { String::new() };
            let again = if store.row(first).span_type == SpanType::Tool { "called again with the same arguments" } else { "called again" };
            let error = Some(short(store.text(error))).filter(|text| !text.is_empty());
            let error = error.map_or_else(String::new, |text| format!(": {text}"));
            let spent = self.spent(&rows);
            let sentence = format!(
                "{} failed{times} and was {again}; the failed {} took {spent}{error}",
                self.name(first),
                if rows.len() > 1 { "calls" } else { "call" }
            );
            self.find(Cause::Retry, rows.len() as u64, rows, sentence);
        }
    }
}

/// Returns the tool calls with known arguments among `rows`, by run and in the order of their starts.
pub(super) fn tool_calls(store: &Store, rows: &[RowIx]) -> HashMap<RowIx, Vec<ToolCall>> {
    let mut calls: HashMap<RowIx, Vec<ToolCall>> = HashMap::new();
    for &row in rows {
        let data = store.row(row);
        let hash = data.argument_hash();
        let arguments = if hash.is_empty() { data.input } else { hash };
        let is_call = data.span_type == SpanType::Tool && store.call_of(row).is_some() && !data.label.is_empty();
        if is_call && !arguments.is_empty() {
            calls.entry(store.run_of(row)).or_default().push((row, (data.label, arguments)));
        }
    }
    for calls in calls.values_mut() {
        sort::by_key(calls, |&(row, _)| (store.row(row).start, store.row(row).id));
    }
    calls
}

/// Returns the failed calls that were made again, each with the next call: of the same model, or of the same tool with the same arguments.
pub(super) fn retried(store: &Store, runs: &[(RowIx, Anomalies)], calls: &HashMap<RowIx, Vec<ToolCall>>) -> Vec<(RowIx, RowIx)> {
    let mut retried: Vec<(RowIx, RowIx)> = runs.iter().flat_map(|(_, anomalies)| anomalies.retried.iter().copied()).collect();
    for (run, _) in runs {
        let mut failed: HashMap<Call, RowIx> = HashMap::new();
        for &(row, call) in calls.get(run).into_iter().flatten() {
            let before = failed.remove(&call).filter(|&before| store.row(row).start >= store.row(before).end);
            retried.extend(before.map(|before| (before, row)));
            if store.row(row).own_failure() {
                failed.insert(call, row);
            }
        }
    }
    retried
}

/// Returns each loop among the calls of a run: at least two rounds of the same calls in the same order.
fn loops(calls: &[ToolCall], failed: &HashSet<RowIx>) -> Vec<Vec<RowIx>> {
    let calls: Vec<ToolCall> = calls.iter().copied().filter(|(row, _)| !failed.contains(row)).collect();
    let (mut loops, mut at) = (Vec::new(), 0);
    while at < calls.len() {
        let rounds = |period: usize| {
            let is_same = |index: &usize| calls[*index].1 == calls[index - period].1;
            1 + (at + period..calls.len()).take_while(is_same).count() / period
        };
        let is_loop = |&(period, rounds): &(usize, usize)| rounds >= 2 && is_varied(&calls[at..at + period]);
        match (2..=MAX_PERIOD).map(|period| (period, rounds(period))).find(is_loop) {
            Some((period, rounds)) => {
                loops.push(calls[at..at + period * rounds].iter().map(|&(row, _)| row).collect());
                at += period * rounds;
            }
            None => at += 1,
        }
    }
    loops
}

/// Whether no two calls are the same.
fn is_varied(calls: &[ToolCall]) -> bool {
    calls.iter().map(|(_, call)| call).collect::<HashSet<_>>().len() == calls.len()
}
