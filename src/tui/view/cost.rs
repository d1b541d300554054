//! The cost pane: the total, the last hour, and the costs by model and by agent.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::put;
use super::rankings::{self, Rank};
use super::styling::Styling;
use crate::format;
use crate::model::SpanType;
use crate::model::usage::NanoUsd;
use crate::store::{By, Store};
use crate::tui::app::App;

pub(super) fn draw(buffer: &mut Buffer, area: Rect, app: &App, store: &Store, styling: Styling) {
    if area.is_empty() {
        return;
    }
    let inner = rankings::draw_frame(buffer, area, "Cost", app, styling);
    let stats = app.aggregates.stats(store);
    let totals = stats.totals();
    let mut x = put(buffer, inner.x, inner.y, inner.width, &format::money(totals.cost()), styling.title());
    let mut append = |text: &str, style| x = put(buffer, x + 2, inner.y, inner.right().saturating_sub(x + 2), text, style);
    let minutes = stats.minutes(app.now, 60);
    let hour: NanoUsd = minutes.iter().fold(0, |sum, minute| sum.saturating_add(minute.cost));
    if hour > 0 {
        append(&format!("{}/h", format::money(Some(hour))), styling.dim());
    }
    let unpriced = totals.calls.saturating_sub(totals.priced);
    if unpriced > 0 {
        append(&format!("{} unpriced", format::count(u64::from(unpriced))), styling.running());
    }
    if app.budgets.is_total_exceeded() {
        append("over budget", styling.error());
    }
    let lines = usize::from(inner.height.saturating_sub(1));
    let ranks_by = |by, count, kind| {
        let ranks = rankings::ranked(app, store, by, count, |group| group.usage.cost()).into_iter();
        let amount = |cost: NanoUsd| u64::try_from(cost).unwrap_or(0);
        let rank = |(name, cost)| Rank { name, amount: amount(cost), text: format::money(Some(cost)), style: styling.span_type(kind) };
        ranks.map(rank).collect::<Vec<_>>()
    };
    // Models get half of the lines, and all that the agents leave free.
    let (mut models, mut agents) = (ranks_by(By::Model, lines, SpanType::Model), ranks_by(By::Agent, lines, SpanType::Agent));
    agents.truncate((lines / 2).max(lines.saturating_sub(models.len())));
    models.truncate(lines - agents.len());
    models.append(&mut agents);
    rankings::draw(buffer, Rect { y: inner.y + 1, height: inner.height.saturating_sub(1), ..inner }, &models, styling);
}
