//! Output for users.

use super::{Program, fixture};

#[test]
fn list_prints_a_line_per_trace_with_its_error() {
    let text = Program::new().text(&["list", "traces.db"]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 12);
    assert_eq!(lines[0].split_whitespace().collect::<Vec<_>>(), ["BEGAN", "STATUS", "ID", "TIME", "SPANS", "ERR", "TOK", "COST", "TRACE"]);
    assert!(
        lines[1]
            .ends_with("ok      bcc844e1  468ms     38    0  2.6k  $0.0042   Report Team  Write a report about AI  16 calls, 15% cached"),
        "{}",
        lines[1]
    );
    let failed = lines.iter().find(|line| line.contains("f1da07c7")).unwrap();
    assert!(
        failed.ends_with("error   f1da07c7  106ms      2    1     –         –  Unlucky Agent  ModelProviderError: upstream model exploded"),
        "{failed}"
    );
    assert!(!text.contains('\u{1b}'), "no colours without a terminal");
}

#[test]
fn list_sorts_by_a_column_before_it_limits() {
    let program = Program::new();
    let listed = |sort: &str, field: &str| {
        let traces = program.objects(&["list", "--json", "--limit", "4", "--sort", sort, "traces.db"]);
        traces.iter().map(|trace| trace[field].clone()).collect::<Vec<_>>()
    };
    for (sort, field) in [("time", "duration_ms"), ("spans", "spans"), ("errors", "failed_steps"), ("cost", "cost_usd")] {
        let all = program.objects(&["list", "--json", "traces.db"]);
        let mut expected: Vec<f64> = all.iter().filter_map(|trace| trace[field].as_f64()).collect();
        expected.sort_by(|one, other| other.total_cmp(one));
        let sorted: Vec<f64> = listed(sort, field).iter().filter_map(serde_json::Value::as_f64).collect();
        assert_eq!(sorted, expected[..4], "{sort}");
    }
    let mut names = listed("trace", "name");
    names.sort_by_key(ToString::to_string);
    assert_eq!(names, listed("trace", "name"));
    let unknown_last = program.objects(&["list", "--json", "--sort", "tokens", "traces.db"]);
    assert!(unknown_last.last().unwrap()["input_tokens"].is_null() && !unknown_last[0]["input_tokens"].is_null());
}

#[test]
fn last_is_the_newest_trace_in_every_format() {
    let program = Program::new();
    let newest = program.objects(&["list", "--json", "--limit", "1", "traces.db"])[0]["trace_id"].as_str().unwrap().to_owned();
    assert_eq!(program.text(&["show", "last", "traces.db"]), program.text(&["show", &newest, "traces.db"]));
    assert_eq!(program.objects(&["show", "traces.db", "last", "--format", "json"])[0]["trace_id"], newest.as_str());
    let report = program.text(&["show", "last", "--format", "markdown", "traces.db"]);
    assert_eq!(report, program.text(&["export", "last", "--format", "markdown", "traces.db"]));
    let (before, contexts) = report.split_once("\n## Context\n").unwrap();
    assert!(before.contains(&newest) && contexts.contains("- team Report Team: 2 calls"), "{report}");
}

#[test]
fn a_compact_trace_is_twenty_times_smaller_than_its_otlp_and_tells_the_tree() {
    let program = Program::new();
    assert_eq!(
        program.text(&["show", "8354", "--format", "compact", "traces.db"]),
        "8354bea7e8e18f2223f0cadaa93849f4 error
Support Agent: 239ms 108>87 $0.00020
 gpt-5-mini 95ms 47>31
 refund_order() 2.1ms !payment gateway refused refund of order 12345: HTTP 502
 gpt-5-mini 126ms 61>56
"
    );
    let mut sums = [0, 0];
    for trace in program.objects(&["list", "--json", "traces.db"]) {
        let id = trace["trace_id"].as_str().unwrap();
        let lines = [&["show", id, "--format", "compact", "traces.db"][..], &["export", id, "traces.db"]];
        let sizes @ [compact, otlp] = lines.map(|line| program.text(line).len());
        // Of two spans with a long error, the error is most of both texts.
        assert!(compact * 20 <= otlp || trace["spans"] == 2, "{id}: {compact} bytes of {otlp}");
        sums = [sums[0] + sizes[0], sums[1] + sizes[1]];
    }
    assert!(sums[0] * 20 <= sums[1], "{sums:?}");
}

#[test]
fn why_names_the_step_that_failed_and_what_decided_the_time() {
    let program = Program::new();
    let text = program.text(&["why", "8354", "traces.db"]);
    assert!(
        text.starts_with("8354bea7e8e18f2223f0cadaa93849f4  Support Agent  error  239ms\n\n1.  tool refund_order failed: payment gateway"),
        "{text}"
    );
    assert!(
        text.contains("    span 21ee608eb9ced6b1\n") && text.contains("\nWhat decided the time\n 53%   126ms  model gpt-5-mini"),
        "{text}"
    );
    let record = &program.objects(&["why", "traces.db", "8354", "--json"])[0];
    let finding = &record["findings"][0];
    assert_eq!((&finding["cause"], &finding["spans"][0]), (&"failure".into(), &"21ee608eb9ced6b1".into()), "{record}");
    let total: f64 = record["critical_path"].as_array().unwrap().iter().filter_map(|step| step["ms"].as_f64()).sum();
    let listed = program.objects(&["list", "--json", "--filter", "trace:8354", "traces.db"]);
    assert!(listed[0]["duration_ms"].as_f64().is_some_and(|length| (total - length).abs() < 0.01), "{record}");
    assert!(program.text(&["why", "a35b", "traces.db"]).contains("\nNothing stands out.\n"));
    let report = program.text(&["show", "8354", "--format", "markdown", "traces.db"]);
    assert!(report.contains("\n## What stands out\n\n- tool refund_order failed"), "{report}");
    let missing = program.run(&["why", "abcd", "traces.db"]);
    assert_eq!((missing.status.code(), missing.stdout.is_empty()), (Some(1), true));
}

#[test]
fn a_search_lists_what_the_filter_for_a_text_finds() {
    let program = Program::new();
    let found = program.objects(&["search", "john DOE", "traces.db", "--json"]);
    assert!(!found.is_empty() && found.len() < program.objects(&["list", "--json", "traces.db"]).len());
    assert_eq!(found, program.objects(&["list", "--json", "--filter", "text:\"john doe\"", "traces.db"]));
    let narrowed = program.objects(&["search", "john doe", "traces.db", "--json", "--filter", "agent:researcher"]);
    assert!(!narrowed.is_empty() && narrowed.len() < found.len());
    let nothing = program.run(&["search", "no such text", "traces.db"]);
    assert_eq!((nothing.status.code(), nothing.stdout.is_empty()), (Some(1), true));
    let word = program.run(&["list", "--filter", "nosuchword", "traces.db"]);
    assert!(String::from_utf8_lossy(&word.stderr).contains("text:WORD searches all payloads"));
}

#[test]
fn show_prints_a_tree_with_bars_and_errors() {
    let program = Program::new();
    assert_eq!(
        program.text(&["show", "f1da", "traces.db"]),
        "trace    f1da07c790e40640405b376d69e46dbc
status   error
began    2026-11-22 05:59:05, for 106ms
holds    2 spans · 1 failed step · tokens unknown · cost unknown
session  sess-5
user     –
source   traces.db

                  TIME   TOK  0s ─────────────────────── 106ms
◆ Unlucky Agent  106ms     –  ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▓▓▓  ✗ upstream model exploded
└ ✦ gpt-5-mini    97ms     –  ▕▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▍    ✗ ModelProviderError: upstream model exploded

✗ model gpt-5-mini: ModelProviderError: upstream model exploded
"
    );
    let ascii = program.text(&["show", "f1da", "--ascii", "traces.db"]);
    assert!(ascii.is_ascii(), "{ascii}");
    let requests = fixture("frameworks/agno-agentos-fastapi/traces.sqlite").display().to_string();
    let ascii = program.text(&["show", "4f63", "--ascii", &requests]);
    assert!(ascii.is_ascii() && ascii.contains(" 620us "), "{ascii}");
}

#[test]
fn a_tool_call_shows_its_arguments_and_not_their_hash() {
    let program = Program::new();
    let shown = program.text(&["show", "a35b", "traces.db"]);
    let is_shown = |text: &str| text.lines().any(|line| line.contains('⚙') && line.ends_with(" get_weather  {\"city\": \"Lisbon\"}"));
    let line = shown.lines().find(|line| line.contains("⚙ get_weather")).unwrap();
    assert!(line.ends_with("  {\"city\": \"Lisbon\"}"), "{shown}");
    assert!(shown.contains("→ get_weather\n"), "a model call shows the tools that it asks for: {shown}");
    let followed =
        program.text(&["tail", "--since", "2026-01-01", "--filter", "tool:get_weather|search_database", "--limit", "3", "traces.db"]);
    assert!(is_shown(&followed) && !followed.contains('→'), "{followed}");
}

#[test]
fn stats_prints_a_table() {
    let text = Program::new().text(&["stats", "--by", "model", "traces.db"]);
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("CALLS  ERR    P50    P95    P99    MAX  TOK IN  CACHED   OUT       COST      $/1K  MODEL"));
    assert!(lines.next().is_some_and(|line| line.starts_with("   22    2") && line.ends_with("gpt-5-mini")), "{text}");
}

#[test]
fn stats_counts_runs_of_agents_and_calls_of_tools() {
    let program = Program::new();
    for (by, counted) in [("agent", "RUNS"), ("session", "RUNS"), ("day", "RUNS"), ("tool", "CALLS"), ("provider", "CALLS")] {
        let text = program.text(&["stats", "--by", by, "traces.db"]);
        assert_eq!(text.split_whitespace().next(), Some(counted), "{by}: {text}");
    }
}

#[test]
fn what_is_outside_of_all_tools_has_a_name_and_no_calls() {
    let text = Program::new().text(&["stats", "--by", "tool", "traces.db"]);
    let outside = text.lines().find(|line| line.ends_with("(outside tools)")).unwrap();
    assert!(outside.starts_with("                                 "), "{text}");
    assert!(text.lines().rev().nth(1).unwrap().ends_with("total"), "{text}");
}

#[cfg(unix)]
#[test]
fn only_a_terminal_gets_colours_and_cut_lines_and_no_color_removes_colours() {
    use std::io::Read;

    use portable_pty::{CommandBuilder, PtySize, native_pty_system};

    let shown = |no_color: &str| {
        let program = Program::new();
        let pair = native_pty_system().openpty(PtySize { rows: 24, cols: 60, pixel_width: 0, pixel_height: 0 }).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_agno-top"));
        command.args(["list", "traces.db"]);
        command.cwd(program.directory.path());
        command.env("XDG_STATE_HOME", program.path("state"));
        command.env("XDG_CONFIG_HOME", program.path("config"));
        command.env("TERM", "xterm-256color");
        command.env("NO_COLOR", no_color);
        let mut child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        // At the end of the terminal Linux returns an error.
        let mut text = Vec::new();
        let _ = reader.read_to_end(&mut text);
        assert!(child.wait().unwrap().success());
        String::from_utf8(text).unwrap()
    };
    let (coloured, plain) = (shown(""), shown("1"));
    assert!(coloured.contains("\u{1b}[38;5;203m"), "{coloured:?}");
    assert!(!plain.contains('\u{1b}'), "{plain:?}");
    assert!(plain.lines().all(|line| agno_top::format::width(line.trim_end()) <= 60), "{plain}");
    assert!(plain.contains('…'), "{plain}");
}

#[test]
fn list_counts_traces_without_agents_of_a_service_that_has_some() {
    let program = Program::empty();
    std::fs::copy(crate::fixture("frameworks/agno-agentos-fastapi/traces.sqlite"), program.path("traces.db")).unwrap();
    let text = program.text(&["list", "traces.db"]);
    assert!(text.contains("Os Agent  hi  2 calls, 80% cached\n") && !text.contains("GET /traces"), "{text}");
    assert!(text.ends_with("1 more trace of traces.db without agents, models and tools; --all lists them\n"), "{text}");
    for arguments in
        [&["list", "--all", "traces.db"][..], &["list", "--filter", "name:GET*", "traces.db"], &["list", "--json", "traces.db"]]
    {
        let text = program.text(arguments);
        assert!(text.contains("GET /traces") && !text.contains("--all"), "{text}");
    }
    let ordinary = program.text(&["list", "--json", "--filter", "name:GET*", "traces.db"]);
    assert!(ordinary.contains("\"root\":\"GET /traces\""), "{ordinary}");
}

#[test]
fn service_and_host_choose_by_the_sender() {
    let program = Program::empty();
    let request = |at: u64, service: &str, host: &str| {
        let resource = serde_json::json!([
            {"key": "service.name", "value": {"stringValue": service}},
            {"key": "host.name", "value": {"stringValue": host}},
        ]);
        let span = serde_json::json!({
            "traceId": format!("{at:032x}"), "spanId": format!("{at:016x}"), "name": format!("run {at}"),
            "startTimeUnixNano": "1795937400000000000", "endTimeUnixNano": "1795937400500000000",
            "attributes": [{"key": "openinference.span.kind", "value": {"stringValue": "AGENT"}}],
        });
        let request = serde_json::json!({"resourceSpans": [{"resource": {"attributes": resource}, "scopeSpans": [{"spans": [span]}]}]});
        format!("{request}\n")
    };
    let lines = [request(1, "billing", "build-7"), request(2, "billing-eu", "build-8"), request(3, "search", "build-7")];
    std::fs::write(program.path("spans.jsonl"), lines.concat()).unwrap();
    let names = |filter: &str| {
        let mut names: Vec<String> = program
            .objects(&["list", "--json", "--filter", filter, "spans.jsonl"])
            .iter()
            .map(|trace| trace["name"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names("service:billing"), ["run 1", "run 2"]);
    assert_eq!(names("service=billing"), ["run 1"]);
    assert_eq!(names("-service:billing"), ["run 3"]);
    assert_eq!(names("host:build-7"), ["run 1", "run 3"]);
    assert_eq!(names("host:build-7 service:search|billing"), ["run 1", "run 3"]);
    assert_eq!(names("service!=search"), ["run 1", "run 2"]);
}

#[test]
fn list_joins_a_paused_run_and_its_continuation() {
    let program = Program::empty();
    std::fs::copy(crate::fixture("frameworks/agno-hitl/traces.sqlite"), program.path("traces.db")).unwrap();
    let text = program.text(&["list", "traces.db"]);
    let line = |id: &str| text.lines().find(|line| line.contains(&format!("  {id}  "))).unwrap_or_default();
    assert!(
        line("d1305194").contains("  7.32s      5    0  2.1k  ")
            && line("d1305194").ends_with("Careful confirm  Do it  ‖2 parts · 2 calls, 80% cached"),
        "{text}"
    );
    assert!(!text.contains("922b819b"), "{text}");
    for (part, says) in
        [("d1305194", "the run was continued in trace 922b819b"), ("922b819b", "continues the run that paused in trace d1305194")]
    {
        let shown = program.text(&["show", part, "traces.db"]);
        assert!(shown.contains(&format!("\nparts    {says}")), "{shown}");
    }
    let traces = program.objects(&["list", "--json", "traces.db"]);
    let trace = traces.iter().find(|trace| trace["trace_id"].as_str().unwrap().starts_with("d1305194")).unwrap();
    assert!(trace["other_traces"][0].as_str().unwrap().starts_with("922b819b"), "{trace}");
    let sums: u64 = traces.iter().map(|trace| trace["input_tokens"].as_u64().unwrap()).sum();
    assert_eq!((trace["duration_ms"].as_f64().unwrap().round(), sums), (7320.0, 16_000));
    assert_eq!(
        program
            .objects(&["stats", "--json", "--by", "session", "traces.db"])
            .iter()
            .map(|group| group["input_tokens"].as_u64().unwrap())
            .sum::<u64>(),
        sums
    );
    // Each part by itself.
    assert!(program.text(&["show", "922b819b", "traces.db"]).contains("  Do it  ‖2/2 after "));
    assert!(program.text(&["show", "cc2a27dd", "traces.db"]).contains("continued in this trace"));
}

#[test]
fn a_call_that_either_of_two_runs_made_is_named_as_that() {
    let span = |trace: &str, kind: &str, agent: &str, times: [u64; 2]| {
        let agent =
            if agent.is_empty() { String::new() } else { format!(r#",{{"key":"agno.agent.id","value":{{"stringValue":"{agent}"}}}}"#) };
        let attributes = format!(r#"[{{"key":"openinference.span.kind","value":{{"stringValue":"{kind}"}}}}{agent}]"#);
        let ids = format!(r#""traceId":"{}","spanId":"{}""#, trace.repeat(16), trace.repeat(8));
        let [start, end] = times.map(|time| time * 1_000_000_000);
        format!(r#"{{{ids},"name":"a.run","startTimeUnixNano":"{start}","endTimeUnixNano":"{end}","attributes":{attributes}}}"#)
    };
    let run = |trace, agent| span(trace, "AGENT", agent, [1_000, 1_009]);
    let write = |spans: &[String]| {
        let program = Program::empty();
        let scope = r#"{"name":"openinference.instrumentation.agno"}"#;
        let text = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"scope":{scope},"spans":[{}]}}]}}]}}"#, spans.join(","));
        std::fs::write(program.path("traces.json"), text).unwrap();
        program.text(&["list", "traces.json"])
    };
    let call = span("cc", "LLM", "", [1_002, 1_003]);
    let text = write(&[run("aa", "one"), run("bb", "two"), call.clone()]);
    assert!(text.lines().any(|line| line.contains("  cccccccc  ") && line.ends_with("memory or learning call of one of 2 runs")), "{text}");
    let text = write(&[run("aa", "one"), call]);
    assert!(!text.contains("cccccccc") && text.contains("+1 trace"), "{text}");
}

#[test]
fn list_shows_a_turn_in_several_traces_as_one() {
    let program = Program::empty();
    std::fs::copy(crate::fixture("groups/turn-in-three-traces.json"), program.path("traces.json")).unwrap();
    let text = program.text(&["list", "traces.json"]);
    assert_eq!(text.lines().count(), 2, "{text}");
    let line = text.lines().next_back().unwrap_or_default();
    assert!(line.contains("  ff3c697c  531ms      4    0  1.5k  ") && line.ends_with("gemini-2.5-flash  +2 traces"), "{text}");
    let traces = program.objects(&["list", "--json", "traces.json"]);
    let others = ["b5460fd8ab95dfa70a030829d869f0f3", "5e27ad4ec7172fceb6bd065f804c37e3"];
    assert_eq!(traces.len(), 1);
    assert_eq!((&traces[0]["other_traces"], &traces[0]["input_tokens"], &traces[0]["spans"]), (&others.into(), &1400.into(), &4.into()));
    let by_part = program.objects(&["list", "--json", "--filter", "tool:run_shell_command", "traces.json"]);
    assert_eq!(by_part, traces, "a part stands for its turn");
    let part = program.text(&["show", "5e27", "traces.json"]);
    assert!(part.contains("\nparts    goes on with the turn of trace ff3c697c\n"), "{part}");
}

#[test]
fn list_shows_calls_outside_the_trace_of_their_run_with_it() {
    let program = Program::empty();
    std::fs::copy(crate::fixture("groups/agno-memory.sqlite"), program.path("traces.db")).unwrap();
    let text = program.text(&["list", "traces.db"]);
    assert_eq!(text.lines().count(), 5, "{text}");
    let line = |id: &str| text.lines().find(|line| line.contains(&format!("  {id}  "))).unwrap_or_default();
    assert!(line("b8eee969").ends_with("Rememberer  tea please, I am Ada  +1 trace"), "{text}");
    assert!(line("165ff77c").ends_with("Learner  tea please, I learn  +2 traces"), "{text}");
    assert!(line("f8da172a").ends_with("Unrelated  tea please, no memory"), "{text}");
}
