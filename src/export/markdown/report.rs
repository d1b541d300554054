//! The text of one trace's report, cut to a size so that every part keeps its beginning.

use std::fmt::Write as _;

use crate::format;

/// Characters that a text keeps when texts are cut, at least; where even that does not fit, whole parts are left out.
const LEAST: usize = 80;

/// The parts of a report, in their order.
#[derive(Debug)]
pub(super) struct Report {
    head: String,
    /// The tree, a line each.
    pub(super) tree: Vec<String>,
    /// What failed: a title and what was said.
    pub(super) errors: Vec<(String, String)>,
    /// The conversation: lines that stand for themselves, and texts below them.
    pub(super) messages: Vec<(String, Option<String>)>,
}

impl Report {
    pub(super) fn new(head: String) -> Self {
        Self { head, tree: Vec::new(), errors: Vec::new(), messages: Vec::new() }
    }

    /// The report in at most `limit` characters; `None` if there is no room for it.
    pub(super) fn text(&self, limit: Option<usize>) -> Option<String> {
        let whole = self.render(usize::MAX, usize::MAX);
        let Some(limit) = limit else { return Some(whole) };
        if whole.chars().count() <= limit {
            return Some(whole);
        }
        // The longest texts are cut first, as far as needed; where that is not enough, there are the first parts only.
        let fits = |most: usize, parts: usize| {
            let text = self.render(most, parts);
            (text.chars().count() <= limit).then_some(text)
        };
        let all = self.tree.len() + self.errors.len() + self.messages.len();
        let parts = if fits(LEAST, all).is_some() { all } else { largest(0, all, |parts| fits(LEAST, parts))?.0 };
        largest(LEAST, whole.chars().count(), |most| fits(most, parts)).map(|(_, text)| text)
    }

    /// The first `limit` characters, for a limit that leaves no room for a report.
    pub(super) fn cut_off(&self, limit: usize) -> String {
        let note = "… (cut)\n";
        let room = limit.saturating_sub(note.chars().count());
        let kept: String = self.head.chars().take(room).collect();
        kept.chars().chain(note.chars()).take(limit).collect()
    }

    /// The report with texts of at most `most` characters, and of at most so many parts.
    fn render(&self, most: usize, parts: usize) -> String {
        let mut out = self.head.clone();
        let mut left = parts;
        let mut room = |wanted: usize| {
            let taken = wanted.min(left);
            left -= taken;
            taken
        };
        let (tree, errors, messages) = (room(self.tree.len()), room(self.errors.len()), room(self.messages.len()));
        out.push_str("\n## Tree\n\n");
        let mut lines = String::new();
        for line in &self.tree[..tree] {
            lines.push_str(&cut(line, most.max(LEAST)));
            lines.push('\n');
        }
        fence(&lines, &mut out);
        left_out(self.tree.len() - tree, "spans", &mut out);
        if !self.errors.is_empty() {
            out.push_str("\n## Errors\n");
            for (title, text) in &self.errors[..errors] {
                part(&format!("**{title}**"), Some(text), most, &mut out);
            }
            left_out(self.errors.len() - errors, "errors", &mut out);
        }
        if !self.messages.is_empty() {
            out.push_str("\n## Conversation\n");
            for (line, text) in &self.messages[..messages] {
                part(line, text.as_deref(), most, &mut out);
            }
            left_out(self.messages.len() - messages, "parts of the conversation", &mut out);
        }
        out
    }
}

/// The largest number from `low` on and below `high` that fits, and its text; `None` if not even `low` does.
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

fn part(line: &str, text: Option<&str>, most: usize, out: &mut String) {
    out.push('\n');
    out.push_str(line);
    out.push('\n');
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        out.push('\n');
        fence(&cut(&format::safe_lines(text), most), out);
    }
}

/// The beginning of a text, and how much of it was cut.
fn cut(text: &str, most: usize) -> String {
    let Some((at, _)) = text.char_indices().nth(most) else { return text.to_owned() };
    let rest = text[at..].chars().count();
    format!("{}… ({} characters cut)", &text[..at], format::count(rest as u64))
}

fn left_out(count: usize, what: &str, out: &mut String) {
    if count > 0 {
        let _ = writeln!(out, "\n*… {} {what} cut.*", format::count(count as u64));
    }
}

/// A block that no text within it can end.
fn fence(text: &str, out: &mut String) {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    let _ = writeln!(out, "{fence}text\n{}\n{fence}", text.trim_end_matches('\n'));
}
