//! How steps ended: failed, refused, cut, paused, or never.

use std::collections::{HashMap, HashSet};

use super::{Analysis, Cause, list, short};
use crate::format;
use crate::model::sort;
use crate::model::{Ending, SpanType};
use crate::store::{RowIx, RunStatus};

/// The most rows above a failed step that a sentence names.
const MAX_NAMED: usize = 4;

impl Analysis<'_> {
    pub(super) fn endings(&mut self) {
        self.failures();
        for (status, cause) in [(RunStatus::Cut, Cause::Cut), (RunStatus::Paused, Cause::Paused), (RunStatus::Lost, Cause::Lost)] {
            for row in self.lowest(status) {
                let sentence = self.stopped(row, status);
                self.find(cause, 0, vec![row], sentence);
            }
        }
    }

    /// Finds the steps where failures began; those with the same name and error together.
    fn failures(&mut self) {
        let store = self.store;
        let retried: HashSet<RowIx> = self.retried.iter().map(|&(failed, _)| failed).collect();
        let is_retried = |&row: &RowIx| retried.contains(&row) || self.is_below_any(row, &retried);
        let failed = self.rows.iter().copied().filter(|&row| store.is_failed_step(row)).filter(|row| !is_retried(row));
        let (mut order, mut groups) = (Vec::new(), HashMap::<_, Vec<RowIx>>::new());
        for row in failed {
            let data = store.row(row);
            let key = (data.span_type, data.label, data.name, store.failure_text(row));
            let group = groups.entry(key).or_default();
            if group.is_empty() {
                order.push(key);
            }
            group.push(row);
        }
        for rows in order.into_iter().filter_map(|key| groups.remove(&key)) {
            self.failure(rows);
        }
    }

    fn failure(&mut self, mut rows: Vec<RowIx>) {
        let store = self.store;
        // The one that made most of the rows above fail comes first.
        sort::by_key(&mut rows, |&row| std::cmp::Reverse(self.failed_with(row).len()));
        let Some(&first) = rows.first() else { return };
        let data = store.row(first);
        let is_refusal = data.ending() == Ending::Refused || data.span_type == SpanType::Guardrail;
        let verb = match is_refusal {
            true if data.span_type.is_agentic() => "was refused",
            true => "refused",
            false => "failed",
        };
        let times = if rows.len() > 1 { format!(" {} times", format::count(rows.len() as u64)) } else { String::new() };
        let error = match store.text(store.failure_text(first)) {
            "" => "no message was recorded".to_owned(),
            text => short(text),
        };
        let failed_with = self.failed_with(first);
        let names: Vec<String> = failed_with.iter().take(MAX_NAMED).map(|&row| self.name(row)).collect();
        let effect = match failed_with.len() {
            0 => match self.above(first).find(|&row| store.row(row).span_type.is_agentic()) {
                Some(run) if store.row(run).own_status() == RunStatus::Ok => format!("; {} went on and ended", self.name(run)),
                _ => String::new(),
            },
            count if count > MAX_NAMED => {
                format!("; {} and {} above failed with it", names.join(", "), format::count((count - MAX_NAMED) as u64))
            }
            _ => format!("; {} failed with it", list(&names)),
        };
        let sentence = format!("{} {verb}{times}: {error}{effect}", self.name(first));
        let cause = if is_refusal { Cause::Refusal } else { Cause::Failure };
        self.find(cause, failed_with.len() as u64, rows, sentence);
    }

    /// Returns the rows above a failed step that failed with it, the nearest first.
    fn failed_with(&self, row: RowIx) -> Vec<RowIx> {
        let store = self.store;
        let mut rows: Vec<RowIx> =
            self.above(row).take_while(|&above| store.row(above).own_failure()).filter(|&above| !store.is_failed_step(above)).collect();
        // Rows of the same name report the same call.
        let key = |row: RowIx| (store.row(row).span_type, store.row(row).label);
        rows.retain(|&above| key(above) != key(row) || key(row).1.is_empty());
        rows
    }

    /// Returns the rows with a status below which no row has it.
    fn lowest(&self, status: RunStatus) -> Vec<RowIx> {
        let below = |row: RowIx| {
            let below = self.store.below(row);
            match status {
                RunStatus::Cut => below.cut,
                RunStatus::Paused => below.paused,
                _ => below.lost,
            }
        };
        let is_lowest = |&row: &RowIx| self.store.row(row).own_status() == status && below(row) == 0;
        self.rows.iter().copied().filter(is_lowest).collect()
    }

    fn stopped(&self, row: RowIx, status: RunStatus) -> String {
        let (data, name) = (self.store.row(row), self.name(row));
        // Of a span that ends before it starts, no time is known.
        let time =
            data.time(data.end).filter(|time| *time > 0).map_or_else(String::new, |time| format!(" after {}", format::duration(time)));
        match (status, self.store.text(data.requested_tools())) {
            (RunStatus::Cut, _) if data.is_cut_off() => {
                let time = time.replace(" after ", " after at least ");
                format!("{name} was cut{time}: its process ended first")
            }
            (RunStatus::Cut, _) => {
                let reason = Some(short(self.store.text(self.store.error(row)))).filter(|text| !text.is_empty());
                let reason = reason.map_or_else(String::new, |text| format!(": {text}"));
                format!("{name} was stopped from outside{time} (cancelled, timed out, or its reader went away){reason}")
            }
            (RunStatus::Paused, "") => format!("{name} waits for a person since {}", format::date_time(data.end)),
            (RunStatus::Paused, tools) => {
                format!("{name} waits for a person since {}, about {}", format::date_time(data.end), short(tools))
            }
            _ if data.placeholder => {
                let first = self.store.children(row).first().map_or_else(String::new, |&child| format!(" above {}", self.name(child)));
                let noun = data.span_type.noun();
                format!("the {noun}{first} never ended, or its span was lost: the last news of it is of {}", format::date_time(data.end))
            }
            _ => format!("{name} never ended: the last news of it is of {}", format::date_time(data.end)),
        }
    }
}
