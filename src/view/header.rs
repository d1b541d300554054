//! The first line: the sources with their states, and the sums over everything.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::theme::Theme;
use super::{put, put_right};
use crate::app::{App, SourceView};
use crate::format;
use crate::source::{State, Traffic};
use crate::store::Store;
use crate::widget::sparkline;

pub(super) fn draw(buffer: &mut Buffer, area: Rect, app: &App, store: &Store, theme: Theme) {
    if area.height == 0 {
        return;
    }
    let (y, end) = (area.y, area.right());
    let sums = sums(app, store, area.width, theme);
    let width: u16 = sums.iter().map(|(text, _)| format::width(text) as u16).sum();
    let mut x = put(buffer, area.x, y, area.width, " agno-top ", theme.title());
    let room = end.saturating_sub(width + 1);
    for (at, source) in app.sources.iter().enumerate() {
        if x + 12 >= room {
            put(buffer, x + 1, y, room.saturating_sub(x + 1), &format!("+{}", app.sources.len() - at), theme.dim());
            break;
        }
        let (symbol, style, text) = state(source, theme);
        x = put(buffer, x + 1, y, room - x - 1, symbol, style);
        x = put(buffer, x + 1, y, room.saturating_sub(x + 1), &source.name, theme.title());
        if !text.is_empty() {
            // A long story must not hide the sources behind it.
            let share = room.saturating_sub(x + 1) / (app.sources.len() - at) as u16;
            x = put(buffer, x + 1, y, share, &text, style);
        }
        for (text, style) in traffic(&source.traffic, theme) {
            x = put(buffer, x + 1, y, room.saturating_sub(x + 1), &text, style);
        }
        x += 1;
    }
    let mut x = end;
    for (text, style) in sums.iter().rev() {
        x = put_right(buffer, x, y, x.saturating_sub(area.x), text, *style);
    }
}

/// A source's symbol, its colour, and what there is to say of it.
fn state(source: &SourceView, theme: Theme) -> (&'static str, ratatui::style::Style, String) {
    match &source.state {
        State::Watching { left_out: 0 } => ("●", theme.good(), String::new()),
        State::Watching { left_out } => ("●", theme.good(), format!("{} older left out", format::count(*left_out))),
        State::Ended => ("■", theme.dim(), String::new()),
        State::Loading { done, total } => ("◔", theme.running(), format!("loading {}", format::percent(*done, *total))),
        State::Waiting(why) => ("○", theme.running(), beside_name(source, why)),
        State::Failing(why) => ("✗", theme.error(), beside_name(source, why)),
    }
}

/// What a listener did not show as spans.
fn traffic(traffic: &Traffic, theme: Theme) -> Vec<(String, ratatui::style::Style)> {
    let mut parts = Vec::new();
    let mut part = |count: u64, what: &str, style| {
        if count > 0 {
            parts.push((format!("{} {what}", format::count(count)), style));
        }
    };
    part(traffic.rejected, "spans rejected", theme.error());
    part(traffic.refused, "requests refused", theme.error());
    part(traffic.put_off, "put off", theme.running());
    part(traffic.logs + traffic.metrics, "logs and metrics dropped", theme.dim());
    for forward in &traffic.forwards {
        let trouble = forward.trouble.as_ref().map_or(String::new(), |trouble| format!(" ({trouble})"));
        let [sent, waiting, dropped] = [forward.sent, forward.waiting, forward.dropped].map(format::count);
        let style = if forward.trouble.is_some() || forward.dropped > 0 { theme.error() } else { theme.dim() };
        parts.push((format!("→ {} {sent} sent, {waiting} waiting, {dropped} dropped{trouble}", forward.url), style));
    }
    parts
}

/// What a source says, where its name stands already.
pub(super) fn beside_name(source: &SourceView, why: &str) -> String {
    why.strip_prefix(&source.name).map_or(why, |rest| rest.trim_start_matches([':', ' '])).to_owned()
}

fn sums(app: &App, store: &Store, width: u16, theme: Theme) -> Vec<(String, ratatui::style::Style)> {
    let all = store.all();
    let (plain, dim) = (ratatui::style::Style::new(), theme.dim());
    let mut parts = vec![
        (format::plural(store.trace_count() as u64, "trace"), plain),
        (" · ".to_owned(), dim),
        (format::plural(u64::from(all.spans), "span"), plain),
    ];
    let mut also = |count: u64, what: &str, style| {
        if count > 0 {
            parts.push((" · ".to_owned(), dim));
            parts.push((format!("{} {what}", format::count(count)), style));
        }
    };
    also(u64::from(all.running), "running", theme.running());
    also(u64::from(all.lost), "lost", dim);
    also(u64::from(all.errors), if all.errors == 1 { "error" } else { "errors" }, theme.error());
    let losses = store.losses();
    also(losses.evicted, "evicted", dim);
    also(losses.refused, "refused", theme.error());
    also(losses.skipped, "skipped", theme.error());
    if width >= 100 {
        parts.push((format!("   {} tok", format::tokens(all.tokens())), plain));
        if all.cost().is_some() {
            parts.push((format!("  {}", format::money(all.cost())), plain));
        }
    }
    if width >= 120 {
        let rates: Vec<u64> = app.rates.iter().rev().skip(1).take(12).rev().copied().collect();
        let last = rates.last().copied().unwrap_or_default();
        parts.push((format!("  {}", sparkline(&rates, 12, theme.glyphs())), theme.good()));
        parts.push((format!(" {:>5}", format!("{last}/s")), dim));
    }
    parts.push((" ".to_owned(), plain));
    parts
}
