//! How the row ended, when it ran, and clocks that differ.

use super::Page;
use crate::format;
use crate::model::{Ending, Nanos, Status};
use crate::store::{Phase, RowIx, RunStatus, Store};
use crate::tui::app::PayloadState;
use crate::tui::display;
use crate::tui::widget::text::TextRole;

impl Page {
    /// Writes one sentence about how the row ended, with the first failure in it.
    pub(super) fn status(&mut self, store: &Store, row: RowIx, payload: &PayloadState, now: Nanos) {
        let data = store.row(row);
        let full_message = if let PayloadState::Ready(payload) = payload { payload.status_message.as_str() } else { "" };
        // Of a refused run the row knows the reason, and the message does not.
        let is_short = full_message.is_empty() || data.ending() == Ending::Refused;
        let message = if is_short { store.text(store.error(row)) } else { full_message };
        let with_message = |text: &str| if message.is_empty() { text.to_owned() } else { format!("{text}: {message}") };
        let failed = failed_steps(store, row);
        // A run that repeats the reason of its step says it once, in the longer words.
        let repeats = |steps: &FailedSteps| !message.is_empty() && (steps.reason.contains(message) || message.contains(&*steps.reason));
        let longer = |reason| if message.len() > str::len(reason) { message } else { reason };
        let repeated = failed.as_ref().filter(|steps| repeats(steps)).map(|steps| steps.text(longer(&steps.reason)));
        let failed_steps = failed.as_ref().map(|steps| steps.text(&steps.reason));
        let below = store.below(row);
        let finished = if data.status() == Status::Ok { "finished" } else { "finished, no status set" };
        let (text, role) = match (data.own_status(), &failed_steps) {
            (RunStatus::Error, _) => (repeated.map_or_else(|| with_message("failed"), |steps| format!("failed; {steps}")), TextRole::Error),
            (RunStatus::Running, _) => (format!("running for {}", format::clock(data.duration(now))), TextRole::Keyword),
            (RunStatus::Lost, _) => ("lost: its trace received nothing for a while".to_owned(), TextRole::Faint),
            (RunStatus::Paused, _) => ("paused: it waits for a person".to_owned(), TextRole::Keyword),
            (RunStatus::Cut, _) if data.phase == Phase::Lost => ("cut: its process ended first".to_owned(), TextRole::Keyword),
            (RunStatus::Cut, _) => ("cut: cancelled, timed out, or its reader went away".to_owned(), TextRole::Keyword),
            (RunStatus::Ok, Some(_)) if data.has_failed_harmlessly() => (with_message("failed"), TextRole::Error),
            (RunStatus::Ok, None) if data.has_failed_harmlessly() => (with_message("failed, which harms no agent"), TextRole::Faint),
            (RunStatus::Ok, Some(steps)) if store.has_failed(row) => (format!("failed; {steps}"), TextRole::Error),
            (RunStatus::Ok, Some(steps)) => (format!("finished; {steps}"), TextRole::Plain),
            (RunStatus::Ok, None) if store.has_failed(row) => ("failed; a step in it failed".to_owned(), TextRole::Error),
            (RunStatus::Ok, None) if below.running > 0 => ("finished, spans below it are still running".to_owned(), TextRole::Keyword),
            (RunStatus::Ok, None) if below.paused > 0 => ("paused: a step in it waits for a person".to_owned(), TextRole::Keyword),
            (RunStatus::Ok, None) if below.cut > 0 => {
                ("cut: a step in it was cancelled, timed out, or lost its reader".to_owned(), TextRole::Keyword)
            }
            (RunStatus::Ok, None) if data.ending() == Ending::Paused => ("paused, and later continued".to_owned(), TextRole::Plain),
            (RunStatus::Ok, None) => (finished.to_owned(), TextRole::Plain),
        };
        let is_told = text.starts_with("finished;") || text.starts_with("failed;");
        self.fact("status", &text, role);
        if let Some(steps) = failed_steps.filter(|_| !is_told) {
            self.fact("", &steps, TextRole::Error);
        }
    }

    /// Writes the clock skew that the row proves, or, for the first root of a trace, those of the trace.
    pub(super) fn skew(&mut self, store: &Store, row: RowIx) {
        let trace = store.row(row).trace();
        let is_head = store.trace(trace).roots().first() == Some(&row);
        let skews = if is_head { store.skews(trace) } else { Vec::from_iter(store.skew(row)) };
        for skew in skews {
            self.fact("clock", &display::skew(store, skew), TextRole::Keyword);
        }
    }

    /// Writes how long the row took, and when it began.
    pub(super) fn times(&mut self, store: &Store, row: RowIx, now: Nanos) {
        let data = store.row(row);
        let start = format::moment(data.start, now);
        let own = format::duration(store.own_time(row, now));
        let text = match (data.phase, data.time(now), store.shown_time(row, now)) {
            (Phase::Ended, None, None) => format!("{}, began {start}, ended earlier: a clock jumped", format::UNKNOWN),
            (Phase::Ended, None, Some(_)) => {
                format!("{}, began {start}; this span ended before it began: a clock jumped", display::time(store, row, now))
            }
            // Beside the first root of a trace stands the time of the trace.
            (Phase::Ended, Some(time), shown) if shown != Some(time) => {
                let (shown, time) = (display::time(store, row, now), format::duration(time));
                format!("{shown}, began {start}; this span alone took {time} ({own} own time)")
            }
            (Phase::Ended, Some(time), _) if store.children(row).is_empty() => format!("{}, began {start}", format::duration(time)),
            (Phase::Ended, Some(time), _) => format!("{} ({own} own time), began {start}", format::duration(time)),
            // Of a row that was not told itself, only what is in it is known.
            (Phase::Running, ..) if data.placeholder || data.is_from_log() => format!("began {start} or before"),
            (Phase::Running, ..) => format!("began {start}"),
            (Phase::Lost, Some(_), _) => format!("{}, until its process was last seen; began {start}", display::elapsed(data, now)),
            (Phase::Lost, ..) if data.is_cut_off() => format!("began {start}"),
            (Phase::Lost, ..) => format!("began {start} or before, last seen {}", format::moment(data.end, now)),
        };
        self.fact("time", &text, TextRole::Plain);
        if store.is_delegation(row) {
            self.fact("", "it waits for the run of a member below it, whose time counts for the member", TextRole::Faint);
        }
    }
}

/// The steps below a row that failed.
struct FailedSteps {
    count: u32,
    /// The name of the first one with a colon; empty if it is the row.
    place: String,
    /// Why it failed.
    reason: String,
}

impl FailedSteps {
    /// Returns the number, and the first step with a reason.
    fn text(&self, reason: &str) -> String {
        format!("{} failed: {}{reason}", format::plural(self.count.into(), "step"), self.place)
    }
}

/// Returns the steps below a row that failed; `None` if none did.
fn failed_steps(store: &Store, row: RowIx) -> Option<FailedSteps> {
    let count = store.below(row).failed;
    // Of a run that failed for a reason of its own, the steps below have another.
    let below = store.children(row).iter().copied().find(|&child| store.totals(child).failed > 0);
    let row = below.filter(|_| store.is_failed_step(row)).unwrap_or(row);
    let place = store.first_failure(row).filter(|&first| first != row).map(|first| format!("{}: ", display::name(store, store.row(first))));
    let reason = store.text(store.failure_text(row)).to_owned();
    (count > 0).then(|| FailedSteps { count, place: place.unwrap_or_default(), reason })
}
