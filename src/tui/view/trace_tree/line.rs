//! One line of the traces pane: the tree, the row's text and its numbers.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::styling::Styling;
use super::super::{HitMap, put, put_right};
use super::columns::ColumnWidths;
use crate::format;
use crate::model::{SpanType, sort};
use crate::store::{Phase, Row, RowIx, RunStatus, Score, Store, Totals};
use crate::tui::app::{App, Column, HitTarget, TraceTree};
use crate::tui::display;

/// One line of the traces pane.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) app: &'a App,
    pub(super) store: &'a Store,
    pub(super) styling: Styling<'a>,
    pub(super) row: RowIx,
    pub(super) data: &'a Row,
    pub(super) is_cursor: bool,
}

impl Line<'_> {
    /// Draws the line; `lacks_times` if no line above has times over the ruler of its trace. Returns whether they still lack.
    pub(super) fn draw(&self, buffer: &mut Buffer, hits: &mut HitMap, line: Rect, columns: ColumnWidths, lacks_times: bool) -> bool {
        hits.add(line, HitTarget::Row(self.row));
        let end = line.x + columns.tree;
        let x = self.draw_tree(buffer, hits, line.x, end, line.y);
        self.draw_text(buffer, x, end, line.y);
        self.draw_numbers(buffer, end, line.y, columns);
        let bar = Rect { x: line.right() - columns.bar, width: columns.bar, ..line };
        if bar.is_empty() { lacks_times } else { self.draw_bar(buffer, bar, lacks_times) }
    }

    /// Returns the totals of the row and the rows below it; for a trace's first row those of the trace.
    pub(super) fn totals(&self) -> Totals {
        self.store.shown_totals(self.row)
    }

    /// Whether the critical path of the trace is shown and does not contain the row.
    pub(super) fn is_off_critical_path(&self) -> bool {
        self.app.tree.is_critical(self.store, self.row) == Some(false)
    }

    /// Returns the status of the row and, if it is folded, of the rows that it hides.
    fn shown_status(&self) -> RunStatus {
        let open = self.app.tree.is_open(self.store, self.row);
        let parent = TraceTree::parent(self.store, self.row);
        if parent.is_none() && (!open || self.store.run_status(self.row) == RunStatus::Ok) {
            return self.store.group_counts(self.data.trace()).run_status();
        }
        let below = self.store.below(self.row);
        match self.store.run_status(self.row) {
            RunStatus::Ok if !open && below.fatal > 0 => RunStatus::Error,
            RunStatus::Ok if !open && below.paused > 0 => RunStatus::Paused,
            RunStatus::Ok if !open && below.cut > 0 => RunStatus::Cut,
            standing => standing,
        }
    }

    /// Draws the cursor, the mark, the branches and the fold symbol; returns the column after them.
    fn draw_tree(&self, buffer: &mut Buffer, hits: &mut HitMap, x: u16, end: u16, y: u16) -> u16 {
        let Self { app, store, styling, row, .. } = *self;
        let marked = app.marks.contains(&self.data.trace()) && TraceTree::parent(store, row).is_none();
        if self.is_cursor {
            put(buffer, x, y, 1, "▎", styling.key());
        }
        if marked {
            // The cursor keeps its sign: the mark then stands in the frame.
            put(buffer, if self.is_cursor { x.saturating_sub(1) } else { x }, y, 1, "✓", styling.mark());
        }
        let mut guides = Vec::with_capacity(display::INDENTED_LEVELS);
        let mut at = row;
        while let Some(parent) = app.tree.shown_parent(store, at).filter(|_| guides.len() < display::INDENTED_LEVELS) {
            guides.push(app.tree.is_last(store, at));
            at = parent;
        }
        let mut x = x + 1;
        if let [own, above @ ..] = guides.as_slice() {
            x += 1;
            for &last in above.iter().rev() {
                put(buffer, x, y, end.saturating_sub(x), if last { " " } else { "│" }, styling.frame(false));
                x += 2;
            }
            let stated = self.data.parent().is_some();
            let critical = app.tree.is_critical(store, row) == Some(true);
            let branch = match (*own, stated) {
                (true, true) if critical => "┗",
                (false, true) if critical => "┣",
                (true, true) => "└",
                (false, true) => "├",
                (_, false) => "┊",
            };
            put(buffer, x, y, end.saturating_sub(x), branch, if critical { styling.key() } else { styling.frame(false) });
            x += 1;
        }
        if app.tree.has_lines_below(store, row) {
            let fold = if app.tree.is_open(store, row) { "▾" } else { "▸" };
            put(buffer, x, y, end.saturating_sub(x), fold, styling.dim());
            hits.add(Rect { x, y, width: 1, height: 1 }, HitTarget::Fold(row));
        }
        x + 1
    }

    /// Draws the symbol, the name, and the error or the input.
    fn draw_text(&self, buffer: &mut Buffer, x: u16, end: u16, y: u16) {
        let Self { app, store, styling, data, .. } = *self;
        let room = |x: u16| end.saturating_sub(x);
        let own = data.own_status();
        let shown = self.telling();
        let span_type = shown.span_type;
        let (glyph, style) = match own {
            RunStatus::Running | RunStatus::Lost => (display::status_symbol(own), styling.run_status(own)),
            _ => (display::span_type_symbol(span_type), styling.span_type(span_type)),
        };
        let x = put(buffer, x, y, room(x), glyph, style) + 1;
        let lit = if app.tree.is_match(self.row) { styling.lit() } else { Style::new() };
        let label = if data.placeholder || self.is_off_critical_path() { styling.dim() } else { label_style(styling, span_type) };
        let name = display::name(store, shown);
        // The name leaves room for the error, which matters more.
        let name_room = if self.shown_status() == RunStatus::Error { room(x).min((room(x) * 3 / 5).max(12)) } else { room(x) };
        let mut x = put(buffer, x, y, name_room, &name, label.patch(lit)) + 1;
        let shown = self.shown_status();
        if matches!(shown, RunStatus::Error | RunStatus::Paused | RunStatus::Cut) {
            x = put(buffer, x, y, room(x), display::status_symbol(shown), styling.run_status(shown)) + 1;
        } else if data.has_failed_harmlessly() {
            x = put(buffer, x, y, room(x), display::status_symbol(RunStatus::Error), styling.dim()) + 1;
        }
        if let Some((anomaly, style)) = self.anomaly() {
            x = put(buffer, x, y, room(x), &anomaly, style) + 1;
        }
        self.draw_description(buffer, x, end, y);
    }

    /// Draws the error, the requested tools or the input, and the note.
    fn draw_description(&self, buffer: &mut Buffer, mut x: u16, end: u16, y: u16) {
        let Self { store, styling, data, .. } = *self;
        let room = |x: u16| end.saturating_sub(x);
        let (lead, is_harmless) = (self.lead(), data.has_failed_harmlessly());
        let hidden_failure = self.hidden_failure();
        let has_failed = hidden_failure.is_some() || data.own_failure();
        let error = store.text(hidden_failure.map_or_else(|| store.error(self.row), |row| store.failure_text(row)));
        let is_trace = TraceTree::parent(store, self.row).is_none();
        let awaited = if is_trace {
            display::review::awaiting(store, data.trace(), self.app.now)
        } else {
            display::review::awaited(store, self.row, self.app.now)
        };
        if let Some(awaited) = awaited {
            put(buffer, x, y, room(x).saturating_sub(1), &awaited, styling.running());
            return;
        }
        let asks = display::waits(store, lead.unwrap_or(self.row), self.app.now);
        if let Some(asks) = &asks {
            x = put(buffer, x, y, room(x).saturating_sub(1), asks, styling.running()) + 1;
        }
        let input_preview = self.input_preview();
        if lead.is_some() && error.is_empty() && input_preview.is_none() {
            // What the trace began with, for want of what the user asked.
            x = put(buffer, x, y, room(x).saturating_sub(1), &display::name(store, data), styling.dim()) + 1;
        }
        // The notes stand behind the text, which gets at least half of the room.
        let (notes, connects) = self.notes();
        let width = |notes: &String| format::width(notes) as u16 + 2;
        let least = notes.last().filter(|_| connects);
        let reserved = notes.iter().find(|notes| width(notes) <= room(x) / 2).or(least).map_or(1, width);
        let text_room = room(x).saturating_sub(reserved);
        let x = if !error.is_empty() && (has_failed || is_harmless) {
            put(buffer, x, y, text_room, error, if has_failed { styling.error() } else { styling.dim() }) + 1
        } else if data.span_type == SpanType::Model && !data.requested_tools().is_empty() {
            let (calls, style) = self.requested_tools();
            put(buffer, x, y, text_room, &calls, style) + 1
        } else if let Some(input_preview) = input_preview {
            put(buffer, x, y, text_room, &input_preview, styling.dim()) + 1
        } else {
            x
        };
        if let Some(notes) = notes.iter().find(|notes| format::width(notes) < usize::from(room(x))) {
            let style = if store.exit_status(self.row).is_some() { styling.running() } else { styling.dim() };
            put(buffer, x, y, room(x).saturating_sub(1), notes, style);
        }
    }

    /// Returns what connects the row with others, and what else its line says, from all of it to the most important, at last the first word;
    /// and whether anything connects it.
    fn notes(&self) -> (Vec<String>, bool) {
        let Self { app, store, row, data, .. } = *self;
        let note = display::note(store, self.lead().unwrap_or(row));
        let word = note.as_ref().and_then(|note| note.split(' ').next()).map(str::to_owned);
        let is_trace = TraceTree::parent(store, row).is_none();
        let lead = self.lead().unwrap_or(row);
        let turn = if is_trace { display::turn_facts(store, data.trace(), app.insights.of_row(store, lead), app.now) } else { Vec::new() };
        // What the run does now matters more than what it did.
        let rebuilt = app.rebuilt(store, lead).map(|tokens| format!("rebuilt {}", format::tokens(Some(tokens))));
        let mut call: Vec<String> = rebuilt.into_iter().chain(display::call_facts(store, lead, app.now)).collect();
        // It stands before the text.
        call.retain(|fact| display::waits(store, lead, app.now).as_ref() != Some(fact));
        let is_run = store.row(lead).span_type.is_agentic();
        let (first, last) = if is_run { (call, Vec::new()) } else { (Vec::new(), call) };
        let facts: Vec<String> = first.into_iter().chain(note).chain(turn).chain(last).collect();
        let mut notes: Vec<String> = (1..=facts.len()).rev().map(|count| facts[..count].join(" · ")).collect();
        let connects = word.is_some();
        notes.extend(word.filter(|word| !notes.contains(word)));
        (notes, connects)
    }

    /// Returns the row whose first failure a folded row shows: itself if something below it failed, else a root that stands below it.
    fn hidden_failure(&self) -> Option<RowIx> {
        let Self { app, store, row, data, .. } = *self;
        if app.tree.is_open(store, row) {
            return None;
        }
        if store.below(row).fatal > 0 {
            return Some(row);
        }
        let trace = data.trace();
        let has_failed = TraceTree::parent(store, row).is_none() && store.group_counts(trace).fatal > 0;
        let mut roots = store.group(trace).flat_map(|trace| store.trace(trace).roots()).copied();
        roots.find(|&root| has_failed && store.totals(root).fatal > 0)
    }

    /// Returns the anomaly of the row, with the time and money that it cost.
    fn anomaly(&self) -> Option<(String, Style)> {
        let Self { app, store, styling, row, data, .. } = *self;
        if TraceTree::parent(store, row).is_none() && app.budgets.is_exceeded_by(data.trace()) {
            return Some(("over budget".to_owned(), styling.error()));
        }
        if !matches!(data.span_type, SpanType::Tool | SpanType::Model) {
            return None;
        }
        let habits = app.insights.of_row(store, row)?;
        let lost = |rows: &[RowIx]| {
            let sum = store.sum(rows);
            let cost = if sum.cost().is_some() { format!(", {}", display::cost(&sum)) } else { String::new() };
            format!("{}{cost}", format::duration(store.total_duration(rows, app.now)))
        };
        if let Some(uses) = habits.repeats(row) {
            return Some((format!("×{} same, {}", uses.len(), lost(uses)), styling.running()));
        }
        if habits.retried_by(row).is_some() {
            return Some((format!("retried, lost {}", lost(&[row])), styling.running()));
        }
        habits.retry_of(row).map(|_| ("a retry".to_owned(), styling.running()))
    }

    /// Returns the tools that a model call requested. If it is the last child of a running parent, the parent waits for these tools.
    fn requested_tools(&self) -> (String, Style) {
        let Self { app, store, styling, data, .. } = *self;
        let calls = store.text(data.requested_tools());
        let waiting_parent =
            data.parent().filter(|&parent| store.row(parent).phase == Phase::Running && store.children(parent).last() == Some(&self.row));
        match waiting_parent {
            Some(_) => (format!("→ {calls}, for {}", format::clock(app.now.saturating_sub(data.end).max(0))), styling.running()),
            None => (format!("→ {calls}"), styling.dim()),
        }
    }

    /// Returns the beginning of the row's input; for a placeholder that of its first child.
    fn input_preview(&self) -> Option<String> {
        let store = self.store;
        let shown = self.telling();
        let input = if shown.placeholder { store.row(*store.children(self.row).first()?).input } else { shown.input };
        let text = store.text(input);
        match (text.is_empty(), shown.span_type) {
            (true, _) => None,
            (false, SpanType::Tool) => Some(text.to_owned()),
            (false, SpanType::Model) if !shown.placeholder => None,
            (false, _) => Some(format!("“{text}”")),
        }
    }

    /// Returns the run or call that the trace of this line is named after, if the line is the trace's and another row is.
    fn lead(&self) -> Option<RowIx> {
        let is_trace = TraceTree::parent(self.store, self.row).is_none();
        self.store.lead(self.data.trace()).filter(|&lead| is_trace && lead != self.row)
    }

    /// Returns the row whose name, kind and input this line shows.
    fn telling(&self) -> &'_ Row {
        self.store.row(self.app.tree.telling(self.store, self.lead().unwrap_or(self.row)))
    }

    fn draw_numbers(&self, buffer: &mut Buffer, mut end: u16, y: u16, columns: ColumnWidths) {
        let Self { app, store, styling, data, .. } = *self;
        let is_trace = TraceTree::parent(store, self.row).is_none();
        let totals = self.totals();
        let style = match store.shown_time(self.row, app.now) {
            _ if data.phase == Phase::Running => styling.running(),
            None => styling.dim(),
            Some(_) => Style::new(),
        };
        let is_tool_alone = data.span_type == SpanType::Tool && totals.tokens().is_none();
        let tokens = if is_tool_alone { String::new() } else { display::tokens(&totals) };
        let cost = if is_tool_alone { String::new() } else { display::cost(&totals) };
        let cost = format::align_money(&cost);
        let when =
            if is_trace { format::short_moment(data.start, app.now, usize::from(columns.when).saturating_sub(1)) } else { String::new() };
        if is_trace {
            put(buffer, end + 1, y, columns.service.saturating_sub(2), store.service(self.row), styling.dim());
        }
        end += columns.service;
        let known = |known: bool| if known { Style::new() } else { styling.dim() };
        let usual = [
            (when, columns.when, styling.dim()),
            (display::time(store, self.row, app.now), columns.time, style),
            (tokens, columns.tokens, known(totals.tokens().is_some())),
            (cost, columns.cost, known(totals.cost().is_some())),
        ];
        let answers = Column::OF_ANSWERS.into_iter().zip(columns.answers).filter(|(_, width)| *width > 0);
        let has_failed = |column| column == Column::Score && self.scores().first().is_some_and(|score| score.passed == Some(false));
        let answers =
            answers.map(|(column, width)| (self.answer(column), width, if has_failed(column) { styling.error() } else { styling.dim() }));
        for (text, width, style) in usual.into_iter().chain(answers) {
            end += width;
            put_right(buffer, end, y, width.saturating_sub(1), &text, style);
        }
    }

    /// Returns the scores of the run; of a trace's first line, of all runs in it. What failed comes first.
    fn scores(&self) -> Vec<&Score> {
        let Self { store, row, data, .. } = *self;
        let is_trace = TraceTree::parent(store, row).is_none();
        let mut scores: Vec<&Score> =
            if is_trace { store.reviewed(data.trace()).flat_map(|row| store.scores(row)).collect() } else { store.scores(row).collect() };
        sort::by_key(&mut scores, |score| score.passed != Some(false));
        scores
    }

    /// Returns what a column about the answers says of the row; empty where there is nothing to say.
    fn answer(&self, column: Column) -> String {
        let Self { store, row, .. } = *self;
        let share = |share: Option<i64>| share.map(|share| format::percent(share.unsigned_abs(), 10_000));
        let text = match column {
            Column::Cached => share(store.cached_share(row)),
            Column::Context => share(store.context_share(row)),
            Column::Ttft => store.first_token(row).map(format::duration),
            Column::Score => return display::review::scores(&self.scores()).unwrap_or_default(),
            Column::Speed => store.output_rate(row).map(|rate| format::count(rate.round() as u64)),
            Column::Began | Column::Time | Column::Tokens | Column::Cost | Column::Service => None,
        };
        let unknown = if store.row(row).span_type == SpanType::Model { format::UNKNOWN } else { "" };
        text.unwrap_or_else(|| unknown.to_owned())
    }
}

fn label_style(styling: Styling, kind: SpanType) -> Style {
    if kind.is_agentic() { styling.span_type(kind).patch(styling.title()) } else { Style::new() }
}
