//! The first line: a short form of the sources, and the totals of all spans. The sources popup has the long form.
//!
//! Where there is no room for everything, details of the totals are dropped first, then details of the sources, then whole sources. Tokens and
//! cost stay as long as the names of failing sources and listeners fit, cut in the middle.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::put;
use super::styling::Styling;
use crate::format;
use crate::model::sort;
use crate::sources::{Forwarding, State, Traffic};
use crate::store::Store;
use crate::tui::app::{App, SourceView};
use crate::tui::display;
use crate::tui::widget::sparkline;

/// Text and its style.
type Part = (String, Style);

/// The highest level of detail of a source. Level 0 is its symbol, its name and its errors.
const MAX_DETAIL: usize = 3;

/// Steps by which the totals can be shortened in favour of the sources.
const MAX_CUTS: u8 = 5;

/// The rank of listeners; only failing sources come before them.
const LISTENER_RANK: u8 = 1;

/// The rank of sources that do not exist yet, the last.
const WAITING_RANK: u8 = 3;

/// The smallest width of a screen that shows the program's name.
const NAME_MIN_WIDTH: u16 = 60;

/// The width of a name that is never shortened.
const SHORT_NAME: usize = 10;

/// Cells between two sources, and before the totals.
const GAP: u16 = 2;

pub(super) fn draw(buffer: &mut Buffer, area: Rect, app: &App, store: &Store, styling: Styling) {
    if area.height == 0 {
        return;
    }
    let sources = ranked(app);
    let name = if area.width < NAME_MIN_WIDTH { " " } else { " agno-top  " };
    let gap = if area.width < NAME_MIN_WIDTH { 1 } else { GAP };
    let room = |totals: &[Part]| area.width.saturating_sub(width(totals) + name.len() as u16 + gap);
    // Every source should be named; failing sources and listeners must be, so the totals make room for them.
    let [all, ranked_width] = [u8::MAX, LISTENER_RANK].map(|last| width_needed(&sources, last, detail_beside_others, styling));
    let first = sources.first().map_or(0, |source| width(&describe(source, 0, styling)));
    let shortest = width_needed(&sources, LISTENER_RANK, |_| 0, styling).max(first);
    let shortest = if sources.len() > 1 { shortest.saturating_add(overflow_width(sources.len())) } else { shortest };
    let ranked_width = if ranked_width < all { ranked_width.saturating_add(overflow_width(sources.len())) } else { all };
    let ranked_width = ranked_width.max(first);
    let totals = |cuts| totals(app, store, area.width, cuts, styling);
    let with_tokens = MAX_CUTS - 1;
    let attempts = (0..with_tokens).map(|cuts| (cuts, all)).chain((0..with_tokens).map(|cuts| (cuts, ranked_width)));
    let attempts = attempts.chain([(with_tokens - 1, shortest)]).chain([all, ranked_width, shortest].map(|needed| (with_tokens, needed)));
    let fitting =
        attempts.map(|(cuts, width_needed)| (totals(cuts), width_needed)).find(|(totals, width_needed)| room(totals) >= *width_needed);
    let totals = fitting.map_or_else(|| totals(MAX_CUTS), |(totals, _)| totals);
    put(buffer, area.x, area.y, area.width, name, styling.title());
    let (shown, left_out) = fit_sources(&sources, room(&totals), styling);
    let (mut x, end) = (area.x + name.len() as u16, area.right().saturating_sub(width(&totals)));
    let mut draw = |x: u16, parts: &[Part], end: u16| {
        parts.iter().fold(x, |x, (text, style)| put(buffer, x, area.y, end.saturating_sub(x), text, *style))
    };
    for parts in &shown {
        x = draw(x, parts, end.saturating_sub(gap)) + GAP;
    }
    if left_out > 0 {
        draw(x, &[(format!("+{left_out}"), styling.dim())], end.saturating_sub(gap));
    }
    draw(end.max(area.x), &totals, area.right());
}

/// Returns the sources in order: failing ones, listeners, readers, and last those that do not exist yet.
pub(super) fn ranked(app: &App) -> Vec<&SourceView> {
    let mut sources: Vec<&SourceView> = app.sources.iter().collect();
    sort::by_key(&mut sources, |source| rank(source));
    sources
}

fn rank(source: &SourceView) -> u8 {
    let Traffic { forwards, ports, .. } = &source.traffic;
    match &source.state {
        State::Failing(_) => 0,
        _ if forwards.iter().any(is_failing) => 0,
        _ if !ports.is_empty() => LISTENER_RANK,
        State::Waiting(_) => WAITING_RANK,
        _ => 2,
    }
}

/// Returns the level of detail that a source needs beside others.
fn detail_beside_others(source: &SourceView) -> usize {
    usize::from(rank(source) <= LISTENER_RANK)
}

/// Returns the cells that the sources up to a rank need.
fn width_needed(sources: &[&SourceView], last: u8, level: fn(&SourceView) -> usize, styling: Styling) -> u16 {
    let describe = |source: &&SourceView| describe(source, level(source), styling);
    let parts: Vec<_> = sources.iter().filter(|source| rank(source) <= last).map(describe).collect();
    total_width(&parts)
}

/// Returns the cells of sources side by side.
fn total_width(sources: &[Vec<Part>]) -> u16 {
    sources.iter().map(|parts| width(parts).saturating_add(GAP)).fold(0, u16::saturating_add).saturating_sub(GAP)
}

/// Returns the sources that fit into `room` cells, the first ones in most detail, and the number of those left out.
fn fit_sources(sources: &[&SourceView], room: u16, styling: Styling) -> (Vec<Vec<Part>>, usize) {
    // The numbers of failing sources and listeners are worth more than the names of waiting sources, but less than other names.
    let known = sources.iter().filter(|source| rank(source) < WAITING_RANK).count().max(1);
    let mut shown = leading_sources(sources, detail_beside_others, room, styling);
    if shown.len() < known {
        shown = leading_sources(sources, |_| 0, room, styling);
    }
    if let (true, Some(source)) = (shown.is_empty(), sources.first()) {
        shown.push(describe(source, 0, styling));
    }
    let left_out = sources.len() - shown.len();
    let mut used = total_width(&shown).saturating_add(overflow_width(left_out));
    for level in 1..=MAX_DETAIL {
        for (source, parts) in sources.iter().zip(&mut shown) {
            let more = describe(source, level, styling);
            let cells = used.saturating_sub(width(parts)).saturating_add(width(&more));
            if cells <= room {
                (*parts, used) = (more, cells);
            }
        }
    }
    (shown, left_out)
}

/// Returns as many of the first sources as fit beside the number of the others.
fn leading_sources(sources: &[&SourceView], level: fn(&SourceView) -> usize, room: u16, styling: Styling) -> Vec<Vec<Part>> {
    let (mut shown, mut used, mut count) = (Vec::new(), 0_u16, 0);
    for source in sources {
        let parts = describe(source, level(source), styling);
        used = used.saturating_add(width(&parts));
        if used > room {
            break;
        }
        shown.push(parts);
        if used.saturating_add(overflow_width(sources.len() - shown.len())) <= room {
            count = shown.len();
        }
        used = used.saturating_add(GAP);
    }
    shown.truncate(count);
    shown
}

/// Returns the cells of the number of sources left out.
fn overflow_width(left_out: usize) -> u16 {
    if left_out == 0 { 0 } else { GAP + format!("+{left_out}").len() as u16 }
}

fn width(parts: &[Part]) -> u16 {
    let cells: usize = parts.iter().map(|(text, _)| format::width(&format::safe(text))).sum();
    u16::try_from(cells).unwrap_or(u16::MAX)
}

/// Describes a source at a level of detail.
fn describe(source: &SourceView, level: usize, styling: Styling) -> Vec<Part> {
    let (symbol, style) = state_symbol(source, styling);
    let name = format::safe(&source.name);
    // Of a path, its end says most.
    let is_path = level == 0 && !name.contains("://") && format::width(&name) > SHORT_NAME;
    let name = if is_path { name.rsplit(['/', '\\']).next().unwrap_or(&name) } else { &name };
    let mut parts = vec![
        (format!("{symbol} "), style),
        (format::fit_middle(name, [16, 24, 40, usize::MAX][level.min(MAX_DETAIL)]).into_owned(), styling.title()),
    ];
    let mut part = |text: &str, style| parts.push((format!(" {text}"), style));
    match &source.state {
        State::Loading { done, total } if *total > 0 => part(&format!("loading {}", format::percent(*done, *total)), style),
        State::Watching { left_out } if *left_out > 0 && level > 0 => part(&format!("{} older left out", format::count(*left_out)), style),
        State::WatchingNewest { left_out } if level > 0 => part(&format!("{} left out", format::plural(*left_out, "older trace")), style),
        State::Waiting(reason) if level == MAX_DETAIL => part(source.without_name(reason), style),
        State::Waiting(_) if level > 0 => part("waiting", style),
        State::Failing(reason) if source.traffic.ports.is_empty() && level > 0 => {
            let reason = source.without_name(reason).to_owned();
            part(&format::fit(&format::safe(&reason), [0, 24, 48, usize::MAX][level.min(MAX_DETAIL)]), style);
        }
        _ => {}
    }
    for (text, style) in describe_listener(&source.traffic, level, styling) {
        part(&text, style);
    }
    parts
}

/// Returns the symbol of a source's state and its style.
pub(super) fn state_symbol(source: &SourceView, styling: Styling) -> (&'static str, Style) {
    match &source.state {
        State::Watching { .. } | State::WatchingNewest { .. } if source.traffic.failure.is_some() => ("✗", styling.error()),
        State::Watching { .. } | State::WatchingNewest { .. } => ("●", styling.good()),
        State::Ended => ("■", styling.dim()),
        State::Loading { .. } => ("◔", styling.running()),
        State::Waiting(_) => ("○", styling.running()),
        State::Failing(_) => ("✗", styling.error()),
    }
}

/// Describes a listener: failed ports, open ports, forwarding, and requests without spans.
fn describe_listener(traffic: &Traffic, level: usize, styling: Styling) -> Vec<Part> {
    let mut parts = Vec::new();
    for is_in_use in [true, false] {
        let failed = traffic.ports.iter().filter_map(|port| Some((port.address.port(), port.error.as_ref()?)));
        let (numbers, flags): (Vec<_>, Vec<_>) =
            failed.filter(|(_, error)| error.is_in_use == is_in_use).map(|(port, error)| (format!(":{port}"), error.flag)).unzip();
        if !numbers.is_empty() {
            let label = if is_in_use { "taken" } else { "failed" };
            let hint = if level > 1 { format!(", use {} ADDR", flags.join(", ")) } else { String::new() };
            parts.push((format!("{} {label}{hint}", numbers.join(" ")), styling.error()));
        }
    }
    if traffic.ports.iter().any(|port| port.warning.is_some()) {
        let (token, style) = if traffic.has_token { (" with the token", styling.dim()) } else { ("", styling.running()) };
        parts.push((if level > 0 { format!("open to others{token}") } else { "open".to_owned() }, style));
    }
    if let Some(path) = traffic.recording.as_ref().filter(|_| level > 0) {
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let into = if level > 1 { format!(" into {}", format::safe(&name)) } else { String::new() };
        parts.push((format!("recording{into}"), styling.dim()));
    }
    parts.extend(describe_forwarding(&traffic.forwards, level, styling));
    if let Some(failure) = traffic.failure.as_ref().filter(|_| level > 0) {
        parts.push((format::fit(&format::safe(failure), [0, 40, 60, usize::MAX][level.min(MAX_DETAIL)]).into_owned(), styling.error()));
    }
    if level > 1 {
        let mut part = |count: u64, label: &str, style| {
            if count > 0 {
                parts.push((format!("{} {label}", format::count(count)), style));
            }
        };
        part(traffic.refused, "refused", styling.error());
        part(traffic.rejected_spans, "spans rejected", styling.error());
        part(traffic.deferred, "put off", styling.running());
        part(traffic.turned_away, "connections turned away", styling.error());
        if level == MAX_DETAIL {
            part(traffic.logs, "logs", styling.dim());
            part(traffic.metrics, "points of metrics", styling.dim());
        }
    }
    parts
}

/// Describes all forwarding endpoints together; their request counts from level 1 on.
fn describe_forwarding(forwards: &[Forwarding], level: usize, styling: Styling) -> Vec<Part> {
    if forwards.is_empty() {
        return Vec::new();
    }
    let mut parts = vec![(if forwards.len() == 1 { "→".to_owned() } else { format!("→{}", forwards.len()) }, styling.dim())];
    let is_failing = forwards.iter().any(is_failing);
    if is_failing {
        parts.push(("✗".to_owned(), styling.error()));
    }
    let sum = |count: fn(&Forwarding) -> u64| forwards.iter().map(count).sum::<u64>();
    let dropped = sum(|forward| forward.dropped);
    if level > 0 {
        let (sent, waiting) = (sum(|forward| forward.sent), sum(|forward| forward.waiting));
        let style = if is_failing { styling.error() } else { styling.dim() };
        parts.push((format!("{} sent {} waiting", format::count(sent), format::count(waiting)), style));
    }
    if dropped > 0 || level > 1 {
        let style = if dropped > 0 { styling.error() } else { styling.dim() };
        parts.push((format!("{} dropped", format::count(dropped)), style));
    }
    parts
}

/// Whether the last attempt to forward a request failed.
fn is_failing(forward: &Forwarding) -> bool {
    forward.error.is_some()
}

/// Returns the totals of what the filter shows. Cuts drop the rate first, then failed steps, the number of spans,
/// tokens, and the cost.
fn totals(app: &App, store: &Store, width: u16, cuts: u8, styling: Styling) -> Vec<Part> {
    let shown = app.aggregates.shown(store);
    let (all, runs) = (shown.totals(), shown.runs());
    let (plain, dim) = (Style::new(), styling.dim());
    let count = format::plural(store.trace_count() as u64, "trace");
    let mut parts = if app.tree.is_filtered() {
        vec![("filtered: ".to_owned(), styling.running()), (format!("{} of {count}", format::count(app.tree.len() as u64)), plain)]
    } else {
        vec![(count, plain)]
    };
    if cuts < 3 {
        parts.push((" · ".to_owned(), dim));
        parts.push((format::plural(u64::from(all.spans), "span"), plain));
    }
    let mut push_count = |count: u64, label: &str, style| {
        if count > 0 {
            parts.push((" · ".to_owned(), dim));
            parts.push((format!("{} {label}", format::count(count)), style));
        }
    };
    push_count(app.running_traces(store) as u64, "running", styling.running());
    push_count(u64::from(all.lost), if all.lost == 1 { "span lost" } else { "spans lost" }, dim);
    let mut push_plural = |count: u32, label: &str, style| {
        push_count(count.into(), &format!("{label}{}", if count == 1 { "" } else { "s" }), style);
    };
    push_plural(runs.failed, "failed run", styling.error());
    if width >= 100 && cuts < 2 {
        push_plural(all.failed, "failed step", styling.error());
    }
    push_count(u64::from(runs.paused), "paused", styling.running());
    push_count(u64::from(runs.cut), "cut", styling.running());
    let losses = store.losses();
    push_count(losses.evicted, "evicted", dim);
    push_count(losses.refused, "refused", styling.error());
    push_count(losses.skipped, "skipped", styling.error());
    let cost = all.cost().filter(|_| cuts < MAX_CUTS).map(|_| display::cost(all));
    if cuts < MAX_CUTS - 1 || (cuts < MAX_CUTS && cost.is_none()) {
        parts.push((format!("   {} tok", display::tokens(all)), plain));
    }
    parts.extend(cost.map(|cost| (format!("  {cost}"), plain)));
    if width >= 120 && cuts < 1 {
        let rates: Vec<u64> = app.rates.iter().rev().skip(1).take(12).rev().copied().collect();
        let last = rates.last().copied().unwrap_or_default();
        parts.push((format!("  {}", sparkline(&rates, 12, styling.glyphs())), styling.good()));
        parts.push((format!(" {:>11}", format!("{last} spans/s")), dim));
    }
    parts.push((" ".to_owned(), plain));
    parts
}
