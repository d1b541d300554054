//! The text of a report, cut to a size so that every part keeps its beginning.

use std::fmt::Write as _;

use super::PARTS_NOTE;
use crate::format;

/// The fewest characters that a cut text keeps. If that is too much, whole parts are omitted.
const MIN_LENGTH: usize = 80;

/// The parts of a report, in their order.
#[derive(Debug)]
pub(super) struct Report {
    summary: String,
    /// What stands out, a line each.
    pub(super) findings: Vec<String>,
    /// What fills the contexts of model calls, a line each.
    pub(super) contexts: Vec<String>,
    /// The lines of the tree.
    pub(super) tree: Vec<String>,
    /// The errors: a title and a text.
    pub(super) errors: Vec<(String, String)>,
    /// The number of model calls that the conversation has so far.
    pub(super) calls: usize,
    /// The conversation: lines, each with an optional text below it.
    pub(super) messages: Vec<(String, Option<String>)>,
}

impl Report {
    pub(super) fn new(summary: String) -> Self {
        Self { summary, findings: Vec::new(), contexts: Vec::new(), tree: Vec::new(), errors: Vec::new(), calls: 0, messages: Vec::new() }
    }

    /// Returns the report in at most `limit` characters; `None` if it does not fit.
    pub(super) fn text(&self, limit: Option<usize>) -> Option<String> {
        let full = self.render(usize::MAX, usize::MAX);
        let Some(limit) = limit else { return Some(full) };
        if full.chars().count() <= limit {
            return Some(full);
        }
        // The longest texts are cut first, as far as needed; if that is not enough, the last parts are omitted.
        let fits = |length: usize, parts: usize| {
            let text = self.render(length, parts);
            (text.chars().count() <= limit).then_some(text)
        };
        let all = self.findings.len() + self.contexts.len() + self.tree.len() + self.errors.len() + self.messages.len();
        let parts = if fits(MIN_LENGTH, all).is_some() { all } else { largest(0, all, |parts| fits(MIN_LENGTH, parts))?.0 };
        largest(MIN_LENGTH, full.chars().count(), |length| fits(length, parts)).map(|(_, text)| text)
    }

    /// Returns the first `limit` characters, for a limit that is too small for a report.
    pub(super) fn beginning(&self, limit: usize) -> String {
        let note = "… (cut)\n";
        let room = limit.saturating_sub(note.chars().count());
        let kept: String = self.summary.chars().take(room).collect();
        kept.chars().chain(note.chars()).take(limit).collect()
    }

    /// Renders the first parts of the report, with texts of at most `length` characters.
    fn render(&self, length: usize, parts: usize) -> String {
        let mut out = self.summary.clone();
        let mut remaining = parts;
        let mut take = |count: usize| {
            let taken = count.min(remaining);
            remaining -= taken;
            taken
        };
        let (tree, errors) = (take(self.tree.len()), take(self.errors.len()));
        let (findings, messages) = (take(self.findings.len()), take(self.messages.len()));
        let contexts = take(self.contexts.len());
        if !self.findings.is_empty() {
            out.push_str("\n## What stands out\n\n");
            for line in &self.findings[..findings] {
                out.push_str(&cut(line, length.max(MIN_LENGTH)));
                out.push('\n');
            }
            note_omitted(self.findings.len() - findings, "lines", &mut out);
        }
        out.push_str("\n## Tree\n\n");
        let mut lines = String::new();
        for line in &self.tree[..tree] {
            lines.push_str(&cut(line, length.max(MIN_LENGTH)));
            lines.push('\n');
        }
        fence(&lines, &mut out);
        note_omitted(self.tree.len() - tree, "spans", &mut out);
        if !self.errors.is_empty() {
            out.push_str("\n## Errors\n");
            for (title, text) in &self.errors[..errors] {
                write_part(&format!("**{title}**"), Some(text), length, &mut out);
            }
            note_omitted(self.errors.len() - errors, "errors", &mut out);
        }
        if !self.messages.is_empty() {
            out.push_str("\n## Conversation\n");
            if self.calls > 1 {
                out.push_str("\nEach message is written once: a call was also sent those of earlier calls of its agent.\n");
            }
            for (line, text) in &self.messages[..messages] {
                write_part(line, text.as_deref(), length, &mut out);
            }
            note_omitted(self.messages.len() - messages, "parts of the conversation", &mut out);
        }
        if contexts == 0 {
            // Room for what comes first.
            note_omitted(self.contexts.len(), "lines about contexts", &mut out);
        } else {
            let _ = write!(out, "\n## Context\n\n{PARTS_NOTE}\n\n");
            for line in &self.contexts[..contexts] {
                out.push_str(&cut(line, length.max(MIN_LENGTH)));
                out.push('\n');
            }
            note_omitted(self.contexts.len() - contexts, "lines", &mut out);
        }
        out
    }
}

/// Returns the largest number from `low` to below `high` that fits, and its text; `None` if `low` does not fit.
fn largest(mut low: usize, mut high: usize, fits: impl Fn(usize) -> Option<String>) -> Option<(usize, String)> {
    let mut best = fits(low)?;
    while high.saturating_sub(low) > 1 {
        let middle = low.midpoint(high);
        match fits(middle) {
            Some(text) => (best, low) = (text, middle),
            None => high = middle,
        }
    }
    Some((low, best))
}

fn write_part(line: &str, text: Option<&str>, length: usize, out: &mut String) {
    out.push('\n');
    out.push_str(line);
    out.push('\n');
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        out.push('\n');
        fence(&cut(&format::safe_lines(text), length), out);
    }
}

/// Cuts a text and says by how much.
fn cut(text: &str, length: usize) -> String {
    let Some((at, _)) = text.char_indices().nth(length) else { return text.to_owned() };
    let omitted = text[at..].chars().count();
    format!("{}… ({} cut)", &text[..at], format::plural(omitted as u64, "character"))
}

fn note_omitted(count: usize, what: &str, out: &mut String) {
    if count > 0 {
        let _ = writeln!(out, "\n*… {} {what} cut.*", format::count(count as u64));
    }
}

/// Writes a fenced block with a fence that the text can't close.
fn fence(text: &str, out: &mut String) {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    let _ = writeln!(out, "{fence}text\n{}\n{fence}", text.trim_end_matches('\n'));
}
