//! The detail pane: the span under the cursor, its payload and the open tab.

mod parts;

pub use parts::{OpenedPart, PartRequest, ReadPart};

use std::sync::Arc;

use super::{Action, RunContext};
use crate::context::PartKind;
use crate::model::{Attribute, Payload, SourceId, SpanId, SpanType, Value};
use crate::semconv;
use crate::settings::named_enum;
use crate::sources::PayloadRequest;
use crate::store::{Phase, RowIx, Store, TraceIx};
use crate::tui::widget::json::LazyTail;
use crate::tui::widget::pager::Pager;
use crate::tui::widget::text::Document;

named_enum! {
    /// A tab of the detail pane.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub enum Tab {
        /// Facts and totals.
        #[default]
        Overview = "Overview",
        /// What stands out in the trace, and what decided its time.
        Why = "Why",
        /// The conversation with the model.
        Messages = "Messages",
        /// What fills the context of the model.
        Context = "Context",
        /// The input value.
        Input = "Input",
        /// The output value.
        Output = "Output",
        /// All attributes.
        Attributes = "Attributes",
        /// The span events.
        Events = "Events",
        /// The log records.
        Logs = "Logs",
    }
}

/// The payload of the span under the cursor.
#[derive(Clone, Debug, Default)]
pub enum PayloadState {
    /// There is none: the span has not ended.
    #[default]
    Missing,
    /// Requested from the source.
    Loading,
    /// Loaded.
    Ready(Arc<Payload>),
    /// Not available; the reason.
    Failed(String),
}

/// The text of the open tab.
#[derive(Debug, Default)]
pub struct Page {
    /// The text.
    pub document: Document,
    /// The part of a long value that the pager lays out on demand.
    pub tail: Option<LazyTail>,
    /// Where attributes begin: a line, and an index into the attributes of the span followed by those of the resource.
    pub attributes: Vec<(usize, usize)>,
    /// Lines to go to, one after another.
    pub marks: Vec<usize>,
    /// Lines that lead to a span, each with its row.
    pub targets: Vec<(usize, RowIx)>,
    /// The parts of a context, to choose from, with their lines.
    pub parts: Vec<(usize, PartKind)>,
}

impl From<Document> for Page {
    fn from(document: Document) -> Self {
        Self { document, ..Self::default() }
    }
}

/// The row that the pane shows. A change in any field outdates the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ShownRow {
    row: RowIx,
    request: Option<PayloadRequest>,
    phase: Phase,
}

/// The state of the detail pane.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "they are facts that do not depend on one another")]
pub struct Detail {
    /// The open tab.
    pub tab: Tab,
    /// The payload of the span.
    pub payload: PayloadState,
    /// The text of the tab, with the scroll position and the search.
    pub pager: Pager,
    /// The contexts of the run's model calls.
    pub context: RunContext,
    shown: Option<ShownRow>,
    /// Whether any log record came.
    has_logs: bool,
    is_requested: bool,
    /// The step above that a model call without a question answers.
    asked: Option<PayloadRequest>,
    is_question_requested: bool,
    /// The payload of that step.
    question: Option<Arc<Payload>>,
    is_outdated: bool,
    /// Whether the overview is outdated from the next tick on.
    waits_for_tick: bool,
    /// See [`Page::attributes`].
    attributes: Vec<(usize, usize)>,
    /// See [`Page::marks`].
    marks: Vec<usize>,
    /// See [`Page::targets`].
    targets: Vec<(usize, RowIx)>,
    /// The number of the chosen target, and the trace that the targets are about.
    chosen: usize,
    trace: Option<TraceIx>,
    /// See [`Page::parts`].
    parts: Vec<(usize, PartKind)>,
    /// The part of a context that is chosen.
    part: Option<PartKind>,
    opened: Option<OpenedPart>,
    /// The part to read.
    wanted: Option<PartRequest>,
    height: isize,
}

/// Traces with more spans have a large overview.
const LARGE: u32 = 500;

impl Default for Detail {
    fn default() -> Self {
        Self {
            tab: Tab::default(),
            payload: PayloadState::default(),
            pager: Pager::new(Document::new()),
            context: RunContext::default(),
            shown: None,
            has_logs: false,
            is_requested: false,
            asked: None,
            is_question_requested: false,
            question: None,
            is_outdated: false,
            waits_for_tick: false,
            attributes: Vec::new(),
            marks: Vec::new(),
            targets: Vec::new(),
            chosen: 0,
            trace: None,
            parts: Vec::new(),
            part: None,
            opened: None,
            wanted: None,
            height: 0,
        }
    }
}

impl Detail {
    /// Shows a row. Nothing changes if the pane already shows it in its current state.
    pub fn show(&mut self, store: &Store, row: Option<RowIx>) {
        let shown = row.map(|row| {
            let data = store.row(row);
            let request =
                (!data.placeholder).then_some(PayloadRequest { source: data.source, payload_ref: data.payload_ref, span: data.id });
            ShownRow { row, request, phase: data.phase }
        });
        let asked = row.and_then(|row| asked_above(store, row)).map(|above| {
            let data = store.row(above);
            PayloadRequest { source: data.source, payload_ref: data.payload_ref, span: data.id }
        });
        if asked != self.asked {
            (self.asked, self.is_question_requested, self.question) = (asked, false, None);
        }
        if shown == self.shown {
            return;
        }
        if shown.map(|shown| shown.row) != self.row() {
            self.pager.scroll_to_top();
            (self.part, self.opened) = (None, None);
        }
        let trace = row.map(|row| store.row(row).trace());
        if trace != self.trace {
            (self.trace, self.chosen) = (trace, 0);
        }
        self.shown = shown;
        self.is_requested = false;
        self.payload = if self.request().is_some() { PayloadState::Loading } else { PayloadState::Missing };
        self.is_outdated = true;
    }

    /// Returns the row that the pane shows.
    #[must_use]
    pub fn row(&self) -> Option<RowIx> {
        self.shown.map(|shown| shown.row)
    }

    fn request(&self) -> Option<PayloadRequest> {
        self.shown.and_then(|shown| shown.request)
    }

    /// Returns the payload to request, once.
    pub fn take_request(&mut self) -> Option<PayloadRequest> {
        let request = self.request().filter(|_| !self.is_requested);
        self.is_requested |= request.is_some();
        request
    }

    /// Returns the payload of the step above that a model call without a question answers, once, if the conversation is shown.
    pub fn take_question_request(&mut self) -> Option<PayloadRequest> {
        let request = self.asked.filter(|_| self.tab == Tab::Messages && !self.is_question_requested);
        self.is_question_requested |= request.is_some();
        request
    }

    /// Stores the payload of the step above, if that is still the one which the shown call answers.
    pub fn load_question(&mut self, span: SpanId, payload: Payload) {
        if self.asked.is_some_and(|asked| asked.span == span) {
            self.question = Some(Arc::new(payload));
            self.is_outdated = true;
        }
    }

    /// Returns the payload of the step above that the shown call answers, once it arrived.
    #[must_use]
    pub fn question(&self) -> Option<&Payload> {
        self.question.as_deref()
    }

    /// Requests the payload again if it belongs to one of these spans.
    pub fn request_again(&mut self, source: SourceId, spans: &[SpanId]) {
        if self.request().is_some_and(|request| request.source == source && spans.contains(&request.span)) {
            self.is_requested = false;
        }
    }

    /// Stores the payload that was requested last, or the reason why it is not available.
    pub fn load(&mut self, payload: Result<Payload, String>) {
        self.payload = match payload {
            Ok(payload) => PayloadState::Ready(Arc::new(payload)),
            Err(reason) => PayloadState::Failed(reason),
        };
        self.is_outdated = true;
    }

    /// Outdates the overview, and what stands out: totals or times may have changed.
    pub(super) fn outdate_overview(&mut self) {
        self.is_outdated |= self.shows_sums();
    }

    /// Outdates the overview when the spans of its trace, or others, have changed; that of a large trace, which costs its spans, with the next
    /// tick.
    pub(super) fn spans_changed(&mut self, store: &Store) {
        let is_large = self.row().is_some_and(|row| store.trace(store.row(row).trace()).counts().spans > LARGE);
        self.waits_for_tick = is_large && self.shows_sums();
        if !is_large {
            self.outdate_overview();
        }
    }

    /// Outdates an overview that waits for the tick. Returns whether there is one.
    pub(super) fn tick(&mut self) -> bool {
        let waits = std::mem::take(&mut self.waits_for_tick);
        self.is_outdated |= waits;
        waits
    }

    /// Whether the open tab is about more spans than the shown one.
    fn shows_sums(&self) -> bool {
        matches!(self.tab, Tab::Overview | Tab::Why)
    }

    /// Returns the number of the chosen line among those that lead to a span, from 0.
    #[must_use]
    pub fn chosen(&self) -> usize {
        self.chosen
    }

    /// Returns the span that the chosen line leads to; `None` if the page has no such lines.
    #[must_use]
    pub fn target(&self) -> Option<RowIx> {
        self.targets.get(self.chosen).map(|&(_, row)| row)
    }

    /// Chooses the next line that leads to a span, or the previous one. Returns whether there is one.
    fn choose(&mut self, forward: bool) -> bool {
        let chosen = if forward { Some(self.chosen + 1) } else { self.chosen.checked_sub(1) };
        let Some((chosen, line)) = chosen.and_then(|at| Some((at, self.targets.get(at)?.0))) else { return false };
        self.chosen = chosen;
        // What stands below the sentence belongs to it.
        self.pager.reveal_line(line + 1);
        self.pager.reveal_line(line);
        self.is_outdated = true;
        true
    }

    /// Whether the tab of contexts is open.
    pub(super) fn shows_context(&self) -> bool {
        self.tab == Tab::Context
    }

    /// Outdates the contexts: other calls were read.
    pub(super) fn outdate_context(&mut self) {
        self.is_outdated |= self.shows_context();
    }

    /// Goes to the next of the marked lines, or to the previous one. Returns whether there is one.
    fn go_to_mark(&mut self, forward: bool) -> bool {
        let line = self.pager.progress().0;
        let mark = if forward { self.marks.iter().find(|mark| **mark > line) } else { self.marks.iter().rfind(|mark| **mark < line) };
        mark.map(|&mark| self.pager.scroll_to_line(mark)).is_some()
    }

    /// Returns the tabs. Where no program sends logs, there is none for them.
    pub fn tabs(&self) -> impl Iterator<Item = Tab> {
        Tab::ALL.into_iter().map(|(tab, _)| tab).filter(|tab| self.has_logs || *tab != Tab::Logs)
    }

    /// Outdates the log records: others may have come.
    pub(super) fn outdate_logs(&mut self) {
        self.has_logs = true;
        self.is_outdated |= self.tab == Tab::Logs;
    }

    /// Whether the page must be written again.
    #[must_use]
    pub fn is_outdated(&self) -> bool {
        self.is_outdated
    }

    /// Replaces the page.
    pub fn set_page(&mut self, page: Page) {
        let Page { document, tail, attributes, marks, targets, parts } = page;
        (self.is_outdated, self.attributes, self.marks, self.parts) = (false, attributes, marks, parts);
        if !targets.is_empty() {
            self.chosen = self.chosen.min(targets.len() - 1);
        }
        self.targets = targets;
        self.pager.open(document, tail);
    }

    /// Sets the size of the pane in columns and lines.
    pub fn set_size(&mut self, (width, height): (u16, u16)) {
        self.height = height as isize;
        self.pager.resize(width, height);
    }

    /// Returns the name and the text of the value on the screen, or the reason why there is none.
    pub fn copy(&self) -> Result<(String, String), String> {
        let title = self.tab.name().to_lowercase();
        let payload = match (&self.payload, self.tab) {
            (_, Tab::Overview | Tab::Why | Tab::Context | Tab::Logs) => return Ok((title, self.pager.document().to_text())),
            (PayloadState::Ready(payload), _) => payload,
            (PayloadState::Loading, _) => return Err("nothing to copy: the payload is loading".to_owned()),
            (PayloadState::Failed(reason), _) => return Err(format!("nothing to copy: {reason}")),
            (PayloadState::Missing, _) => return Err("nothing to copy: the span has not ended".to_owned()),
        };
        let value = match self.tab {
            Tab::Input => semconv::input(&payload.attributes).map(|value| (title.clone(), value_text(value))),
            Tab::Output => semconv::output_of(payload).map(|value| (title.clone(), value_text(value))),
            Tab::Attributes => self.attribute_at(payload, self.pager.line()).map(|(name, value)| (name.clone(), value_text(value))),
            _ => return Ok((title, self.pager.document().to_text())),
        };
        value.ok_or_else(|| format!("nothing to copy: the span has no {title}"))
    }

    /// Returns the attribute that a line of the page belongs to.
    fn attribute_at<'a>(&self, payload: &'a Payload, line: usize) -> Option<&'a Attribute> {
        let (_, index) = *self.attributes.iter().rev().find(|(first, _)| *first <= line).or(self.attributes.first())?;
        payload.attributes.iter().chain(&payload.resource).nth(index)
    }

    /// Opens a tab.
    pub fn open(&mut self, tab: Tab) {
        self.tab = tab;
        self.targets.clear();
        (self.part, self.opened) = (None, None);
        self.pager.scroll_to_top();
        self.is_outdated = true;
    }

    /// Opens the next tab or the previous one.
    pub fn cycle(&mut self, forward: bool) {
        let count = self.tabs().count();
        self.open(Tab::ALL[(self.tab as usize + if forward { 1 } else { count - 1 }) % count].0);
    }

    /// Scrolls, changes the tab or goes to a match. Returns whether the pane handles the action.
    pub fn handle(&mut self, action: Action) -> bool {
        match action {
            Action::Top => self.pager.scroll_to_top(),
            Action::Bottom => self.pager.scroll_to_end(),
            Action::Fold | Action::Unfold if self.pager.is_wrapped() => self.cycle(action == Action::Unfold),
            Action::Fold => self.pager.shift(-8),
            Action::Unfold => self.pager.shift(8),
            Action::NextMatch if self.pager.matches().is_some() => self.pager.next_match(),
            Action::PreviousMatch if self.pager.matches().is_some() => self.pager.previous_match(),
            Action::Down | Action::NextMatch if self.choose(true) => {}
            Action::Up | Action::PreviousMatch if self.choose(false) => {}
            Action::NextMatch | Action::PreviousMatch if !self.parts.is_empty() => self.choose_part(action == Action::NextMatch),
            Action::NextMatch | Action::PreviousMatch if !self.marks.is_empty() => {
                self.go_to_mark(action == Action::NextMatch);
            }
            _ => match action.rows((self.height - 1).max(1)) {
                Some(rows) => self.pager.scroll(rows),
                None => return false,
            },
        }
        true
    }
}

/// Returns the nearest step above a model call that has an input, up to the agent that made the call; `None` if the call states a question.
#[must_use]
pub fn asked_above(store: &Store, row: RowIx) -> Option<RowIx> {
    if store.row(row).span_type != SpanType::Model || !store.row(row).input.is_empty() {
        return None;
    }
    let mut above = store.row(row).parent();
    while let Some(at) = above {
        let data = store.row(at);
        if !data.input.is_empty() {
            return Some(at);
        }
        above = if data.span_type.is_agentic() { None } else { data.parent() };
    }
    None
}

/// Returns a value as text: strings unquoted, other values as JSON.
#[must_use]
pub fn value_text(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        other => other.to_json(),
    }
}
