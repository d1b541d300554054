//! The first line: the sources in short, and the sums over everything. In full the sources are told in a layer of their own.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::put;
use super::styling::Styling;
use crate::format;
use crate::sources::{Forwarding, State, Traffic};
use crate::store::Store;
use crate::tui::app::{App, SourceView};
use crate::tui::widget::sparkline;

/// A stretch of text and its looks.
type Part = (String, Style);

/// How much is told of a source at most: 0 is its sign, its name and what is wrong.
const FULL: usize = 3;

/// How much of what is nice to have gives way, step by step, where sources have more to tell than there is room for.
const YIELDS: u8 = 3;

/// The rank of what listens; what is wrong comes before it.
const LISTENS: u8 = 1;

/// The rank of what is only waited for, the last.
const AWAITED: u8 = 3;

/// From this width on the program's name is there.
const NAMED_FROM: u16 = 60;

/// Cells between two sources.
const GAP: u16 = 2;

pub(super) fn draw(buffer: &mut Buffer, area: Rect, app: &App, store: &Store, theme: Styling) {
    if area.height == 0 {
        return;
    }
    let sources = ranked(app);
    let name = if area.width < NAMED_FROM { " " } else { " agno-top  " };
    let room = |sums: &[Part]| area.width.saturating_sub(width(sums) + name.len() as u16 + 1);
    // Every source is to be named, and trouble and what listens must be seen: sums of less weight make room for them.
    let [all, weighty] = [u8::MAX, LISTENS].map(|last| needed(&sources, last, theme));
    let weighty = if weighty < all { weighty.saturating_add(note(sources.len())) } else { all };
    let sums = |yields| sums(app, store, area.width, yields, theme);
    let wanted = (0..YIELDS).map(|yields| (yields, all)).chain((0..YIELDS).map(|yields| (yields, weighty)));
    let fitting = wanted.map(|(yields, needed)| (sums(yields), needed)).find(|(sums, needed)| room(sums) >= *needed);
    let sums = fitting.map_or_else(|| sums(YIELDS), |(sums, _)| sums);
    put(buffer, area.x, area.y, area.width, name, theme.title());
    let (shown, left_out) = fitted(&sources, room(&sums), theme);
    let (mut x, end) = (area.x + name.len() as u16, area.right().saturating_sub(width(&sums)));
    let mut draw = |x: u16, parts: &[Part], end: u16| {
        parts.iter().fold(x, |x, (text, style)| put(buffer, x, area.y, end.saturating_sub(x), text, *style))
    };
    for parts in &shown {
        x = draw(x, parts, end.saturating_sub(1)) + GAP;
    }
    if left_out > 0 {
        draw(x, &[(format!("+{left_out}"), theme.dim())], end.saturating_sub(1));
    }
    draw(end.max(area.x), &sums, area.right());
}

/// The sources: what is wrong comes first, then what listens, what reads, and last what is only waited for.
pub(super) fn ranked(app: &App) -> Vec<&SourceView> {
    let mut sources: Vec<&SourceView> = app.sources.iter().collect();
    sources.sort_by_key(|source| rank(source));
    sources
}

fn rank(source: &SourceView) -> u8 {
    let Traffic { forwards, ports, .. } = &source.traffic;
    match &source.state {
        State::Failing(_) => 0,
        _ if forwards.iter().any(is_troubled) => 0,
        _ if !ports.is_empty() => LISTENS,
        State::Waiting(_) => AWAITED,
        _ => 2,
    }
}

/// How much is to be told of a source if others are to be named too.
fn level_wanted(source: &SourceView) -> usize {
    usize::from(rank(source) <= LISTENS)
}

/// Cells for the sources up to a rank: trouble, and what listens, with their numbers, and the names of others.
fn needed(sources: &[&SourceView], last: u8, theme: Styling) -> u16 {
    let told = |source: &&SourceView| told(source, level_wanted(source), theme);
    let parts: Vec<_> = sources.iter().filter(|source| rank(source) <= last).map(told).collect();
    breadth(&parts)
}

/// Cells of sources side by side.
fn breadth(sources: &[Vec<Part>]) -> u16 {
    sources.iter().map(|parts| width(parts).saturating_add(GAP)).fold(0, u16::saturating_add).saturating_sub(GAP)
}

/// As many sources as there is room for, each told of as much as can be, the first before others; and how many are left out.
fn fitted(sources: &[&SourceView], room: u16, theme: Styling) -> (Vec<Vec<Part>>, usize) {
    // What is only waited for gives way to the numbers of what is wrong and of what listens; else these give way to names.
    let known = sources.iter().filter(|source| rank(source) < AWAITED).count().max(1);
    let mut shown = first(sources, level_wanted, room, theme);
    if shown.len() < known {
        shown = first(sources, |_| 0, room, theme);
    }
    if let (true, Some(source)) = (shown.is_empty(), sources.first()) {
        shown.push(told(source, 0, theme));
    }
    let left_out = sources.len() - shown.len();
    let mut used = breadth(&shown).saturating_add(note(left_out));
    for level in 1..=FULL {
        for (source, parts) in sources.iter().zip(&mut shown) {
            let more = told(source, level, theme);
            let cells = used.saturating_sub(width(parts)).saturating_add(width(&more));
            if cells <= room {
                (*parts, used) = (more, cells);
            }
        }
    }
    (shown, left_out)
}

/// The first sources, as many as there is room for beside the number of the others.
fn first(sources: &[&SourceView], level: fn(&SourceView) -> usize, room: u16, theme: Styling) -> Vec<Vec<Part>> {
    let (mut shown, mut used, mut count) = (Vec::new(), 0_u16, 0);
    for source in sources {
        let parts = told(source, level(source), theme);
        used = used.saturating_add(width(&parts));
        if used > room {
            break;
        }
        shown.push(parts);
        if used.saturating_add(note(sources.len() - shown.len())) <= room {
            count = shown.len();
        }
        used = used.saturating_add(GAP);
    }
    shown.truncate(count);
    shown
}

/// Cells of the number of sources left out.
fn note(left_out: usize) -> u16 {
    if left_out == 0 { 0 } else { GAP + format!("+{left_out}").len() as u16 }
}

fn width(parts: &[Part]) -> u16 {
    let cells: usize = parts.iter().map(|(text, _)| format::width(&format::safe(text))).sum();
    u16::try_from(cells).unwrap_or(u16::MAX)
}

/// What is told of a source at a level of detail.
fn told(source: &SourceView, level: usize, theme: Styling) -> Vec<Part> {
    let (sign, style) = sign(source, theme);
    let name = format::safe(&source.name);
    let mut parts =
        vec![(format!("{sign} "), style), (format::fit_end(&name, [16, 24, 40, usize::MAX][level.min(FULL)]).into_owned(), theme.title())];
    let mut part = |text: &str, style| parts.push((format!(" {text}"), style));
    match &source.state {
        State::Loading { done, total } if *total > 0 => part(&format!("loading {}", format::percent(*done, *total)), style),
        State::Watching { left_out } if *left_out > 0 && level > 0 => part(&format!("{} older left out", format::count(*left_out)), style),
        State::Waiting(why) if level == FULL => part(&beside_name(source, why), style),
        State::Waiting(_) if level > 0 => part("awaited", style),
        State::Failing(why) if source.traffic.ports.is_empty() && level > 0 => {
            let why = beside_name(source, why);
            part(&format::fit(&format::safe(&why), [0, 24, 48, usize::MAX][level.min(FULL)]), style);
        }
        _ => {}
    }
    for (text, style) in listening(&source.traffic, level, theme) {
        part(&text, style);
    }
    parts
}

/// A source's symbol and its colour.
pub(super) fn sign(source: &SourceView, theme: Styling) -> (&'static str, Style) {
    match &source.state {
        State::Watching { .. } => ("●", theme.good()),
        State::Ended => ("■", theme.dim()),
        State::Loading { .. } => ("◔", theme.running()),
        State::Waiting(_) => ("○", theme.running()),
        State::Failing(_) => ("✗", theme.error()),
    }
}

/// How a listener is: where it can't listen, who reaches it, how passing on goes, and what it did not show as spans.
fn listening(traffic: &Traffic, level: usize, theme: Styling) -> Vec<Part> {
    let mut parts = Vec::new();
    for taken in [true, false] {
        let failed = traffic.ports.iter().filter_map(|port| Some((port.address.port(), port.trouble.as_ref()?)));
        let (numbers, flags): (Vec<_>, Vec<_>) =
            failed.filter(|(_, trouble)| trouble.taken == taken).map(|(port, trouble)| (format!(":{port}"), trouble.flag)).unzip();
        if !numbers.is_empty() {
            let what = if taken { "taken" } else { "failed" };
            let way_out = if level > 1 { format!(", use {} ADDR", flags.join(", ")) } else { String::new() };
            parts.push((format!("{} {what}{way_out}", numbers.join(" ")), theme.error()));
        }
    }
    if traffic.ports.iter().any(|port| port.warning.is_some()) {
        parts.push((if level > 0 { "open to others" } else { "open" }.to_owned(), theme.running()));
    }
    parts.extend(passing_on(&traffic.forwards, level, theme));
    if level > 1 {
        let mut part = |count: u64, what: &str, style| {
            if count > 0 {
                parts.push((format!("{} {what}", format::count(count)), style));
            }
        };
        part(traffic.refused, "refused", theme.error());
        part(traffic.rejected, "spans rejected", theme.error());
        part(traffic.put_off, "put off", theme.running());
        if level == FULL {
            part(traffic.logs + traffic.metrics, "logs and metrics dropped", theme.dim());
        }
    }
    parts
}

/// The endpoints taken together: how many there are, whether it goes wrong, and from level 1 on the numbers.
fn passing_on(forwards: &[Forwarding], level: usize, theme: Styling) -> Vec<Part> {
    if forwards.is_empty() {
        return Vec::new();
    }
    let mut parts = vec![(if forwards.len() == 1 { "→".to_owned() } else { format!("→{}", forwards.len()) }, theme.dim())];
    let is_troubled = forwards.iter().any(is_troubled);
    if is_troubled {
        parts.push(("✗".to_owned(), theme.error()));
    }
    let sum = |count: fn(&Forwarding) -> u64| forwards.iter().map(count).sum::<u64>();
    let dropped = sum(|forward| forward.dropped);
    if level > 0 {
        let (sent, waiting) = (sum(|forward| forward.sent), sum(|forward| forward.waiting));
        let style = if is_troubled { theme.error() } else { theme.dim() };
        parts.push((format!("{} sent {} waiting", format::count(sent), format::count(waiting)), style));
    }
    if dropped > 0 || level > 1 {
        let style = if dropped > 0 { theme.error() } else { theme.dim() };
        parts.push((format!("{} dropped", format::count(dropped)), style));
    }
    parts
}

/// Whether the last attempt to pass something on failed.
fn is_troubled(forward: &Forwarding) -> bool {
    forward.trouble.is_some()
}

/// What a source says, where its name stands already.
pub(super) fn beside_name(source: &SourceView, why: &str) -> String {
    why.strip_prefix(&source.name).map_or(why, |rest| rest.trim_start_matches([':', ' '])).to_owned()
}

/// The sums over everything, less what gives way: the rate, then tokens and money, then the number of spans.
fn sums(app: &App, store: &Store, width: u16, yields: u8, theme: Styling) -> Vec<Part> {
    let all = store.all();
    let (plain, dim) = (Style::new(), theme.dim());
    let mut parts = vec![(format::plural(store.trace_count() as u64, "trace"), plain)];
    if yields < 3 {
        parts.push((" · ".to_owned(), dim));
        parts.push((format::plural(u64::from(all.spans), "span"), plain));
    }
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
    if width >= 100 && yields < 2 {
        parts.push((format!("   {} tok", format::tokens(all.tokens())), plain));
        if all.cost().is_some() {
            parts.push((format!("  {}", format::money(all.cost())), plain));
        }
    }
    if width >= 120 && yields < 1 {
        let rates: Vec<u64> = app.rates.iter().rev().skip(1).take(12).rev().copied().collect();
        let last = rates.last().copied().unwrap_or_default();
        parts.push((format!("  {}", sparkline(&rates, 12, theme.glyphs())), theme.good()));
        parts.push((format!(" {:>5}", format!("{last}/s")), dim));
    }
    parts.push((" ".to_owned(), plain));
    parts
}
