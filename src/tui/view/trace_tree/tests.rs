#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::columns::{BarScale, ColumnWidths, SERVICE_WIDTH, mark_lines};
use super::{HitMap, Styling, draw};
use crate::model::usage::Usage;
use crate::model::{
    Batch, LogBatch, LogRecord, Nanos, Origin, PayloadRef, SourceId, Span, SpanFacts, SpanId, SpanType, Status, Text, TraceId,
};
use crate::store::{Limits, Store};
use crate::tui::app::{Action, App, Column, Measure, Slice};
use crate::tui::widget::Axis;

const MS: Nanos = 1_000_000;

/// Names that are hard to draw: wide, joined, combining, right to left, with control characters, empty.
const NAMES: [&str; 10] = [
    "日本語のエージェント",
    "👩‍👩‍👧‍👦 👍🏽 🇩🇪",
    "e\u{301}\u{20dd}a\u{308}\u{302}o",
    "وكيل البحث",
    "סוכן\u{202e}abc",
    "\u{1b}[31mred\u{7}\u{9b}2J",
    "tab\tand\nline",
    "ﷺ ำำ ｱｲｳ",
    "\u{200b}\u{feff}",
    "",
];

/// Returns a store with one trace per name: a failed run with a tool and a model call, whose texts are all that name.
fn store(names: &[&str]) -> Store {
    let mut batch = Batch::new(SourceId(0), Origin::Live);
    for (at, name) in (0_u8..).zip(names) {
        let name = batch.intern(name);
        for (id, kind) in (1_u64..).zip([SpanType::Agent, SpanType::Tool, SpanType::Model]) {
            let facts = SpanFacts {
                span_type: kind,
                agent: name,
                tool: name,
                model: name,
                input: name,
                calls: name,
                session: name,
                project: name,
                exit_status: Some(1),
                ..SpanFacts::default()
            };
            let start = Nanos::from(at) * 100 * MS + id as Nanos * 10 * MS;
            batch.spans.push(Span {
                trace: TraceId::new([at + 1; 16]).unwrap(),
                id: SpanId::new(id.to_be_bytes()).unwrap(),
                parent: SpanId::new((id - 1).to_be_bytes()),
                start,
                end: Some(start + 70 * MS),
                status: if id == 2 { Status::Error } else { Status::Ok },
                name,
                facts: SpanFacts { usage: Some(Usage { input: Some(7), ..Usage::default() }), ..facts },
                error: name,
                payload_ref: PayloadRef(0),
                retained_bytes: 0,
            });
        }
    }
    let mut store = Store::new(Limits::default());
    store.apply(&batch, 0);
    store
}

/// Returns a span of an agent, below the one with the id before its own, with its times in milliseconds.
fn span((trace, id): (u8, u64), (start, end): (Nanos, Nanos), name: Text) -> Span {
    Span {
        trace: TraceId::new([trace; 16]).unwrap(),
        id: SpanId::new(id.to_be_bytes()).unwrap(),
        parent: SpanId::new((id - 1).to_be_bytes()),
        start: start * MS,
        end: Some(end * MS),
        status: Status::Ok,
        name,
        facts: SpanFacts { span_type: SpanType::Agent, agent: name, ..SpanFacts::default() },
        error: Text::default(),
        payload_ref: PayloadRef(0),
        retained_bytes: 0,
    }
}

fn screen(names: &[&str], width: u16, open: bool, measure: Measure) -> Buffer {
    let mut store = store(names);
    let mut app = App::new(Vec::new(), false, 0);
    app.tree.measure = measure;
    app.tree.set_height(40);
    app.tree.update(&store, &crate::store::Changes { traces: store.traces().collect(), ..Default::default() }, 0);
    if open {
        app.update(&mut store, Action::FoldAll, 0);
        app.update(&mut store, Action::CriticalPath, 0);
        app.advance_filter(&store, Slice::of(Duration::from_secs(60)));
    }
    let area = Rect::new(0, 0, width, 42);
    let mut buffer = Buffer::empty(area);
    draw(&mut buffer, &mut HitMap::default(), area, &app, &store, Styling { theme: app.themes.current(), ascii: false });
    buffer
}

#[test]
fn a_run_that_waits_for_permission_says_so_before_its_prompt() {
    let mut batch = Batch::new(SourceId(0), Origin::Live);
    let [name, input] = ["coder", "Tidy up."].map(|text| batch.intern(text));
    let mut run = Span { end: None, ..span((1, 1), (1000, 0), name) };
    (run.facts.input, run.facts.log_note.asked) = (input, Some(2000 * MS));
    batch.spans.push(run);
    let mut store = Store::new(Limits::default());
    store.apply(&batch, 10_000 * MS);
    let line = |now: Nanos| {
        let mut app = App::new(Vec::new(), false, 0);
        app.now = now;
        app.tree.set_height(4);
        app.tree.update(&store, &crate::store::Changes { traces: store.traces().collect(), ..Default::default() }, now);
        let area = Rect::new(0, 0, 140, 6);
        let mut buffer = Buffer::empty(area);
        draw(&mut buffer, &mut HitMap::default(), area, &app, &store, Styling { theme: app.themes.current(), ascii: false });
        (0..140).map(|x| buffer[(x, 2)].symbol()).collect::<String>()
    };
    let waits = line(10_000 * MS);
    assert!(waits.contains("coder waits for permission 8.0s “Tidy up.”"), "{waits}");
    assert_eq!(waits.matches("permission").count(), 1);
    let not_yet = line(2500 * MS);
    assert!(not_yet.contains("coder “Tidy up.”"), "{not_yet}");
}

#[test]
fn odd_names_do_not_move_the_columns() {
    let plain = NAMES.map(|_| "a plain name");
    for width in (1..60).chain([80, 104, 120, 200, 260]) {
        for (open, measure) in [(false, Measure::Time), (true, Measure::Time), (true, Measure::Tokens)] {
            let (strange, usual) = (screen(&NAMES, width, open, measure), screen(&plain, width, open, measure));
            let columns = ColumnWidths::new(width.saturating_sub(2), false, false, false, &Column::USUAL);
            for (x, y) in (0..42).flat_map(|y| (1 + columns.tree..width).map(move |x| (x, y))) {
                let (found, expected) = (&strange[(x, y)], &usual[(x, y)]);
                assert_eq!(found.symbol(), expected.symbol(), "at {x}, {y} of {width} columns");
            }
        }
    }
}

proptest! {
    #[test]
    fn any_name_stays_in_its_column(name in any::<String>(), width in 1_u16..150) {
        let strange = screen(&[&name], width, true, Measure::Time);
        let usual = screen(&["x"], width, true, Measure::Time);
        let columns = ColumnWidths::new(width.saturating_sub(2), false, false, false, &Column::USUAL);
        for (x, y) in (0..6).flat_map(|y| (1 + columns.tree..width).map(move |x| (x, y))) {
            prop_assert_eq!(strange[(x, y)].symbol(), usual[(x, y)].symbol());
        }
    }
}

/// Returns the titles over the bars.
fn titles(actions: &[Action], width: u16) -> String {
    let mut store = store(&["a", "b"]);
    let mut app = App::new(Vec::new(), false, 0);
    app.tree.set_height(10);
    app.tree.update(&store, &crate::store::Changes { traces: store.traces().collect(), ..Default::default() }, 0);
    for &action in actions {
        app.update(&mut store, action, 0);
    }
    let area = Rect::new(0, 0, width, 12);
    let mut buffer = Buffer::empty(area);
    draw(&mut buffer, &mut HitMap::default(), area, &app, &store, Styling { theme: app.themes.current(), ascii: false });
    let from = width - 1 - ColumnWidths::new(width - 2, false, false, false, &Column::USUAL).bar;
    (from..width - 1).map(|x| buffer[(x, 1)].symbol()).collect::<Vec<_>>().concat()
}

#[test]
fn the_heading_shows_the_scale_of_the_bars() {
    use Action::{Down, Measure as Bars, Unfold, ZoomIn};
    let words = |actions: &[Action], width| titles(actions, width).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words(&[], 120), "0s all traces 100ms");
    assert_eq!(words(&[Unfold], 120), "0s all traces 100ms", "the first line of an open trace keeps the shared scale");
    assert_eq!(words(&[Unfold, Down], 120), "0s this trace 90ms");
    assert_eq!(words(&[Unfold, ZoomIn, ZoomIn, Down], 120), "+24ms ×4 +46ms");
    assert_eq!(words(&[Bars], 120), "0s own time 100ms");
    assert_eq!(words(&[Bars, Bars], 120), "0 tokens 10");
    assert_eq!(words(&[Unfold, Down, Bars, Bars], 120), "0 tokens of this trace 7");
    assert_eq!(words(&[Unfold, Down, Bars, Bars, Bars], 120), "$0 cost of this trace –");
    assert_eq!(words(&[], 48), "0s 100ms", "no room for more");
}

#[test]
fn the_scale_of_the_bars_makes_room_for_marks() {
    let store = store(&["a"]);
    let App { mut tree, themes, .. } = App::new(Vec::new(), false, 0);
    let styling = Styling { theme: themes.current(), ascii: false };
    tree.update(&store, &crate::store::Changes { traces: store.traces().collect(), ..Default::default() }, 0);
    let row = tree.cursor().unwrap();
    let bars = BarScale::new(&tree, &store, row, 0);
    let columns = ColumnWidths::new(118, false, false, false, &Column::USUAL);
    let heading = Rect::new(0, 0, 118, 1);
    let drawn = |marks: &[Nanos]| {
        let mut buffer = Buffer::empty(heading);
        columns.draw_titles(&mut buffer, heading, Some(&bars), styling);
        let area = Rect::new(118 - columns.bar, 0, columns.bar, 1);
        mark_lines(&mut buffer, area, Axis { start: 0, end: 100 }, marks.iter().copied(), styling);
        columns.draw_scale(&mut buffer, heading, &bars, styling);
        (area.x..118).map(|x| buffer[(x, 0)].symbol()).collect::<String>()
    };
    assert_eq!(drawn(&[]), "0s         all traces         100ms");
    assert_eq!(drawn(&[50]), "0s    all traces !            100ms");
    assert_eq!(drawn(&[30, 31, 70]), "0s        ! all traces  !     100ms", "the name stands between the marks");
    assert_eq!(drawn(&[10, 30, 50, 70]), "0s !      !      !      !     100ms", "no room");
    assert_eq!(drawn(&[0]), "0s!         all traces        100ms", "a mark stands beside the end");
}

/// Draws open traces of 90 ms beside one of `longest` milliseconds.
fn open_traces(longest: Nanos, width: u16) -> Vec<String> {
    let mut store = store(&["a", "b"]);
    let mut batch = Batch::new(SourceId(0), Origin::Live);
    let name = batch.intern("long");
    batch.spans.push(span((9, 1), (0, longest), name));
    store.apply(&batch, 0);
    let mut app = App::new(Vec::new(), false, 0);
    app.tree.set_height(40);
    app.tree.update(&store, &crate::store::Changes { traces: store.traces().collect(), ..Default::default() }, 0);
    app.update(&mut store, Action::FoldAll, 0);
    let area = Rect::new(0, 0, width, 42);
    let mut buffer = Buffer::empty(area);
    draw(&mut buffer, &mut HitMap::default(), area, &app, &store, Styling { theme: app.themes.current(), ascii: false });
    (0..42).map(|y| (0..width).map(|x| buffer[(x, y)].symbol()).collect()).collect()
}

#[test]
fn the_first_line_of_an_open_trace_has_the_times_over_the_ruler_of_its_steps() {
    let lines = open_traces(900, 120);
    let line = |sign: &str| lines.iter().find(|line| line.contains(sign)).unwrap();
    assert!(line("◆ a").contains("▏   ┆20ms   ┆40ms   ┆60ms  "), "the last line has no room for its time: {lines:?}");
    assert!(!line("⚙ a").contains("┆20ms") && !line("✦ a").contains("┆20ms"), "{lines:?}");
    let narrow = open_traces(190, 50);
    assert!(narrow.iter().any(|line| line.contains("◆ a") && line.contains("┆ 50ms│")), "no time has room: {narrow:?}");
}

#[test]
fn the_times_over_the_ruler_stand_in_the_first_line_that_has_room() {
    let mut batch = Batch::new(SourceId(0), Origin::Live);
    let name = batch.intern("run");
    // Siblings below the run: one that fills the scale, and two that leave room.
    let root = SpanId::new(1_u64.to_be_bytes());
    batch.spans.push(span((1, 1), (0, 100), name));
    for (id, start, end) in [(2, 0, 100), (3, 0, 20), (4, 30, 40)] {
        batch.spans.push(Span { parent: root, ..span((1, id), (start, end), name) });
    }
    let mut store = Store::new(Limits::default());
    store.apply(&batch, 0);
    let mut app = App::new(Vec::new(), false, 0);
    app.tree.set_height(40);
    app.tree.update(&store, &crate::store::Changes { traces: store.traces().collect(), ..Default::default() }, 0);
    app.update(&mut store, Action::FoldAll, 0);
    let lines = |app: &App| {
        let area = Rect::new(0, 0, 120, 12);
        let mut buffer = Buffer::empty(area);
        draw(&mut buffer, &mut HitMap::default(), area, app, &store, Styling { theme: app.themes.current(), ascii: false });
        (2..6).map(|y| (0..120).map(|x| buffer[(x, y)].symbol()).collect()).collect::<Vec<String>>()
    };
    let times = |line: &String| line.matches("ms").count() - 1;
    let shown = lines(&app);
    assert_eq!(shown.iter().map(times).collect::<Vec<_>>(), [0, 0, 3, 0], "{shown:#?}");
    assert!(shown[2].contains("┆      ┆40ms  ┆60ms  ┆80ms  │"), "the time of a line that the bar touches is left out: {shown:#?}");
}

#[test]
fn the_service_is_a_column_of_wide_screens() {
    let width = |width, enabled: &[Column]| ColumnWidths::new(width, true, false, false, enabled).service;
    let all = [&Column::USUAL[..], &[Column::Service]].concat();
    assert_eq!((width(200, &all), width(90, &all), width(200, &Column::USUAL)), (SERVICE_WIDTH, 0, 0));
}

#[test]
fn columns_about_answers_are_shown_if_they_are_chosen() {
    let widths = |width, enabled: &[Column]| ColumnWidths::new(width, true, false, false, enabled).answers;
    assert_eq!(widths(200, &[Column::Ttft, Column::Cached]), [8, 0, 8, 0, 0]);
    assert_eq!([widths(90, &Column::OF_ANSWERS), widths(70, &Column::OF_ANSWERS)], [[0, 0, 0, 0, 10], [0; 5]], "a score needs less room");
    assert_eq!(widths(200, &Column::USUAL), [0; 5]);
}

#[test]
fn a_warning_and_an_error_in_the_log_are_marked_on_the_bar_of_their_span() {
    let mut store = store(&["a"]);
    let mut app = App::new(Vec::new(), false, 0);
    app.tree.set_height(10);
    app.tree.update(&store, &crate::store::Changes { traces: store.traces().collect(), ..Default::default() }, 0);
    app.update(&mut store, Action::Unfold, 0);
    let draw_bars = |app: &App| {
        let area = Rect::new(0, 0, 120, 12);
        let mut buffer = Buffer::empty(area);
        draw(&mut buffer, &mut HitMap::default(), area, app, &store, Styling { theme: app.themes.current(), ascii: false });
        let from = 119 - ColumnWidths::new(118, false, false, false, &Column::USUAL).bar;
        let line = |y: u16| (from..119).map(|x| buffer[(x, y)].symbol().to_owned()).collect::<Vec<String>>();
        (2..5).map(line).collect::<Vec<_>>()
    };
    let plain = draw_bars(&app);
    let record = |severity: u8, span: u64, time: Nanos| LogRecord {
        time,
        severity,
        trace: TraceId::new([1; 16]),
        span: SpanId::new(span.to_be_bytes()),
        session: 0,
        event: (0, 0),
        group: Arc::default(),
        encoded: format!("{time}").into_bytes().into(),
    };
    // Of the tool, which begins at 20 ms and ends at 90 ms: an info, a warning, an error, and an error long after it.
    let records = [(9, 2, 40 * MS), (13, 2, 50 * MS), (17, 2, 80 * MS), (17, 2, 900 * MS)];
    let records = records.map(|(severity, span, time)| record(severity, span, time)).to_vec();
    app.logs.apply(LogBatch { source: SourceId(0), records });
    let marked = draw_bars(&app);
    assert_eq!((&marked[0], &marked[2]), (&plain[0], &plain[2]), "bars of other spans stay");
    let marks: Vec<usize> = (0..marked[1].len()).filter(|&at| marked[1][at] == "!").collect();
    assert!(marks.len() == 2 && marks[0] < marks[1], "{:?}", marked[1].concat());
    let rest = |line: &[String]| (0..line.len()).filter(|at| !marks.contains(at)).map(|at| line[at].clone()).collect::<String>();
    assert_eq!(rest(&marked[1]), rest(&plain[1]));
}

#[test]
fn a_line_on_standard_error_that_belongs_to_no_step_is_marked_on_the_time_axis() {
    let mut store = store(&["a"]);
    let mut app = App::new(Vec::new(), false, 0);
    app.tree.set_height(10);
    app.tree.update(&store, &crate::store::Changes { traces: store.traces().collect(), ..Default::default() }, 0);
    app.update(&mut store, Action::Unfold, 0);
    app.update(&mut store, Action::Down, 0);
    let draw_lines = |app: &App| {
        let area = Rect::new(0, 0, 120, 12);
        let mut buffer = Buffer::empty(area);
        draw(&mut buffer, &mut HitMap::default(), area, app, &store, Styling { theme: app.themes.current(), ascii: false });
        (1..6).map(|y| (0..area.width).map(|x| buffer[(x, y)].symbol()).collect::<String>()).collect::<Vec<_>>()
    };
    let plain = draw_lines(&app);
    let line = |time: Nanos, span: Option<SpanId>| LogRecord {
        time,
        severity: 0,
        trace: span.and(TraceId::new([1; 16])),
        span,
        session: 0,
        event: (0, 0),
        group: Arc::new(crate::model::LogGroup { scope: "stderr".to_owned(), ..Default::default() }),
        encoded: format!("{time}").into_bytes().into(),
    };
    // In the middle of the trace, and when it had long ended.
    app.logs.apply(LogBatch { source: SourceId(0), records: vec![line(30 * MS, None), line(900_000 * MS, None)] });
    let marked = draw_lines(&app);
    assert_eq!(marked[1..], plain[1..], "no step is marked");
    let marks: Vec<usize> = marked[0].chars().enumerate().filter(|(_, char)| *char == '!').map(|(at, _)| at).collect();
    let bars = 119 - usize::from(ColumnWidths::new(118, false, false, false, &Column::USUAL).bar);
    assert!(marks.len() == 1 && (bars..119).contains(&marks[0]), "{}", marked[0]);
    assert_eq!(marked[0].replace('!', " "), plain[0]);
}

#[test]
fn the_bar_of_a_trace_is_as_long_as_its_time_folded_or_open() {
    let mut batch = Batch::new(SourceId(0), Origin::Live);
    let name = batch.intern("run");
    // What the first span began outlasts it by far.
    for (id, start, end) in [(1_u64, 0, 10), (2, 5, 10), (3, 6, 450)] {
        batch.spans.push(span((1, id), (start, end), name));
    }
    let mut store = Store::new(Limits::default());
    store.apply(&batch, 0);
    let mut app = App::new(Vec::new(), false, 0);
    app.tree.set_height(40);
    app.tree.update(&store, &crate::store::Changes { traces: store.traces().collect(), ..Default::default() }, 0);
    for _ in 0..2 {
        let area = Rect::new(0, 0, 100, 12);
        let mut buffer = Buffer::empty(area);
        draw(&mut buffer, &mut HitMap::default(), area, &app, &store, Styling { theme: app.themes.current(), ascii: false });
        let line: String = (0..area.width).map(|x| buffer[(x, 2)].symbol()).collect();
        let (heading, bar) = ((0..area.width).map(|x| buffer[(x, 1)].symbol()).collect::<String>(), line.trim_end_matches(['│', ' ']));
        assert!(line.contains("450ms") && heading.contains("500ms"), "{heading}\n{line}");
        let cells = bar.chars().rev().take_while(|c| !c.is_whitespace()).count();
        let all = 100 - 1 - heading.chars().take_while(|c| *c != '0').count();
        assert!((all * 8 / 10..all).contains(&cells), "{cells} of {all} cells: {line}");
        app.update(&mut store, Action::FoldAll, 0);
    }
}

#[test]
fn the_shared_scale_fits_traces_whose_time_is_unknown() {
    let mut store = Store::new(Limits { stale: 1, ..Limits::default() });
    let mut batch = Batch::new(SourceId(0), Origin::Live);
    let name = batch.intern("lost");
    batch.spans.push(Span { end: None, ..span((1, 1), (0, 0), name) });
    batch.spans.push(span((1, 2), (0, 96), name));
    store.apply(&batch, 96 * MS);
    let mut app = App::new(Vec::new(), false, 96 * MS);
    app.tree.set_height(40);
    let now = 96 * MS + 3_600_000 * MS;
    app.tick(&mut store, now);
    let trace = store.traces().next().unwrap();
    app.tree.update(&store, &crate::store::Changes { traces: vec![trace], ..Default::default() }, now);
    assert_eq!(store.group_time(trace, now), None, "it is lost");
    assert!(app.tree.scale() >= 96_000_000, "{}", app.tree.scale());
}
