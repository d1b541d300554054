//! The processes that say they live, and the spans that they have open. A process that falls silent has ended without them: they were cut.
//!
//! A span that was cut ran at least until its process was last known to live: by a request, or by a connection that ends with its process.

use hashbrown::HashMap;

use super::ix::{RowIx, TraceIx};
use super::row::Phase;
use super::{Changes, Store};
use crate::model::{Ending, Nanos};

/// How long a process may be silent. It says that it lives every five seconds while it has open spans.
const SILENCE: Nanos = 16_000_000_000;

/// The processes that have open spans.
#[derive(Debug, Default)]
pub(super) struct Processes {
    /// When each was last heard of.
    heard: HashMap<u64, Nanos>,
    /// The process of each row that it has open, or had open when it fell silent.
    open: HashMap<RowIx, u64>,
}

impl Processes {
    /// Records that a row has been filled: with a span that a process has open, or with another one.
    pub(super) fn set(&mut self, row: RowIx, process: Option<u64>) {
        match process {
            Some(process) => drop(self.open.insert(row, process)),
            None if self.open.is_empty() => {}
            None => drop(self.open.remove(&row)),
        }
    }

    fn rows(&self, is_of: impl Fn(u64) -> bool) -> Vec<RowIx> {
        let mut rows: Vec<RowIx> = self.open.iter().filter(|&(_, &process)| is_of(process)).map(|(&row, _)| row).collect();
        rows.sort_unstable();
        rows
    }
}

impl Store {
    /// Records that a process lives, or lived until some time and may have ended since; and with it what it has open. Costs the number of open
    /// spans.
    pub(super) fn hear(&mut self, process: u64, until: Option<Nanos>, now: Nanos, changes: &mut Changes) {
        let rows = self.processes.rows(|other| other == process);
        if rows.is_empty() {
            self.processes.heard.remove(&process);
            return;
        }
        let time = until.unwrap_or(now);
        let heard = self.processes.heard.entry(process).or_insert(time);
        *heard = time.max(*heard);
        for row in rows {
            let trace = self.row(row).trace();
            let last_news = &mut self.traces[trace.0].last_news;
            *last_news = time.max(*last_news);
            if self.row(row).is_cut_off() && until.is_some() {
                self.ran_until(row, time, changes);
            } else if self.row(row).is_cut_off() {
                self.set_open(row, Phase::Running, Ending::Plain, changes);
                self.move_end(row, self.row(row).start);
                self.refresh_end(trace);
            }
        }
    }

    /// Marks as cut what silent processes have open.
    pub(super) fn cut_silent(&mut self, now: Nanos, changes: &mut Changes) {
        if self.processes.heard.is_empty() {
            return;
        }
        let silent = |heard: Nanos| now.saturating_sub(heard) > SILENCE;
        let heard = &self.processes.heard;
        let rows = self.processes.rows(|process| heard.get(&process).is_none_or(|&heard| silent(heard)));
        self.cut_open(&rows, changes);
        self.processes.heard.retain(|_, heard| !silent(*heard));
    }

    /// Marks as cut what every process has open, since all have ended.
    pub fn end_processes(&mut self) -> Changes {
        self.version = self.version.wrapping_add(1);
        let mut changes = Changes::default();
        let rows = self.processes.rows(|_| true);
        self.cut_open(&rows, &mut changes);
        self.processes.heard.clear();
        changes.rows.sort_unstable();
        changes.rows.dedup();
        self.note_evictable(&changes.traces);
        changes
    }

    /// Records that the clock was set forward by so many nanoseconds, or back.
    pub(super) fn shift_heard(&mut self, by: Nanos) {
        self.processes.heard.values_mut().for_each(|heard| *heard = heard.saturating_add(by));
    }

    fn cut_open(&mut self, rows: &[RowIx], changes: &mut Changes) {
        for &row in rows {
            if self.row(row).phase != Phase::Ended && matches!(self.row(row).ending(), Ending::Plain | Ending::Cut) {
                self.set_open(row, Phase::Lost, Ending::Cut, changes);
            }
            let heard = self.processes.open.get(&row).and_then(|process| self.processes.heard.get(process)).copied();
            if let Some(heard) = heard.filter(|_| self.row(row).is_cut_off()) {
                self.ran_until(row, heard, changes);
            }
        }
    }

    /// Records that a span that was cut off still ran at a time.
    fn ran_until(&mut self, row: RowIx, time: Nanos, changes: &mut Changes) {
        if self.row(row).end >= time {
            return;
        }
        self.move_end(row, time);
        let trace = self.row(row).trace();
        let end = &mut self.traces[trace.0].end;
        *end = time.max(*end);
        changes.rows.push(row);
        self.touch(trace, changes);
    }

    fn move_end(&mut self, row: RowIx, end: Nanos) {
        let own = self.own_totals(row);
        let before = std::mem::replace(&mut self.rows[row.0].end, end);
        self.update_stats(self.row(row).trace(), |stats| {
            stats.add_to_minute(before, &own.negated());
            stats.add_to_minute(end, &own);
        });
    }

    /// Computes the end of a trace again, after a span is known to have ended before it. Costs the rows of the trace.
    pub(super) fn refresh_end(&mut self, trace: TraceIx) {
        let end = self.rows_of(trace).into_iter().map(|row| self.row(row).end).max();
        self.traces[trace.0].end = end.unwrap_or_default();
    }

    fn set_open(&mut self, row: RowIx, phase: Phase, ending: Ending, changes: &mut Changes) {
        if (self.row(row).phase, self.row(row).ending()) == (phase, ending) {
            return;
        }
        self.change(row, |store| {
            store.rows[row.0].outcome.set_ending(ending);
            store.enter_phase(row, phase);
        });
        changes.rows.push(row);
        self.touch(self.row(row).trace(), changes);
    }
}
