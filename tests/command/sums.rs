//! The groups of `stats` add up to the totals.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Program, fixture};

const SUMMED: [&str; 4] = ["input_tokens", "cached_tokens", "cache_write_tokens", "output_tokens"];

fn sum(lines: &[Value], field: &str) -> u64 {
    lines.iter().filter_map(|line| line[field].as_u64()).sum()
}

#[test]
fn every_grouping_adds_up_to_the_same_usage() {
    let program = Program::new();
    for source in ["frameworks/agno-claude/traces.sqlite", "frameworks/agno-team-workflow/traces.sqlite", "agno-3.1.10.sqlite"] {
        let source = fixture(source);
        let source = source.to_str().unwrap();
        let traces = program.objects(&["list", "--json", source]);
        for by in ["agent", "model", "tool", "session"] {
            let lines = program.objects(&["stats", "--json", "--by", by, source]);
            for field in SUMMED {
                assert_eq!(sum(&lines, field), sum(&traces, field), "{field} by {by} in {source}");
            }
        }
    }
}

#[test]
fn percentiles_are_those_of_the_calls() {
    let program = Program::new();
    let lines = program.objects(&["stats", "--json", "--by", "tool", "traces.db"]);
    let spans = program.objects(&["tail", "--json", "--since", "2026-01-01", "--limit", "75", "traces.db"]);
    let tools: Vec<&Value> = spans.iter().filter(|span| span["kind"] == "tool").collect();
    assert_eq!(sum(&lines, "calls"), tools.len() as u64);
    for line in lines.iter().filter(|line| !line["key"].is_null()) {
        let mut times: Vec<f64> =
            tools.iter().filter(|tool| tool["tool"] == line["key"]).map(|tool| tool["duration_ms"].as_f64().unwrap()).collect();
        times.sort_by(f64::total_cmp);
        let at = |share: usize| times[(times.len() * share).div_ceil(100) - 1];
        assert_eq!(
            [&line["p50_ms"], &line["p95_ms"], &line["max_ms"]],
            [&at(50).into(), &at(95).into(), &at(100).into()] as [&Value; 3],
            "{line}"
        );
    }
    assert!(lines.last().unwrap()["key"].is_null(), "what ran under no tool comes last");
}

#[test]
fn every_model_that_is_counted_can_be_filtered_by() {
    let program = Program::new();
    let folders = std::fs::read_dir(fixture("frameworks")).unwrap().map(|entry| entry.unwrap().path());
    let mut models = 0;
    for folder in folders.filter(|path| path.is_dir()) {
        let files = requests(&folder);
        let with_files = |arguments: &[&str]| -> Vec<Value> {
            let files = files.iter().map(String::as_str);
            let output = program.run(&arguments.iter().copied().chain(files).collect::<Vec<_>>());
            String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
        };
        for line in with_files(&["stats", "--json", "--by", "model"]) {
            let Some(model) = line["key"].as_str() else { continue };
            let filter = format!("model:\"{model}\"");
            assert!(!with_files(&["list", "--json", "--filter", &filter]).is_empty(), "{filter} in {}", folder.display());
            models += 1;
        }
    }
    assert!(models > 30, "{models} models");
}

/// Returns the recorded requests in a folder.
fn requests(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_request = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "gz" || extension == "pb");
    entries.filter(is_request).map(|path| path.to_str().unwrap().to_owned()).collect()
}

#[test]
fn errors_that_differ_in_numbers_only_form_one_group() {
    let program = Program::new();
    let lines = program.objects(&["stats", "--json", "--by", "error", "traces.db"]);
    assert_eq!(sum(&lines, "failed_steps"), sum(&program.objects(&["list", "--json", "traces.db"]), "failed_steps"));
    let keys: Vec<&str> = lines.iter().map(|line| line["key"].as_str().unwrap()).collect();
    assert!(keys.contains(&"tool refund_order: payment gateway refused refund of order *: HTTP 502"), "{keys:?}");
}
