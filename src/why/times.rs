//! What took the time: steps that took longer than usual, and steps that took most of it.

use std::collections::HashMap;

use super::{Analysis, Cause};
use crate::format;
use crate::model::Nanos;
use crate::store::{By, Phase, RowIx, Symbol};

/// The calls of an agent, a model or a tool from which it has a usual time.
const MIN_CALLS: u64 = 10;

/// A call is slow if it took so many times as long as nine of ten.
const SLOW: Nanos = 3;

/// A slow call took at least so much longer than nine of ten.
const MIN_EXCESS: Nanos = 500_000_000;

/// A step that took most of the time took at least this part of it, in percent, and this long.
const MOST: i128 = 60;
const MIN_TIME: Nanos = 1_000_000_000;

/// It took so many times as long as the next one on the critical path.
const AHEAD: Nanos = 3;

/// The other steps from which one can stand out.
const MIN_STEPS: usize = 3;

impl Analysis<'_> {
    pub(super) fn times(&mut self) {
        let slow = self.slow();
        for (row, sentence, excess) in slow {
            self.find(Cause::Slow, excess.unsigned_abs(), vec![row], sentence);
        }
        self.longest();
    }

    /// Returns the slow calls, without those that are slow because of a slow call below.
    fn slow(&self) -> Vec<(RowIx, String, Nanos)> {
        let (store, stats) = (self.store, self.store.stats());
        // What nine of ten calls take, of each agent, model and tool.
        let mut usual_times: HashMap<(By, Symbol), Option<Nanos>> = HashMap::new();
        let mut slow: Vec<(RowIx, String, Nanos)> = Vec::new();
        // The largest excess of a slow call below each row.
        let mut below: HashMap<RowIx, Nanos> = HashMap::new();
        // From below: a call above a slow one has its reason.
        for &row in self.rows.iter().rev() {
            let (data, call) = (store.row(row), store.call_of(row));
            let Some((by, name)) = call else { continue };
            let Some(times) = stats.group(by, name).map(|group| &group.times) else { continue };
            let usual = || times.quantile(900).filter(|_| times.count() >= MIN_CALLS);
            let usual = *usual_times.entry((by, name)).or_insert_with(usual);
            let took = data.duration(self.now);
            let Some(usual) = usual.filter(|&usual| took / SLOW >= usual && took - usual >= MIN_EXCESS) else { continue };
            let has_reason = below.get(&row).is_some_and(|&excess| excess >= (took - usual) / 2);
            if data.time(self.now).is_none() || store.is_delegation(row) || has_reason {
                continue;
            }
            let verb = match data.phase {
                Phase::Running => "has been running for",
                Phase::Lost => "took at least",
                Phase::Ended => "took",
            };
            let median = format::duration(times.quantile(500).unwrap_or_default());
            let (calls, usual_text) = (format::count(times.count()), format::duration(usual));
            let output = store.usage(row).and_then(|usage| usage.output).filter(|_| matches!(call, Some((By::Model, _))));
            let output = output.map_or_else(String::new, |output| format!(" for {}", format::plural(output.into(), "output token")));
            let sentence = format!(
                "{} {verb} {}{output}; nine of ten of its {calls} calls took at most {usual_text}, half at most {median}",
                self.name(row),
                format::duration(took)
            );
            for above in self.above(row) {
                let excess = below.entry(above).or_default();
                *excess = (*excess).max(took - usual);
            }
            slow.push((row, sentence, took - usual));
        }
        slow
    }

    /// Finds the step that took most of the time, if one did and does not usually.
    fn longest(&mut self) {
        let store = self.store;
        let steps = self.rows.iter().filter(|&&row| store.row(row).span_type.is_agent_work() && !store.row(row).span_type.is_agentic());
        let (steps, length) = (steps.count(), self.path.iter().map(|(_, time)| *time).sum::<Nanos>());
        let Some(&(row, time)) = self.path.first() else { return };
        let next = self.path.get(1).map_or(0, |&(_, time)| time);
        let is_most = i128::from(time) * 100 >= i128::from(length) * MOST && time >= MIN_TIME && time / AHEAD >= next;
        let is_told = self.findings.iter().any(|finding| finding.cause == Cause::Slow && finding.rows.contains(&row));
        if !is_most || is_told || steps <= MIN_STEPS || store.row(row).time(self.now).is_none() {
            return;
        }
        let share = format::percent(time.unsigned_abs(), length.unsigned_abs());
        let alone = if store.children(row).is_empty() { "" } else { ", while no step in it ran" };
        let sentence = format!("{} took {} of the {} ({share}){alone}", self.name(row), format::duration(time), format::duration(length));
        self.find(Cause::Time, time.unsigned_abs(), vec![row], sentence);
    }
}
