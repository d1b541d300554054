//! The command `export`.

use predicates::prelude::*;

use super::{database, fixture, program, read};

#[test]
fn an_exported_file_reads_back_unchanged() {
    let directory = tempfile::tempdir().unwrap();
    let database = database(directory.path()).display().to_string();
    let write = |source: &str, name: &str, format: &str| {
        let path = directory.path().join(name);
        let path_text = path.display().to_string();
        program(&["export", source, "-o", &path_text, "--format", format])
            .assert()
            .success()
            .stdout("")
            .stderr(predicate::str::contains(format!("of 11 traces to {path_text}")));
        path
    };
    for source in [database, fixture("agno-3.1.10.otlp.pb")] {
        let otlp = read(&write(&source, "a.json", "otlp"));
        assert_eq!(otlp.len(), 75, "{source}");
        assert!(otlp.iter().all(|span| !span.payload.attributes.is_empty()));
        assert_eq!(read(&write(&source, "a.pb", "otlp-proto")), otlp);
        assert_eq!(read(&write(&source, "a.jsonl", "jsonl")), otlp);
        // Export from the export, and replace an existing file.
        assert_eq!(read(&write(directory.path().join("a.pb").to_str().unwrap(), "a.json", "otlp")), otlp);
    }
}

#[test]
fn all_text_formats_can_be_written_to_standard_output() {
    let directory = tempfile::tempdir().unwrap();
    let database = database(directory.path()).display().to_string();
    let written = |arguments: &[&str]| {
        let output = program(&[&["export", &database], arguments].concat()).assert().success().stderr("").get_output().stdout.clone();
        String::from_utf8(output).unwrap()
    };
    let lines = written(&["--format", "jsonl"]);
    assert_eq!(lines.lines().count(), 75);
    let first: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(first["span_id"].as_str().unwrap().len(), 16);
    assert!(first["attributes"].as_object().unwrap().contains_key("openinference.span.kind"), "{first}");
    assert_eq!(written(&["--format", "csv"]).lines().count(), 76);
    assert_eq!(written(&["--format", "agno"]).lines().count(), 11);
    let failed = written(&["--format", "markdown", "--filter", "status:error", "--limit", "1", "--max-chars", "600"]);
    assert!(failed.starts_with("# ") && failed.contains("ERROR") && failed.contains("cut") && failed.chars().count() <= 600, "{failed}");
}

#[test]
fn errors_are_reported() {
    let directory = tempfile::tempdir().unwrap();
    let database = database(directory.path()).display().to_string();
    let failed = |arguments: &[&str], code: i32, message: &str| {
        program(&[&["export", &database], arguments].concat()).assert().code(code).stdout("").stderr(predicate::str::contains(message));
    };
    failed(&["-o", "no/such/folder/a.json"], 1, "can't write no/such/folder/a.json");
    failed(&["--format", "xml"], 2, "unknown format \"xml\"; use one of otlp, otlp-proto");
    failed(&["--max-chars", "5"], 2, "--max-chars is for --format markdown");
    failed(&["--filter", "agent:nobody"], 1, "no trace in");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "no temporary file remains");
}

#[test]
fn an_export_never_replaces_its_source() {
    let directory = tempfile::tempdir().unwrap();
    let path = database(directory.path());
    let before = std::fs::read(&path).unwrap();
    std::fs::hard_link(&path, directory.path().join("other.json")).unwrap();
    let run = |arguments: &[&str]| {
        let mut program = program(&[&["export"], arguments].concat());
        let refused = predicate::str::contains("is one of the sources; export to another file");
        program.current_dir(directory.path()).assert().code(1).stdout("").stderr(refused);
    };
    run(&["traces.db", "-o", "traces.db"]);
    run(&["traces.db", "-o", "./traces.db", "--format", "jsonl"]);
    run(&["nothing.db", path.to_str().unwrap(), "-o", "traces.db"]);
    // Found in the working directory.
    run(&["-o", "traces.db"]);
    #[cfg(unix)]
    {
        run(&["traces.db", "-o", "other.json"]);
        std::os::unix::fs::symlink("traces.db", directory.path().join("link.db")).unwrap();
        run(&["link.db", "-o", "traces.db"]);
        run(&["traces.db", "-o", "link.db"]);
    }
    assert!(std::fs::read(&path).unwrap() == before, "the source is unchanged");
}

#[test]
fn secrets_are_removed_with_redact_only() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.jsonl");
    let line = r#"{"trace_id":"0af7651916cd43dd8448eb211c80319c","span_id":"b7ad6b7169203331","name":"a","start":"2026-11-22T05:59:04Z","end":"2026-11-22T05:59:05Z","attributes":{"input.value":"mail ann@example.org about ORD-17"}}"#;
    std::fs::write(&path, format!("{line}\n")).unwrap();
    let settings = directory.path().join("config.toml");
    std::fs::write(&settings, "redact_patterns = [\"ORD-[0-9]+\"]\n").unwrap();
    let path = path.display().to_string();
    let arguments = ["export", &path, "--format", "jsonl", "--config", settings.to_str().unwrap()];
    program(&arguments).assert().success().stdout(predicate::str::contains("mail ann@example.org about ORD-17"));
    program(&[&arguments[..], &["--redact"]].concat())
        .assert()
        .success()
        .stdout(predicate::str::contains("mail [redacted] about [redacted]").and(predicate::str::contains("ann@").not()));
}
