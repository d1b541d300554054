//! What a person sees, on a real database.

#![allow(clippy::panic, reason = "a test ends where it cannot go on")]

mod stage;

use agno_top::app::Effect;
use agno_top::export::Format;
use stage::{Stage, fixture};

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 36), (200, 60)];

/// A picture of the screen, with what depends on the time zone masked.
fn picture(name: &str, stage: &mut Stage) {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\b\d\d:\d\d:\d\d\b", "hh:mm:ss");
    settings.bind(|| insta::assert_snapshot!(name, stage.text()));
}

#[test]
fn the_traces_at_three_sizes() {
    for size in SIZES {
        let mut stage = Stage::open(&fixture("agno-3.1.10.sqlite"), size);
        picture(&format!("traces-{}x{}", size.0, size.1), &mut stage);
    }
}

#[test]
fn every_tab_of_the_detail() {
    let mut stage = Stage::open(&fixture("agno-3.1.10.sqlite"), (120, 36));
    stage.keys("j<Enter><Enter>");
    for tab in ["overview", "messages", "input", "output", "attributes", "events"] {
        picture(&format!("detail-{tab}"), &mut stage);
        stage.keys("]");
    }
}

#[test]
fn layers_over_the_panes() {
    let mut stage = Stage::open(&fixture("agno-3.1.10.sqlite"), (120, 36));
    stage.keys("?");
    picture("help", &mut stage);
    stage.keys("<Esc>a");
    picture("pick-agents", &mut stage);
    stage.keys("<Down><Space><Enter>");
    picture("agents-picked", &mut stage);
    stage.keys("<Esc>/status:bad");
    picture("filter-with-a-mistake", &mut stage);
}

#[test]
fn an_export_is_asked_for_and_told() {
    let mut stage = Stage::open(&fixture("agno-3.1.10.sqlite"), (120, 36));
    stage.keys("mx<Right><Right>");
    let screen = stage.text();
    for wanted in ["Export 1 trace ", "otlp  otlp-proto  agno  jsonl  csv  markdown", "-20", ".jsonl", "[ ] write everything as it is"] {
        assert!(screen.contains(wanted), "{wanted} is not in\n{screen}");
    }
    stage.keys("<Tab><Tab><Space>");
    assert!(stage.text().contains("[x] hide keys"));
    let effects = stage.keys("<Enter>");
    let [Effect::Export(export)] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!((export.traces.len(), export.format, export.redact), (1, Format::Agno, true));
    assert!(export.path.starts_with("agno-top-") && export.path.ends_with(".jsonl"), "{}", export.path);
    assert!(!stage.text().contains("Export 1 trace"));
}

#[test]
fn errors_only_shows_the_traces_that_failed() {
    let mut stage = Stage::open(&fixture("agno-3.1.10.sqlite"), (120, 36));
    stage.keys("!g<Left>");
    picture("errors-only", &mut stage);
    assert_eq!(stage.app.forest.len(), 3);
}

#[test]
fn only_ascii_where_it_is_asked_for() {
    let mut stage = Stage::open(&fixture("agno-3.1.10.sqlite"), (80, 24));
    stage.app.ascii = true;
    stage.keys("?");
    let strange: String = stage.text().chars().filter(|c| !c.is_ascii()).collect();
    assert_eq!(strange, "", "the program's own symbols are ASCII");
    stage.keys("<Esc>");
    picture("ascii", &mut stage);
}

#[test]
fn bars_and_orders_of_one_s_own() {
    let mut stage = Stage::open(&fixture("agno-3.1.10.sqlite"), (120, 36));
    stage.keys("c");
    picture("critical-path", &mut stage);
    stage.keys("cjjjj++");
    picture("zoomed", &mut stage);
    stage.keys("0bb");
    picture("bars-of-tokens", &mut stage);
    stage.resize(80, 24);
    stage.keys("ZZss");
    picture("sorted-by-tokens", &mut stage);
    stage.keys("ogptmx<Backspace>");
    picture("pick-narrowed", &mut stage);
}

#[test]
fn results_stand_under_their_calls() {
    let mut stage = Stage::open(&fixture("agno-3.1.10.sqlite"), (100, 40));
    // The last call of the agent whose tools ran side by side.
    stage.keys("/agent:\"Parallel Agent\"<Enter>ZG<Enter><Enter>]");
    picture("detail-messages-parallel", &mut stage);
}

#[test]
fn nothing_breaks_on_any_size() {
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
