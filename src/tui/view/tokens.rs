//! The tokens pane: tokens in and out, by model, and in the last hour.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::rankings::{self, Rank};
use super::styling::Styling;
use super::{put, put_right};
use crate::format;
use crate::model::SpanType;
use crate::store::{By, Store, Totals};
use crate::tui::app::App;
use crate::tui::display::{self, Shares};
use crate::tui::widget::sparkline;

/// Minutes that the sparkline covers.
const HOUR: i64 = 60;

pub(super) fn draw(buffer: &mut Buffer, area: Rect, app: &App, store: &Store, styling: Styling) {
    if area.is_empty() {
        return;
    }
    let inner = rankings::draw_frame(buffer, area, "Tokens", app, styling);
    let stats = app.aggregates.stats(store);
    put(buffer, inner.x, inner.y, inner.width, &in_out(stats.totals(), usize::from(inner.width)), Style::new());
    let minutes: Vec<u64> = stats.minutes(app.now, HOUR).iter().map(|minute| minute.tokens).collect();
    let has_sparkline = inner.height > 2 && minutes.iter().any(|&tokens| tokens > 0);
    let lines = inner.height.saturating_sub(1 + u16::from(has_sparkline));
    let ranks = rankings::ranked(app, store, By::Model, usize::from(lines), |group| group.usage.tokens());
    let ranks: Vec<Rank<'_>> = ranks
        .into_iter()
        .map(|(name, amount)| Rank { name, amount, text: format::tokens(Some(amount)), style: styling.span_type(SpanType::Model) })
        .collect();
    rankings::draw(buffer, Rect { y: inner.y + 1, height: lines, ..inner }, &ranks, styling);
    if has_sparkline {
        let y = inner.bottom() - 1;
        let text = format!(" {}/h", format::tokens(Some(minutes.iter().sum())));
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

/// Formats tokens in and out with as many of their shares as fit into `cells` cells.
fn in_out(totals: &Totals, cells: usize) -> String {
    let text = |shares| display::tokens_in_out(totals, |count| format::tokens(Some(count)), shares);
    let fitting = [Shares::All, Shares::CacheReads].map(text).into_iter().find(|text| format::width(text) <= cells);
    fitting.unwrap_or_else(|| text(Shares::None))
}

#[cfg(test)]
mod tests {
    use super::columns;

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
