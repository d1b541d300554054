//! The view of logs: the records that the filter shows, the newest last, and the page about the one under the cursor.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};

use super::Action;
use super::list_pane::ListPane;
use crate::logs::{LogNumber, LogStore};
use crate::model::{Attribute, LogContent, LogRecord, Nanos, SpanId, TraceId, Value};
use crate::query::{Query, Record};
use crate::sources::log_content;
use crate::tui::display::log;
use crate::tui::slices::Slice;

/// The most lines that are kept for the next frame.
const MAX_LINES: usize = 512;

/// The state of the view of logs.
#[derive(Debug)]
pub struct LogList {
    /// Whether the cursor stays on the newest record.
    pub follows: bool,
    /// The cursor, and the page about its record.
    pub pane: ListPane,
    query: Query,
    /// The records that match, in order; unused without a filter.
    matching: VecDeque<LogNumber>,
    /// The number of the next record to test.
    next: LogNumber,
    /// The record under the cursor.
    selected: Option<LogNumber>,
    lines: HashMap<LogNumber, LogLine>,
    end: LogNumber,
}

/// A record as the list shows it.
#[derive(Clone, Debug)]
pub struct LogLine {
    /// When it happened; 0 if unknown.
    pub time: Nanos,
    /// OpenTelemetry's severity number; 0 if unknown.
    pub severity: u8,
    /// The name of the level.
    pub level: String,
    /// The service.
    pub service: String,
    /// The event.
    pub event: String,
    /// The rest in one line.
    pub text: String,
}

impl LogLine {
    /// Returns a record as one line.
    #[must_use]
    pub fn new(record: &LogRecord) -> Self {
        let content = log_content(record);
        Self {
            time: record.time,
            severity: record.severity,
            level: log::level(record, &content),
            service: record.group.service.clone(),
            event: record.event().into_owned(),
            text: log::line(record, &content),
        }
    }
}

/// A log record, as a filter sees it.
pub struct FilteredLog<'a> {
    record: &'a LogRecord,
    event: String,
    body: String,
    content: LogContent,
}

impl<'a> FilteredLog<'a> {
    /// Decodes a record for a filter.
    #[must_use]
    pub fn new(record: &'a LogRecord) -> Self {
        let content = log_content(record);
        let body = match &content.body {
            Value::Null => String::new(),
            Value::Text(text) => text.clone(),
            other => other.to_json(),
        };
        Self { record, event: record.event().into_owned(), body, content }
    }
}

impl Record for FilteredLog<'_> {
    fn name(&self) -> &str {
        &self.event
    }

    fn service(&self) -> &str {
        &self.record.group.service
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        let values = self.content.attributes.iter().filter_map(|(_, value)| if let Value::Text(text) = value { Some(text) } else { None });
        std::iter::once(self.body.as_str()).chain(values.map(String::as_str))
    }

    fn attributes(&self) -> impl Iterator<Item = &Attribute> {
        self.content.attributes.iter().chain(&self.record.group.resource)
    }

    fn time(&self) -> Nanos {
        self.record.time
    }

    fn level(&self) -> Option<u8> {
        Some(self.record.severity)
    }

    fn body(&self) -> Option<&str> {
        Some(&self.body)
    }

    fn trace(&self) -> Option<Option<TraceId>> {
        Some(self.record.trace)
    }
}

impl LogList {
    /// Returns a view of the records that a filter shows, with the cursor on the newest one.
    #[must_use]
    pub fn new(filter: &str) -> Self {
        Self {
            follows: true,
            pane: ListPane::new(),
            query: filter.parse().unwrap_or_default(),
            matching: VecDeque::new(),
            next: 0,
            selected: None,
            lines: HashMap::new(),
            end: 0,
        }
    }

    /// Shows other records from the next frame on.
    pub(super) fn set_filter(&mut self, filter: &str) {
        self.query = filter.parse().unwrap_or_default();
        self.matching.clear();
        self.next = 0;
    }

    /// Whether the filter asks what log records do not have.
    #[must_use]
    pub fn leaves_filter_aside(&self) -> bool {
        self.query.asks_of_other_than_logs()
    }

    /// Whether the filter may hide records.
    #[must_use]
    pub fn is_filtered(&self) -> bool {
        !self.query.is_empty()
    }

    /// Tests records against the filter for a bounded time, and follows the newest one. Returns whether records are left to test.
    pub(super) fn refresh(&mut self, logs: &LogStore, now: Nanos, mut slice: Slice) -> bool {
        let dropped = self.matching.partition_point(|number| *number < logs.first());
        self.matching.drain(..dropped);
        self.next = self.next.max(logs.first());
        while self.is_filtered() && self.next < logs.end() {
            if let Some(record) = logs.get(self.next)
                && self.query.matches_record(&FilteredLog::new(record), now)
            {
                self.matching.push_back(self.next);
            }
            self.next += 1;
            // Decoding a record costs as much as a few rows.
            if !slice.goes_on(8) {
                break;
            }
        }
        self.end = logs.end();
        let found = self.selected.and_then(|selected| self.line_of(logs, selected));
        self.pane.cursor = if self.follows { usize::MAX } else { found.unwrap_or(self.pane.cursor) };
        self.pane.clamp(self.len(logs));
        self.select(logs);
        self.is_filtered() && self.next < logs.end()
    }

    /// Returns the line of a record, or of the next one that is shown.
    fn line_of(&self, logs: &LogStore, number: LogNumber) -> Option<usize> {
        if self.is_filtered() {
            let at = self.matching.partition_point(|other| *other < number);
            (at < self.matching.len()).then_some(at)
        } else {
            usize::try_from(number.max(logs.first()) - logs.first()).ok()
        }
    }

    /// Returns the number of records that are shown.
    #[must_use]
    pub fn len(&self, logs: &LogStore) -> usize {
        if self.is_filtered() { self.matching.len() } else { logs.len() }
    }

    /// Returns the record at a line.
    #[must_use]
    pub fn number(&self, logs: &LogStore, line: usize) -> Option<LogNumber> {
        if self.is_filtered() { self.matching.get(line).copied() } else { (line < logs.len()).then(|| logs.first() + line as u64) }
    }

    /// Returns the record under the cursor.
    #[must_use]
    pub fn current<'a>(&self, logs: &'a LogStore) -> Option<&'a LogRecord> {
        logs.get(self.selected?)
    }

    /// Decodes the lines on the screen that are not decoded yet.
    pub(super) fn read_lines(&mut self, logs: &LogStore) {
        if self.lines.len() > MAX_LINES {
            self.lines.clear();
        }
        for line in self.pane.top..self.pane.top + self.pane.height {
            let Some(number) = self.number(logs, line) else { break };
            if let Some(record) = logs.get(number) {
                self.lines.entry(number).or_insert_with(|| LogLine::new(record));
            }
        }
    }

    /// Returns the lines on the screen, each with its number.
    pub fn visible<'a>(&'a self, logs: &'a LogStore, height: usize) -> impl Iterator<Item = (usize, &'a LogLine)> {
        (self.pane.top..self.pane.top + height).map_while(|line| Some((line, self.lines.get(&self.number(logs, line)?)?)))
    }

    fn select(&mut self, logs: &LogStore) {
        let selected = self.number(logs, self.pane.cursor);
        if selected != self.selected {
            self.selected = selected;
            self.pane.is_page_outdated = true;
        }
    }

    /// Moves the cursor to a line, or to the last one, which it then follows.
    pub(super) fn go_to(&mut self, logs: &LogStore, line: usize) {
        self.pane.go_to(line, self.len(logs));
        self.follows = line >= self.len(logs);
        self.select(logs);
    }

    /// Moves the cursor to the first record of a span. Returns whether there is one.
    pub(super) fn go_to_span(&mut self, logs: &LogStore, trace: TraceId, span: SpanId) -> bool {
        let Some(line) = logs.of_span(trace, span).next().and_then(|number| self.line_of(logs, number)) else { return false };
        self.go_to(logs, line);
        true
    }

    /// Moves the cursor. Returns whether the list handles the action.
    pub(super) fn handle(&mut self, logs: &LogStore, action: Action) -> bool {
        match action {
            Action::Follow => {
                self.follows = !self.follows;
            }
            Action::NextError | Action::PreviousError => self.go_to_error(logs, action == Action::NextError),
            _ => match self.pane.target(action) {
                Some(line) => self.go_to(logs, line),
                None => return false,
            },
        }
        true
    }

    /// Moves the cursor to the next record that is an error, or the previous one.
    fn go_to_error(&mut self, logs: &LogStore, forward: bool) {
        let is_error =
            |line: &usize| self.number(logs, *line).and_then(|at| logs.get(at)).is_some_and(|record| record.severity >= log::ERROR);
        let found =
            if forward { (self.pane.cursor + 1..self.len(logs)).find(is_error) } else { (0..self.pane.cursor).rev().find(is_error) };
        if let Some(line) = found {
            self.go_to(logs, line);
        }
    }

    /// Whether records came since the last frame.
    #[must_use]
    pub fn is_stale(&self, logs: &LogStore) -> bool {
        self.end != logs.end()
    }
}
