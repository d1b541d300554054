//! What the documents show of the program's output is what it prints.

use std::fmt::Write;
use std::path::Path;

use agno_top::cli;
use agno_top::keymap::ENTRIES;
use agno_top::query::Query;
use clap::error::ErrorKind;

use crate::stage::fixture;
use crate::{documents, root};

#[test]
fn the_manual_lists_the_keys_as_the_program_has_them() {
    let mut table = String::from("| keys | what they do | name |\n|---|---|---|\n");
    for entry in ENTRIES {
        let keys: Vec<String> = entry.keys.iter().map(|key| format!("`{}`", key.replace('|', "\\|"))).collect();
        let _ = writeln!(table, "| {} | {} | {} |", keys.join(" "), entry.help, entry.name);
    }
    let page = std::fs::read_to_string(root().join("docs/src/keys.md")).unwrap();
    assert!(page.contains(&table), "put this table into docs/src/keys.md:\n{table}");
}

/// A command that a document shows, and the lines below it.
struct Shown {
    command: String,
    output: String,
}

/// Returns the commands in the fenced blocks of kind `console`. A line ending in `\` is continued; `$ echo $?` belongs to the command before it.
fn shown(text: &str) -> Vec<Shown> {
    let blocks = text.split("```console\n").skip(1).map(|block| block.split("```").next().unwrap());
    let mut commands: Vec<Shown> = Vec::new();
    for block in blocks {
        for part in format!("\n{block}").split("\n$ ").skip(1) {
            let part = part.replace("\\\n", "");
            let (command, output) = part.split_once('\n').unwrap_or((&part, ""));
            let output = output.trim_end();
            match commands.last_mut() {
                Some(last) if command == "echo $?" => {
                    let exit = format!("exit code {output}");
                    last.output = if last.output.is_empty() { exit } else { format!("{}\n{exit}", last.output) };
                }
                _ => commands.push(Shown { command: command.to_owned(), output: output.to_owned() }),
            }
        }
    }
    commands
}

/// Splits a command line; single quotes keep blanks.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_quoted = false;
    for c in command.chars() {
        match c {
            '\'' => is_quoted = !is_quoted,
            ' ' if !is_quoted => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Runs a command in the directory; returns what it prints, and its exit code if the document shows it.
fn run(directory: &Path, shown: &Shown) -> String {
    let words = words(&shown.command);
    assert_eq!(words[0], "agno-top", "`{}`", shown.command);
    let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_agno-top"));
    command.args(&words[1..]).current_dir(directory).env("TZ", "UTC");
    command.env("XDG_STATE_HOME", directory).env("XDG_CONFIG_HOME", directory);
    let output = command.output().unwrap();
    let mut text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    if shown.output.contains("exit code") {
        let _ = write!(text, "exit code {}", output.status.code().unwrap());
    } else {
        assert!(output.status.success(), "`{}`: {text}", shown.command);
    }
    text.trim_end().to_owned()
}

/// Whether two lines are equal, or `shown` is cut with `…`.
fn is_line(shown: &str, printed: &str) -> bool {
    shown.strip_suffix('…').map_or(shown == printed, |start| printed.starts_with(start))
}

/// Whether the printed lines are shown; a line `…` stands for any lines.
fn is_shown(shown: &[&str], printed: &[&str]) -> bool {
    match (shown, printed) {
        ([], []) => true,
        (["…", rest @ ..], _) => (0..=printed.len()).any(|skipped| is_shown(rest, &printed[skipped..])),
        ([first, shown @ ..], [line, printed @ ..]) => is_line(first, line) && is_shown(shown, printed),
        _ => false,
    }
}

#[test]
fn the_documents_show_what_the_commands_print() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::copy(fixture("agno-3.1.10.sqlite"), directory.path().join("traces.db")).unwrap();
    let mut count = 0;
    for (path, text) in documents() {
        for shown in shown(&text) {
            let printed = run(directory.path(), &shown);
            let lines: Vec<&str> = shown.output.lines().map(str::trim_end).collect();
            let is_equal = is_shown(&lines, &printed.lines().map(str::trim_end).collect::<Vec<_>>());
            assert!(is_equal, "{} shows for `{}`\n{}\nbut it prints\n{printed}", path.display(), shown.command, shown.output);
            count += 1;
        }
    }
    assert!(count > 10, "only {count} commands were found");
}

/// Returns the commands in code spans and in fenced blocks of other kinds than `console`, without comments, pipes and redirections.
fn commands(text: &str) -> Vec<String> {
    let blocks = text.split("```").enumerate();
    let found = blocks.flat_map(|(at, part)| {
        let is_code = at % 2 == 1;
        let lines = part.lines().filter(move |_| is_code).map(|line| line.trim().trim_start_matches("- run: ").trim_start_matches("uvx "));
        lines.chain(part.split('`').filter(move |_| !is_code).skip(1).step_by(2))
    });
    let commands = found.filter(|line| line.starts_with("agno-top ") && !line.contains('…') && !line.contains('\n'));
    let end = |command: &str| [" | ", " > ", " >> ", " #", "  "].iter().filter_map(|end| command.find(end)).min();
    commands.map(|command| command[..end(command).unwrap_or(command.len())].trim_end().to_owned()).collect()
}

#[test]
fn commands_in_the_documents_are_valid() {
    let mut count = 0;
    for (path, text) in documents() {
        for command in commands(&text) {
            let words = words(&command.replace('"', "'"));
            let Err(error) = cli::parse(words.iter().map(String::as_str)) else {
                count += 1;
                continue;
            };
            // Help is asked for, or a command is only named.
            let is_named = words.len() == 2 && error.kind() == ErrorKind::MissingRequiredArgument;
            assert!(!error.use_stderr() || is_named, "{}: `{command}`: {error}", path.display());
        }
    }
    assert!(count > 40, "only {count} commands were found");
}

/// Every filter that the manual shows in a table is one.
#[test]
fn the_filters_of_the_manual_are_filters() {
    let page = std::fs::read_to_string(root().join("docs/src/filters.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with('|') && line.contains('`')).map(|line| line.replace("\\|", "\u{0}"));
    let mut count = 0;
    for row in rows {
        for filter in row.trim_end_matches('|').rsplit('|').next().unwrap().split('`').skip(1).step_by(2) {
            let filter = filter.replace('\u{0}', "|");
            if let Err(error) = filter.parse::<Query>() {
                panic!("{filter}: {error}");
            }
            count += 1;
        }
    }
    assert!(count > 40, "only {count} filters were found");
}

/// The list of senders names every recording that the sums are compared with.
#[test]
fn the_manual_names_every_sender() {
    let page = std::fs::read_to_string(root().join("docs/src/senders.md")).unwrap();
    for entry in ["frameworks", "coding"].iter().flat_map(|folder| std::fs::read_dir(fixture(folder)).unwrap()) {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(page.contains(&format!("`{name}`")), "docs/src/senders.md has no {name}");
    }
}

#[test]
fn an_output_that_differs_is_noticed() {
    assert!(is_shown(&["a", "…", "d…"], &["a", "b", "c", "def"]));
    assert!(!is_shown(&["a", "…", "d"], &["a", "b", "c", "def"]));
    assert!(!is_shown(&["a"], &["a", "b"]));
    let commands = shown("```console\n$ agno-top list \\\n    x --filter 'a b'\nout\n$ echo $?\n3\n```\n");
    assert_eq!(words(&commands[0].command), ["agno-top", "list", "x", "--filter", "a b"]);
    assert_eq!(commands[0].output, "out\nexit code 3");
}
