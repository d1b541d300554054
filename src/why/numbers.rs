//! Tokens: growing inputs, broken caches, and numbers that are incomplete.

use super::{Analysis, Cause, short};
use crate::format;
use crate::model::SpanType;
use crate::store::{Phase, RowIx, RunStatus};

/// An input grew if the last call has at least so many times the tokens of the first, so many calls lie between, and it has this size.
const GROWTH: u32 = 4;
const MIN_CALLS: usize = 4;
const MIN_INPUT: u32 = 8000;

/// An input that takes at least this part of the context window, in percent, is large.
const LARGE: u64 = 80;

/// The tokens read from the cache from which a later call is expected to read as many.
const MIN_CACHED: u32 = 1024;

impl Analysis<'_> {
    pub(super) fn numbers(&mut self) {
        for index in 0..self.runs.len() {
            let (run, calls) = (self.runs[index].0, self.runs[index].1.growth.clone());
            self.context(run, &calls);
            self.cache(&calls);
        }
        let halves: Vec<RowIx> = self.rows.iter().copied().filter(|&row| self.is_half(row)).collect();
        self.unpriced(&halves);
        self.halves(halves);
        self.without_tokens();
        self.clocks();
    }

    fn input(&self, row: RowIx) -> u32 {
        self.store.usage(row).and_then(|usage| usage.input).unwrap_or_default()
    }

    /// Finds a run whose model calls were sent more and more.
    fn context(&mut self, run: RowIx, calls: &[RowIx]) {
        let Some((&first, &largest)) = calls.first().zip(calls.iter().max_by_key(|&&row| self.input(row))) else { return };
        let (from, to) = (self.input(first), self.input(largest));
        let has_grown = calls.len() >= MIN_CALLS && to >= MIN_INPUT && to / GROWTH >= from;
        let window = self.store.context_window(largest).filter(|&window| window > 0);
        let is_large = window.is_some_and(|window| u64::from(to) * 100 >= window * LARGE);
        if !has_grown && !is_large {
            return;
        }
        let [from, to_text] = [from, to].map(|count| format::count(count.into()));
        let share =
            window.map(|window| format!(", {} of the window of {}", format::percent(to.into(), window), format::tokens(Some(window))));
        let share = share.unwrap_or_default();
        let sentence = if has_grown {
            let calls = format::count(calls.len() as u64);
            format!("the input of {} grew from {from} to {to_text} tokens over its {calls} model calls{share}", self.name(run))
        } else {
            format!("{} was sent {to_text} tokens{share}", self.name(largest))
        };
        self.find(Cause::Context, to.into(), vec![largest, run], sentence);
    }

    /// Finds calls that read far less from the cache than the call of the same model before.
    fn cache(&mut self, calls: &[RowIx]) {
        for pair in calls.windows(2) {
            let &[before, row] = pair else { continue };
            let usage = |row: RowIx| self.store.usage(row).unwrap_or_default();
            let (earlier, later) = (usage(before), usage(row));
            let (Some(cached), Some(now_cached)) = (earlier.cache_read, later.cache_read) else { continue };
            let is_same = self.store.model(before) == self.store.model(row) && later.input >= earlier.input && !later.cache_unstated;
            if !is_same || cached < MIN_CACHED || now_cached >= cached / 2 {
                continue;
            }
            let [now_text, cached_text, input] =
                [now_cached, cached, later.input.unwrap_or_default()].map(|count| format::count(count.into()));
            let (data, before_data) = (self.store.row(row), self.store.row(before));
            let after = format::duration(data.start.saturating_sub(before_data.end).max(0));
            let sentence = format!(
                "{} read {now_text} of its {input} input tokens from the cache; the call before, {after} earlier, read {cached_text}",
                self.name(row)
            );
            self.find(Cause::Cache, (cached - now_cached).into(), vec![row, before], sentence);
        }
    }

    /// Whether a row is a model call of which only the input or only the output tokens are known.
    fn is_half(&self, row: RowIx) -> bool {
        let (store, data) = (self.store, self.store.row(row));
        let is_call = store.may_have_output(row) && data.phase == Phase::Ended && store.call_of(row).is_some();
        let totals = store.totals(row);
        is_call && !store.is_duplicate(row) && (totals.inputs > 0) != (totals.outputs > 0)
    }

    /// Finds model calls of which only a half of the tokens is known.
    fn halves(&mut self, halves: Vec<RowIx>) {
        if halves.is_empty() {
            return;
        }
        let all = format::plural(self.store.totals_of(self.trace).calls.into(), "model call");
        let count = format::count(halves.len() as u64);
        let sentence =
            format!("{count} of {all} came with only the input or only the output tokens: the sums of tokens and cost lack the rest");
        self.find(Cause::Numbers, halves.len() as u64, halves, sentence);
    }

    /// Finds costs that are unknown or a lower bound, for another reason than that only a half of the tokens is known.
    fn unpriced(&mut self, halves: &[RowIx]) {
        let (store, totals) = (self.store, self.store.totals_of(self.trace));
        let Some(&root) = store.trace(self.trace).roots().first() else { return };
        let unpriced_halves = halves.iter().filter(|&&row| store.totals(row).priced == 0).count() as u32;
        let unpriced = totals.calls.saturating_sub(totals.priced).saturating_sub(unpriced_halves);
        let calls = |count: u32| format!("{} of {}", format::count(count.into()), format::plural(totals.calls.into(), "model call"));
        let is_unpriced = |&&row: &&RowIx| {
            let usage = store.usage(row);
            store.row(row).span_type.calls_model()
                && !store.is_duplicate(row)
                && usage.is_some_and(|usage| usage.cost.is_none())
                && !self.is_half(row)
        };
        let rows: Vec<RowIx> = self.rows.iter().filter(is_unpriced).copied().collect();
        if let Some((model, provider)) = store.trace(self.trace).roots().iter().find_map(|&root| store.unpriced_model(root)) {
            let of = if provider.is_empty() { String::new() } else { format!(" of {}", short(provider)) };
            let sentence = format!("the price of {}{of} is not known: the cost lacks {}", short(model), calls(unpriced));
            let rows = if rows.is_empty() { vec![root] } else { rows };
            self.find(Cause::Numbers, unpriced.into(), rows, sentence);
        } else if unpriced > 0 && totals.priced > 0 {
            let sentence = format!("the cost lacks {}, which have no price", calls(unpriced));
            let rows = if rows.is_empty() { vec![root] } else { rows };
            self.find(Cause::Numbers, unpriced.into(), rows, sentence);
        }
        if totals.underpriced > 0 {
            let is_underpriced = |&&row: &&RowIx| store.usage(row).is_some_and(|usage| usage.cache_unstated && usage.cost.is_some());
            let rows: Vec<RowIx> = self.rows.iter().filter(is_underpriced).copied().collect();
            let sentence = format!("the cost is a lower bound: {} came without the count of cached tokens", calls(totals.underpriced));
            self.find(Cause::Numbers, totals.underpriced.into(), if rows.is_empty() { vec![root] } else { rows }, sentence);
        }
    }

    /// Finds model calls that answered and state no tokens.
    fn without_tokens(&mut self) {
        let store = self.store;
        let answered = |row: RowIx| {
            let data = store.row(row);
            data.span_type == SpanType::Model && !data.placeholder && data.own_status() == RunStatus::Ok
        };
        let is_call = |row: &&RowIx| answered(**row) && store.call_of(**row).is_some();
        let calls: Vec<RowIx> = self.rows.iter().filter(is_call).copied().collect();
        let without: Vec<RowIx> =
            calls.iter().copied().filter(|&row| store.totals(row).tokens().is_none() && !store.is_duplicate(row)).collect();
        if without.is_empty() || store.totals_of(self.trace).tokens().is_some_and(|_| self.covers(&without)) {
            return;
        }
        let (count, all) = (format::count(without.len() as u64), format::plural(calls.len() as u64, "model call"));
        let sentence = format!("{count} of {all} came without tokens: the sums of tokens and cost lack them");
        self.find(Cause::Numbers, without.len() as u64, without, sentence);
    }

    /// Whether a run above each of the rows states tokens itself, which may include theirs.
    fn covers(&self, rows: &[RowIx]) -> bool {
        rows.iter().all(|&row| self.above(row).any(|above| self.store.usage(above).is_some()))
    }

    /// Finds clocks that differ.
    fn clocks(&mut self) {
        let store = self.store;
        for skew in store.skews(self.trace) {
            let proves = |&&row: &&RowIx| store.skew(row).is_some_and(|other| (other.clock, other.caller) == (skew.clock, skew.caller));
            let rows: Vec<RowIx> = self.rows.iter().filter(proves).copied().collect();
            let [behind, caller] = [skew.clock, skew.caller].map(|clock| {
                let host = clock.host.map(|host| format!(" on {}", short(store.host_name(host))));
                format!("{}{}", short(store.service_name(clock.service)), host.unwrap_or_default())
            });
            if !rows.is_empty() {
                let sentence = format!(
                    "the clock of {behind} is at least {} behind that of {caller}: times between them are off",
                    format::duration(skew.behind)
                );
                self.find(Cause::Clock, skew.behind.unsigned_abs(), rows, sentence);
            }
        }
    }
}
