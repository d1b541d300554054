//! The traces: a line a row, with the tree, the numbers and the flame bar.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::{Block, BorderType, Widget};

use super::theme::Theme;
use super::{put, put_right};
use crate::app::{App, Focus, Forest};
use crate::format;
use crate::model::{Kind, Nanos};
use crate::store::{Phase, Row, RowIx, Standing, Store, Trace};
use crate::widget::flame::{self, Palette};
use crate::widget::{Axis, Bar};

/// Levels of the tree that are drawn; deeper rows stand at the last.
const LEVELS: usize = 24;

/// Cells that the tree takes at most; on a wider screen the bars grow.
const TREE: u16 = 90;

/// Children of one row whose time is told from the row's own; of more, every so manieth, since a bar has few cells.
const CHILDREN: usize = 1024;

/// The columns of a line, by the width there is.
#[derive(Clone, Copy, Debug)]
struct Columns {
    tree: u16,
    when: u16,
    time: u16,
    tokens: u16,
    cost: u16,
    bar: u16,
}

impl Columns {
    /// The cost has a column once any cost is known.
    fn new(width: u16, priced: bool) -> Self {
        let time = if width >= 30 { 7 } else { 0 };
        let tokens = if width >= 56 { 7 } else { 0 };
        let cost = if width >= 100 && priced { 8 } else { 0 };
        let when = if width >= 104 { 9 } else { 0 };
        let numbers = when + time + tokens + cost + 1;
        let bar = if width >= 44 { (width * 3 / 10).max(width.saturating_sub(numbers + TREE)).max(10) } else { 0 };
        Self { tree: width.saturating_sub(numbers + bar), when, time, tokens, cost, bar }
    }
}

pub(super) fn draw(buffer: &mut Buffer, area: Rect, app: &App, store: &Store, theme: Theme) {
    if area.is_empty() {
        return;
    }
    let block =
        Block::bordered().border_type(BorderType::Rounded).border_style(theme.frame(app.focus == Focus::Forest)).title(title(app, store));
    let inner = block.inner(area);
    block.render(area, buffer);
    let columns = Columns::new(inner.width, store.all().cost().is_some());
    let (rows, cursor) = app.forest.window(store, usize::from(inner.height));
    if rows.is_empty() {
        put(buffer, inner.x + 2, inner.y + 1, inner.width.saturating_sub(2), "No trace passes the filter. Esc takes it off.", theme.dim());
    }
    heading(buffer, area, inner, columns, rows.get(cursor).map(|&row| store.trace(store.row(row).trace())), app.now, theme);
    for (at, &row) in rows.iter().enumerate() {
        let line = Rect { y: inner.y + at as u16, height: 1, ..inner };
        if at == cursor {
            buffer.set_style(line, theme.cursor());
        }
        Line { app, store, theme, row, data: store.row(row), is_cursor: at == cursor }.draw(buffer, line, columns);
    }
}

fn title(app: &App, store: &Store) -> String {
    let shown = app.forest.len();
    let of = if app.forest.is_filtered() { format!(" of {}", format::count(store.trace_count() as u64)) } else { String::new() };
    let rank = app.forest.rank().map_or(String::new(), |rank| format!("{}/", format::count(rank as u64 + 1)));
    format!(" Traces {rank}{}{of} ", format::count(shown as u64))
}

/// Names the columns on the upper frame, over the numbers themselves; the bar's column tells the length of the trace under the cursor.
fn heading(buffer: &mut Buffer, area: Rect, inner: Rect, columns: Columns, trace: Option<&Trace>, now: Nanos, theme: Theme) {
    if columns.time == 0 || area.height == 0 {
        return;
    }
    let mut end = inner.x + columns.tree;
    for (name, width) in [(" BEGAN ", columns.when), (" TIME", columns.time), (" TOK", columns.tokens), (" COST", columns.cost)] {
        end += width;
        put_right(buffer, end, area.y, width, if width == 0 { "" } else { name }, theme.dim());
    }
    if let Some(trace) = trace.filter(|_| columns.bar > 0) {
        let axis = axis(trace, now);
        let length = format!(" {}", format::duration(axis.end.saturating_sub(axis.start)));
        put(buffer, end, area.y, columns.bar, " 0s ", theme.dim());
        put_right(buffer, inner.right(), area.y, columns.bar, &length, theme.dim());
    }
}

/// The time that a trace's bars are drawn in.
fn axis(trace: &Trace, now: Nanos) -> Axis {
    let end = if trace.totals().running > 0 { trace.end.max(now) } else { trace.end };
    Axis { start: trace.start, end }
}

/// One line of the forest.
struct Line<'a> {
    app: &'a App,
    store: &'a Store,
    theme: Theme,
    row: RowIx,
    data: &'a Row,
    is_cursor: bool,
}

impl Line<'_> {
    fn draw(&self, buffer: &mut Buffer, line: Rect, columns: Columns) {
        let end = line.x + columns.tree;
        let x = self.draw_tree(buffer, line.x, end, line.y);
        self.draw_text(buffer, x, end, line.y);
        self.draw_numbers(buffer, end, line.y, columns);
        if columns.bar > 0 {
            let bar = Rect { x: line.right() - columns.bar, width: columns.bar, ..line };
            self.draw_bar(buffer, bar);
        }
    }

    /// A folded row speaks for all that it hides.
    fn standing(&self) -> Standing {
        let open = self.app.forest.is_open(self.store, self.row);
        let parent = Forest::parent(self.store, self.row);
        if parent.is_none() && (!open || self.data.standing() == Standing::Ok) {
            return self.store.trace(self.data.trace()).standing();
        }
        match self.data.standing() {
            Standing::Ok if !open && self.store.below(self.row).errors > 0 => Standing::Error,
            standing => standing,
        }
    }

    /// The cursor, the mark, the branches and the fold; returns the column behind them.
    fn draw_tree(&self, buffer: &mut Buffer, x: u16, end: u16, y: u16) -> u16 {
        let Self { app, store, theme, row, .. } = *self;
        let marked = app.marks.contains(&self.data.trace()) && Forest::parent(store, row).is_none();
        let (sign, style) = match (marked, self.is_cursor) {
            (true, _) => ("✓", theme.mark()),
            (false, true) => ("▎", theme.key()),
            (false, false) => (" ", Style::new()),
        };
        put(buffer, x, y, 1, sign, style);
        let mut guides = Vec::with_capacity(LEVELS);
        let mut at = row;
        while let Some(parent) = Forest::parent(store, at).filter(|_| guides.len() < LEVELS) {
            guides.push(app.forest.is_last(store, at));
            at = parent;
        }
        let mut x = x + 1;
        if let [own, above @ ..] = guides.as_slice() {
            x += 1;
            for &last in above.iter().rev() {
                put(buffer, x, y, end.saturating_sub(x), if last { " " } else { "│" }, theme.frame(false));
                x += 2;
            }
            let stated = self.data.parent().is_some();
            let branch = match (*own, stated) {
                (true, true) => "└",
                (false, true) => "├",
                (_, false) => "┊",
            };
            put(buffer, x, y, end.saturating_sub(x), branch, theme.frame(false));
            x += 1;
        }
        let fold = match (app.forest.child_count(store, row) > 0, app.forest.is_open(store, row)) {
            (false, _) => " ",
            (true, true) => "▾",
            (true, false) => "▸",
        };
        put(buffer, x, y, end.saturating_sub(x), fold, theme.dim());
        x + 1
    }

    /// The kind, who or what it is, and what went wrong or in.
    fn draw_text(&self, buffer: &mut Buffer, x: u16, end: u16, y: u16) {
        let Self { app, store, theme, data, .. } = *self;
        let room = |x: u16| end.saturating_sub(x);
        let own = data.standing();
        let (glyph, style) = match own {
            Standing::Running | Standing::Lost => (theme.standing_glyph(own), theme.standing(own)),
            _ => (theme.glyph(data.kind), theme.kind(data.kind)),
        };
        let x = put(buffer, x, y, room(x), glyph, style) + 1;
        let lit = if app.forest.is_lit(self.row) { theme.lit() } else { Style::new() };
        let label = if data.placeholder { theme.dim() } else { label_style(theme, data.kind) };
        let name = name(store, data);
        // The error is what one looks for, so the name leaves it a place.
        let name_room = if self.standing() == Standing::Error { room(x).min((room(x) * 3 / 5).max(12)) } else { room(x) };
        let mut x = put(buffer, x, y, name_room, &name, label.patch(lit)) + 1;
        if self.standing() == Standing::Error {
            x = put(buffer, x, y, room(x), theme.standing_glyph(Standing::Error), theme.error()) + 1;
        }
        // A folded row tells the cause of what it hides.
        let cause = if app.forest.is_open(store, self.row) { None } else { store.first_failure(self.row) };
        let error = store.text(cause.map_or(data.error, |cause| store.row(cause).error));
        if !error.is_empty() {
            put(buffer, x, y, room(x).saturating_sub(1), error, theme.error());
        } else if !data.calls.is_empty() {
            let (calls, style) = self.calls();
            put(buffer, x, y, room(x).saturating_sub(1), &calls, style);
        } else if let Some(about) = self.about() {
            put(buffer, x, y, room(x).saturating_sub(1), &about, theme.dim());
        }
    }

    /// The tools that a model asked for. While nothing came after it under a parent that runs, they are what is being waited for.
    fn calls(&self) -> (String, Style) {
        let Self { app, store, theme, data, .. } = *self;
        let calls = store.text(data.calls);
        let waited =
            data.parent().filter(|&parent| store.row(parent).phase == Phase::Running && store.children(parent).last() == Some(&self.row));
        match waited {
            Some(_) => (format!("→ {calls}, for {}", format::clock(app.now.saturating_sub(data.end).max(0))), theme.running()),
            None => (format!("→ {calls}"), theme.dim()),
        }
    }

    /// The beginning of what the row was given; a placeholder shows what its first child was given.
    fn about(&self) -> Option<String> {
        let store = self.store;
        let input = if self.data.placeholder {
            let first = store.children(self.row).first()?;
            store.row(*first).input
        } else {
            self.data.input
        };
        let text = store.text(input);
        match (text.is_empty(), self.data.kind) {
            (true, _) => None,
            (false, Kind::Tool) => Some(text.to_owned()),
            (false, Kind::Model) if !self.data.placeholder => None,
            (false, _) => Some(format!("“{text}”")),
        }
    }

    fn draw_numbers(&self, buffer: &mut Buffer, mut end: u16, y: u16, columns: Columns) {
        let Self { app, store, theme, data, .. } = *self;
        let is_trace = Forest::parent(store, self.row).is_none();
        let totals = if is_trace { *store.trace(data.trace()).totals() } else { store.totals(self.row) };
        let (time, style) = match data.phase {
            Phase::Running => (format::clock(data.duration(app.now)), theme.running()),
            Phase::Lost => ("–".to_owned(), theme.dim()),
            Phase::Ended => (format::duration(data.duration(app.now)), Style::new()),
        };
        let model = matches!(data.kind, Kind::Tool) && totals.tokens().is_none();
        let tokens = if model { String::new() } else { format::tokens(totals.tokens()) };
        let cost = if model { String::new() } else { format::money(totals.cost()) };
        let when = if is_trace { moment(data.start, app.now) } else { String::new() };
        let known = |known: bool| if known { Style::new() } else { theme.dim() };
        for (text, width, style) in [
            (when, columns.when, theme.dim()),
            (time, columns.time, style),
            (tokens, columns.tokens, known(totals.tokens().is_some())),
            (cost, columns.cost, known(totals.cost().is_some())),
        ] {
            end += width;
            put_right(buffer, end, y, width.saturating_sub(1), &text, style);
        }
    }

    fn draw_bar(&self, buffer: &mut Buffer, area: Rect) {
        let Self { app, store, theme, data, .. } = *self;
        let state = match data.standing() {
            Standing::Running => flame::State::Running,
            Standing::Error => flame::State::Error,
            Standing::Ok | Standing::Lost => flame::State::Done,
        };
        let children = store.children(self.row);
        let spans: Vec<(Nanos, Nanos)> =
            children.iter().step_by(children.len().div_ceil(CHILDREN).max(1)).map(|&child| self.stretch(store.row(child))).collect();
        let (start, end) = self.stretch(data);
        let own = match data.standing() {
            Standing::Error => theme.error(),
            Standing::Running => theme.running(),
            Standing::Lost => theme.dim(),
            Standing::Ok => theme.kind(data.kind),
        };
        let palette = Palette { own, child: own, mark: own };
        let bar = Bar { start, end, state, children: &spans };
        bar.render(axis(store.trace(data.trace()), app.now), theme.glyphs(), &palette, area, buffer);
    }

    fn stretch(&self, data: &Row) -> (Nanos, Nanos) {
        (data.start, data.start.saturating_add(data.duration(self.app.now)))
    }
}

/// What a row is called, for a person.
#[must_use]
pub fn name(store: &Store, data: &Row) -> String {
    match (data.label.is_empty(), data.name.is_empty()) {
        (false, _) => store.text(data.label).to_owned(),
        (true, false) => store.text(data.name).to_owned(),
        (true, true) if data.placeholder => match data.kind {
            Kind::Team => unended("team or workflow", data.phase),
            Kind::Workflow => unended("workflow", data.phase),
            _ => unended("agent", data.phase),
        },
        (true, true) => "(no name)".to_owned(),
    }
}

/// When a trace began: the time of day, or of another day its date.
fn moment(start: Nanos, now: Nanos) -> String {
    let moment = format::moment(start, now);
    match moment.split_once(' ') {
        None => moment,
        Some((date, _)) => date[date.len().saturating_sub(5)..].to_owned(),
    }
}

fn unended(what: &str, phase: Phase) -> String {
    if phase == Phase::Running { format!("{what}, still running") } else { format!("{what}, never ended") }
}

fn label_style(theme: Theme, kind: Kind) -> Style {
    match kind {
        Kind::Agent | Kind::Team | Kind::Workflow => theme.kind(kind).patch(theme.title()),
        _ => Style::new(),
    }
}
