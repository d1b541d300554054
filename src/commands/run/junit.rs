//! Traces as test cases, in the format of JUnit that CI systems read.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;

use crate::export::record::status_name;
use crate::export::{NewFile, Redactor};
use crate::model::Nanos;
use crate::store::{RunStatus, Store, TraceIx};
use crate::tui::display;

/// What decides about a test case, and how it is written.
pub(super) struct Verdict<'a> {
    /// The text of `--fail-on`.
    pub(super) condition: &'a str,
    /// The traces that it matches.
    pub(super) matched: HashSet<TraceIx>,
    /// Hides secrets: such files are kept and shown by others.
    pub(super) redactor: &'a Redactor,
}

/// Returns an error if no file can be written at a path.
pub(super) fn check(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    NewFile::create(path).map(drop)
}

/// Writes a test case for each trace, the oldest first. One fails if its trace failed, was cut, or has a part that matched.
pub(super) fn write(path: &Path, store: &Store, mains: &[TraceIx], verdict: &Verdict<'_>, now: Nanos) -> io::Result<()> {
    let mut file = NewFile::create(path)?;
    file.writer().write_all(text(store, mains, verdict, now).as_bytes())?;
    file.replace().map(drop)
}

fn text(store: &Store, mains: &[TraceIx], verdict: &Verdict<'_>, now: Nanos) -> String {
    let (mut cases, mut failures, mut total) = (String::new(), 0, 0);
    let shown = |text: &str| escaped(&verdict.redactor.text(text));
    for &trace in mains.iter().rev() {
        let length = store.group_length(trace, now).max(0);
        let is_matched = store.group(trace).any(|part| verdict.matched.contains(&part));
        let match_text = is_matched.then(|| format!("it matches --fail-on {}", verdict.condition));
        let reason = match store.group_counts(trace).run_status() {
            RunStatus::Ok | RunStatus::Paused => match_text,
            status => {
                let reason = error(store, trace).unwrap_or_else(|| status_name(status).to_owned());
                Some([Some(reason), match_text].into_iter().flatten().collect::<Vec<_>>().join("; "))
            }
        };
        (failures, total) = (failures + u32::from(reason.is_some()), total + length);
        let (name, id) = (display::lead_name(store, trace), store.trace(trace).id);
        // Writing to memory does not fail.
        let _ = write!(cases, "  <testcase classname=\"{}\" name=\"{id}\" time=\"{}\"", shown(&name), seconds(length));
        let _ = match reason {
            Some(reason) => writeln!(cases, ">\n    <failure message=\"{}\"/>\n  </testcase>", shown(&reason)),
            None => writeln!(cases, "/>"),
        };
    }
    let (count, seconds) = (mains.len(), seconds(total));
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"agno-top\" tests=\"{count}\" failures=\"{failures}\" errors=\"0\" \
         time=\"{seconds}\">\n{cases}</testsuite>\n"
    )
}

/// Returns the text of the first failure in a trace and its parts.
fn error(store: &Store, trace: TraceIx) -> Option<String> {
    let roots = store.group(trace).flat_map(|part| store.trace(part).roots()).copied();
    let text =
        roots.filter(|&root| store.totals(root).fatal > 0).map(|root| store.text(store.failure_text(root))).find(|text| !text.is_empty());
    text.map(str::to_owned)
}

fn seconds(nanos: Nanos) -> String {
    format!("{}.{:03}", nanos / 1_000_000_000, nanos / 1_000_000 % 1000)
}

/// Returns the text of an attribute of XML 1.0, which has no control characters.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' | '\r' => escaped.push(' '),
            char if char.is_control() || matches!(char, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            char => escaped.push(char),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_its_attribute() {
        assert_eq!(escaped("a<b> \"&\u{1b}[2J\n"), "a&lt;b&gt; &quot;&amp;\u{fffd}[2J ");
        assert_eq!(seconds(61_002_999_999), "61.002");
    }
}
