//! Snapshots of the screen with recorded databases, and properties of what it shows.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a failing test may panic")]

mod stage;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::io::Read;
use std::path::{Path, PathBuf};

use agno_top::export::{Format, Redaction};
use agno_top::model::{Batch, Origin, PayloadRef, SourceId, Span, SpanFacts, SpanId, SpanType, Status, Text, TraceId, Usage, errors};
use agno_top::sources::{Forwarding, Port, PortError, State, Traffic};
use agno_top::store::RowIx;
use agno_top::tui::app::{Budget, Budgets, Effect, SourceView, TreeLine, View};
use serde_json::{Value, json};
use stage::{NOW, Stage, fixture};

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 36), (200, 60)];

/// Compares the screen with a snapshot, with times of day masked, since they depend on the time zone.
fn assert_screen(name: &str, stage: &mut Stage) {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\b\d\d:\d\d:\d\d\b", "hh:mm:ss");
    settings.add_filter(r"\b\d{4}-\d\d-\d\d hh", "YYYY-MM-DD hh");
    settings.bind(|| insta::assert_snapshot!(name, stage.text()));
}

#[test]
fn the_traces_at_three_sizes() {
    for size in SIZES {
        let mut stage = Stage::open(&fixture("agno-3.1.10.sqlite"), size);
        assert_screen(&format!("traces-{}x{}", size.0, size.1), &mut stage);
    }
}

/// Joins the request bodies of a corpus, which are one message together.
fn joined_bodies(corpus: &str, path: &Path) {
    let mut bodies: Vec<PathBuf> = std::fs::read_dir(fixture(corpus)).unwrap().map(|entry| entry.unwrap().path()).collect();
    bodies.retain(|path| path.to_string_lossy().contains(".pb"));
    bodies.sort();
    let mut joined = Vec::new();
    for body in bodies {
        let bytes = std::fs::read(&body).unwrap();
        if body.extension().is_some_and(|extension| extension == "gz") {
            flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut joined).unwrap();
        } else {
            joined.extend(bytes);
        }
    }
    std::fs::write(path, joined).unwrap();
}

#[test]
fn trees_of_requests_streamed_workflows_nested_teams_and_gateways() {
    let directory = tempfile::tempdir().unwrap();
    let litellm = directory.path().join("litellm.pb");
    joined_bodies("frameworks/gw-litellm-v2-one-trace", &litellm);
    for (name, path, keys) in [
        ("agentos", fixture("frameworks/agno-agentos-fastapi/traces.sqlite"), "jl"),
        ("streamed-workflow", fixture("frameworks/agno-workflow-stream/traces.sqlite"), "l"),
        ("nested-team", fixture("frameworks/agno-team-nested/traces.sqlite"), "l"),
        ("litellm", litellm, "jl"),
    ] {
        for (width, height) in [(80, 24), (120, 36)] {
            let mut stage = Stage::open(&path, (width, height));
            stage.keys(keys);
            assert_screen(&format!("tree-{name}-{width}x{height}"), &mut stage);
        }
    }
}

/// The shown rows of a recording of Agno, the traces by name: the depth, what it is, the name, and whether it failed; and the screen.
fn rows_of_agno(recording: &str, keys: &str) -> (Vec<(usize, SpanType, String, bool)>, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("agno.pb");
    let mut bytes = Vec::new();
    let file = std::fs::File::open(fixture(&format!("genai-agno/{recording}.pb.gz"))).unwrap();
    flate2::read::GzDecoder::new(file).read_to_end(&mut bytes).unwrap();
    std::fs::write(&path, bytes).unwrap();
    let mut stage = Stage::open(&path, (160, 160));
    stage.keys(keys);
    let screen = stage.text();
    let (tree, store) = (&stage.app.tree, &stage.store);
    let row = |row: RowIx| {
        let depth = std::iter::successors(tree.shown_parent(store, row), |&row| tree.shown_parent(store, row)).count();
        let failed = store.has_failed(row);
        let shown = store.row(tree.telling(store, row));
        let name = format!("{} {}", store.text(shown.label), store.text(shown.input));
        let root = tree.telling(store, store.trace(shown.trace()).roots()[0]);
        (store.text(store.agent(root)).to_owned(), (depth, shown.span_type, name, failed))
    };
    let mut rows: Vec<_> = tree.window(store, 160).0.into_iter().filter_map(TreeLine::row).map(row).collect();
    rows.sort_by(|one, other| one.0.cmp(&other.0));
    (rows.into_iter().map(|(_, row)| row).collect(), screen)
}

/// OpenTelemetry's instrumentation of Agno tells no model calls and no teams, OpenInference's does. The former puts the run of a member below
/// the tool that runs it, and the latter beside it.
#[test]
fn a_tree_told_by_two_instrumentations_is_that_of_one() {
    let (both, screen) = rows_of_agno("both", "Z");
    let (alone, _) = rows_of_agno("alone", "Z");
    let (one, other_screen) = rows_of_agno("openinference", "Z");
    let names = |rows: &[(usize, SpanType, String, bool)]| {
        let steps = rows.iter().filter(|row| row.1 != SpanType::Model);
        steps.map(|row| (row.0, row.1 == SpanType::Tool, row.2.clone())).collect::<Vec<_>>()
    };
    // Alone it states no input.
    let without_input = |rows: Vec<(usize, bool, String)>| -> Vec<(usize, bool, String)> {
        let first = |name: String| name.split(' ').next().unwrap_or_default().to_owned();
        rows.into_iter().map(|(depth, is_tool, name)| (depth, is_tool, first(name))).collect()
    };
    assert_eq!(without_input(names(&both)), without_input(names(&alone)));
    assert_eq!(names(&both), names(&one));
    let steps = |rows: &[(usize, SpanType, String, bool)]| rows.iter().map(|row| (row.0, row.2.clone(), row.3)).collect::<Vec<_>>();
    assert_eq!(steps(&both), steps(&one));
    assert!(screen.contains("└+2 told twice (A shows)") && !other_screen.contains("told twice"), "{screen}");

    let (all, screen) = rows_of_agno("both", "ZA");
    assert!(all.len() == 39 && both.len() == 26 && !screen.contains("told twice"), "{} {} {screen}", all.len(), both.len());

    let (one, _) = rows_of_agno("orders/one", "Z");
    assert!(one.len() > 90 && one.contains(&(0, SpanType::Team, "Little Team ask the member".to_owned(), false)), "{one:?}");
    for order in ["genai-first", "genai-second", "genai-first-with-content", "genai-second-with-content"] {
        assert_eq!(rows_of_agno(&format!("orders/{order}"), "Z").0, one, "{order}");
    }
}

#[test]
fn the_line_of_a_trace_holds_what_leaked_into_it_and_the_detail_tells_it_apart() {
    let mut stage = Stage::open(&fixture("frameworks/agno-team-nested/traces.sqlite"), (120, 36));
    let text = stage.text();
    let line = text.lines().find(|line| line.contains("Outer Team")).unwrap();
    assert!(line.contains("143k"), "as in `list`: {line}");
    assert!(text.contains("this run alone: 140,213 in"), "{text}");
}

#[test]
fn traces_without_agents_are_hidden_until_asked_for() {
    let mut stage = Stage::open(&fixture("frameworks/agno-agentos-fastapi/traces.sqlite"), (120, 36));
    let screen = stage.text();
    assert!(
        screen.contains("1 of 5 ")
            && screen.contains("▸ +1 ordinary trace of unnamed services: no agent")
            && !screen.contains("GET /traces"),
        "{screen}"
    );
    stage.keys("A");
    let screen = stage.text();
    assert!(screen.contains("of 6 ╮") && screen.contains("GET /traces"), "{screen}");
    stage.keys("A/GET<Enter>");
    assert!(stage.text().contains("GET /traces"), "a filter finds them");
}

#[test]
fn the_line_at_the_foot_lists_the_traces_of_its_service() {
    let mut stage = Stage::open(&fixture("frameworks/agno-agentos-fastapi/traces.sqlite"), (120, 36));
    stage.keys("Gj");
    assert!(stage.text().contains("▎▸ +1 ordinary trace of unnamed services: no agent, model or tool, ⏎ lists"), "{}", stage.text());
    stage.keys("<Enter>");
    let screen = stage.text();
    assert!(
        screen.contains("GET /traces") && screen.contains("▎▾ 1 ordinary trace of unnamed services: listed above, ⏎ hides"),
        "{screen}"
    );
    stage.keys("<Enter>k");
    let screen = stage.text();
    assert!(
        !screen.contains("GET /traces") && screen.contains(" ▸ +1 ordinary trace of unnamed services: no agent, model or tool "),
        "{screen}"
    );
}

#[test]
fn a_turn_in_several_traces_is_one_tree() {
    for (width, height) in [(80, 24), (120, 36)] {
        let mut stage = Stage::open(&fixture("groups/turn-in-three-traces.json"), (width, height));
        stage.keys("ljj");
        assert_screen(&format!("tree-turn-{width}x{height}"), &mut stage);
    }
}

#[test]
fn only_the_lines_in_an_open_trace_have_a_ruler() {
    let mut stage = Stage::open(&fixture("agno-3.1.10.sqlite"), (120, 60));
    let screen = stage.text();
    let has_ruler = |text: &str| screen.lines().find(|line| line.contains(text)).is_some_and(|line| line.contains('┆'));
    assert_eq!(["gpt-5 → delegate", "search_database {", "Unlucky Agent"].map(has_ruler), [true, true, false], "{screen}");
}

#[test]
fn the_wait_of_a_paused_run_is_drawn_until_it_continues() {
    let mut stage = Stage::open(&fixture("frameworks/agno-hitl/traces.sqlite"), (120, 36));
    stage.keys("gl");
    let screen = stage.text();
    let is_waiting = |text: &str| screen.lines().filter(|line| line.contains(text)).map(|line| line.contains('┄')).collect::<Vec<_>>();
    let (whole, part) = (is_waiting(" ‖2 "), is_waiting(" ‖2/2 "));
    assert!(whole.len() == 7 && whole.contains(&true), "{screen}");
    assert_eq!(part, [false], "the second part stands below the first: {screen}");
}

#[test]
fn a_status_is_one_sentence_that_names_the_failed_step() {
    let mut stage = Stage::open(&fixture("agno-3.1.10.sqlite"), (120, 60));
    stage.keys("/tool:refund_order<Enter>g");
    let sentence = " status         failed; 1 step failed: refund_order: payment gateway refused";
    assert!(stage.text().contains(sentence), "{}", stage.text());
    stage.keys("e");
    assert!(stage.text().contains(" status         failed: payment gateway refused"), "{}", stage.text());
    assert_eq!(stage.text().matches("stack trace").count(), 1, "{}", stage.text());
}

#[test]
fn a_run_that_repeats_the_reason_of_its_step_says_it_once() {
    let mut stage = Stage::open(&fixture("agno-3.1.10.sqlite"), (120, 36));
    stage.keys("/status:error agent:\"Throttled Agent\"<Enter>g");
    let text = stage.text().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("status failed; 1 step failed: gpt-5-mini: ModelProviderError: Rate limit"), "{text}");
    assert!(!text.contains("failed: Rate limit reached"), "{text}");
}

#[test]
fn model_calls_are_numbered_in_their_run() {
    let mut stage = Stage::open(&fixture("agno-3.1.10.sqlite"), (120, 36));
    stage.keys("g");
    let first = stage.text();
    assert!(!first.contains(" call  "), "a run is no call: {first}");
    stage.keys("j");
    assert!(stage.text().contains(" call           1 of 2 of Report Team "), "{}", stage.text());
    stage.keys("/tool:search_database<Enter>gjjjj");
    assert!(stage.text().contains(" call           1 of 2 of Researcher "), "nested runs count apart: {}", stage.text());
}

#[test]
fn the_heading_of_the_detail_has_the_whole_name_and_the_place_at_80_columns() {
    let mut stage = Stage::open(&fixture("agno-3.1.10.sqlite"), (80, 24));
    stage.keys("Zg");
    assert!(stage.text().contains("Report Team") && stage.text().contains(" line 1 of 17 "), "{}", stage.text());
    for _ in 0..40 {
        let text = stage.text();
        let heading = text.lines().find(|line| line.contains("Overview")).unwrap_or_default();
        assert!(heading.contains("Events") && !heading.contains('…'), "{text}");
        stage.keys("j");
    }
}

#[test]
fn the_heading_of_the_detail_has_the_whole_name_beside_the_traces() {
    let mut stage = Stage::open(&fixture("agno-3.1.10.sqlite"), (160, 48));
    stage.keys("ge");
    let text = stage.text();
    let heading = text.lines().find(|line| line.contains(" Overview ")).unwrap_or_default();
    assert!(heading.contains("◆ Throttled Agent ") && heading.contains(" Msgs Ctx In Out Attrs Events "), "{text}");
    stage.keys("/tool:delegate*<Enter>gn");
    let text = stage.text();
    assert!(text.contains("⚙ delegate_task_to_member ─ Over Why Msg Ctx In Out Att Evt"), "{text}");
}

#[test]
fn a_filter_without_hits_says_why() {
    let mut stage = Stage::open(&fixture("agno-3.1.10.sqlite"), (160, 36));
    let mut reasons = |line: &str| {
        stage.keys(&format!("/<Ctrl-u>{line}<Enter>"));
        let screen = stage.text();
        ["esc clears it", "text:WORD", "every word"].map(|reason| screen.contains(reason))
    };
    assert_eq!(reasons("zzzqqq"), [true, true, false]);
    assert_eq!(reasons("agent:zzz"), [true, false, false]);
    assert_eq!(reasons("agent:zzz status:error"), [true, false, true]);
}

#[test]
fn the_views_are_tabs_that_the_mouse_opens() {
    for (width, name) in [(80, "3 Agents"), (50, "3 Agents"), (30, "3  4")] {
        let mut stage = Stage::open(&fixture("agno-3.1.10.sqlite"), (width, 24));
        let (x, y) = stage.find(name);
        let target = stage.target_at(x, y);
        stage.app.click(&stage.store, target);
        assert_eq!(stage.app.view(), View::Agents);
        assert!(stage.text().contains("3 Agents"), "the open view has its name");
    }
}

#[test]
fn every_tab_of_the_detail() {
    let mut stage = Stage::open(&fixture("agno-3.1.10.sqlite"), (120, 36));
    stage.keys("j<Enter><Enter>");
    for tab in ["overview", "why", "messages", "context", "input", "output", "attributes", "events"] {
        assert_screen(&format!("detail-{tab}"), &mut stage);
        stage.keys("]");
    }
}

#[test]
fn a_sentence_about_what_stands_out_leads_to_its_span() {
    let mut stage = Stage::open(&fixture("agno-3.1.10.sqlite"), (120, 36));
    stage.keys("/refund_order<Enter>g<Enter>]");
    let text = stage.text();
    assert!(text.contains("▸  1. tool refund_order failed: payment gateway refused"), "{text}");
    assert!(text.contains("What decided the time"), "{text}");
    let tab = |stage: &Stage| stage.app.detail.tab.name();
    // Enter leads to the span of the sentence, and back in the tab the same sentence is chosen.
    stage.keys("<Enter>");
    let cursor = |stage: &Stage| stage.app.tree.cursor().map(|row| stage.store.row(row).id.to_string());
    assert_eq!((cursor(&stage).as_deref(), tab(&stage)), (Some("21ee608eb9ced6b1"), "Overview"));
    stage.keys("]jj");
    let text = stage.text();
    let chosen: Vec<&str> = text.lines().filter(|line| line.contains('▸')).collect();
    assert!(chosen.iter().any(|line| line.contains('%')) && !text.contains("▸  1."), "{text}");
    let before = cursor(&stage);
    stage.keys("<Enter>");
    assert_ne!(cursor(&stage), before);
    stage.keys("]kkkk");
    assert!(stage.text().contains("▸  1."), "{}", stage.text());
    // Of a trace in which nothing stands out, the page says so.
    stage.keys("<Esc>/agent:\"Parallel Agent\"<Enter>g<Enter>");
    assert!(stage.text().contains("Nothing stands out in this trace."), "{}", stage.text());
}

#[test]
fn the_context_of_a_run_and_of_a_call() {
    let mut stage = Stage::open(&fixture("agno-3.1.10.sqlite"), (120, 36));
    stage.keys("<Enter>]]]");
    let text = stage.text();
    assert!(text.contains("2 calls · 928 tokens in · 246 reused (27%) · no misses"), "{text}");
    assert!(text.contains("50% from the cache"), "{text}");
    stage.keys("<Esc>j<Enter>");
    assert!(stage.text().contains("~116  27%  delegate_task_to_member"), "{}", stage.text());
    stage.keys("<Esc>j<Enter>");
    assert!(stage.text().contains("Only model calls and runs have a context."), "{}", stage.text());
}

#[test]
fn popups() {
    let mut stage = Stage::open(&fixture("agno-3.1.10.sqlite"), (120, 36));
    stage.keys("?");
    assert_screen("help", &mut stage);
    stage.keys("<Esc>a");
    assert_screen("pick-agents", &mut stage);
    stage.keys("<Down><Space><Enter>");
    assert_screen("agents-picked", &mut stage);
    stage.keys("<Esc>/status:bad");
    assert_screen("filter-with-a-mistake", &mut stage);
}

#[test]
fn the_export_dialog_collects_its_options() {
    let mut stage = Stage::open(&fixture("agno-3.1.10.sqlite"), (120, 36));
    stage.keys("mx<Right><Right>");
    let screen = stage.text();
    for text in [
        "Export Report Team ",
        "otlp  otlp-proto  agno  jsonl  csv  markdown",
        "-20",
        ".jsonl",
        "nothing  secrets  personal  – writes everything as it is",
    ] {
        assert!(screen.contains(text), "{text} is not in\n{screen}");
    }
    stage.keys("<Tab><Tab><Space>");
    assert!(stage.text().contains("personal  – keys, tokens, passwords, e-mail"));
    let effects = stage.keys("<Enter>");
    let [Effect::Export(export)] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!((export.traces.len(), export.format, export.redaction), (1, Format::Agno, Redaction::Secrets));
    assert!(
        export.path.starts_with("agno-top-")
            && std::path::Path::new(&export.path).extension().is_some_and(|extension| extension == "jsonl"),
        "{}",
        export.path
    );
    assert!(!stage.text().contains("Export Report Team"));
}

#[test]
fn errors_only_shows_failed_traces() {
    let mut stage = Stage::open(&fixture("agno-3.1.10.sqlite"), (120, 36));
    stage.keys("!g<Left>");
    assert_screen("errors-only", &mut stage);
    assert_eq!(stage.app.tree.len(), 3);
}

#[test]
fn ascii_mode_shows_only_ascii() {
    let mut stage = Stage::open(&fixture("agno-3.1.10.sqlite"), (80, 24));
    stage.app.ascii = true;
    stage.keys("?");
    let strange: String = stage.text().chars().filter(|c| !c.is_ascii()).collect();
    assert_eq!(strange, "", "all symbols are ASCII");
    stage.keys("<Esc>");
    assert_screen("ascii", &mut stage);
}

#[test]
fn bars_and_orders_can_be_changed() {
    let mut stage = Stage::open(&fixture("agno-3.1.10.sqlite"), (120, 36));
    stage.keys("c");
    assert_screen("critical-path", &mut stage);
    stage.keys("cjjjj++");
    assert_screen("zoomed", &mut stage);
    stage.keys("0bb");
    assert_screen("bars-of-tokens", &mut stage);
    stage.resize(80, 24);
    stage.keys("ZZss");
    assert_screen("sorted-by-tokens", &mut stage);
    stage.keys("ogptmx<Backspace>");
    assert_screen("pick-narrowed", &mut stage);
}

#[test]
fn results_are_below_their_calls() {
    let mut stage = Stage::open(&fixture("agno-3.1.10.sqlite"), (100, 40));
    // The last call of the agent whose tools ran in parallel.
    stage.keys("/agent:\"Parallel Agent\"<Enter>ZG<Enter><Enter>]]");
    assert_screen("detail-messages-parallel", &mut stage);
}

#[test]
fn every_screen_size_works() {
    let mut stage = Stage::open(&fixture("agno-3.1.10.sqlite"), (80, 24));
    stage.keys("Z");
    let small = (1..=40).flat_map(|width| (1..=12).map(move |height| (width, height)));
    let large = (13..40).step_by(3).flat_map(|height| [1, 20, 33, 57, 101, 119, 120, 159, 160, 190].map(|width| (width, height)));
    for (width, height) in small.chain(large) {
        for keys in ["b", "<Enter>", "<Enter>?", "<Esc>ax", "<Esc>/x", "<Esc><Esc><Esc>+", "j"] {
            stage.resize(width, height);
            stage.keys(keys);
            stage.text();
        }
    }
}

#[test]
fn every_table() {
    let mut stage = Stage::open(&fixture("agno-3.1.10.sqlite"), (120, 36));
    for (key, name) in [("2", "view-sessions"), ("3", "view-agents"), ("4", "view-models"), ("5", "view-tools"), ("6", "view-errors")] {
        stage.keys(key);
        assert_screen(name, &mut stage);
    }
}

#[test]
fn enter_on_a_tool_shows_its_first_call_in_the_detail() {
    let mut stage = Stage::open(&fixture("agno-3.1.10.sqlite"), (120, 36));
    stage.keys("g5");
    let at =
        stage.text().lines().filter(|line| line.contains("  0%  ")).position(|line| line.contains("delegate_task")).unwrap_or_default();
    stage.keys(&"j".repeat(at));
    stage.keys("<Enter>");
    let text = stage.text();
    let heading = text.lines().position(|line| line.contains("delegate_task_to_member ─ Overview")).unwrap_or_default();
    let page: String = text.lines().skip(heading).collect();
    assert!(heading > 0 && page.contains(" arguments ") && !page.contains(" context "), "{text}");
}

#[test]
fn names_come_before_further_columns_where_there_is_room() {
    let mut stage = Stage::open(&fixture("agno-3.1.10.sqlite"), (200, 60));
    stage.keys("6");
    let text = stage.text();
    let line = text.lines().find(|line| line.contains('▎')).unwrap_or_default();
    assert!(
        line.contains("ModelProviderError: Rate limit reached for gpt-5-mini in organization") && line.contains("gpt-5-mini  "),
        "{text}"
    );
    stage.resize(80, 24);
    assert!(stage.text().contains("MESSAGE") && stage.text().contains("WHERE"), "{}", stage.text());
}

#[test]
fn enter_on_a_line_filters_by_it() {
    let mut stage = Stage::open(&fixture("agno-3.1.10.sqlite"), (120, 36));
    stage.keys("6");
    let (_, line) = stage.find("payment gateway refused");
    stage.keys(&"j".repeat(usize::from(line) - 3));
    stage.keys("<Enter>");
    assert_eq!(stage.app.view(), View::Traces);
    assert_eq!(stage.app.tree.len(), 1, "{}", stage.app.filter);
    stage.keys("2");
    assert!(stage.text().contains("1 of 1 ╮"), "a view shows title matches the filter");
    stage.keys("<Enter>");
    assert!(stage.app.filter.contains("session:"), "{}", stage.app.filter);
}

/// Returns a span in OTLP/JSON with an OpenInference span kind and further attributes. Its id is `trace * 100 + id`, and its parent the
/// first span of its trace.
fn span_json((trace, id): (u64, u64), (name, kind): (&str, &str), more: &Value, failure: Option<&str>) -> Value {
    let start = NOW.unsigned_abs() - 1_000_000_000_000 + (trace * 100 + id) * 1_000_000_000;
    let mut attributes = vec![json!({"key": "openinference.span.kind", "value": {"stringValue": kind}})];
    for (key, value) in more.as_object().unwrap() {
        let value = value.as_str().map_or_else(|| json!({"intValue": value}), |text| json!({"stringValue": text}));
        attributes.push(json!({"key": key, "value": value}));
    }
    let span = |id: u64| format!("{:016x}", trace * 100 + id);
    json!({
        "traceId": format!("{trace:032x}"), "spanId": span(id), "parentSpanId": if id == 0 { String::new() } else { span(0) }, "name": name,
        "startTimeUnixNano": start.to_string(), "endTimeUnixNano": (start + 500_000_000).to_string(), "attributes": attributes,
        "status": failure.map_or_else(|| json!({}), |message| json!({"code": 2, "message": message})),
    })
}

/// Writes spans to a file in a temporary directory, which is deleted when dropped.
fn write_spans(spans: &[Value]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spans.json");
    std::fs::write(&path, json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).to_string()).unwrap();
    (folder, path)
}

#[test]
fn enter_on_an_error_filters_exactly_its_spans() {
    let mut spans = Vec::new();
    for trace in 1..=4 {
        let late = format!("Timeout after {trace} ms for 'u{trace}'");
        let mut fail = |name: &str, kind: &str, more: Value, message: &str| {
            let id = spans.len() as u64 % 20;
            spans.push(span_json((trace, id), (name, kind), &more, Some(message)));
        };
        fail("Root.run", "AGENT", json!({"agent.name": "Root"}), "upstream exploded");
        fail("Chat.invoke", "LLM", json!({"llm.model_name": "gpt"}), "upstream exploded");
        fail("NoModel.invoke", "LLM", json!({}), "upstream exploded");
        fail("search", "TOOL", json!({"tool.name": "search"}), &format!("'customer_{trace}'"));
        fail("search", "TOOL", json!({"tool.name": "search"}), &late);
        fail("search", "TOOL", json!({"tool.name": "search"}), &format!("{late}: gave up"));
        fail("web_search", "TOOL", json!({"tool.name": "web_search"}), &late);
        fail(if trace == 2 { "embed" } else { "embed more" }, "EMBEDDING", json!({"embedding.model_name": "small"}), "too long");
        fail("validate.execute", "CHAIN", json!({"graph.node.name": "node"}), "odd * star");
        fail("validate.execute", "CHAIN", json!({"graph.node.name": "node"}), "odd one star");
        if trace > 2 {
            fail("search", "TOOL", json!({"tool.name": "search"}), "");
        }
        while spans.len() % 20 > 0 {
            let id = spans.len() as u64 % 20;
            spans.push(span_json((trace, id), ("search", "TOOL"), &json!({"tool.name": "search"}), None));
        }
    }
    let (_folder, path) = write_spans(&spans);
    let mut stage = Stage::open(&path, (120, 36));
    let group = |stage: &Stage, row: RowIx| {
        let data = stage.store.row(row);
        let place = stage.store.text(if data.label.is_empty() { data.name } else { data.label }).to_owned();
        let error = stage.store.text(stage.store.failure_text(row));
        stage.store.is_failed_step(row).then(|| (data.span_type, place, errors::normalize(error)))
    };
    let groups: BTreeSet<_> = stage.store.rows().filter_map(|row| group(&stage, row)).collect();
    stage.keys("6");
    assert_eq!(stage.app.table.as_ref().unwrap().len(), groups.len());
    assert_eq!(groups.len(), 10);
    let (mut filtered_groups, mut seen) = (BTreeSet::new(), 0);
    for line in 0..groups.len() {
        stage.keys("6");
        stage.keys(&"j".repeat(line));
        stage.keys("<Enter>");
        let matches: BTreeSet<RowIx> = stage.store.rows().filter(|&row| stage.app.tree.is_match(row)).collect();
        let first_group = group(&stage, *matches.first().unwrap_or_else(|| panic!("nothing matches {}", stage.app.filter)));
        let all: BTreeSet<RowIx> = stage.store.rows().filter(|&row| group(&stage, row) == first_group).collect();
        assert_eq!(matches, all, "{}", stage.app.filter);
        let visited: BTreeSet<RowIx> = (0..all.len()).filter_map(|_| (stage.keys("e"), stage.app.tree.cursor()).1).collect();
        assert_eq!(visited, all, "{}", stage.app.filter);
        seen += all.len();
        filtered_groups.insert(first_group);
        stage.keys("<Esc>");
        assert_eq!(stage.app.filter, "");
    }
    assert_eq!((filtered_groups.len(), seen), (groups.len(), 38));
}

#[test]
fn a_stated_total_that_differs_is_shown_once() {
    let usage = |input: u64, output: u64, total: u64| json!({"llm.model_name": "m", "llm.token_count.prompt": input, "llm.token_count.completion": output, "llm.token_count.total": total});
    let with = |mut usage: Value, name: &str, value: Value| {
        usage[name] = value;
        usage
    };
    let cached = |total| with(usage(5, 50, total), "llm.token_count.prompt_details.cache_read", json!(100));
    let call = |usage: Value| span_json((1, 1), ("Chat.invoke", "LLM"), &usage, None);
    let alone = |usage: Value| span_json((1, 0), ("Chat.invoke", "LLM"), &usage, None);
    let agent = |usage: Value| span_json((1, 0), ("Root.run", "AGENT"), &usage, None);
    let many = json!({"llm.token_count.total": 300});
    for (spans, expected) in [
        (vec![alone(usage(100, 50, 150))], &[][..]),
        (vec![alone(usage(100, 50, 200))], &["states a total of 200"]),
        (vec![alone(with(usage(100, 50, 200), "llm.token_count.total", json!("200.0")))], &["states a total of 200"]),
        (vec![alone(cached(55))], &[]),
        (vec![alone(cached(155))], &[]),
        (vec![alone(cached(156))], &["states a total of 156"]),
        (vec![alone(with(usage(100, 50, 200), "llm.provider", json!("google")))], &["states a total of 200"]),
        (vec![alone(many.clone())], &[]),
        (vec![agent(usage(100, 50, 150)), call(usage(100, 50, 150))], &[]),
        (vec![agent(usage(60, 30, 90)), call(usage(100, 50, 150))], &["states 90 itself"]),
        (vec![agent(usage(60, 30, 150)), call(usage(100, 50, 150))], &["states 90 itself"]),
        (vec![agent(usage(60, 30, 80)), call(usage(100, 50, 150))], &["states 90 itself", "states a total of 80"]),
        (vec![agent(many), call(usage(100, 50, 150))], &["states a total of 300"]),
    ] {
        let (_folder, path) = write_spans(&spans);
        let text = Stage::open(&path, (120, 36)).text();
        let stated: Vec<&str> =
            text.lines().filter_map(|line| line.find(" states ").map(|at| line[at + 1..].trim_end_matches(['"', ' ']))).collect();
        assert_eq!(stated, expected, "{text}");
    }
    // Also for a call that is counted with another span.
    let answer = |id: u64| span_json((1, id), ("Chat.invoke", "LLM"), &with(usage(100, 50, 200), "gen_ai.response.id", json!("one")), None);
    let (one, mut other) = (answer(1), answer(2));
    for time in ["startTimeUnixNano", "endTimeUnixNano"] {
        other[time].clone_from(&one[time]);
    }
    let (_folder, path) = write_spans(&[span_json((1, 0), ("Root.run", "AGENT"), &json!({}), None), one, other]);
    let mut stage = Stage::open(&path, (120, 36));
    let counted = ["l", "j"].map(|key| {
        stage.keys(key);
        assert!(stage.text().contains("states a total of 200"), "{}", stage.text());
        !stage.text().contains("counted with another span:")
    });
    assert_eq!(counted, [false, true]);
}

#[test]
fn totals_cover_the_matching_traces_or_one_trace() {
    let mut stage = Stage::open(&fixture("agno-3.1.10.sqlite"), (120, 36));
    let all = stage.app.aggregates.stats(&stage.store).totals().tokens();
    stage.keys("/agent:chatty<Enter>");
    let shown = stage.app.aggregates.stats(&stage.store).totals().tokens();
    stage.keys("p");
    let one = stage.app.aggregates.stats(&stage.store).totals().tokens();
    assert_eq!((all, shown, one), (Some(4152), Some(550), Some(182)));
    assert!(stage.text().contains("this trace"));
}

#[test]
fn a_trace_beyond_its_budget_is_flagged_and_the_bell_rings_once() {
    let mut stage = Stage::open(&fixture("agno-3.1.10.sqlite"), (120, 36));
    stage.app.budgets = Budgets::new(Budget { tokens: Some(1000), cost: None }, Budget::default());
    let batch = |tokens: u32, origin| {
        let mut batch = Batch::new(SourceId(0), origin);
        let name = batch.intern("late");
        let usage = Some(Usage { input: Some(tokens), ..Usage::default() });
        batch.spans.push(Span {
            trace: TraceId::new([9; 16]).unwrap(),
            id: SpanId::new(u64::from(tokens).to_be_bytes()).unwrap(),
            parent: None,
            start: NOW - 2_000_000_000,
            end: Some(NOW - 1_000_000_000),
            status: Status::Ok,
            name,
            facts: SpanFacts { span_type: SpanType::Agent, agent: name, usage, ..SpanFacts::default() },
            error: Text::default(),
            payload_ref: PayloadRef(0),
            retained_bytes: 0,
        });
        batch
    };
    let mut receive = |tokens, origin| {
        stage.app.receive(&mut stage.store, batch(tokens, origin), NOW);
        stage.app.take_bell()
    };
    assert_eq!([receive(600, Origin::Live), receive(601, Origin::Live), receive(602, Origin::Live)], [false, true, false]);
    assert!(stage.text().contains("late over budget"));
}

fn source(name: &str, state: State) -> SourceView {
    SourceView { state, ..SourceView::new(name) }
}

/// Returns a listener with two ports that forwards to two endpoints, the second of which is down.
fn listener() -> SourceView {
    let port = |port| Port { address: ([127, 0, 0, 1], port).into(), reachable: None, warning: None, error: None };
    let alive = Forwarding { url: "http://127.0.0.1:4319".to_owned(), sent: 12, ..Forwarding::default() };
    let error = Some("io: Connection refused".to_owned());
    let dead = Forwarding { url: "https://collector.example:4318".to_owned(), waiting: 3, dropped: 1, error, ..Forwarding::default() };
    let traffic = Traffic { refused: 7, logs: 5, forwards: vec![alive, dead], ports: vec![port(4317), port(4318)], ..Traffic::default() };
    SourceView { traffic, ..source("otlp", State::Watching { left_out: 0 }) }
}

#[test]
fn a_recording_is_named_in_the_header_and_among_the_sources() {
    let mut stage = Stage::open(&fixture("agno-3.1.10.sqlite"), (160, 24));
    let mut recording = listener();
    recording.traffic = Traffic { recording: Some("runs/today.db".into()), ports: recording.traffic.ports, ..Traffic::default() };
    stage.app.sources = vec![recording];
    assert!(stage.text().contains("recording into today.db"), "{}", stage.text());
    stage.keys("L");
    assert!(stage.text().contains("● recording into runs/today.db"), "{}", stage.text());
}

/// Returns a listener whose first port is in use, without forwarding.
fn blocked_listener() -> SourceView {
    let mut listener = listener();
    let words =
        "can't listen on 127.0.0.1:4317: it is in use; stop the program that listens there, or choose another address with --grpc ADDR";
    listener.state = State::Failing(words.to_owned());
    listener.traffic = Traffic { ports: listener.traffic.ports, ..Traffic::default() };
    listener.traffic.ports[0].error = Some(PortError { is_in_use: true, message: words.to_owned(), flag: "--grpc" });
    listener
}

/// Returns a listener that other machines can reach.
fn open_listener() -> SourceView {
    let mut listener = listener();
    let warning = "0.0.0.0:4318 is open to other machines: everybody who reaches it can send spans; --otlp-token TOKEN asks for a token";
    listener.traffic = Traffic { ports: listener.traffic.ports, ..Traffic::default() };
    listener.traffic.ports[1] =
        Port { address: ([0, 0, 0, 0], 4318).into(), reachable: None, warning: Some(warning.to_owned()), error: None };
    listener
}

#[test]
fn the_header_shows_every_source_and_failures_first() {
    let missing = || source("tmp/traces.db", State::Waiting("tmp/traces.db does not exist yet; it is waited for".to_owned()));
    let read = |name: &str| source(name, State::Watching { left_out: 0 });
    let mut protected = open_listener();
    protected.traffic.has_token = true;
    let long = || source("postgres://agno@database.example:5432/production", State::Failing("it can't be reached: timed out".to_owned()));
    let cases = [
        ("a missing database and a dead endpoint", vec![missing(), listener()]),
        ("four sources", vec![read("a.db"), read("b.db"), read("c.db"), listener()]),
        ("a port that is taken", vec![missing(), blocked_listener()]),
        ("open to others", vec![read("a.db"), open_listener()]),
        ("open to others with a token", vec![read("a.db"), protected]),
        ("a database that fails", vec![read("a.db"), listener(), long()]),
        ("a single database", vec![read("a.db")]),
    ];
    let mut lines = String::new();
    for (title, sources) in cases {
        let _ = writeln!(lines, "{title}");
        for width in [40, 80, 120, 160, 200] {
            let mut stage = Stage::open(&fixture("agno-3.1.10.sqlite"), (width, 24));
            stage.app.sources.clone_from(&sources);
            let screen = stage.text();
            let first = screen.lines().next().unwrap_or_default();
            let _ = writeln!(lines, "{width:3} {first}");
        }
    }
    insta::assert_snapshot!("header", lines);
}

#[test]
fn the_sources_popup_shows_all_details() {
    for size in SIZES {
        let mut stage = Stage::open(&fixture("agno-3.1.10.sqlite"), size);
        stage.app.sources.extend([open_listener(), blocked_listener(), listener()]);
        stage.keys("L");
        assert_screen(&format!("sources-{}x{}", size.0, size.1), &mut stage);
        stage.keys("G");
        assert!(stage.text().contains("Connection refused"));
        stage.keys("L");
        assert!(!stage.text().contains("Connection refused"));
        stage.keys(":sources<Enter>");
        assert!(stage.text().contains("Sources · "));
    }
}

#[test]
fn an_open_port_is_warned_of_until_a_key_is_pressed() {
    let mut stage = Stage::open(&fixture("agno-3.1.10.sqlite"), (80, 24));
    stage.app.sources.push(source("otlp", State::Watching { left_out: 0 }));
    stage.app.source_traffic(&mut stage.store, 1, open_listener().traffic);
    stage.app.tick(&mut stage.store, NOW + 3_600_000_000_000);
    let warning = "0.0.0.0:4318 is open to others · L says more";
    assert!(stage.text().contains(warning));
    stage.keys("j");
    assert!(!stage.text().contains(warning));
    stage.app.source_traffic(&mut stage.store, 1, Traffic { spans: 1, ..open_listener().traffic });
    assert!(!stage.text().contains(warning), "the warning is shown once");
}

#[test]
fn a_message_stands_above_the_keys() {
    let mut stage = Stage::open(&fixture("agno-3.1.10.sqlite"), (80, 24));
    stage.keys("6");
    let keys = stage.text().lines().last().map(str::to_owned);
    stage.keys("v");
    let text = stage.text();
    assert!(text.lines().nth(22).unwrap().contains("this view has no times"), "{text}");
    assert_eq!(text.lines().last().map(str::to_owned), keys, "{text}");
}

#[test]
fn a_marked_line_keeps_the_sign_of_the_cursor() {
    let mut stage = Stage::open(&fixture("agno-3.1.10.sqlite"), (80, 24));
    stage.keys("gm");
    assert!(stage.text().lines().any(|line| line.contains("✓▎▾◈ Report Team")), "{}", stage.text());
    stage.keys("j");
    assert!(stage.text().lines().any(|line| line.contains("│✓▾◈ Report Team")), "{}", stage.text());
}

#[test]
fn a_delegation_says_why_it_has_no_time() {
    let mut stage = Stage::open(&fixture("agno-3.1.10.sqlite"), (120, 36));
    stage.keys("5");
    let at = stage.text().lines().filter(|line| line.contains("  0%  ")).position(|line| line.contains("delegate_task")).unwrap();
    stage.keys(&"j".repeat(at));
    assert!(stage.text().contains("time           –, it waits for the run of a member"), "{}", stage.text());
    stage.keys("<Enter>");
    assert!(stage.text().contains("it waits for the run of a member below it"), "{}", stage.text());
}

#[test]
fn a_narrow_footer_always_names_the_help() {
    for keys in ["", "m", "mJm", "/status:error<Enter>", "3", "6", "7", "8", "<Enter>"] {
        let mut stage = Stage::open(&fixture("agno-3.1.10.sqlite"), (80, 24));
        stage.keys(keys);
        let text = stage.text();
        assert!(text.lines().last().unwrap().contains("? help"), "{keys}: {text}");
    }
}
