//! How a command ends: 0 found, 1 nothing found or failed, 2 usage, 3 matched what it must not.

use std::process::Stdio;

use super::{Program, errors};

/// The exit code and what was told on standard error.
fn end(program: &Program, arguments: &[&str]) -> (Option<i32>, String) {
    let output = program.run(arguments);
    (output.status.code(), errors(&output))
}

#[test]
fn what_is_not_there_is_told_in_a_line() {
    let program = Program::new();
    let missing = "agno-top: nope.db does not exist yet; Agno creates it with the first trace\n";
    for command in [&["list", "nope.db"][..], &["stats", "nope.db"]] {
        assert_eq!(end(&program, command), (Some(1), missing.to_owned()));
    }
    let (code, told) = end(&program, &["show", "bcc8", "nope.db"]);
    assert_eq!(code, Some(1));
    assert!(told.starts_with(missing), "{told}");
    std::fs::write(program.path("text.db"), "not a database, though long enough to be one".repeat(40)).unwrap();
    assert_eq!(end(&program, &["list", "text.db"]), (Some(1), "agno-top: text.db is no SQLite database\n".to_owned()));
    // Beside others it is told, and the others are listed.
    let output = program.run(&["list", "--json", "nope.db", "traces.db"]);
    assert_eq!((output.status.code(), errors(&output)), (Some(0), missing.to_owned()));
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 11);
}

#[test]
fn without_a_source_the_databases_found_here_are_read() {
    let program = Program::new();
    assert_eq!(program.objects(&["list", "--json"])[0]["source"], "traces.db");
    let (code, told) = end(&Program::alone(), &["list"]);
    assert_eq!((code, told.contains("tmp/traces.db does not exist yet")), (Some(1), true), "{told}");
}

#[test]
fn what_passes_is_listed_and_nothing_is_a_1() {
    let program = Program::new();
    let count = |arguments: &[&str]| program.objects(&[&["list", "--json", "traces.db"], arguments].concat()).len();
    assert_eq!(count(&["--filter", "status:error"]), 3);
    assert_eq!(count(&["--filter", "status:error kind:tool"]), 1);
    assert_eq!(count(&["--limit", "4"]), 4);
    assert_eq!(count(&["--since", "2026-11-22T05:59:06Z"]), 3);
    assert_eq!(count(&["--since", "2026-11-22T05:59:06Z", "--filter", "agent:chatty", "--limit", "1"]), 1);
    assert_eq!(count(&["--filter", "text:\"payment gateway refused\""]), 1, "payloads are searched");
    assert_eq!(count(&["--filter", "attr.agent.name:\"Chatty Agent\""]), 3);
    for nothing in [["--filter", "agent:nobody"], ["--since", "2030-01-01"], ["--filter", "text:no-such-text"]] {
        let (code, told) = end(&program, &[&["list", "traces.db"], &nothing[..]].concat());
        assert_eq!((code, told.as_str()), (Some(1), "agno-top: no trace in traces.db is what was asked for\n"), "{nothing:?}");
    }
}

#[test]
fn wrong_usage_is_a_2_and_says_where() {
    let program = Program::new();
    for (arguments, told) in [
        (&["list", "--filter", "ok colour:red"][..], "(at character 4)"),
        (&["list", "--since", "yesterday"], "expected an age such as 15m"),
        (&["list", "--limit", "0"], "0 is not in"),
        (&["list", "--fail-on", "cost>much"], "expected a number"),
        (&["list", "--fail-on", "errors"], "is no status"),
        (&["list", "--fail-on", "cost >0.5"], "right behind its field"),
        (&["list", "--otlp-token", ""], "it is empty"),
        (&["stats", "--by", "colour"], "[possible values: agent, model, tool, session, error]"),
        (&["show"], "<TRACE>"),
        (&["show", "xyz"], "hex digits"),
        (&["show", "bcc8", "--payload"], "--json"),
        (&["completions", "dos"], "possible values"),
        (&["send", "traces.db", "--to", "foo"], "\"foo\" is not the URL"),
        (&["man", "nope"], "there is no subcommand \"nope\""),
        (&["export", "traces.db", "--max-chars", "9"], "--max-chars is for --format markdown"),
    ] {
        let (code, text) = end(&program, arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {text}");
        assert!(text.contains(told), "{arguments:?}: {text}");
    }
}

#[test]
fn prices_that_can_not_be_used_are_a_2() {
    let program = Program::new();
    for command in ["list", "tail"] {
        let (code, told) = end(&program, &[command, "traces.db", "--prices", "nope.json"]);
        assert_eq!((code, told.starts_with("agno-top: can't use the prices of nope.json: ")), (Some(2), true), "{told}");
    }
}

#[test]
fn a_pattern_that_is_none_is_a_2_wherever_it_stands() {
    let program = Program::new();
    std::fs::write(program.path("a.toml"), "mouse = true\nredact_patterns = [\"(\"]\n").unwrap();
    let (code, told) = end(&program, &["list", "traces.db", "--config", "a.toml"]);
    assert_eq!((code, told.starts_with("agno-top: a.toml, line 2: \"(\" is no regular expression: ")), (Some(2), true), "{told}");
}

#[test]
fn a_trace_that_must_not_be_is_a_3() {
    let program = Program::new();
    let (code, told) = end(&program, &["list", "traces.db", "--fail-on", "error"]);
    assert_eq!(code, Some(3));
    assert!(told.starts_with("agno-top: 3 of 11 traces are what --fail-on says: 244858b1"), "{told}");
    for (arguments, code) in [
        (&["--fail-on", "error", "--filter", "agent:chatty"][..], 0),
        (&["--fail-on", "dur>400ms"], 3),
        (&["--fail-on", "dur>10s"], 0),
        (&["--fail-on", "tokens>2k", "--json"], 3),
        (&["--fail-on", "cost>0.5"], 0),
        (&["--fail-on", "cost>$0.001"], 3),
        (&["--fail-on", "agent:chatty|report tokens>1"], 3),
        (&["--fail-on", "attr.llm.token_count.prompt>50"], 3),
        (&["--fail-on", "-status:ok"], 3),
        (&["--fail-on", "lost|error"], 3),
        (&["--fail-on", "running"], 0),
        (&["--filter", "tokens>2k"], 0),
        (&["--fail-on", "kind:tool name:refund*"], 3),
        (&["--fail-on", "error", "--filter", "agent:nobody"], 1),
    ] {
        let output = program.run(&[&["list", "traces.db"], arguments].concat());
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", errors(&output));
        assert_eq!(output.stdout.is_empty(), code == 1, "what is found is listed all the same");
    }
}

#[test]
fn a_prefix_names_one_trace_or_is_told_to_name_several() {
    let program = Program::new();
    assert!(program.text(&["show", "BCC844e1", "traces.db"]).starts_with("trace    bcc844e18edeb6510135150b6e8fc602\n"));
    let (code, told) = end(&program, &["show", "a", "traces.db"]);
    assert_eq!(code, Some(1));
    for part in ["3 traces have an id that begins with a:", "a4ae17ddddb438450831c01918f6e138 (Chatty Agent, ", "Researcher"] {
        assert!(told.contains(part), "{told}");
    }
    let (code, told) = end(&program, &["show", "abcd", "traces.db"]);
    assert_eq!((code, told.as_str()), (Some(1), "agno-top: no trace in traces.db has an id that begins with abcd\n"));
}

#[test]
fn a_reader_that_has_enough_is_no_failure() {
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
    assert_eq!(child.wait().unwrap().code(), Some(3), "whoever reads");
}

#[test]
fn completions_and_manual_know_every_subcommand() {
    let program = Program::alone();
    for arguments in [["completions", "bash"], ["completions", "zsh"], ["completions", "fish"]] {
        let script = program.text(&arguments);
        for word in ["list", "stats", "fail-on", "completions"] {
            assert!(script.contains(word), "{arguments:?} without {word}");
        }
    }
    let page = program.text(&["man"]);
    assert!(page.starts_with(".ie") && page.contains("agno\\-top\\-list(1)"), "{page}");
    assert!(program.text(&["man", "list"]).contains("fail\\-on"));
    assert_eq!(program.run(&["man", "nothing"]).status.code(), Some(2));
}
