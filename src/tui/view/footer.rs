//! The last line: the filter editor, a message or key hints, and at the right the state of the view.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::widgets::{Clear, Widget};

use super::styling::Styling;
use super::{put, put_input, put_right};
use crate::format;
use crate::tui::app::{Action, App, Focus, LineEditor, Overlay, View};

/// Key hints, each with its actions, the most useful ones first.
type Hints = &'static [(&'static [Action], &'static str)];

const TRACE_KEYS: Hints = &[
    (&[Action::Help], "help"),
    (&[Action::Quit], "quit"),
    (&[Action::Detail], "detail"),
    (&[Action::Filter], "filter"),
    (&[Action::NextError], "next error"),
    (&[Action::Mark], "mark"),
    (&[Action::NextTrace, Action::PreviousTrace], "trace"),
    (&[Action::Palette], "actions"),
    (&[Action::Export], "export"),
    (&[Action::Pause], "pause"),
    (&[Action::Follow], "follow"),
    (&[Action::Up, Action::Down], "move"),
    (&[Action::Fold, Action::Unfold], "fold"),
];

/// The key hints of the traces while a filter is set.
const FILTERED_KEYS: Hints = &[
    (&[Action::Help], "help"),
    (&[Action::NextMatch, Action::PreviousMatch], "match"),
    (&[Action::Back], "clear"),
    (&[Action::Detail], "detail"),
    (&[Action::Filter], "filter"),
    (&[Action::NextError], "next error"),
    (&[Action::Mark], "mark"),
    (&[Action::NextTrace, Action::PreviousTrace], "trace"),
    (&[Action::Palette], "actions"),
    (&[Action::Export], "export"),
    (&[Action::Quit], "quit"),
];

/// The key hints of the traces while some are marked.
const MARKED_KEYS: Hints = &[
    (&[Action::Help], "help"),
    (&[Action::Compare], "compare"),
    (&[Action::NextTrace, Action::PreviousTrace], "trace"),
    (&[Action::Export], "export"),
    (&[Action::Mark], "(un)mark"),
    (&[Action::ClearMarks], "unmark all"),
    (&[Action::Quit], "quit"),
    (&[Action::Up, Action::Down], "move"),
];

const TABLE_KEYS: Hints = &[
    (&[Action::Help], "help"),
    (&[Action::Quit], "quit"),
    (&[Action::Detail], "its traces"),
    (&[Action::Filter], "filter"),
    (&[Action::Sort], "sort"),
    (&[Action::Reverse], "reverse"),
    (&[Action::NextPane], "read below"),
    (&[Action::ViewTraces], "traces"),
    (&[Action::Palette], "actions"),
];

const LOG_KEYS: Hints = &[
    (&[Action::Help], "help"),
    (&[Action::Quit], "quit"),
    (&[Action::Detail], "its span"),
    (&[Action::Filter], "filter"),
    (&[Action::NextError], "next error"),
    (&[Action::Follow], "follow"),
    (&[Action::NextPane], "read below"),
    (&[Action::ViewTraces], "traces"),
    (&[Action::Palette], "actions"),
];

const SERIES_KEYS: Hints = &[
    (&[Action::Help], "help"),
    (&[Action::Quit], "quit"),
    (&[Action::Detail], "read below"),
    (&[Action::Filter], "filter"),
    (&[Action::Sort], "sort"),
    (&[Action::Reverse], "reverse"),
    (&[Action::ViewTraces], "traces"),
    (&[Action::Palette], "actions"),
];

/// The key hints of the page about a line, a record or a series.
const PAGE_KEYS: Hints = &[
    (&[Action::Help], "help"),
    (&[Action::Back], "back"),
    (&[Action::Up, Action::Down], "scroll"),
    (&[Action::Wrap], "wrap"),
    (&[Action::Filter], "filter"),
    (&[Action::NextPane], "list"),
];

const HELP_KEYS: Hints = &[(&[Action::Back], "close"), (&[Action::Filter], "search"), (&[Action::Up, Action::Down], "scroll")];

const COMPARE_KEYS: Hints = &[
    (&[Action::Back], "back"),
    (&[Action::Up, Action::Down], "move"),
    (&[Action::NextMatch, Action::PreviousMatch], "difference"),
    (&[Action::Detail], "go to the step"),
];

const DETAIL_KEYS: Hints = &[
    (&[Action::Help], "help"),
    (&[Action::Back], "back"),
    (&[Action::Up, Action::Down], "scroll"),
    (&[Action::Fold, Action::Unfold], "tab"),
    (&[Action::Detail], "whole screen"),
    (&[Action::Filter], "find"),
    (&[Action::Wrap], "wrap"),
    (&[Action::NextPane], "traces"),
];

const WHY_KEYS: Hints = &[
    (&[Action::Help], "help"),
    (&[Action::Back], "back"),
    (&[Action::Up, Action::Down], "choose"),
    (&[Action::Detail], "go to the span"),
    (&[Action::Fold, Action::Unfold], "tab"),
    (&[Action::Wrap], "wrap"),
    (&[Action::NextPane], "traces"),
];

/// Draws the line; returns the position of the terminal's cursor while the filter is edited.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, app: &App, styling: Styling) -> Option<Position> {
    if area.height == 0 {
        return None;
    }
    if let Some(editor) = &app.editor {
        return Some(draw_editor(buffer, area, app, editor, styling));
    }
    let end = draw_state(buffer, area, app, styling);
    let mut x = area.x + 1;
    if let Some(program) = app.program.as_ref().filter(|program| program.is_focused && app.overlay.is_none()) {
        let text = match program.end {
            None => format!("keys go to {} · Ctrl-] returns", program.name),
            Some(_) => format!("j, k, PgUp and PgDn scroll the output of {} · esc returns", program.name),
        };
        put(buffer, x, area.y, end.saturating_sub(x), &text, styling.running());
        return None;
    }
    let keys = match (app.focus, app.view()) {
        _ if matches!(app.overlay, Some(Overlay::Compare(_))) => COMPARE_KEYS,
        _ if matches!(app.overlay, Some(Overlay::Help(_))) => HELP_KEYS,
        (Focus::Traces, View::Traces) if !app.marks.is_empty() => MARKED_KEYS,
        (Focus::Traces, View::Traces) if app.tree.is_filtered() => FILTERED_KEYS,
        (Focus::Traces, View::Traces) => TRACE_KEYS,
        (Focus::Traces, View::Logs) => LOG_KEYS,
        (Focus::Traces, View::Metrics) => SERIES_KEYS,
        (Focus::Traces, _) => TABLE_KEYS,
        (_, View::Traces) if app.detail.target().is_some() => WHY_KEYS,
        (_, View::Traces) => DETAIL_KEYS,
        _ => PAGE_KEYS,
    };
    for (actions, label) in keys {
        // An action without a key has no hint.
        if actions.iter().any(|&action| app.keymap.keys(action).is_empty()) {
            continue;
        }
        let key = styling.keys(&actions.iter().map(|&action| hint(app, action)).collect::<String>());
        if x + (format::width(&key) + label.len() + 1) as u16 >= end {
            break;
        }
        x = put(buffer, x, area.y, end - x, &key, styling.key());
        x = put(buffer, x + 1, area.y, end.saturating_sub(x + 1), label, styling.dim()) + 2;
    }
    None
}

/// Draws the message, if there is one, above the key hints, which stay readable.
pub(super) fn draw_message(buffer: &mut Buffer, footer: Rect, app: &App, styling: Styling) {
    let Some(message) = app.message.as_ref().filter(|_| footer.y > 0 && app.editor.is_none()) else { return };
    let line = Rect { y: footer.y - 1, height: 1, ..footer };
    Clear.render(line, buffer);
    buffer.set_style(line, styling.screen());
    let style = if message.is_error { styling.error() } else { styling.good() };
    put(buffer, line.x + 1, line.y, line.width.saturating_sub(2), &message.text, style);
}

/// Returns an arrow key if the action has one, which needs no explanation, else its first key.
fn hint(app: &App, action: Action) -> String {
    let mut keys = app.keymap.keys(action).iter().map(|key| key.short());
    let first = keys.next().unwrap_or_default();
    keys.find(|key| ["↑", "↓", "←", "→"].contains(&key.as_str())).unwrap_or(first)
}

/// Draws the state of the view, such as the filter and a pause, at the right; returns its first column.
fn draw_state(buffer: &mut Buffer, area: Rect, app: &App, styling: Styling) -> u16 {
    let mut end = area.right().saturating_sub(1);
    let mut part = |text: &str, style: Style| {
        let cells = (area.width / 2).min(end.saturating_sub(area.x));
        end = put_right(buffer, end, area.y, cells, text, style).saturating_sub(2);
    };
    if app.tree.follow {
        part("follow", styling.good());
    }
    if let Some(held_back) = app.held_back_spans() {
        part(&format!("PAUSED +{} new", format::count(held_back as u64)), styling.running());
    }
    if let Some((percent, runs)) = app.search_progress() {
        let text = if runs { format!("searching {percent}% (esc stops)") } else { format!("search stopped at {percent}%") };
        part(&text, styling.running());
    }
    if let Some(percent) = app.survey_progress() {
        part(&format!("reading caches {percent}%"), styling.running());
    }
    if !app.filter.is_empty() {
        part(&format!("{} {}", app.filter, "✕"), styling.key());
    }
    if !app.marks.is_empty() {
        part(&format!("{} marked", app.marks.len()), styling.mark());
    }
    end
}

fn draw_editor(buffer: &mut Buffer, area: Rect, app: &App, editor: &LineEditor, styling: Styling) -> Position {
    let mut end = area.right();
    let error = app.parse_error.as_ref().filter(|error| !editor.is_completable(error.at));
    if let Some(error) = error {
        let text = format!(" {} at {}: {} ", "✗", error.at + 1, error.kind);
        let free = area.width.saturating_sub(u16::try_from(format::width(editor.input.value())).unwrap_or(u16::MAX).saturating_add(3));
        end = put_right(buffer, end, area.y, free.max(area.width * 2 / 3), &text, styling.error());
    } else {
        let label = match app.detail.pager.matches().filter(|_| editor.is_search) {
            Some((_, count)) => format!("{} found", format::count(count as u64)),
            None if editor.is_search => "find in the detail".to_owned(),
            None => {
                let so_far = if app.tree.is_filtering() { " so far" } else { "" };
                let searched = app.search_progress().map_or_else(String::new, |(percent, _)| format!(", {percent}% searched"));
                format!("{}{so_far}{searched}", format::plural(app.tree.len() as u64, "trace"))
            }
        };
        let text = format!(" {label}  enter keep  esc undo ");
        end = put_right(buffer, end, area.y, area.width / 2, &text, styling.dim());
    }
    let x = put(buffer, area.x, area.y, area.width, "/", styling.key());
    let room = end.saturating_sub(x + 1);
    let (scroll, cursor) = put_input(buffer, x, area.y, room, &editor.input);
    if let Some(error) = error {
        let before: String = editor.input.value().chars().take(error.at).collect();
        let at = format::width(&before).saturating_sub(scroll);
        if at < usize::from(room) {
            buffer.set_style(Rect { x: x + at as u16, y: area.y, width: 1, height: 1 }, styling.error());
        }
    }
    Position::new(cursor, area.y)
}
