//! The processes that say they live, and the spans that they have open. A process that falls silent has ended without them: they were cut.

use hashbrown::HashMap;

use super::ix::RowIx;
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
    /// Records that a process lives, and with it what it has open. Costs the number of open spans.
    pub(super) fn hear(&mut self, process: u64, now: Nanos, changes: &mut Changes) {
        let rows = self.processes.rows(|other| other == process);
        if rows.is_empty() {
            self.processes.heard.remove(&process);
            return;
        }
        self.processes.heard.insert(process, now);
        for row in rows {
            let trace = self.row(row).trace();
            let last_news = &mut self.traces[trace.0].last_news;
            *last_news = now.max(*last_news);
            if self.row(row).ending() == Ending::Cut {
                self.set_open(row, Phase::Running, Ending::Plain, changes);
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
        self.processes.heard.retain(|_, heard| !silent(*heard));
        self.cut_open(&rows, changes);
    }

    /// Marks as cut what every process has open, since all have ended.
    pub fn end_processes(&mut self) -> Changes {
        self.version = self.version.wrapping_add(1);
        let mut changes = Changes::default();
        self.processes.heard.clear();
        let rows = self.processes.rows(|_| true);
        self.cut_open(&rows, &mut changes);
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
        }
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
