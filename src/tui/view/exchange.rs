//! The first lines of a step's input and output, for comparisons.

use super::detail;
use crate::model::Payload;
use crate::tui::app::compare::{TextLine, Texts};
use crate::tui::widget::text::Document;

/// Lines of a text to keep at most.
const LINES: usize = 40;

/// Returns the first lines of the input and the output of a step.
#[must_use]
pub fn texts(payload: &Payload) -> Texts {
    let [input, output] = detail::exchange(payload).each_ref().map(first_lines);
    Texts { input, output }
}

fn first_lines(document: &Document) -> Vec<TextLine> {
    let line = |line| TextLine { text: document.line_text(line).to_owned(), indent: document.indent(line), hang: document.hang(line) };
    (0..document.lines().min(LINES)).map(line).collect()
}
