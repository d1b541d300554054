use proptest::prelude::*;

use super::{CAPACITY, Document, Layout, MAX_LINE, Position, Search, TextRole};
use crate::format::{safe_lines, width};

const TEN: Layout = Layout { width: 10, wrap: true };

/// Every row's text, indents as blanks.
fn rows(document: &Document, layout: Layout) -> Vec<String> {
    let mut rows = Vec::new();
    let mut position = (document.lines() > 0).then(Position::default);
    while let Some(row) = position {
        let end = document.row_end(row, layout);
        rows.push(format!("{}{}", " ".repeat(document.row_indent(row, layout)), &document.line_text(row.line)[row.byte..end]));
        position = document.next(row, layout);
    }
    rows
}

#[test]
fn text_breaks_between_words() {
    assert_eq!(rows(&Document::plain("the quick brown fox\n\njumps"), TEN), ["the quick ", "brown fox", "", "jumps"]);
    assert_eq!(rows(&Document::plain("exactlyten next"), TEN), ["exactlyten ", "next"]);
    assert_eq!(rows(&Document::plain("id 0123456789abcdef"), TEN), ["id 0123456", "789abcdef"]);
    assert_eq!(rows(&Document::plain("日本語日本語"), TEN), ["日本語日本", "語"]);
    assert_eq!(rows(&Document::plain("日本"), Layout { width: 1, wrap: true }), ["日", "本"]);
    assert_eq!(rows(&Document::plain("one two three four"), Layout { wrap: false, ..TEN }), ["one two three four"]);
    assert!(rows(&Document::new(), TEN).is_empty());
}

#[test]
fn wrapped_rows_have_a_hanging_indent() {
    let mut document = Document::new();
    document.begin_line(0, 4);
    document.push("who ", TextRole::Label);
    document.push("says a thing\nor two", TextRole::Plain);
    assert_eq!(rows(&document, TEN), ["who says a ", "    thing", "    or two"]);
    assert_eq!(rows(&document, Layout { width: 6, wrap: true })[1], "   say");
}

#[test]
fn adjacent_text_of_one_role_is_one_segment() {
    let mut document = Document::new();
    document.push("a", TextRole::Key);
    document.push("b\nc", TextRole::Key);
    document.push("", TextRole::Number);
    document.push("d", TextRole::Plain);
    assert_eq!(document.segments(0).collect::<Vec<_>>(), [("ab", TextRole::Key)]);
    assert_eq!(document.segments(1).collect::<Vec<_>>(), [("c", TextRole::Key), ("d", TextRole::Plain)]);
    assert_eq!(document.segments(2).count(), 0);
}

#[test]
fn rewinding_removes_later_text() {
    let mut document = Document::plain("a\nb");
    let checkpoint = document.checkpoint();
    document.push("c\nd", TextRole::Plain);
    document.push("e", TextRole::Key);
    document.rewind(checkpoint);
    document.push("f", TextRole::Key);
    assert_eq!(document.segments(1).collect::<Vec<_>>(), [("b", TextRole::Plain), ("f", TextRole::Key)]);
    assert_eq!(document.lines(), 2);
}

#[test]
fn long_lines_continue_without_loss() {
    for text in ["word ".repeat(20_000), "x".repeat(100_000), "日本語".repeat(20_000), format!("e{}", "\u{94d}\u{915}".repeat(20_000))] {
        let document = Document::plain(&text);
        let lines: Vec<_> = (0..document.lines()).map(|line| document.line_text(line)).collect();
        assert!(lines.len() > 1 && lines.iter().all(|line| line.len() <= MAX_LINE));
        assert_eq!(lines.concat(), text);
    }
}

#[test]
fn omitted_bytes_are_counted() {
    let text = "x".repeat(CAPACITY - 1);
    let mut document = Document::plain(&text);
    document.push("abc", TextRole::Plain);
    assert_eq!(document.omitted_bytes(), 3);
    document.push("d", TextRole::Plain);
    assert_eq!(document.omitted_bytes(), 4);
    assert!(Document::plain(&"\n".repeat(2 << 20)).omitted_bytes() > 1 << 20);
}

#[test]
fn rows_are_found_in_both_directions() {
    let document = Document::plain("the quick brown fox\n\njumps over the lazy dog");
    let end = document.last(1, TEN);
    assert_eq!(document.line_text(end.line)[end.byte..].to_owned(), "dog");
    assert_eq!(document.down(Position::default(), 3, TEN), Position { line: 2, byte: 0 });
    assert_eq!(document.down(Position::default(), 99, TEN), end);
    assert_eq!(document.up(end, 99, TEN), Position::default());
    assert_eq!(document.up(end, 2, TEN), Position { line: 2, byte: 0 });
    assert_eq!(document.up(end, 4, TEN), Position { line: 0, byte: 10 });
    assert_eq!(document.last(99, TEN), Position::default());
    assert_eq!(document.row_of(Position { line: 0, byte: 12 }, TEN), Position { line: 0, byte: 10 });
    let flat = Layout { wrap: false, ..TEN };
    assert_eq!(document.up(document.last(2, flat), 1, flat), Position::default());
}

#[test]
fn search_ignores_case() {
    let document = Document::plain("Refund the refund\nREFUND Straße ÜBER über");
    let mut search = Search::new(&document, "refund");
    assert_eq!(search.count(), 3);
    assert_eq!(search.select_from(&document, Position { line: 0, byte: 1 }), Some(Position { line: 0, byte: 11 }));
    assert_eq!(search.select_next(&document), Some(Position { line: 1, byte: 0 }));
    assert_eq!(search.select_next(&document), Some(Position::default()));
    assert_eq!(search.select_previous(&document), Some(Position { line: 1, byte: 0 }));
    assert_eq!(Search::new(&document, "über").count(), 2);
    assert_eq!(Search::new(&document, "fundre").count(), 0);
    assert_eq!(Search::new(&document, "").count(), 0);
    assert_eq!(Search::new(&document, "nothing").select_next(&document), None);
}

#[test]
fn matches_cross_continued_lines_but_no_line_breaks() {
    let document = Document::plain(&format!("{}needle", "x".repeat(MAX_LINE - 3)));
    assert!(document.lines() > 1);
    assert_eq!(Search::new(&document, "needle").count(), 1);
    assert_eq!(Search::new(&Document::plain("nee\ndle"), "needle").count(), 0);
}

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof!["[a-z ]{0,12}", any::<String>(), Just("\n".to_owned()), Just("日本".to_owned()), Just("      ".to_owned())];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn wrapped_rows_fit_and_lose_nothing(text in text(), room in 1_u16..30) {
        let document = Document::plain(&text);
        let layout = Layout { width: room, wrap: true };
        let rows = rows(&document, layout);
        prop_assert_eq!(rows.concat(), safe_lines(&text).replace('\n', ""));
        for row in &rows {
            let row = row.trim_end_matches(' ');
            prop_assert!(width(row) <= usize::from(room) || crate::format::cells(row).filter(|(_, width)| *width > 0).count() == 1);
        }
    }

    #[test]
    fn up_undoes_down(text in text(), room in 1_u16..30, steps in 0_usize..20) {
        let document = Document::plain(&text);
        let layout = Layout { width: room, wrap: true };
        let rows = rows(&document, layout).len();
        let steps = steps.min(rows.saturating_sub(1));
        let below = document.down(Position::default(), steps, layout);
        prop_assert_eq!(document.up(below, steps, layout), Position::default());
        prop_assert_eq!(document.down(Position::default(), rows, layout), document.last(1, layout));
    }

    #[test]
    fn every_match_is_found(text in "[abAB\nü]{0,60}", needle in "[abü]{1,3}") {
        let document = Document::plain(&text);
        let expected: usize = text.to_lowercase().split('\n').map(|line| line.matches(&needle).count()).sum();
        prop_assert_eq!(Search::new(&document, &needle).count(), expected);
    }
}
