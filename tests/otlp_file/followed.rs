//! A file is followed by its path: nothing is skipped or shown twice when it is renamed, removed, rewritten or shortened.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use agno_top::model::PayloadRef;
use agno_top::sources::{State, Update};

use super::{Read, open};

/// A line with a span that has this number.
fn line(number: u64) -> String {
    let id = number + 1;
    let span = format!(
        r#"{{"traceId":"{id:032x}","spanId":"{id:016x}","name":"run {number}","startTimeUnixNano":"{}","endTimeUnixNano":"{}"}}"#,
        1_795_000_000_000_000_000 + number * 1000,
        1_795_000_000_000_000_500 + number * 1000
    );
    format!("{{\"resourceSpans\":[{{\"scopeSpans\":[{{\"spans\":[{span}]}}]}}]}}\n")
}

fn lines(numbers: impl IntoIterator<Item = u64>) -> String {
    numbers.into_iter().map(line).collect()
}

struct Followed {
    _folder: tempfile::TempDir,
    path: PathBuf,
    read: Read,
    states: Vec<State>,
}

impl Followed {
    fn new(content: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("traces.jsonl");
        fs::write(&path, content).unwrap();
        let read = open(&path);
        Self { _folder: folder, path, read, states: Vec::new() }
    }

    fn append(path: &Path, text: &str) {
        fs::OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn renamed(&self) -> PathBuf {
        self.path.with_extension("1")
    }

    /// Waits until the span with this name has arrived.
    fn wait_for(&mut self, name: &str) {
        while !self.read.spans.iter().any(|(_, other, _)| other == name) {
            match self.read.updates.blocking_recv().unwrap() {
                Update::Batch(batch) => {
                    assert_eq!(batch.skipped, []);
                    let rows = batch.spans.iter().map(|span| (span.clone(), batch.text(span.name).to_owned(), String::new()));
                    self.read.spans.extend(rows);
                }
                Update::State(_, state) => self.states.push(state),
                other => panic!("{other:?}"),
            }
        }
    }

    /// The names of all spans, in the order of their arrival.
    fn names(&self) -> Vec<&str> {
        self.read.spans.iter().map(|(_, name, _)| name.as_str()).collect()
    }
}

#[test]
fn a_renamed_file_and_its_successor_are_read() {
    let mut followed = Followed::new(&lines([0, 1]));
    Followed::append(&followed.path, &line(2));
    followed.wait_for("run 2");
    fs::rename(&followed.path, followed.renamed()).unwrap();
    // The writer has not noticed yet.
    Followed::append(&followed.renamed(), &line(3));
    fs::write(&followed.path, line(4)).unwrap();
    followed.wait_for("run 4");
    Followed::append(&followed.path, &line(5));
    followed.wait_for("run 5");
    assert_eq!(followed.names(), ["run 0", "run 1", "run 2", "run 3", "run 4", "run 5"]);
    let payloads = followed.read.payloads((0..6).map(PayloadRef).collect());
    assert!(payloads.iter().all(Result::is_ok), "{payloads:?}");
}

#[test]
fn a_removed_file_is_waited_for() {
    let mut followed = Followed::new(&lines([0, 1]));
    fs::remove_file(&followed.path).unwrap();
    while followed.states.is_empty() {
        if let Update::State(_, state) = followed.read.updates.blocking_recv().unwrap() {
            followed.states.push(state);
        }
    }
    assert!(matches!(&followed.states[0], State::Waiting(reason) if reason.ends_with("waiting for a new one")), "{:?}", followed.states);
    fs::write(&followed.path, line(2)).unwrap();
    followed.wait_for("run 2");
    assert_eq!(followed.names(), ["run 0", "run 1", "run 2"]);
}

#[test]
fn a_rewritten_file_shows_only_what_is_new() {
    let mut followed = Followed::new(&lines([0, 1]));
    fs::write(&followed.path, lines([7, 0, 1, 2])).unwrap();
    followed.wait_for("run 2");
    assert_eq!(followed.names(), ["run 0", "run 1", "run 2", "run 7"], "another file");
    fs::write(&followed.path, line(3)).unwrap();
    followed.wait_for("run 3");
    Followed::append(&followed.path, &lines([4]));
    followed.wait_for("run 4");
    assert_eq!(followed.names()[4..], ["run 3", "run 4"], "a shorter file");
    let new = followed.path.with_extension("new");
    fs::write(&new, lines([3, 4, 5])).unwrap();
    fs::rename(&new, &followed.path).unwrap();
    followed.wait_for("run 5");
    assert_eq!(followed.names()[6..], ["run 5"], "replaced by a copy");
}

#[test]
fn a_file_of_one_line_and_one_that_comes_are_followed() {
    let mut followed = Followed::new(&line(0));
    assert_eq!(followed.read.state, State::Watching { left_out: 0 });
    Followed::append(&followed.path, &line(1));
    followed.wait_for("run 1");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("later.jsonl");
    let read = open(&path);
    assert!(matches!(&read.state, State::Waiting(why) if why.ends_with("later.jsonl does not exist yet")), "{:?}", read.state);
    let mut later = Followed { _folder: folder, path, read, states: Vec::new() };
    fs::write(&later.path, line(3)).unwrap();
    later.wait_for("run 3");
}
