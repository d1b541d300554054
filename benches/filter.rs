//! A key press in the filter line over a million rows, and a search through the payloads of 300,000 spans, compared with `grep -c`.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod grown;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agno_top::model::{Batch, Nanos, Origin, PayloadRef, SourceId, Span, SpanFacts, SpanId, SpanType, Status, Text, TraceId, Usage};
use agno_top::query::Query;
use agno_top::sources::{Request, Search, State, Update};
use agno_top::store::{Limits, Store};
use agno_top::tui::app::{App, SourceView};
use agno_top::tui::view::{self, HitMap, PaneLayout};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Rect;
use rusqlite::{Connection, OpenFlags};

const ROWS: u64 = 1_000_000;
const TRACE_SPANS: u64 = 10;
const DISTINCT_INPUTS: u64 = 200_000;
/// The cells of the terminal.
const SCREEN: Rect = Rect::new(0, 0, 200, 60);
const NOW: Nanos = 1_800_000_000_000_000_000;

const WORDS: [&str; 24] = [
    "refund",
    "order",
    "customer",
    "payment",
    "report",
    "weather",
    "Lisbon",
    "invoice",
    "summarise",
    "the",
    "latest",
    "quarter",
    "please",
    "check",
    "whether",
    "gateway",
    "timeout",
    "error",
    "for",
    "agents",
    "search",
    "database",
    "and",
    "write",
];

/// Returns a store of agent runs with model and tool calls; every fifth row has a distinct input.
fn store() -> Store {
    let mut store = Store::new(Limits::default());
    let mut row = 0;
    while row < ROWS {
        let mut batch = Batch::new(SourceId(0), Origin::History);
        for _ in 0..512.min(ROWS - row) {
            let (trace, position) = (row / TRACE_SPANS, row % TRACE_SPANS);
            let span_type = [SpanType::Agent, SpanType::Model, SpanType::Tool][if position == 0 { 0 } else { 1 + (position % 2) as usize }];
            let label = batch.intern(&match span_type {
                SpanType::Agent => format!("Agent {}", trace % 40),
                SpanType::Model => format!("gpt-5-{}", trace % 5),
                _ => format!("tool_{}", row % 60),
            });
            let words = (0..8).map(|n| WORDS[((row % DISTINCT_INPUTS).wrapping_mul(2_654_435_761) >> (n * 3)) as usize % WORDS.len()]);
            let input = words.collect::<Vec<_>>().join(" ");
            let input = batch.intern(&format!("{input} {}", row % DISTINCT_INPUTS));
            let start = NOW - (ROWS - row) as Nanos * 40_000_000;
            let usage =
                (span_type == SpanType::Model).then(|| Usage { input: Some((row % 9000) as u32), output: Some(100), ..Usage::default() });
            batch.spans.push(Span {
                trace: TraceId::new(u128::from(trace + 1).to_be_bytes()).unwrap(),
                id: SpanId::new((row + 1).to_be_bytes()).unwrap(),
                parent: (position > 0).then(|| SpanId::new((row - position + 1).to_be_bytes()).unwrap()),
                start,
                end: Some(start + (row % 5000) as Nanos * 1_000_000),
                status: if row % 97 == 0 { Status::Error } else { Status::Ok },
                name: label,
                facts: SpanFacts { span_type, agent: label, model: label, tool: label, input, usage, ..SpanFacts::default() },
                error: Text::default(),
                payload_ref: PayloadRef(row as i64),
                retained_bytes: 0,
            });
            row += 1;
        }
        store.apply(&batch, NOW);
    }
    store
}

/// Sets a filter. Prints and returns the time of the slowest step: the first frame, or a later one until all rows are matched.
fn key(app: &mut App, store: &mut Store, terminal: &mut Terminal<TestBackend>, line: &str) -> Duration {
    let start = Instant::now();
    app.set_filter(store, line.to_owned());
    terminal.draw(|frame| view::draw(frame, app, store, &mut HitMap::default())).unwrap();
    let key = start.elapsed();
    let (all_start, mut slowest) = (Instant::now(), Duration::ZERO);
    while app.tree.is_filtering() {
        let start = Instant::now();
        view::prepare_frame(app, store, SCREEN);
        terminal.draw(|frame| view::draw(frame, app, store, &mut HitMap::default())).unwrap();
        slowest = slowest.max(start.elapsed());
    }
    let traces = app.tree.len();
    eprintln!("{line:30} key {key:>9.1?}   all rows {:>9.1?}   slowest frame {slowest:>9.1?}   {traces} traces", key + all_start.elapsed());
    key.max(slowest)
}

fn keys() {
    let mut store = store();
    let mut app = App::new(vec![SourceView::new("bench")], true, NOW);
    let mut terminal = Terminal::new(TestBackend::new(SCREEN.width, SCREEN.height)).unwrap();
    let panes = PaneLayout::new(SCREEN, app.focus);
    app.tree.set_height(panes.trace_lines());
    app.set_filter(&store, "status:error".to_owned());
    let lines = [
        "",
        "r",
        "re",
        "ref",
        "refu",
        "refund",
        "refund s",
        "refund st",
        "refund status:error",
        "xyzzy",
        "199999",
        "kind:tool",
        "agent:\"Agent 7\"",
        "tokens:>5k",
        "dur:>2s",
        "self:>4s",
        "since:1h",
        "since:1h refund",
        "name:/tool_1\\d/",
        "-kind:model *lisbon*",
        "trace:0000",
        "",
    ];
    let slowest = lines.into_iter().map(|line| key(&mut app, &mut store, &mut terminal, line)).max();
    // The first key of a value counts all values.
    for c in "/name:".chars() {
        let start = Instant::now();
        app.key(&mut store, KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE), NOW);
        view::prepare_frame(&mut app, &mut store, SCREEN);
        terminal.draw(|frame| view::draw(frame, &app, &store, &mut HitMap::default())).unwrap();
        eprintln!("typing {c:?} {:.1?}", start.elapsed());
    }
    eprintln!("{} rows, {} distinct texts: slowest key or frame {:.1?}\n", ROWS, store.texts().end(), slowest.unwrap_or_default());
}

/// Writes the spans of a database to a file, one per line.
fn write_lines(database: &Path) -> PathBuf {
    let path = database.with_extension("jsonl");
    if path.exists() {
        return path;
    }
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
    let sql = "SELECT trace_id, span_id, name, start_time, end_time, attributes FROM agno_spans ORDER BY rowid";
    let mut statement = connection.prepare(sql).unwrap();
    let mut rows = statement.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let [trace, span, name, start, end, attributes] = [0, 1, 2, 3, 4, 5].map(|at| row.get::<_, String>(at).unwrap());
        writeln!(
            file,
            r#"{{"trace_id":"{trace}","span_id":"{span}","name":"{name}","start":"{start}","end":"{end}","attributes":{attributes}}}"#
        )
        .unwrap();
    }
    path
}

fn search(line: &str, word: &str, database: &Path, lines: &Path) {
    let (handle, mut inbox) = grown::open(database);
    while !matches!(inbox.blocking_recv().unwrap(), Update::State(_, State::Watching { .. })) {}
    let query: Query = line.parse().unwrap();
    let (mut best, mut first_hit, mut hits) = (Duration::MAX, None, 0);
    for ticket in 1..=5 {
        let start = Instant::now();
        let search = Search { ticket, query: Arc::new(query.payload_query()), since: None, until: None };
        handle.requests.send(Request::Search(search)).unwrap();
        hits = 0;
        loop {
            let Update::SearchHits(found) = inbox.blocking_recv().unwrap() else { continue };
            if hits == 0 && !found.spans.is_empty() {
                first_hit = Some(start.elapsed());
            }
            hits += found.spans.len();
            if found.progress.is_some_and(|progress| progress.done == progress.total) {
                break;
            }
        }
        best = best.min(start.elapsed());
    }
    let grep = |options: &[&str]| {
        let run = || {
            let start = Instant::now();
            let output = Command::new("grep").args(options).arg("-c").arg(word).arg(lines).output().unwrap();
            (start.elapsed(), String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        (0..5).map(|_| run()).min().unwrap()
    };
    let ((case_sensitive, count), (ignoring_case, _)) = (grep(&[]), grep(&["-i"]));
    eprintln!(
        "{line:30} {best:>9.1?} ({hits} spans, first after {:.1?})   grep -c {case_sensitive:>9.1?} ({count} lines), -i {ignoring_case:.1?}",
        first_hit.unwrap_or_default()
    );
}

fn main() {
    keys();
    let database = grown::grown();
    let lines = write_lines(&database);
    for (line, word) in [
        ("text:Lisbon", "Lisbon"),
        ("text:\"no such text\"", "no such text"),
        ("text:refund", "refund"),
        ("text:\"considered answer\"", "considered answer"),
        ("attr.llm.model_name:gpt-5", "\"llm.model_name\": \"[^\"]*gpt-5"),
        ("text:/answer\\. Here/", "answer\\. Here"),
    ] {
        search(line, word, &database, &lines);
    }
}
