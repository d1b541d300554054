//! The groups of `stats` add up to the totals.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Program, errors, fixture};

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
        for by in ["agent", "model", "tool", "session", "user", "provider", "service", "hour", "day", "month"] {
            let lines = program.objects(&["stats", "--json", "--by", by, source]);
            for field in SUMMED {
                assert_eq!(sum(&lines, field), sum(&traces, field), "{field} by {by} in {source}");
            }
        }
    }
}

#[test]
fn a_provider_is_one_however_its_name_is_written() {
    let program = Program::new();
    let call = |number: u64, provider: &str| {
        let texts = [("gen_ai.operation.name", "chat"), ("gen_ai.request.model", "gpt-5-mini"), ("gen_ai.provider.name", provider)];
        let texts = texts.map(|(key, value)| json!({"key": key, "value": {"stringValue": value}}));
        let counts = [("input", 100), ("output", 7)]
            .map(|(of, count)| json!({"key": format!("gen_ai.usage.{of}_tokens"), "value": {"intValue": count}}));
        let attributes: Vec<Value> = texts.into_iter().chain(counts).collect();
        json!({"traceId": format!("{number:032x}"), "spanId": format!("{number:016x}"), "name": "chat", "attributes": attributes,
            "startTimeUnixNano": "1795330800000000000", "endTimeUnixNano": "1795330801000000000"})
    };
    let spans = [call(1, "OpenAI"), call(2, "openai"), call(3, "Groq")];
    std::fs::write(program.path("calls.json"), json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).to_string()).unwrap();
    for arguments in [&[][..], &["--misses"]] {
        let lines = program.objects(&[&["stats", "--by", "provider", "--json", "calls.json"], arguments].concat());
        let counts: Vec<Value> =
            lines.iter().map(|line| json!([line["key"], line["calls"], line["input_tokens"], line["output_tokens"]])).collect();
        assert_eq!(counts, [json!(["openai", 2, 200, 14]), json!(["groq", 1, 100, 7])]);
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
        if line["key"] == "delegate_task_to_member" {
            assert_eq!([&line["p50_ms"], &line["max_ms"]], [&Value::Null; 2], "its time is that of the member's run");
            continue;
        }
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
    let folders: Vec<PathBuf> = folders.filter(|path| path.is_dir()).collect();
    let models_in = |folder: &PathBuf| {
        let files = requests(folder);
        let with_files = |arguments: &[&str]| -> Vec<Value> {
            let files = files.iter().map(String::as_str);
            let output = program.run(&arguments.iter().copied().chain(files).collect::<Vec<_>>());
            String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
        };
        let lines = with_files(&["stats", "--json", "--by", "model"]);
        let models = lines.iter().filter_map(|line| line["key"].as_str());
        models
            .map(|model| {
                let filter = format!("model:\"{model}\"");
                assert!(!with_files(&["list", "--json", "--filter", &filter]).is_empty(), "{filter} in {}", folder.display());
            })
            .count()
    };
    // Each question starts a program: several at a time keep all processors busy.
    let models: usize = std::thread::scope(|scope| {
        let parts = folders.chunks(folders.len().div_ceil(4));
        let threads: Vec<_> = parts.map(|folders| scope.spawn(|| folders.iter().map(&models_in).sum::<usize>())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
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

/// A file with one model call of a thousand input tokens that began at each of these times.
fn calls_at(program: &Program, starts: &[&str]) {
    calls_of(program, starts, "shop");
}

/// The same, of a service.
fn calls_of(program: &Program, starts: &[&str], service: &str) {
    let spans: Vec<Value> = (1..)
        .zip(starts)
        .map(|(id, start)| {
            let nanos = agno_top::model::time::parse(start.as_bytes()).unwrap();
            json!({
                "traceId": format!("{id:032x}"), "spanId": format!("{id:016x}"), "name": "chat", "startTimeUnixNano": nanos.to_string(),
                "endTimeUnixNano": (nanos + 1_000_000).to_string(), "attributes": [
                    {"key": "openinference.span.kind", "value": {"stringValue": "LLM"}},
                    {"key": "llm.model_name", "value": {"stringValue": "gpt-4o"}},
                    {"key": "llm.token_count.prompt", "value": {"intValue": "1000"}},
                ],
            })
        })
        .collect();
    let resource = json!({"attributes": [{"key": "service.name", "value": {"stringValue": service}}]});
    let request = json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]});
    std::fs::write(program.path("calls.json"), request.to_string()).unwrap();
}

/// Runs `stats` in a time zone. Returns keys, starts and calls.
fn periods(program: &Program, zone: &str, by: &str) -> Vec<(String, String, u64)> {
    let mut command = program.command(&["stats", "--json", "--by", by, "calls.json"]);
    let output = command.env("TZ", zone).output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let group = |line: &str| {
        let group: Value = serde_json::from_str(line).unwrap();
        let text = |field: &str| group[field].as_str().unwrap().to_owned();
        (text("key"), text("start"), group["calls"].as_u64().unwrap())
    };
    lines.lines().map(group).collect()
}

#[test]
fn an_hour_that_a_clock_change_repeats_is_two_hours() {
    // Central European time, written out: it needs no files of time zones.
    let zone = "CET-1CEST,M3.5.0,M10.5.0/3";
    let program = Program::new();
    let starts = ["2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:59:59Z", "2026-10-25T22:59:59Z", "2026-10-25T23:00:00Z"];
    calls_at(&program, &starts);
    let group = |key: &str, start: &str, calls| (key.to_owned(), start.to_owned(), calls);
    assert_eq!(
        periods(&program, zone, "hour"),
        [
            group("2026-10-25 02:00 +02:00", "2026-10-25T02:00:00+02:00", 1),
            group("2026-10-25 02:00 +01:00", "2026-10-25T02:00:00+01:00", 2),
            group("2026-10-25 23:00 +01:00", "2026-10-25T23:00:00+01:00", 1),
            group("2026-10-26 00:00 +01:00", "2026-10-26T00:00:00+01:00", 1),
        ]
    );
    assert_eq!(
        periods(&program, zone, "day"),
        [group("2026-10-25", "2026-10-25T00:00:00+02:00", 4), group("2026-10-26", "2026-10-26T00:00:00+01:00", 1)],
        "a day of 25 hours"
    );
    let count = |bounds: &[&str]| {
        let mut command = program.command(&[&["list", "--json", "calls.json"], bounds].concat());
        String::from_utf8(command.env("TZ", zone).output().unwrap().stdout).unwrap().lines().count()
    };
    let (since, until) = (["--since", "2026-10-25T02:00"], ["--until", "2026-10-25T02:59:59"]);
    assert_eq!((count(&since), count(&until), count(&[since, until].concat())), (5, 3, 3), "bounds hold both");
    calls_at(&program, &["2026-03-29T00:59:59Z", "2026-03-29T01:00:00Z", "2026-03-29T01:10:00Z"]);
    for (since, calls) in [("01:59:59", 3), ("02:00", 2), ("02:10", 2), ("02:30", 2), ("02:59:59.9", 2), ("03:00", 2), ("03:00:01", 1)] {
        assert_eq!(count(&["--since", &format!("2026-03-29T{since}")]), calls, "the skipped hour loses nothing: {since}");
    }
    assert_eq!((count(&["--until", "2026-03-29T02:45"]), count(&["--until", "2026-03-29T03:05"])), (2, 2), "the change itself is in both");
    calls_at(&program, &starts);
    assert_eq!(periods(&program, "UTC", "month"), [group("2026-10", "2026-10-01T00:00:00Z", 5)]);
    let text = program.text(&["stats", "--by", "day", "calls.json"]);
    assert!(text.starts_with(" RUNS") || text.starts_with("RUNS"), "{text}");
    assert!(text.lines().next().unwrap().ends_with("DAY (UTC)"), "{text}");
}

#[test]
fn services_are_told_apart_and_a_database_has_none() {
    let program = Program::new();
    let key = |source: &str| program.objects(&["stats", "--json", "--by", "service", source]).remove(0)["key"].clone();
    calls_of(&program, &["2026-11-22T12:00:00Z"], "shop");
    assert_eq!((key("calls.json"), key("traces.db")), (json!("shop"), Value::Null));
}

#[test]
fn the_total_is_the_sum_of_the_lines_and_columns_sort_them() {
    let program = Program::new();
    let text = program.text(&["stats", "--by", "model", "--sort", "cost", "traces.db"]);
    let names: Vec<&str> = text.lines().map(|line| line.rsplit("  ").next().unwrap()).collect();
    let (covers, names) = names.split_last().unwrap();
    assert_eq!(names, ["MODEL", "gpt-4o", "gpt-5-mini", "gpt-5", "gpt-4o-mini", "claude-sonnet-4-5", "total"]);
    assert_eq!(*covers, "11 traces that began between 2026-11-22 05:59:04 and 2026-11-22 05:59:06");
    let covers = |period: &[&str]| {
        let words = [&["stats", "traces.db"], period].concat();
        let (text, json) = (program.text(&words), program.objects(&[&words[..], &["--json"]].concat()).remove(0)["covers"].clone());
        (text.lines().last().unwrap().to_owned(), json)
    };
    let (text, json) = covers(&["--since", "2026-11-21"]);
    assert_eq!(text, "11 traces that began since 2026-11-21 00:00:00");
    assert_eq!(json, json!({"traces": 11, "from": "2026-11-21T00:00:00Z", "to": null}));
    let (text, json) = covers(&["--since", "2026-11-22", "--until", "2026-11-22", "--limit", "1"]);
    assert_eq!(text, "1 trace that began between 2026-11-22 00:00:00 and 2026-11-22 23:59:59");
    assert_eq!(json["to"], "2026-11-22T23:59:59.999999999Z");
    assert_eq!(covers(&["--limit", "1"]).0, "1 trace that began at 2026-11-22 05:59:06");
    let lines = program.objects(&["stats", "--json", "--total", "--by", "model", "traces.db"]);
    let (total, groups) = lines.split_last().unwrap();
    assert_eq!((&total["by"], &total["key"]), (&json!("total"), &Value::Null));
    for field in SUMMED.iter().chain(&["calls", "errors"]) {
        assert_eq!(sum(groups, field), total[field].as_u64().unwrap_or_default(), "{field}");
    }
    assert_eq!(program.objects(&["stats", "--json", "--by", "model", "traces.db"]), groups, "programs sum the lines up");
}

#[test]
fn since_and_until_take_words_and_until_ends_with_its_day() {
    let program = Program::new();
    calls_at(&program, &["2026-11-21T23:59:59Z", "2026-11-22T12:00:00Z", "2026-11-23T00:00:00Z"]);
    let count = |arguments: &[&str]| program.objects(&[&["list", "--json", "calls.json"], arguments].concat()).len();
    assert_eq!(count(&["--until", "2026-11-22"]), 2);
    assert_eq!(count(&["--since", "2026-11-22", "--until", "2026-11-22"]), 1);
    for word in ["today", "yesterday", "Monday", "week", "month"] {
        let code = program.run(&["list", "calls.json", "--until", word, "--since", word]).status.code();
        assert!(matches!(code, Some(0 | 1)), "{word}: {code:?}");
    }
    let output = program.run(&["list", "calls.json", "--until", "yesterdy"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(errors(&output).contains("did you mean yesterday?"), "{}", errors(&output));
    let followed = program.objects(&["tail", "--json", "--since", "2026-01-01", "--until", "2026-11-22", "traces.db"]);
    assert_eq!(followed.len(), 75, "it exits when the time is over");
}
