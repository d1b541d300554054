//! The panes with totals: tokens and cost with their rankings, and latency.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::Block;

use super::styling::Styling;
use super::{put, put_right};
use crate::format;
use crate::model::usage::NanoUsd;
use crate::model::{NO_MODEL, SpanType};
use crate::store::{By, Group, Store, Symbol, TimeBreakdown, Totals};
use crate::tui::app::{App, Ranked, View};
use crate::tui::display::{self, Shares};
use crate::tui::widget::{gauge, sparkline};

/// The last hour in minutes.
const HOUR: i64 = 60;

/// Cells of a duration column, with the blank before it.
const TIME: u16 = 7;

/// The smallest height of the cost pane with its frame that lists models and agents: the total, two headings and three lines.
const COST_BY_AGENT_MIN_HEIGHT: u16 = 8;

/// Draws tokens in and out, by model, and in the last hour.
pub(super) fn draw_tokens(buffer: &mut Buffer, area: Rect, app: &App, store: &Store, styling: Styling) {
    if area.is_empty() {
        return;
    }
    let inner = draw_frame(buffer, area, "Tokens by model", app, styling);
    let stats = app.aggregates.stats(store);
    let (in_out, cached) = in_out(stats.totals(), usize::from(inner.width));
    put(buffer, inner.x, inner.y, inner.width, &in_out, Style::new());
    let cached = cached.filter(|_| inner.height > 2);
    put(buffer, inner.x, inner.y + 1, inner.width, cached.as_deref().unwrap_or_default(), styling.dim());
    let minutes: Vec<u64> = stats.minutes(app.now, HOUR).iter().map(|minute| minute.tokens).collect();
    let heads = 1 + u16::from(cached.is_some());
    let has_sparkline = inner.height > heads + 2 && minutes.iter().any(|&tokens| tokens > 0);
    let lines = inner.height.saturating_sub(heads + u16::from(has_sparkline));
    let (ranks, all) = app.aggregates.ranked(store, Ranked::ModelTokens, usize::from(lines));
    put_more(buffer, area.right().saturating_sub(1), area.bottom() - 1, all - ranks.len(), styling);
    let ranks: Vec<Rank<'_>> = ranks
        .into_iter()
        .map(|(name, amount, _)| {
            let amount = amount.unsigned_abs();
            Rank { name: model_name(store, name), amount, text: format::tokens(Some(amount)), style: styling.span_type(SpanType::Model) }
        })
        .collect();
    let names = name_width(inner.width, &ranks);
    draw_ranks(buffer, Rect { y: inner.y + heads, height: lines, ..inner }, &ranks, names, styling);
    if has_sparkline {
        let y = inner.bottom() - 1;
        let text = format!(" {} in the last hour", format::tokens(Some(minutes.iter().sum())));
        let end = put_right(buffer, inner.right(), y, inner.width, &text, styling.dim());
        let columns = columns(&minutes, usize::from(end.saturating_sub(inner.x)));
        put(buffer, inner.x, y, end.saturating_sub(inner.x), &sparkline(&columns, columns.len(), styling.glyphs()), styling.good());
    }
}

/// Sums the minutes up into at most `cells` columns of equal length, the newest last; the first column may cover fewer minutes.
fn columns(minutes: &[u64], cells: usize) -> Vec<u64> {
    let minutes_per_column = minutes.len().div_ceil(cells.max(1)).max(1);
    let mut columns: Vec<u64> = minutes.rchunks(minutes_per_column).map(|minutes| minutes.iter().sum()).collect();
    columns.reverse();
    columns
}

/// Formats tokens in and out with as many of their shares as fit into `cells` cells, and what else stands in a line of its own: the part from
/// a cache, if it does not fit.
fn in_out(totals: &Totals, cells: usize) -> (String, Option<String>) {
    let text = |shares| display::tokens_in_out(totals, |count| format::tokens(Some(count)), shares);
    let fitting = [Shares::All, Shares::CacheReads].map(text).into_iter().find(|text| format::width(text) <= cells);
    let cached = (totals.cache_read > 0).then(|| format!("{} of the input cached", format::percent(totals.cache_read, totals.input)));
    match fitting {
        Some(text) => (text, None),
        None => (text(Shares::None), cached),
    }
}

/// Draws the total cost, that of the last hour, and the costs by model and, where there is room for headings, by agent.
pub(super) fn draw_cost(buffer: &mut Buffer, area: Rect, app: &App, store: &Store, styling: Styling) {
    if area.is_empty() {
        return;
    }
    let has_agents = area.height >= COST_BY_AGENT_MIN_HEIGHT;
    let inner = draw_frame(buffer, area, if has_agents { "Cost" } else { "Cost by model" }, app, styling);
    let stats = app.aggregates.stats(store);
    let totals = stats.totals();
    let mut x = put(buffer, inner.x, inner.y, inner.width, &display::cost(totals), styling.title());
    let mut append = |text: &str, style| x = put(buffer, x + 2, inner.y, inner.right().saturating_sub(x + 2), text, style);
    let minutes = stats.minutes(app.now, HOUR);
    let hour: NanoUsd = minutes.iter().fold(0, |sum, minute| sum.saturating_add(minute.cost));
    if hour > 0 && totals.cost() != Some(hour) {
        let incomplete = minutes.iter().fold(0_u32, |sum, minute| sum.wrapping_add(minute.incomplete)).cast_signed();
        append(&format!("last hour {}", format::money_at_least(Some(hour), incomplete > 0)), styling.dim());
    }
    let unpriced = totals.calls.saturating_sub(totals.priced);
    if unpriced > 0 {
        append(&format!("{} unpriced", format::count(u64::from(unpriced))), styling.running());
    }
    if app.budgets.is_total_exceeded() {
        append("over budget", styling.error());
    }
    let lines = Rect { y: inner.y + 1, height: inner.height.saturating_sub(1), ..inner };
    let ranks_by = |by, count: usize, kind| {
        let (ranks, all) = app.aggregates.ranked(store, by, count);
        let rank = |(name, cost, group): (Symbol, NanoUsd, &Group)| Rank {
            name: model_name(store, name),
            amount: u64::try_from(cost).unwrap_or(0),
            text: format::align_money(&display::cost(&group.usage)),
            style: styling.span_type(kind),
        };
        (ranks.into_iter().map(rank).collect::<Vec<_>>(), all)
    };
    let count = usize::from(lines.height);
    if !has_agents {
        let (ranks, all) = ranks_by(Ranked::ModelCost, count, SpanType::Model);
        put_more(buffer, area.right().saturating_sub(1), area.bottom() - 1, all - ranks.len(), styling);
        return draw_ranks(buffer, lines, &ranks, name_width(lines.width, &ranks), styling);
    }
    // Models get half of the lines below the headings, and all that the agents leave free.
    let count = count.saturating_sub(2);
    let (mut models, all_models) = ranks_by(Ranked::ModelCost, count, SpanType::Model);
    let (mut agents, all_agents) = ranks_by(Ranked::AgentCost, count, SpanType::Agent);
    agents.truncate((count / 2).max(count.saturating_sub(models.len())));
    models.truncate(count - agents.len());
    let names = name_width(lines.width, &models).max(name_width(lines.width, &agents));
    let mut y = lines.y;
    for (title, ranks, all) in [("by model", models, all_models), ("by agent", agents, all_agents)] {
        if ranks.is_empty() {
            continue;
        }
        put(buffer, lines.x, y, lines.width, title, styling.dim());
        put_more(buffer, lines.right() + 1, y, all - ranks.len(), styling);
        draw_ranks(buffer, Rect { y: y + 1, height: ranks.len() as u16, ..lines }, &ranks, names, styling);
        y += 1 + ranks.len() as u16;
    }
}

/// Draws the time breakdown of the trace under the cursor, and percentiles by agents, models and tools.
pub(super) fn draw_latency(buffer: &mut Buffer, area: Rect, app: &App, store: &Store, styling: Styling) {
    if area.is_empty() {
        return;
    }
    let inner = draw_frame(buffer, area, "Latency", app, styling);
    let lines = [(By::Agent, "agents", SpanType::Agent), (By::Model, "models", SpanType::Model), (By::Tool, "tools", SpanType::Tool)];
    // The breakdown gives way to the heading and the lines. Another view does not show which trace it is about.
    let is_of_seen_trace = app.view() == View::Traces || app.aggregates.is_trace_only;
    let has_breakdown = usize::from(inner.height) > 1 + lines.len() && is_of_seen_trace;
    if let Some(breakdown) = app.aggregates.time_breakdown().filter(|_| has_breakdown) {
        draw_breakdown(buffer, inner, breakdown, app.aggregates.is_trace_only, styling);
    }
    let heading = inner.y + u16::from(has_breakdown);
    let columns = usize::from(inner.width.saturating_sub(8) / TIME).min(5);
    for (at, head) in ["p50", "p95", "p99", "max", "calls"].iter().take(columns).enumerate() {
        put_right(buffer, inner.x + 8 + TIME * (at as u16 + 1), heading, TIME, head, styling.dim());
    }
    let first = heading + 1;
    let stats = app.aggregates.stats(store);
    for (y, (by, name, kind)) in (first..inner.bottom()).zip(lines) {
        put(buffer, inner.x, y, 8, name, styling.span_type(kind));
        let times = stats.times(by);
        let texts = [times.quantile(500), times.quantile(950), times.quantile(990), times.max()]
            .map(|time| time.map_or_else(|| "–".to_owned(), format::duration))
            .into_iter()
            .chain([format::tokens(Some(times.count()))]);
        for (at, text) in texts.take(columns).enumerate() {
            put_right(buffer, inner.x + 8 + TIME * (at as u16 + 1), y, TIME, &text, Style::new());
        }
    }
}

/// Draws the shares of models, tools and the rest in the time of the trace; without room, the two largest. Unless all of the pane is about
/// that trace, they are told to be.
fn draw_breakdown(buffer: &mut Buffer, area: Rect, breakdown: &TimeBreakdown, is_trace_only: bool, styling: Styling) {
    let total = breakdown.total();
    if total <= 0 {
        return;
    }
    let mut parts = vec![
        ("model", breakdown.model, styling.span_type(SpanType::Model)),
        ("tool", breakdown.tool, styling.span_type(SpanType::Tool)),
        ("rest", breakdown.other, styling.dim()),
    ];
    let text = |(name, part, _): &(&str, i64, Style)| format!("{name} {}", format::percent(part.unsigned_abs(), total.unsigned_abs()));
    let prefix = if is_trace_only { "" } else { "this trace: " };
    let width = parts.iter().map(|part| format::width(&text(part)) + 2).sum::<usize>() - 2;
    let mut gap = 2;
    if format::width(prefix) + width > usize::from(area.width) {
        let smallest = parts.iter().enumerate().rev().min_by_key(|(_, (_, part, _))| *part).map(|(at, _)| at);
        if let Some(at) = smallest {
            parts.remove(at);
        }
        gap = 1;
    }
    let mut x = put(buffer, area.x, area.y, area.width, prefix, styling.dim());
    for part in &parts {
        x = put(buffer, x, area.y, area.right().saturating_sub(x), &text(part), part.2) + gap;
    }
}

/// Draws the frame of a pane; returns the area inside.
fn draw_frame(buffer: &mut Buffer, area: Rect, title: &str, app: &App, styling: Styling) -> Rect {
    let scope = match (app.aggregates.is_trace_only, app.aggregates.progress()) {
        (true, _) => " · this trace".to_owned(),
        (false, Some((done, total))) => format!(" · {} of those shown", format::percent(done as u64, total as u64)),
        (false, None) if app.tree.is_filtered() => " · shown".to_owned(),
        (false, None) => String::new(),
    };
    let inner = styling.draw_frame(buffer, area, Block::new().title(format!(" {title}{scope} ")).title_style(styling.text()), false);
    Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner }
}

/// A line of a ranking: a name with an amount.
struct Rank<'a> {
    name: &'a str,
    amount: u64,
    text: String,
    style: Style,
}

/// Returns the name of a model or an agent; only calls of models count without one.
fn model_name(store: &Store, name: Symbol) -> &str {
    if name.is_empty() { NO_MODEL } else { store.text(name) }
}

/// Writes how many ranks had no room at the right end of a line.
fn put_more(buffer: &mut Buffer, end: u16, y: u16, left_out: usize, styling: Styling) {
    if left_out > 0 {
        put_right(buffer, end, y, 12, &format!(" +{} more ", format::count(left_out as u64)), styling.text().patch(styling.dim()));
    }
}

/// The fewest cells of a bar, and the most of a name.
const MIN_BAR: u16 = 8;
const MAX_NAME: u16 = 24;

/// Returns the width of the names in a pane with these ranks: what they need, as far as their bars leave room.
fn name_width(width: u16, ranks: &[Rank<'_>]) -> u16 {
    let longest = |text: fn(&Rank<'_>) -> usize| ranks.iter().map(text).max().unwrap_or_default() as u16;
    let (needed, numbers) = (longest(|rank| format::width(&format::safe(rank.name))), longest(|rank| format::width(&rank.text)));
    needed.min(width.saturating_sub(numbers + 2 + MIN_BAR)).max(width / 3).min(MAX_NAME)
}

/// Draws the ranks that fit into `area`, one per line.
fn draw_ranks(buffer: &mut Buffer, area: Rect, ranks: &[Rank<'_>], names: u16, styling: Styling) {
    let largest = ranks.iter().map(|rank| rank.amount).max().unwrap_or_default();
    let numbers = ranks.iter().map(|rank| format::width(&rank.text) as u16).max().unwrap_or_default();
    let bars = area.width.saturating_sub(names + numbers + 2);
    for (y, rank) in (area.y..area.bottom()).zip(ranks) {
        put(buffer, area.x, y, names, rank.name, Style::new());
        put(buffer, area.x + names + 1, y, bars, &gauge(rank.amount, largest, usize::from(bars), styling.glyphs()), rank.style);
        put_right(buffer, area.right(), y, numbers, &rank.text, Style::new());
    }
}

#[cfg(test)]
mod tests {
    use super::{Totals, columns, in_out};

    #[test]
    fn the_part_from_a_cache_gets_a_line_of_its_own_where_large_numbers_leave_no_room() {
        let totals =
            |tokens| Totals { input: tokens, inputs: 1, output: tokens / 3, outputs: 1, cache_read: tokens / 2, ..Totals::default() };
        assert_eq!(in_out(&totals(900), 28), ("900 in (50% cached), 300 out".to_owned(), None));
        assert_eq!(in_out(&totals(90_000_000), 26), ("90.0M in, 30.0M out".to_owned(), Some("50% of the input cached".to_owned())));
        assert_eq!(in_out(&Totals { cache_read: 0, ..totals(90_000_000) }, 10), ("90.0M in, 30.0M out".to_owned(), None));
    }

    #[test]
    fn columns_keep_every_minute() {
        let minutes: Vec<u64> = (1..=60).collect();
        assert_eq!(columns(&minutes, 60), minutes);
        assert_eq!(columns(&minutes, 100), minutes);
        assert_eq!(columns(&minutes, 21).len(), 20);
        assert_eq!((columns(&minutes, 21)[0], columns(&minutes, 21)[19]), (1 + 2 + 3, 58 + 59 + 60));
        assert_eq!(columns(&minutes, 8)[0], 1 + 2 + 3 + 4, "eight minutes per column, except in the first");
        assert_eq!(columns(&minutes, 0), [60 * 61 / 2]);
        for cells in 1..70 {
            assert!(columns(&minutes, cells).len() <= cells);
            assert_eq!(columns(&minutes, cells).iter().sum::<u64>(), 60 * 61 / 2);
        }
    }
}
