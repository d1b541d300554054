//! The detail pane: the tabs and the text of the span under the cursor.

mod content;
mod context;
mod conversation;
mod logs;
mod overview;
mod preview;
mod why;

use std::fmt::Write;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::styling::Styling;
use super::{HitMap, put, put_right};
use crate::format;
use crate::logs::LogStore;
use crate::model::{Nanos, SpanType};
use crate::store::Store;
use crate::tui::app::{App, Detail, Focus, HitTarget, Keymap, Page, PayloadState, Tab, asked_above};
use crate::tui::display;
use crate::tui::widget::pager::{Pager, Styles};
use crate::tui::widget::text::TextRole;
pub(super) use content::attribute_table;
use content::{Asked, Place};
pub use content::{exchange_texts, parameters};

/// The cells of a name that the tabs make room for, and of a place such as ` 12/340 `.
const LABEL_WIDTH: usize = 24;
const PLACE_WIDTH: usize = 7;

/// The titles of the tabs, the widest first.
const TAB_TITLES: [fn(Tab) -> String; 4] = [
    |tab| format!(" {} ", tab.name()),
    |tab| format!(" {}", if tab == Tab::Attributes { "Attrs" } else { tab.name() }),
    |tab| {
        let name = match tab {
            Tab::Messages => "Msgs",
            Tab::Context => "Ctx",
            Tab::Input => "In",
            Tab::Output => "Out",
            Tab::Attributes => "Attrs",
            tab => tab.name(),
        };
        format!(" {name}")
    },
    |tab| {
        let name = match tab {
            Tab::Overview => "Over",
            Tab::Messages => "Msg",
            Tab::Context => "Ctx",
            Tab::Input => "In",
            Tab::Output => "Out",
            Tab::Attributes => "Att",
            Tab::Events => "Evt",
            Tab::Logs => "Log",
            Tab::Why => "Why",
        };
        format!(" {name}")
    },
];

/// Returns the page of the open tab.
pub(super) fn page(detail: &Detail, store: &Store, log_store: &LogStore, keys: &Keymap, now: Nanos) -> Page {
    let Some(row) = detail.row() else { return Page::default() };
    match (detail.tab, &detail.payload) {
        (Tab::Overview, payload) => overview::page(store, row, payload, now).into(),
        (Tab::Why, _) => why::page(store, row, detail.chosen(), now),
        (Tab::Context, _) => context::page(detail, store, row, keys),
        (Tab::Logs, _) => logs::page(store, log_store, row).into(),
        (tab, PayloadState::Ready(payload)) => {
            let asked =
                asked_above(store, row).map(|above| Asked { beginning: store.text(store.row(above).input), step: detail.question() });
            let data = store.row(row);
            let tool = (data.span_type == SpanType::Tool).then(|| store.text(data.label)).filter(|name| !name.is_empty());
            content::page(tab, payload, Place { tool, has_calls: store.below(row).calls > 0, service: store.service(row), asked })
        }
        (_, PayloadState::Failed(reason)) => content::note(reason).into(),
        (_, PayloadState::Missing) => content::note("This span has not ended; Agno writes it when it does.").into(),
        (_, PayloadState::Loading) => Page::default(),
    }
}

pub(super) fn draw(buffer: &mut Buffer, hits: &mut HitMap, area: Rect, app: &App, store: &Store, styling: Styling) {
    let Some(row) = app.tree.cursor().filter(|_| area.height > 0) else { return };
    let data = store.row(app.tree.telling(store, row));
    let frame = styling.frame(app.focus != Focus::Traces);
    let line = "─";
    put(buffer, area.x, area.y, area.width, &line.repeat(usize::from(area.width)), frame);
    let label = display::name(store, data);
    // Narrow tabs leave room for the name and the place.
    let room = |tabs: &[(Tab, String)]| area.width.saturating_sub(tabs.iter().map(|(_, title)| title.len() as u16).sum::<u16>() + 7);
    let name = format::width(&format::safe(&label)).min(LABEL_WIDTH);
    let tabs = TAB_TITLES.map(|title| app.detail.tabs().map(|tab| (tab, title(tab))).collect::<Vec<_>>());
    let fits = |tabs: &&Vec<(Tab, String)>, cells: usize| usize::from(room(tabs)) >= cells;
    let [usual @ .., narrowest] = &tabs;
    // The place goes before the names of the tabs are cut short, and these before the name.
    let with_place = usual.iter().find(|tabs| fits(tabs, name + PLACE_WIDTH));
    let tabs = with_place.or_else(|| usual.last().filter(|tabs| fits(tabs, name))).unwrap_or(narrowest);
    let label_width = room(tabs).clamp(8, 40);
    let mut x = put(buffer, area.x + 1, area.y, 2, " ", Style::new());
    x = put(buffer, x, area.y, 1, display::span_type_symbol(data.span_type), styling.span_type(data.span_type));
    x = put(buffer, x, area.y, 1, " ", Style::new());
    x = put(buffer, x, area.y, label_width, &label, styling.text().patch(styling.title()));
    x = put(buffer, x, area.y, 1, " ", Style::new()) + 1;
    for (tab, title) in tabs {
        let style = if *tab == app.detail.tab { styling.tab() } else { styling.dim() };
        // A narrow title has a blank before it only, which stays apart from the lit name.
        let name = if title.ends_with(' ') { title } else { title.trim_start() };
        let from = x + (title.len() - name.len()) as u16;
        put(buffer, x, area.y, from - x, " ", Style::new());
        let end = put(buffer, from, area.y, area.right().saturating_sub(from), name, style);
        hits.add(Rect { x, y: area.y, width: end.saturating_sub(x), height: 1 }, HitTarget::Tab(*tab));
        x = end;
    }
    let needs_blank = tabs.last().is_some_and(|(_, title)| !title.ends_with(' '));
    x = put(buffer, x, area.y, u16::from(needs_blank), " ", Style::new());
    draw_text(buffer, area, &app.detail.pager, styling);
    progress(buffer, area, x, app, styling);
}

/// Draws the text below the title.
pub(super) fn draw_text(buffer: &mut Buffer, area: Rect, pager: &Pager, styling: Styling) {
    let inner = Rect { x: area.x + 1, y: area.y + 1, width: area.width.saturating_sub(2), height: area.height.saturating_sub(1) };
    let styles = Styles { role: &|role| style(role, styling), found: styling.found(), current: styling.current() };
    pager.render(inner, buffer, &styles, styling.glyphs());
}

/// Draws the scroll position and the number of matches at the end of the title line.
fn progress(buffer: &mut Buffer, area: Rect, from: u16, app: &App, styling: Styling) {
    let pager = &app.detail.pager;
    let (line, lines) = pager.progress();
    let found = match pager.matches() {
        Some((at, count)) => format!(" {}/{} found ", format::count(at as u64), format::count(count as u64)),
        None => String::new(),
    };
    let (mut text, mut short) = (found.clone(), found.clone());
    if line > 0 || pager.has_more() {
        let more = if pager.is_complete() { "" } else { "+" };
        let (line, lines) = (format::count(line as u64 + 1), format::count(lines as u64));
        let _ = write!(text, " line {line} of {lines}{more} ");
        let _ = write!(short, " {line}/{lines}{more} ");
    }
    let room = area.right().saturating_sub(from + 2);
    let text = [text, short, found].into_iter().find(|text| format::width(text) <= usize::from(room)).unwrap_or_default();
    put_right(buffer, area.right().saturating_sub(1), area.y, room, &text, styling.dim());
}

fn style(role: TextRole, styling: Styling) -> Style {
    match role {
        TextRole::Plain => Style::new(),
        TextRole::Key | TextRole::Call => styling.key(),
        TextRole::String => styling.good(),
        TextRole::Number => styling.running(),
        TextRole::Keyword => styling.mark(),
        TextRole::Punct | TextRole::Faint | TextRole::Label => styling.dim(),
        TextRole::Error => styling.error(),
    }
}
