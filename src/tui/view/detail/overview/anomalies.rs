//! What stands out in a trace, repeated and retried calls of a run, and the growth of its context.

use super::Page;
use crate::format;
use crate::model::Nanos;
use crate::store::{self, Anomalies, RowIx, Store};
use crate::tui::display::{cost, name};
use crate::tui::widget::text::TextRole;
use crate::tui::widget::{Glyphs, sparkline_of};
use crate::why::{Cause, why};

/// The largest width, in cells, of the sparkline of context sizes.
const SPARKLINE_WIDTH: usize = 40;

/// The most sentences about a trace.
const MAX_SENTENCES: usize = 6;

impl Page {
    /// Writes what stands out in the trace, beside how it ended and its clocks, which have lines of their own.
    fn findings(&mut self, store: &Store, row: RowIx, now: Nanos) {
        let trace = store.row(row).trace();
        let why = why(store, trace, now);
        let is_new = |cause: Cause| cause >= Cause::Loop && cause != Cause::Clock;
        let findings: Vec<_> = why.findings.iter().filter(|finding| is_new(finding.cause)).collect();
        for (index, finding) in findings.iter().take(MAX_SENTENCES).enumerate() {
            let span = finding.rows.first().map_or_else(String::new, |&row| format!(" (span {})", store.row(row).id));
            self.fact(if index == 0 { "why" } else { "" }, &format!("{}{span}", finding.sentence), TextRole::Keyword);
        }
        if findings.len() > MAX_SENTENCES {
            self.fact("", &format!("{} more in the tab Why", findings.len() - MAX_SENTENCES), TextRole::Faint);
        }
        if why.is_truncated {
            let rows = format::count(store::MAX_ANALYZED_ROWS as u64);
            self.fact("", &format!("only the first {rows} spans of the trace, or of a run in it, were analysed"), TextRole::Faint);
        }
    }

    /// Writes what stands out about a step, beside repeats, retries and what is odd about an answer, which have lines of their own.
    fn finding_of(&mut self, store: &Store, row: RowIx, now: Nanos) {
        let is_told = |cause: Cause| {
            cause < Cause::Loop
                || matches!(cause, Cause::Repeat | Cause::Retry | Cause::Truncated | Cause::Stalled | Cause::Model | Cause::Clock)
        };
        let why = why(store, store.row(row).trace(), now);
        let about = why.findings.iter().filter(|finding| finding.rows.contains(&row) && !is_told(finding.cause));
        for finding in about.take(MAX_SENTENCES) {
            self.fact("why", &finding.sentence, TextRole::Keyword);
        }
    }

    /// Writes what stands out in the trace or the run, and the growth of its context.
    pub(super) fn anomalies(&mut self, store: &Store, row: RowIx, now: Nanos) {
        let run = store.run_of(row);
        let anomalies = store.anomalies(run);
        if store.lead(store.row(row).trace()) == Some(row) {
            self.findings(store, row, now);
        } else {
            self.finding_of(store, row, now);
            self.run_anomalies(store, row, &anomalies, now);
        }
        if run == row && anomalies.growth.len() > 1 {
            self.growth(store, &anomalies.growth);
        }
    }

    /// Writes the repeated and the retried calls of a run.
    fn run_anomalies(&mut self, store: &Store, row: RowIx, anomalies: &Anomalies, now: Nanos) {
        let run = store.run_of(row);
        let lost = |rows: &[RowIx]| format!("{}, cost {}", format::duration(store.total_duration(rows, now)), cost(&store.sum(rows)));
        let all: Vec<&[RowIx]> =
            if run == row { anomalies.repeated.iter().map(Vec::as_slice).collect() } else { Vec::from_iter(anomalies.repeats(row)) };
        for uses in all {
            let tool = store.text(store.row(uses[0]).label);
            let text = format!("{tool} was called {} times with the same arguments: total {}", uses.len(), lost(uses));
            self.fact("repeated", &text, TextRole::Keyword);
        }
        if run == row && !anomalies.retried.is_empty() {
            let failed: Vec<RowIx> = anomalies.retried.iter().map(|(failed, _)| *failed).collect();
            let calls = if failed.len() == 1 { "model call was" } else { "model calls were" };
            self.fact("retried", &format!("{} {calls} retried after a failure: {} lost", failed.len(), lost(&failed)), TextRole::Keyword);
        } else if anomalies.retried_by(row).is_some() {
            self.fact("retried", &format!("the same model was called again after this failure: {} lost", lost(&[row])), TextRole::Keyword);
        } else if let Some(failed) = anomalies.retry_of(row) {
            self.fact("retry", &format!("of span {}, which failed: {} lost", store.row(failed).id, lost(&[failed])), TextRole::Keyword);
        }
        if let Some(at) =
            anomalies.calls.iter().position(|call| *call == row).filter(|_| !anomalies.is_truncated && anomalies.calls.len() > 1)
        {
            let (number, count) = (format::count(at as u64 + 1), format::count(anomalies.calls.len() as u64));
            self.fact("call", &format!("{number} of {count} of {}", name(store, store.row(run))), TextRole::Plain);
        }
        if anomalies.is_truncated && run == row {
            self.fact(
                "",
                &format!("only the first {} spans of this run were analysed", format::count(store::MAX_ANALYZED_ROWS as u64)),
                TextRole::Faint,
            );
        }
    }

    /// Writes the input tokens of each model call of a run, in order.
    fn growth(&mut self, store: &Store, calls: &[RowIx]) {
        let tokens = |row: &RowIx| u64::from(store.usage(*row).and_then(|usage| usage.input).unwrap_or_default());
        let sizes: Vec<u64> = calls.iter().map(tokens).collect();
        let (Some(first), Some(last), Some(latest)) = (sizes.first(), sizes.last(), calls.last()) else { return };
        let window = store.context_window(*latest).filter(|&window| window > 0);
        let share =
            window.map_or_else(String::new, |window| format!(", {} of {}", format::percent(*last, window), format::tokens(Some(window))));
        // A column that fills its cell says that the window is full.
        let top = window.or_else(|| sizes.iter().copied().max()).unwrap_or_default();
        let line = sparkline_of(&sizes, top, sizes.len().min(SPARKLINE_WIDTH), Glyphs::Unicode);
        let text = format!(
            "{line}  {} → {} tokens in over {} calls{share}",
            format::count(*first),
            format::count(*last),
            format::count(sizes.len() as u64)
        );
        self.fact("context", &text, TextRole::Number);
    }
}
