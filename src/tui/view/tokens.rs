//! Tokens: in and out, by model, and in the last hour.

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
use crate::tui::widget::sparkline;

/// Minutes of the sparkline.
const HOUR: i64 = 60;

pub(super) fn draw(buffer: &mut Buffer, area: Rect, app: &App, store: &Store, theme: Styling) {
    if area.is_empty() {
        return;
    }
    let inner = rankings::framed(buffer, area, "Tokens", app, theme);
    let stats = app.aggregates.stats(store);
    put(buffer, inner.x, inner.y, inner.width, &sentence(stats.totals(), usize::from(inner.width)), Style::new());
    let minutes: Vec<u64> = stats.minutes(app.now, HOUR).iter().map(|minute| minute.tokens).collect();
    let flows = inner.height > 2 && minutes.iter().any(|&tokens| tokens > 0);
    let lines = inner.height.saturating_sub(1 + u16::from(flows));
    let ranks = rankings::ranked(app, store, By::Model, usize::from(lines), |group| group.usage.tokens());
    let ranks: Vec<Rank<'_>> = ranks
        .into_iter()
        .map(|(name, amount)| Rank { name, amount, text: format::tokens(Some(amount)), style: theme.kind(SpanType::Model) })
        .collect();
    rankings::draw(buffer, Rect { y: inner.y + 1, height: lines, ..inner }, &ranks, theme);
    if flows {
        let y = inner.bottom() - 1;
        let text = format!(" {}/h", format::tokens(Some(minutes.iter().sum())));
        let end = put_right(buffer, inner.right(), y, inner.width, &text, theme.dim());
        let columns = columns(&minutes, usize::from(end.saturating_sub(inner.x)));
        put(buffer, inner.x, y, end.saturating_sub(inner.x), &sparkline(&columns, columns.len(), theme.glyphs()), theme.good());
    }
}

/// The minutes in at most so many columns, each of as many minutes as it takes; the newest ones are last, and the first column may hold fewer.
fn columns(minutes: &[u64], cells: usize) -> Vec<u64> {
    let each = minutes.len().div_ceil(cells.max(1)).max(1);
    let mut columns: Vec<u64> = minutes.rchunks(each).map(|minutes| minutes.iter().sum()).collect();
    columns.reverse();
    columns
}

/// Tokens in and out, with as much of their parts as fits.
fn sentence(totals: &Totals, cells: usize) -> String {
    let known = |count: u64, of: u32| format::tokens((of > 0).then_some(count));
    let part =
        |part: u64, whole: u64, what: &str| if part > 0 { format!(" ({} {what})", format::percent(part, whole)) } else { String::new() };
    let (into, out) = (known(totals.input, totals.inputs), known(totals.output, totals.outputs));
    let cached = part(totals.cache_read, totals.input, "cached");
    let reasoning = part(totals.reasoning, totals.output, "reasoning");
    let whole = format!("in {into}{cached}  out {out}{reasoning}");
    let shorter = format!("in {into}{cached}  out {out}");
    let forms = [whole, shorter, format!("in {into} out {out}")];
    forms.iter().find(|form| format::width(form) <= cells).unwrap_or(&forms[2]).clone()
}

#[cfg(test)]
mod tests {
    use super::columns;

    #[test]
    fn all_minutes_fit_into_the_columns() {
        let minutes: Vec<u64> = (1..=60).collect();
        assert_eq!(columns(&minutes, 60), minutes);
        assert_eq!(columns(&minutes, 100), minutes);
        assert_eq!(columns(&minutes, 21).len(), 20);
        assert_eq!((columns(&minutes, 21)[0], columns(&minutes, 21)[19]), (1 + 2 + 3, 58 + 59 + 60));
        assert_eq!(columns(&minutes, 8)[0], 1 + 2 + 3 + 4, "eight a column, the newest in a whole one");
        assert_eq!(columns(&minutes, 0), [60 * 61 / 2]);
        for cells in 1..70 {
            assert!(columns(&minutes, cells).len() <= cells);
            assert_eq!(columns(&minutes, cells).iter().sum::<u64>(), 60 * 61 / 2);
        }
    }
}
