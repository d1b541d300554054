//! Links between documents, to files and to headings.

use std::collections::{HashMap, HashSet};
use std::path::{Component, Path, PathBuf};

use regex::Regex;

use crate::{documents, pages, root};

/// The text without fenced blocks and code spans, which hold no links and headings.
fn prose(text: &str) -> String {
    let mut is_code = false;
    let mut prose = String::new();
    for line in text.lines() {
        let is_fence = line.trim_start().starts_with("```");
        if !is_code && !is_fence {
            prose += line;
            prose.push('\n');
        }
        is_code ^= is_fence;
    }
    prose
}

/// The anchors of the headings, as GitHub and mdBook make them.
fn anchors(text: &str) -> HashSet<String> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let headings = prose(text);
    let headings = headings.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let mut anchors = HashSet::new();
    for heading in headings {
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let anchor: String = kept.collect::<String>().to_lowercase().replace(' ', "-");
        let count = seen.entry(anchor.clone()).or_default();
        anchors.insert(if *count == 0 { anchor } else { format!("{anchor}-{count}") });
        *count += 1;
    }
    anchors
}

/// The targets of links and pictures.
fn targets(text: &str) -> Vec<String> {
    let text = Regex::new("`[^`\n]*`").unwrap().replace_all(&prose(text), "`").into_owned();
    let link = Regex::new(r#"\]\(([^)\s]+)\)|(?:src|srcset|href)="([^"]+)""#).unwrap();
    link.captures_iter(&text).map(|found| found.get(1).or(found.get(2)).unwrap().as_str().to_owned()).collect()
}

/// Resolves `.` and `..` without looking at the disk.
fn normalized(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut path, component| {
        match component {
            Component::ParentDir => drop(path.pop()),
            Component::CurDir => {}
            other => path.push(other),
        }
        path
    })
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let documents = documents();
    let texts: HashMap<&Path, &str> = documents.iter().map(|(path, text)| (path.as_path(), text.as_str())).collect();
    let mut broken = Vec::new();
    for (path, text) in &documents {
        for target in targets(text) {
            if target.starts_with("https://") || target.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let file = if file.is_empty() { path.clone() } else { normalized(&path.parent().unwrap().join(file)) };
            let is_there = root().join(&file).exists();
            let has_anchor = anchor.is_empty() || texts.get(file.as_path()).is_some_and(|text| anchors(text).contains(anchor));
            if !is_there || !has_anchor {
                broken.push(format!("{}: {target}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
}

#[test]
fn the_summary_names_every_page_once() {
    let summary = std::fs::read_to_string(root().join("docs/src/SUMMARY.md")).unwrap();
    let mut named: Vec<PathBuf> = targets(&summary).iter().map(|target| Path::new("docs/src").join(target)).collect();
    named.push("docs/src/SUMMARY.md".into());
    named.sort();
    assert_eq!(named, pages());
}

/// The files that a page includes are there.
#[test]
fn included_files_are_there() {
    let inclusion = Regex::new(r"\{\{#include ([^}]+)\}\}").unwrap();
    let mut count = 0;
    for (path, text) in documents() {
        for found in inclusion.captures_iter(&text) {
            assert!(root().join(path.parent().unwrap()).join(&found[1]).exists(), "{} includes {}", path.display(), &found[1]);
            count += 1;
        }
    }
    assert!(count > 1);
}

/// Claims name the test or the bench that shows them.
#[test]
fn files_that_are_named_in_the_manual_are_there() {
    let path = Regex::new(r"`((?:src|tests|benches|\.ci|docs|assets)/[\w./-]+)`").unwrap();
    for (document, text) in documents().iter().filter(|(path, _)| !path.ends_with("CONTRIBUTING.md")) {
        for found in path.captures_iter(text) {
            assert!(root().join(&found[1]).exists(), "{} names {}", document.display(), &found[1]);
        }
    }
}

#[test]
fn tests_that_are_named_in_the_manual_are_there() {
    let named = Regex::new(r"`([\w./-]+\.rs)` `(\w+)`").unwrap();
    let mut count = 0;
    for (document, text) in documents() {
        for found in named.captures_iter(&text) {
            let source = std::fs::read_to_string(root().join(&found[1])).unwrap();
            assert!(source.contains(&format!("fn {}(", &found[2])), "{} names {} of {}", document.display(), &found[2], &found[1]);
            count += 1;
        }
    }
    assert!(count > 10, "{count}");
}

/// A page of the built manual can only reach pages of the manual.
#[test]
fn pages_of_the_manual_link_to_no_files_outside_of_it() {
    for (path, text) in documents().iter().filter(|(path, _)| path.starts_with("docs")) {
        let outside: Vec<String> = targets(text).into_iter().filter(|target| target.starts_with("..")).collect();
        assert!(outside.is_empty(), "{}: {outside:?}", path.display());
    }
}

#[test]
fn readme_is_short() {
    assert!(std::fs::read_to_string(root().join("README.md")).unwrap().lines().count() < 150);
}

#[test]
fn broken_links_are_found() {
    assert_eq!(targets("[a](b.md#c) `[no](d.md)`\n```\n[no](e)\n```\n<img src=\"f.svg\">"), ["b.md#c", "f.svg"]);
    assert_eq!(anchors("# A b\n## `A` b\n```\n# no\n```\n### Why \"0.c\"?\n"), ["a-b", "a-b-1", "why-0c"].map(str::to_owned).into());
}

#[test]
fn each_feature_of_otel_tui_names_a_test() {
    let page = std::fs::read_to_string(root().join("docs/src/comparison.md")).unwrap();
    let table = page.split("### otel-tui, feature by feature").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    let test = Regex::new(r"\| `[^`]+\.rs` `\w+` \|$").unwrap();
    let without: Vec<&&str> = rows.iter().filter(|row| !test.is_match(row)).collect();
    assert!(rows.len() > 10 && without.is_empty(), "{without:?}");
}
