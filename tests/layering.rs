//! The arrows between modules: what each part of the program may name. Imports run down only.

#![allow(clippy::expect_used, reason = "a test ends where it cannot go on")]

use std::fs;
use std::path::{Path, PathBuf};

/// A module and the modules of this crate that it may name. Those that are not here see everything.
const ARROWS: &[(&str, &[&str])] = &[
    ("model", &["model"]),
    ("format", &["format"]),
    ("look", &["look"]),
    ("widget", &["widget", "format"]),
    ("store", &["store", "model"]),
    ("query", &["query", "store", "model"]),
    ("source", &["source", "model"]),
    ("export", &["export", "model", "store", "format"]),
    ("app", &["app", "export", "query", "store", "model", "source", "format", "look", "widget"]),
    ("view", &["view", "app", "export", "query", "store", "model", "source", "format", "look", "widget"]),
    ("terminal", &[]),
    ("panic", &[]),
];

/// Modules that never name the terminal's libraries.
const NO_TERMINAL: &[&str] = &["model", "query", "store", "source", "export", "format"];

/// The loop sees everything.
const LOOP: &str = "src/app/run";

fn rust_files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("src can be read").map(|entry| entry.expect("an entry of src")) {
        let path = entry.path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Every source file below `src`, with the module at the top that it belongs to.
fn modules() -> Vec<(String, String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    rust_files(&root.join("src"), &mut files);
    files
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(root).expect("below the root").to_string_lossy().replace('\\', "/");
            let module = name.split('/').nth(1).expect("below src").trim_end_matches(".rs").to_owned();
            let text = fs::read_to_string(&path).expect("a source file can be read");
            (name, module, text)
        })
        .collect()
}

/// The crate's modules that a text names through `crate::`.
fn named(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
        for part in line.split("crate::").skip(1) {
            let group = part.strip_prefix('{').map_or(part, |group| group);
            let names = if part.starts_with('{') { group.split(',').collect() } else { vec![group] };
            for name in names {
                let name: String = name.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if !name.is_empty() && name.chars().next().is_some_and(char::is_lowercase) {
                    found.push(name);
                }
            }
        }
    }
    found
}

#[test]
fn imports_run_down_only() {
    let mut wrong = Vec::new();
    for (file, module, text) in modules() {
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == module) else { continue };
        if file.starts_with(LOOP) {
            continue;
        }
        for name in named(&text) {
            if !allowed.contains(&name.as_str()) {
                wrong.push(format!("{file} names crate::{name}"));
            }
        }
    }
    assert!(wrong.is_empty(), "against the arrows:\n{}", wrong.join("\n"));
}

#[test]
fn only_the_screen_knows_the_terminal() {
    let mut wrong = Vec::new();
    for (file, module, text) in modules() {
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        if NO_TERMINAL.contains(&module.as_str()) && code.into_iter().any(|line| line.contains("ratatui") || line.contains("crossterm")) {
            wrong.push(file);
        }
    }
    assert!(wrong.is_empty(), "name the terminal: {}", wrong.join(", "));
}

#[test]
fn the_arrows_name_modules_that_exist() {
    let files = modules();
    for (module, _) in ARROWS {
        assert!(files.iter().any(|(_, name, _)| name == module), "{module} is in the table and not in src");
    }
}
