//! The frame of the panes with totals, and their rankings with bars.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::{Block, BorderType, Widget};

use super::styling::Styling;
use super::{put, put_right};
use crate::format;
use crate::store::{By, Group, Store};
use crate::tui::app::App;
use crate::tui::widget::gauge;

/// Draws the frame of a pane; returns the area inside.
pub(super) fn draw_frame(buffer: &mut Buffer, area: Rect, title: &str, app: &App, styling: Styling) -> Rect {
    let scope = match (app.aggregates.is_trace_only, app.aggregates.progress()) {
        (true, _) => " · this trace".to_owned(),
        (false, Some((done, total))) => format!(" · {} of those shown", format::percent(done as u64, total as u64)),
        (false, None) if app.tree.is_filtered() => " · shown".to_owned(),
        (false, None) => String::new(),
    };
    let block = Block::bordered().border_type(BorderType::Rounded).border_style(styling.frame(false)).title(format!(" {title}{scope} "));
    let inner = block.inner(area);
    block.render(area, buffer);
    Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner }
}

/// A line of a ranking: a name with an amount.
pub(super) struct Rank<'a> {
    pub(super) name: &'a str,
    pub(super) amount: u64,
    pub(super) text: String,
    pub(super) style: Style,
}

/// Returns the `count` groups with the largest amounts, the largest first.
pub(super) fn ranked<'a, A: Ord + Copy>(
    app: &App,
    store: &'a Store,
    by: By,
    count: usize,
    amount: impl Fn(&Group) -> Option<A>,
) -> Vec<(&'a str, A)> {
    let mut ranks: Vec<(A, &str)> = Vec::with_capacity(count + 1);
    for (symbol, group) in app.aggregates.stats(store).groups(by) {
        let Some(amount) = amount(group) else { continue };
        if ranks.len() == count && ranks.last().is_some_and(|last| last.0 >= amount) {
            continue;
        }
        let name = if symbol.is_empty() { "(no name)" } else { store.text(symbol) };
        let at = ranks.partition_point(|&(other, text)| (other, std::cmp::Reverse(text)) > (amount, std::cmp::Reverse(name)));
        ranks.insert(at, (amount, name));
        ranks.truncate(count);
    }
    ranks.into_iter().map(|(amount, name)| (name, amount)).collect()
}

/// Draws the ranks that fit into `area`, one per line.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, ranks: &[Rank<'_>], styling: Styling) {
    let largest = ranks.iter().map(|rank| rank.amount).max().unwrap_or_default();
    let numbers = ranks.iter().map(|rank| format::width(&rank.text) as u16).max().unwrap_or_default();
    let names = (area.width * 2 / 5).min(24);
    let bars = area.width.saturating_sub(names + numbers + 2);
    for (y, rank) in (area.y..area.bottom()).zip(ranks) {
        put(buffer, area.x, y, names, rank.name, Style::new());
        put(buffer, area.x + names + 1, y, bars, &gauge(rank.amount, largest, usize::from(bars), styling.glyphs()), rank.style);
        put_right(buffer, area.right(), y, numbers, &rank.text, Style::new());
    }
}
