//! Exit codes: 0 found, 1 nothing found or failed, 2 wrong usage, 3 a trace matched `--fail-on`.

use std::process::Stdio;

use super::{Program, errors};

/// Returns the exit code and standard error.
fn run(program: &Program, arguments: &[&str]) -> (Option<i32>, String) {
    let output = program.run(arguments);
    (output.status.code(), errors(&output))
}

#[test]
fn a_missing_database_is_reported_in_one_line() {
    let program = Program::new();
    let missing = "agno-top: nope.db does not exist yet; Agno creates it with the first trace\n";
    for command in [&["list", "nope.db"][..], &["stats", "nope.db"]] {
        assert_eq!(run(&program, command), (Some(1), missing.to_owned()));
    }
    let (code, message) = run(&program, &["show", "bcc8", "nope.db"]);
    assert_eq!(code, Some(1));
    assert!(message.starts_with(missing), "{message}");
    std::fs::write(program.path("text.db"), "not a database, though long enough to be one".repeat(40)).unwrap();
    assert_eq!(run(&program, &["list", "text.db"]), (Some(1), "agno-top: text.db is not an SQLite database\n".to_owned()));
    // Without it, sums would be wrong: nothing is written.
    for command in ["stats", "export"] {
        let output = program.run(&[command, "nope.db", "traces.db"]);
        assert_eq!((output.status.code(), errors(&output)), (Some(1), missing.to_owned()), "{command}");
        assert!(output.stdout.is_empty(), "{command}");
    }
    let output = program.run(&["export", "traces.db", "nope.json", "-o", "out.json"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(!program.path("out.json").exists());
}

#[test]
fn what_can_be_read_is_listed_and_shown_beside_what_cannot() {
    let program = Program::new();
    std::fs::write(program.path("other.json"), "{\"a\":1}").unwrap();
    let message = "agno-top: other.json: not a file of spans: it has no \"resourceSpans\" (line 1)\n";
    for arguments in [&["list"][..], &["list", "--json"], &["show", "bcc8"]] {
        let alone = program.run(&[arguments, &["traces.db"]].concat());
        assert_eq!((alone.status.code(), alone.stdout.is_empty()), (Some(0), false), "{arguments:?}");
        let output = program.run(&[arguments, &["other.json", "traces.db"]].concat());
        assert_eq!((output.status.code(), errors(&output)), (Some(1), message.to_owned()), "{arguments:?}");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(" traces.db ", " ");
        let words = |bytes: &[u8]| text(bytes).split_whitespace().filter(|word| *word != "SOURCE").count();
        assert_eq!(words(&output.stdout), words(&alone.stdout), "{arguments:?}");
    }
    let found = program.run(&["list", "other.json", "traces.db", "--fail-on", "error"]);
    assert_eq!(found.status.code(), Some(3));
    assert_eq!(run(&program, &["stats", "other.json", "traces.db"]), (Some(1), message.to_owned()), "sums would be wrong");
}

#[test]
fn a_word_that_is_no_command_and_no_file_is_not_waited_for() {
    let program = Program::new();
    let message = "agno-top: no such command or file: lsit; did you mean list?\n";
    assert_eq!(run(&program, &["lsit"]), (Some(2), message.to_owned()));
    let (code, message) = run(&program, &["list", "mongodb://u:pa55@h/d"]);
    // A warning about the password comes first.
    assert_eq!((code, message.contains("agno-top: cannot read MongoDB")), (Some(2), true), "{message}");
}

#[test]
fn the_name_of_the_file_tells_the_format_of_an_export() {
    let program = Program::new();
    let cases = [
        ("a.html", "html", "<!doctype html>"),
        ("a.SVG", "svg", "<svg "),
        ("a.csv", "csv", "trace_id,"),
        ("a.md", "markdown", "# "),
        ("a.json", "otlp", "{\"resourceSpans\""),
        ("a.jsonl", "jsonl", "{\"trace_id\""),
        ("a.pb", "otlp-proto", "\n"),
        ("a.other", "otlp", "{\"resourceSpans\""),
    ];
    for (name, format, begins) in cases {
        let (code, message) = run(&program, &["export", "bcc8", "traces.db", "-o", name]);
        assert_eq!((code, message.contains(&format!(" as {format} to "))), (Some(0), true), "{name}: {message}");
        let text = String::from_utf8_lossy(&std::fs::read(program.path(name)).unwrap()).into_owned();
        assert!(text.to_lowercase().starts_with(&begins.to_lowercase()), "{name}: {}", &text[..100]);
    }
    assert_eq!(run(&program, &["export", "bcc8", "traces.db", "-o", "b.html", "--format", "jsonl"]).0, Some(0));
    assert!(std::fs::read_to_string(program.path("b.html")).unwrap().starts_with('{'));
}

#[test]
fn export_takes_traces_by_their_ids() {
    let program = Program::new();
    let exported = program.objects(&["export", "--format", "agno", "bcc8", "traces.db", "244858B1"]);
    let ids: Vec<&str> = exported.iter().map(|trace| &trace["trace"]["trace_id"].as_str().unwrap()[..8]).collect();
    assert_eq!(ids, ["244858b1", "bcc844e1"]);
    for (arguments, code, message) in [
        (&["export", "abcdef", "traces.db"][..], 1, "no trace id in traces.db starts with abcdef"),
        (&["export", "bcc8", "a", "traces.db"], 1, "trace ids start with a: "),
        (&["export", "bcc8", "traces.db", "--filter", "agent:nobody"], 1, "no trace in traces.db matches"),
    ] {
        let output = program.run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert!(errors(&output).contains(message) && output.stdout.is_empty(), "{arguments:?}: {}", errors(&output));
    }
}

#[test]
fn messages_do_not_control_the_terminal() {
    let program = Program::new();
    std::fs::write(program.path("a.toml"), "bar = \"\\u001b]0;x\\u0007\"\n").unwrap();
    for arguments in [
        &["list", "--\u{1b}]0;x\u{7}"][..],
        &["list", "--limit", "\u{1b}]0;x\u{7}"],
        &["list", "\u{1b}]0;x\u{7}.db"],
        &["\u{9b}2J"],
        &["list", "traces.db", "--config", "a.toml"],
        &["export", "traces.db", "-o", "no/\u{1b}]0;x\u{7}"],
    ] {
        let output = program.run(arguments);
        assert!(!output.status.success(), "{arguments:?}");
        let text = errors(&output);
        assert!(!text.is_empty() && !text.contains(|c: char| c.is_control() && c != '\n'), "{arguments:?}: {text:?}");
    }
}

#[test]
fn databases_in_the_working_directory_are_the_default() {
    let program = Program::new();
    assert_eq!(program.objects(&["list", "--json"])[0]["source"], "traces.db");
    let (code, message) = run(&Program::empty(), &["list"]);
    assert_eq!((code, message.contains("tmp/traces.db does not exist yet")), (Some(1), true), "{message}");
}

#[test]
fn matching_traces_are_listed_and_no_match_is_a_1() {
    let program = Program::new();
    let count = |arguments: &[&str]| program.objects(&[&["list", "--json", "traces.db"], arguments].concat()).len();
    assert_eq!(count(&["--filter", "status:error"]), 3);
    assert_eq!(count(&["--filter", "status:error kind:tool"]), 1);
    assert_eq!(count(&["--limit", "4"]), 4);
    assert_eq!(count(&["--since", "2026-11-22T05:59:06Z"]), 3);
    assert_eq!(count(&["--since", "2026-11-22T05:59:06Z", "--filter", "agent:chatty", "--limit", "1"]), 1);
    assert_eq!(count(&["--filter", "text:\"payment gateway refused\""]), 1, "payloads are searched");
    assert_eq!(count(&["--filter", "attr.agent.name:\"Chatty Agent\""]), 3);
    for no_match in [["--filter", "agent:nobody"], ["--since", "2030-01-01"], ["--filter", "text:no-such-text"]] {
        let (code, message) = run(&program, &[&["list", "traces.db"], &no_match[..]].concat());
        let begins = message.starts_with("agno-top: no trace in traces.db matches") && message.lines().count() == 1;
        assert_eq!((code, begins), (Some(1), true), "{no_match:?}: {message}");
    }
}

#[test]
fn wrong_usage_is_a_2_and_names_the_mistake() {
    let program = Program::new();
    for (arguments, message) in [
        (&["list", "--filter", "ok colour:red"][..], "(at character 4)"),
        (&["list", "--since", "ages"], "expected an age (15m, 1d)"),
        (&["list", "--limit", "0"], "0 is not in"),
        (&["list", "--fail-on", "cost>much"], "expected an amount"),
        (&["list", "--fail-on", "errors"], "is neither a status"),
        (&["list", "--fail-on", "cost >0.5"], "write it after one: cost>0.01"),
        (&["list", "--fail-on", ""], "the condition is empty"),
        (&["list", "--fail-on-total", "time>5s"], "a sum over traces has a cost and tokens only"),
        (&["list", "--fail-on", "total_cost>0.001"], "did you mean cost?"),
        (&["list", "--filter", "cost > 0.5"], "write it after one: cost>0.01"),
        (&["list", "--theme", "dark"], "list does not use --theme"),
        (&["tail", "--otlp-token", ""], "it is empty"),
        (
            &["stats", "--by", "colour"],
            "[possible values: agent, model, tool, session, error, user, provider, service, hour, day, month, prefix]",
        ),
        (&["show"], "<TRACE>"),
        (&["show", "xyz"], "hex digits"),
        (&["why", "xyz"], "hex digits"),
        (&["why", "last", "bcc8"], "one trace at a time"),
        (&["show", "bcc8", "--payload"], "--json"),
        (&["completions", "dos"], "possible values"),
        (&["send", "traces.db", "--to", "foo"], "\"foo\" is not the URL"),
        (&["man", "nope"], "unknown subcommand \"nope\""),
        (&["export", "traces.db", "--max-chars", "9"], "--max-chars is for --format markdown"),
    ] {
        let (code, text) = run(&program, arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {text}");
        assert!(text.contains(message), "{arguments:?}: {text}");
    }
}

#[test]
fn an_unreadable_price_file_is_a_2() {
    let program = Program::new();
    for command in ["list", "tail"] {
        let (code, message) = run(&program, &[command, "traces.db", "--prices", "nope.json"]);
        assert_eq!((code, message.starts_with("agno-top: can't use the prices of nope.json: ")), (Some(2), true), "{message}");
    }
}

#[test]
fn an_invalid_pattern_is_a_2_and_names_the_line() {
    let program = Program::new();
    std::fs::write(program.path("a.toml"), "mouse = true\nredact_patterns = [\"(\"]\n").unwrap();
    let (code, message) = run(&program, &["list", "traces.db", "--config", "a.toml"]);
    assert_eq!((code, message.starts_with("agno-top: a.toml, line 2: \"(\" is not a regular expression: ")), (Some(2), true), "{message}");
}

#[test]
fn traces_that_match_fail_on_total_together_are_a_3() {
    let program = Program::new();
    let total = |condition: &str| run(&program, &["list", "traces.db", "--fail-on-total", condition]);
    let sums = "11 traces together: cost ≥$0.0068, 4.2k tokens";
    assert_eq!(total("cost>0.006"), (Some(3), format!("agno-top: {sums}, which matches --fail-on-total\n")));
    assert_eq!(total("cost>0.01"), (Some(0), format!("agno-top: --fail-on-total: not all is known of {sums}\n")));
    assert_eq!(total("tokens>5k"), (Some(0), String::new()));
}

#[test]
fn a_trace_that_matches_fail_on_is_a_3() {
    let program = Program::new();
    let (code, message) = run(&program, &["list", "traces.db", "--fail-on", "error"]);
    assert_eq!(code, Some(3));
    assert!(message.starts_with("agno-top: 3 of 11 traces match --fail-on: 244858b1"), "{message}");
    for flags in [&["--fail-on", "error"][..], &["--fail-on-total", "cost>1"]] {
        let (code, message) = run(&program, &[&["list", "traces.db", "--filter", "agent:nobody"], flags].concat());
        assert_eq!(code, Some(1), "a gate that saw nothing is not passed");
        assert!(message.ends_with(&format!("agno-top: {} had no trace to judge\n", flags[0])), "{message}");
    }
    for (arguments, code) in [
        (&["--fail-on", "error", "--filter", "agent:chatty"][..], 0),
        (&["--fail-on", "dur>400ms"], 3),
        (&["--fail-on", "dur>10s"], 0),
        (&["--fail-on", "tokens>1k", "--json"], 3),
        (&["--fail-on", "cost>0.5"], 0),
        (&["--fail-on", "cost>$0.001"], 3),
        // What leaked into a trace is in its sum, as `list` shows it.
        (&["--fail-on", "cost>0.0035"], 3),
        (&["--fail-on", "agent:chatty|report tokens>1"], 3),
        (&["--fail-on", "attr.llm.token_count.prompt>50"], 3),
        (&["--fail-on", "-status:ok"], 3),
        (&["--fail-on", "lost|error"], 3),
        (&["--fail-on", "error agent:nobody"], 0),
        (&["--fail-on", "status=error"], 3),
        (&["--fail-on", "cost!=0"], 3),
        (&["--fail-on", "agent=chatty"], 0),
        (&["--fail-on", "running"], 0),
        (&["--filter", "tokens>1k"], 0),
        (&["--fail-on", "kind:tool name:refund*"], 3),
        (&["--fail-on", "error", "--filter", "agent:nobody"], 1),
    ] {
        let output = program.run(&[&["list", "traces.db"], arguments].concat());
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", errors(&output));
        assert_eq!(output.stdout.is_empty(), code == 1, "matching traces are listed");
    }
}

#[test]
fn what_fail_on_cannot_judge_is_said() {
    let program = Program::new();
    let judge = |condition: &str, filter: &str| {
        let output = program.run(&["list", "traces.db", "--filter", filter, "--fail-on", condition]);
        (output.status.code(), errors(&output))
    };
    let unknown = "agno-top: --fail-on: 1 trace has no known cost and was not judged (no price for claude-sonnet-4-5 of OpenAI: set it under [prices])\n";
    assert_eq!(judge("cost>0.0000001", "agent:streaming"), (Some(0), unknown.to_owned()));
    assert_eq!(judge("cost>0.0000001 agent:streaming", "agent:streaming"), (Some(0), unknown.to_owned()));
    for (condition, filter) in
        [("cost>0.0000001 agent:nobody", "agent:streaming"), ("cost>100", "agent:report"), ("error", "agent:streaming")]
    {
        assert_eq!(judge(condition, filter).1, "", "{condition}");
    }
}

#[test]
fn an_ambiguous_id_prefix_is_an_error_that_lists_the_traces() {
    let program = Program::new();
    assert!(program.text(&["show", "BCC844e1", "traces.db"]).starts_with("trace    bcc844e18edeb6510135150b6e8fc602\n"));
    let (code, message) = run(&program, &["show", "a", "traces.db"]);
    assert_eq!(code, Some(1));
    for part in ["3 trace ids start with a:", "a4ae17ddddb438450831c01918f6e138 (Chatty Agent, ", "Researcher"] {
        assert!(message.contains(part), "{message}");
    }
    let (code, message) = run(&program, &["show", "abcd", "traces.db"]);
    assert_eq!((code, message.as_str()), (Some(1), "agno-top: no trace id in traces.db starts with abcd\n"));
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let program = Program::new();
    for arguments in [&["list", "--json", "traces.db"][..], &["show", "bcc8", "traces.db"], &["stats", "traces.db"], &["man"]] {
        let mut child = program.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), errors(&output).as_str()), (Some(0), ""), "{arguments:?}");
    }
    let mut child =
        program.command(&["list", "--fail-on", "error", "traces.db"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(3), "the exit code does not depend on the reader");
}

#[test]
fn completions_and_the_manual_include_the_subcommands() {
    let program = Program::empty();
    for arguments in [["completions", "bash"], ["completions", "zsh"], ["completions", "fish"]] {
        let script = program.text(&arguments);
        for word in ["list", "stats", "fail-on", "completions"] {
            assert!(script.contains(word), "{arguments:?} without {word}");
        }
    }
    let page = program.text(&["man"]);
    assert!(page.starts_with(".ie") && page.contains("agno\\-top\\-list(1)"), "{page}");
    let page = program.text(&["man", "list"]);
    assert!(page.contains("fail\\-on") && page.contains(".SH EXAMPLES\n") && !page.contains("EXTRA"));
    assert_eq!(program.run(&["man", "nothing"]).status.code(), Some(2));
}
