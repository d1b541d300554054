//! What Agno's own classes write is shown as from SQLite.

use std::path::Path;
use std::process::Command;

use crate::front::Front;
use crate::watch::fixture;
use crate::{program, real};

/// Databases of Agno, written with various versions and kinds of runs.
const FILES: [&str; 4] =
    ["agno-3.1.10.sqlite", "agno-2.5.0.sqlite", "frameworks/agno-hitl/traces.sqlite", "frameworks/agno-workflow-stream/traces.sqlite"];

/// Runs the program and returns its exit code and what it prints.
fn printed(arguments: &[&str]) -> String {
    let output = program(arguments).output().unwrap();
    format!("{:?} {}", output.status.code(), String::from_utf8(output.stdout).unwrap())
}

/// Replaces the name of the source.
fn without_source(json: &str, source: &str) -> String {
    json.replace(source, "SOURCE")
}

/// Writes the spans of SQLite databases with Agno's `ClickhouseDb`. Returns the name of the database.
fn write(front: &Front, files: &[&Path]) -> String {
    let name = Front::name();
    let mut writer = Command::new(real::named("AGNO_TOP_CLICKHOUSE_PYTHON").unwrap());
    let written = writer.arg("tests/clickhouse/write.py").args([&front.port(), &name]).args(files).output().unwrap();
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    name
}

#[test]
fn list_show_and_stats_are_those_of_sqlite() {
    let Some(front) = Front::shared() else { return };
    for file in FILES {
        let path = fixture(file);
        let sqlite = path.display().to_string();
        let database = write(front, &[&path]);
        let url = front.url(&database);
        let name = url.replace(":pa55word", "");
        let same = |arguments: &[&str]| {
            let [one, other] = [(&sqlite, &sqlite), (&url, &name)].map(|(source, shown)| {
                let arguments: Vec<&str> = arguments.iter().map(|text| if *text == "SOURCE" { source.as_str() } else { text }).collect();
                without_source(&printed(&arguments), shown)
            });
            assert_eq!(one, other, "{file}: {arguments:?}");
        };
        assert!(printed(&["list", &url, "--json"]).lines().count() > 1);
        same(&["list", "SOURCE", "--json"]);
        same(&["list", "SOURCE", "--json", "--limit", "2"]);
        same(&["list", "SOURCE", "--json", "--since", "2026-11-22T05:59:05Z", "--until", "2026-11-22T05:59:09Z"]);
        same(&["list", "SOURCE", "--json", "--filter", "status:error"]);
        same(&["list", "SOURCE", "--json", "--filter", "text:Lisbon"]);
        for filter in ["agent:Chatty|Careful", "model:claude*", "agent:\"Report Team\" model:gpt -status:error", "status:paused|error"] {
            same(&["list", "SOURCE", "--json", "--filter", filter]);
        }
        same(&["list", "SOURCE", "--json", "--filter", "agent:a model:gpt", "--limit", "1"]);
        same(&["stats", "SOURCE", "--json", "--by", "agent", "--filter", "model:gpt text:Lisbon"]);
        same(&["show", "last", "SOURCE"]);
        same(&["export", "SOURCE", "--format", "csv"]);
        same(&["stats", "SOURCE", "--json"]);
        same(&["stats", "SOURCE", "--by", "model", "--since", "2026-11-22T05:59:05Z"]);
    }
}

#[test]
fn contexts_are_those_of_sqlite() {
    let Some(front) = Front::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let sqlite = folder.path().join("agno.db");
    if !real::write_contexts(&sqlite, &[]) {
        return;
    }
    let database = write(front, &[&sqlite]);
    let (url, sqlite) = (front.url(&database), sqlite.display().to_string());
    for (question, finds) in real::ABOUT_CONTEXTS {
        let [one, other] = [(&sqlite, &sqlite), (&url, &url.replace(":pa55word", ""))]
            .map(|(source, shown)| without_source(&printed(&[question, &[source.as_str()]].concat()), shown));
        assert_eq!(one, other, "{question:?}");
        assert_eq!(one.lines().count() > 1 || one.contains('{'), finds, "{question:?}: {one}");
    }
}

#[test]
fn what_a_rare_agent_or_model_did_is_found_in_the_whole_table() {
    let Some(front) = Front::shared() else { return };
    let database = write(front, &[&fixture(FILES[0])]);
    let url = front.url(&database);
    // Newer spans than the command may read.
    front.run(&crate::front::spans(&database, 1_000_000, 3000, "toDateTime64('2026-11-25 00:00:00', 6, 'UTC')", 1_000_000));
    let listed = |filter: &str| {
        let lines = printed(&["list", &url, "--json", "--max-spans", "1000", "--filter", filter]);
        lines.lines().filter(|line| line.contains("trace_id")).count()
    };
    let known = |filter: &str| {
        let path = fixture(FILES[0]).display().to_string();
        printed(&["list", &path, "--json", "--filter", filter]).lines().filter(|line| line.contains("trace_id")).count()
    };
    for filter in ["agent:\"Support Agent\"", "model:claude", "agent:Unlucky status:error", "text:Lisbon", "status:error"] {
        assert!(listed(filter) == known(filter) && known(filter) > 0, "{filter}: {} of {}", listed(filter), known(filter));
    }
    let output = program(&["list", &url, "--filter", "agent:nobody"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("no trace in") && said.contains("matches"), "{said}");
}
