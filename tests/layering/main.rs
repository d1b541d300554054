//! Which modules may name which: imports point one way, and no two modules import each other, however indirectly.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends where it cannot go on")]

mod modules;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use modules::{ModulePath, Modules};

/// Each part of the program with the parts that it may name, besides itself.
const LAYERS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("regular_file", &[]),
    ("job_control", &[]),
    ("format", &["model"]),
    ("semconv", &["model"]),
    ("context", &["format", "model", "semconv"]),
    ("logs", &["model"]),
    ("metrics", &["model", "semconv"]),
    ("otlp", &["model", "semconv"]),
    ("store", &["model"]),
    ("query", &["model", "semconv", "store"]),
    ("sources", &["model", "otlp", "regular_file", "semconv"]),
    ("why", &["format", "model", "store"]),
    ("export", &["context", "format", "logs", "model", "otlp", "regular_file", "semconv", "store", "why"]),
    ("setup", &["regular_file"]),
    ("run", &[]),
    ("send", &["export", "model", "otlp", "sources"]),
    ("settings", &["model", "store"]),
    ("keymap", &["model", "settings"]),
    ("panic_hook", &["format"]),
    (
        "tui",
        &[
            "context",
            "export",
            "format",
            "job_control",
            "keymap",
            "logs",
            "metrics",
            "model",
            "panic_hook",
            "query",
            "regular_file",
            "semconv",
            "settings",
            "setup",
            "sources",
            "store",
            "why",
        ],
    ),
    ("demo", &["model"]),
    ("log", &["regular_file"]),
    ("config", &["format", "keymap", "model", "regular_file", "settings"]),
    ("cli", &["config", "export", "model", "query"]),
    (
        "commands",
        &[
            "cli",
            "config",
            "context",
            "demo",
            "export",
            "format",
            "job_control",
            "logs",
            "metrics",
            "model",
            "panic_hook",
            "query",
            "run",
            "semconv",
            "send",
            "setup",
            "sources",
            "store",
            "tui",
            "why",
        ],
    ),
    ("fuzz", &["config", "export", "format", "keymap", "model", "otlp", "query", "semconv", "sources", "store", "tui"]),
    ("version", &[]),
    ("main", &["cli", "commands", "config", "format", "log", "panic_hook", "run", "version"]),
];

/// Parts of the program that never name the terminal's libraries.
const NO_TERMINAL: &[&str] =
    &["model", "format", "semconv", "context", "logs", "metrics", "store", "query", "sources", "why", "export", "send", "log", "demo"];

fn modules() -> Modules {
    Modules::read(Path::new(env!("CARGO_MANIFEST_DIR")))
}

fn show(path: &[String]) -> String {
    if path.is_empty() { "the crate's root".to_owned() } else { path.join("::") }
}

fn layer(path: &ModulePath) -> Option<&'static (&'static str, &'static [&'static str])> {
    LAYERS.iter().find(|(name, _)| path.first().is_some_and(|first| first == name))
}

#[test]
fn every_part_is_in_the_table() {
    let modules = modules();
    let parts: BTreeSet<&str> = modules.paths().filter_map(|path| path.first()).map(String::as_str).collect();
    let listed: BTreeSet<&str> = LAYERS.iter().map(|(name, _)| *name).collect();
    assert_eq!(parts, listed);
}

#[test]
fn parts_name_only_the_parts_below_them() {
    let modules = modules();
    let wrong: Vec<String> = modules
        .edges()
        .into_iter()
        .filter(|(from, to)| {
            let Some((name, allowed)) = layer(from) else { return false };
            to.first().is_none_or(|to| to != name && !allowed.contains(&to.as_str()))
        })
        .map(|(from, to)| format!("{} names {}", show(from), show(&to)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_the_screen_names_the_terminal_s_libraries() {
    let modules = modules();
    let users = ["ratatui", "crossterm"].into_iter().flat_map(|library| modules.users_of(library));
    let wrong: Vec<String> = users
        .filter(|path| NO_TERMINAL.iter().any(|part| path.first().is_some_and(|first| first == part)))
        .map(|path| show(path))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join(", "));
}

/// The children of one module, with the siblings that each names.
type Siblings = BTreeMap<String, BTreeMap<String, String>>;

/// By parent, its children's imports of each other. A module stands for all that is below it; a parent and its child may name each other.
fn siblings(modules: &Modules) -> BTreeMap<ModulePath, Siblings> {
    let mut parents: BTreeMap<ModulePath, Siblings> = BTreeMap::new();
    for (from, to) in modules.edges() {
        let common = from.iter().zip(&to).take_while(|(one, other)| one == other).count();
        if let (Some(one), Some(other)) = (from.get(common), to.get(common)) {
            let example = format!("{} names {}", show(from), show(&to));
            parents.entry(from[..common].to_vec()).or_default().entry(one.clone()).or_default().entry(other.clone()).or_insert(example);
        }
    }
    parents
}

/// The imports along a cycle, if there is one.
fn cycle(siblings: &Siblings) -> Option<Vec<&str>> {
    fn search<'s>(
        at: &'s str,
        siblings: &'s Siblings,
        path: &mut Vec<(&'s str, &'s str)>,
        done: &mut BTreeSet<&'s str>,
    ) -> Option<Vec<&'s str>> {
        for (next, example) in siblings.get(at).into_iter().flatten() {
            if let Some(start) = path.iter().position(|(from, _)| from == next) {
                return Some(path[start..].iter().map(|(_, example)| *example).chain([example.as_str()]).skip(1).collect());
            }
            if done.contains(next.as_str()) {
                continue;
            }
            path.push((next, example));
            if let Some(found) = search(next, siblings, path, done) {
                return Some(found);
            }
            path.pop();
        }
        done.insert(at);
        None
    }
    let mut done = BTreeSet::new();
    siblings.keys().find_map(|start| search(start, siblings, &mut vec![(start, "")], &mut done))
}

#[test]
fn no_modules_import_each_other_in_a_circle() {
    let modules = modules();
    let siblings = siblings(&modules);
    let circles: Vec<String> = siblings
        .iter()
        .filter_map(|(parent, siblings)| Some(format!("in {}:\n  {}", show(parent), cycle(siblings)?.join("\n  "))))
        .collect();
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

#[test]
fn a_circle_is_found_through_groups_and_re_exports() {
    let root = tempfile::tempdir().expect("a folder");
    let write = |file: &str, text: &str| {
        let path = root.path().join("src").join(file);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    };
    write("main.rs", "fn main() {}");
    write("lib.rs", "mod a; mod b; pub use b::inner::Thing;");
    write("a.rs", "use crate::{\n    Thing,\n};\npub struct One;");
    write("b.rs", "pub mod inner;");
    write("b/inner.rs", "pub struct Thing; fn f() { println!(\"{}\", crate::a::One::new()); }");
    let modules = Modules::read(root.path());
    let found = siblings(&modules);
    let circle = found.get(&ModulePath::new()).and_then(cycle);
    assert_eq!(circle, Some(vec!["a names b::inner", "b::inner names a"]));
}
