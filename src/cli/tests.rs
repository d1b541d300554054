use std::path::PathBuf;

use super::*;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    super::parse(std::iter::once("agno-top").chain(line.split_whitespace()))
}

#[test]
fn the_definition_is_consistent() {
    command().debug_assert();
    command_for_completions().debug_assert();
}

#[test]
fn a_subcommand_s_help_lists_the_flags_that_it_uses() {
    let help = |line: &str| parse(line).unwrap_err().to_string();
    for (line, named, not) in [
        ("list --help", ["--fail-on", "--schema", "--ascii", "--stale"], ["--theme", "--no-mouse", "--grpc", "--budget-cost"]),
        ("tail --help", ["--since", "--schema", "--ascii", "--grpc"], ["--theme", "--no-mouse", "--no-follow", "--budget-cost"]),
        ("send --help", ["--to", "--schema", "--config", "--prices"], ["--theme", "--ascii", "--grpc", "--budget-tokens"]),
        ("demo --help", ["--theme", "--ascii", "--config", "--grpc"], ["--schema", "--spans-table", "--traces-table", "--to"]),
        ("man --help", ["--help", "[COMMAND]", "page", "print"], ["--theme", "--config", "--grpc", "--log-level"]),
        ("--help", ["--theme", "--ascii", "--schema", "--grpc"], ["--fail-on", "--since", "--to", "--json"]),
    ] {
        let text = help(line);
        assert!(named.iter().all(|flag| text.contains(flag)), "{line}: {text}");
        let words: Vec<&str> = text.split([' ', ',', '\n', '=']).collect();
        assert!(not.iter().all(|flag| !words.contains(flag)), "{line}: {text}");
    }
}

#[test]
fn help_fits_into_80_columns_and_its_examples_are_valid() {
    let names: Vec<String> = command().get_subcommands().map(|subcommand| subcommand.get_name().to_owned()).collect();
    for name in names.iter().map(String::as_str).chain([""]) {
        for flag in ["-h", "--help"] {
            let text = parse(&format!("{name} {flag}")).unwrap_err().to_string();
            let longest = text.lines().max_by_key(|line| line.chars().count()).unwrap();
            assert!(longest.chars().count() <= 80, "{name} {flag}: {longest}");
            let (_, examples) = text.split_once("Examples:\n").unwrap_or_else(|| panic!("{name} has no examples"));
            for line in examples.lines() {
                // Without a comment, a pipe or a redirection.
                let line = line.trim().strip_prefix("agno-top").unwrap_or_else(|| panic!("{line}"));
                let line = [" | ", " > ", "  "].into_iter().fold(line, |line, end| line.split(end).next().unwrap_or_default());
                let mut words = vec!["agno-top".to_owned()];
                for (at, part) in line.split('\'').enumerate() {
                    if at % 2 == 1 { words.push(part.to_owned()) } else { words.extend(part.split_whitespace().map(str::to_owned)) }
                }
                super::parse(words).unwrap_or_else(|error| panic!("{line}: {error}"));
            }
        }
    }
}

#[test]
fn completions_offer_the_flags_that_the_help_lists() {
    let (command, accepted) = (command(), command_for_completions());
    for subcommand in accepted.get_subcommands() {
        let named = |command: &clap::Command| {
            let shown = command.get_arguments().filter(|flag| !flag.is_hide_set());
            shown.map(|flag| flag.get_id().to_string()).collect::<std::collections::BTreeSet<_>>()
        };
        let mut helped = command.clone();
        helped.build();
        let helped = named(helped.find_subcommand(subcommand.get_name()).unwrap());
        assert_eq!(named(subcommand), helped.into_iter().filter(|flag| flag != "help").collect(), "{}", subcommand.get_name());
    }
}

#[test]
fn a_flag_that_a_subcommand_does_not_use_is_refused() {
    for (line, message) in [
        ("list --theme dark a.db", "list does not use --theme"),
        ("--grpc 1 list a.db", "list does not use --grpc"),
        ("export --ascii a.db", "export does not use --ascii"),
        ("send --to http://h --no-otlp a.db", "send does not use --no-otlp"),
        ("demo --schema x", "demo does not use --schema"),
        ("man --max-spans 5", "man does not use --max-spans"),
    ] {
        let error = parse(line).unwrap_err();
        assert!(error.to_string().contains(message) && error.exit_code() == 2, "{line}: {error}");
    }
    let flags = parse("--schema a tail --grpc 1 b.db").unwrap().options.flags;
    let expected = toml::toml! {
        schema = "a"
        grpc = "1"
        otlp = "grpc"
    };
    assert_eq!(flags, expected);
}

#[test]
fn show_takes_the_trace_before_or_after_the_sources() {
    let split = |line: &str| match parse(line).unwrap().command {
        Some(Command::Show(args)) => args.split(),
        other => panic!("{other:?}"),
    };
    let sources = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
    assert_eq!(split("show A35b x.db y.db"), Ok(("a35b".to_owned(), sources(&["x.db", "y.db"]))));
    assert_eq!(split("show x.db a35b"), Ok(("a35b".to_owned(), sources(&["x.db"]))));
    assert_eq!(split("show a35b"), Ok(("a35b".to_owned(), sources(&[]))));
    assert_eq!(split("show last x.db"), Ok(("last".to_owned(), sources(&["x.db"]))));
    assert!(split("show x.db").unwrap_err().contains("hex digits"));
    assert!(split("show a35b c0de x.db").unwrap_err().contains("several"));
}

#[test]
fn setup_takes_the_names_of_the_programs() {
    for name in ["claude-code", "codex-cli", "gemini-cli", "qwen-code", "copilot-cli"] {
        let short = name.split('-').next().unwrap();
        let command = |name: &str| parse(&format!("setup {name}")).unwrap().command;
        assert_eq!(command(name), command(short), "{name}");
    }
}

#[test]
fn show_has_one_format() {
    let format = |line: &str| match parse(line).unwrap().command {
        Some(Command::Show(args)) => args.format(),
        other => panic!("{other:?}"),
    };
    assert_eq!([format("show a"), format("show a --json")], [Ok(ShowFormat::Text), Ok(ShowFormat::Json)]);
    assert_eq!(format("show a --format md"), Ok(ShowFormat::Markdown));
    assert_eq!(format("show a --format json --payload"), Ok(ShowFormat::Json));
    assert!(format("show a --payload").unwrap_err().contains("--format json"));
    assert_eq!(parse("show a --json --format text").unwrap_err().exit_code(), 2);
}

#[test]
fn export_takes_ids_among_the_sources() {
    let Some(Command::Export(args)) = parse("export 0a F00 x.db").unwrap().command else { panic!("not export") };
    let selection = args.selection.with_ids();
    assert_eq!((selection.ids, selection.sources), (vec!["0a".to_owned(), "f00".to_owned()], vec![PathBuf::from("x.db")]));
}

#[test]
fn an_error_does_not_show_a_secret() {
    for line in ["send --to http://h --header hunter2", "tail --forward-header hunter2"] {
        let error = parse(line).unwrap_err().to_string();
        assert!(error.contains("a header is written NAME=VALUE") && !error.contains("hunter2"), "{error}");
    }
}

#[test]
fn flags_set_their_settings() {
    let line = "--no-follow --ascii --max-spans 5 --budget-cost $0.5 --allow-origin a --allow-origin b --log-level debug";
    let expected = toml::toml! {
        max_spans = 5
        follow = false
        ascii = true
        log_level = "debug"
        allow_origins = ["a", "b"]
        budget_cost = 0.5
    };
    assert_eq!(parse(line).unwrap().options.flags, expected);
    let mode = |line: &str| parse(line).unwrap().options.flags.remove("otlp").and_then(|mode| mode.as_str().map(str::to_owned));
    assert_eq!([mode("--otlp"), mode("--http 1"), mode("--no-otlp")].map(Option::unwrap), ["yes", "http", "no"]);
    assert_eq!([mode("--grpc 1"), mode("--grpc 1 --http 2"), mode("--otlp --grpc 1")].map(Option::unwrap), ["grpc", "yes", "yes"]);
    assert_eq!(mode("--ascii"), None);
}

#[test]
fn sources_are_paths_and_demo_is_the_subcommand() {
    let cli = parse("tmp/traces.db other.json").unwrap();
    assert_eq!((cli.command, cli.sources), (None, vec![PathBuf::from("tmp/traces.db"), PathBuf::from("other.json")]));
    assert_eq!(parse("").unwrap().sources, Vec::<PathBuf>::new());
    assert_eq!(parse("demo").unwrap().command, Some(Command::Demo { once: false }));
    assert_eq!(parse("./demo").unwrap().sources, [PathBuf::from("./demo")]);
}

#[test]
fn flags_stand_anywhere() {
    for line in ["--ascii --max-spans 5 demo", "demo --ascii --max-spans 5", "a.db --ascii --max-spans=5"] {
        let cli = parse(line).unwrap();
        assert_eq!(cli.options.flags, toml::toml! { ascii = true max_spans = 5 }, "{line}");
        assert_eq!(cli.command.is_some(), line.contains("demo"), "{line}");
    }
}

#[test]
fn a_wrong_flag_or_value_is_a_usage_error() {
    for line in [
        "--nope",
        "--max-spans 0",
        "--max-spans many",
        "--stale -1",
        "--log-level loud",
        "demo a.db",
        "--grpc x",
        "--max-body 0",
        "--otlp --no-otlp",
    ] {
        assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
    }
}
