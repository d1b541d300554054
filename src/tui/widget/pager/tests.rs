use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};

use super::{Pager, Styles};
use crate::format::{safe, width};
use crate::tui::widget::Glyphs;
use crate::tui::widget::text::{Document, TextRole};

fn paint(reader: &Pager, width: u16, height: u16) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    let role = |role| if role == TextRole::Key { Style::new().fg(Color::Blue) } else { Style::new() };
    let styles = Styles { role: &role, found: Style::new().bg(Color::Yellow), current: Style::new().bg(Color::Red) };
    reader.render(buffer.area, &mut buffer, &styles, Glyphs::Unicode);
    buffer
}

fn screen(reader: &Pager, width: u16, height: u16) -> Vec<String> {
    let buffer = paint(reader, width, height);
    let row = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
    (0..height).map(row).collect()
}

fn open(text: &str, width: u16, height: u16) -> Pager {
    let mut reader = Pager::new(Document::plain(text));
    reader.resize(width, height);
    reader
}

#[test]
fn a_screen_shows_wrapped_rows() {
    let mut reader = open("the quick brown fox\njumps over", 10, 2);
    assert_eq!(screen(&reader, 10, 2), ["the quick", "brown fox"]);
    assert!(reader.has_more());
    reader.scroll(1);
    assert_eq!(screen(&reader, 10, 2), ["brown fox", "jumps over"]);
    assert!(!reader.has_more());
    reader.scroll(5);
    assert_eq!(screen(&reader, 10, 2), ["brown fox", "jumps over"]);
    reader.scroll(-9);
    assert_eq!(screen(&reader, 10, 2), ["the quick", "brown fox"]);
    reader.to_end();
    assert_eq!(reader.progress(), (0, 2));
    reader.to_top();
    assert_eq!(screen(&reader, 10, 1), ["the quick"]);
}

#[test]
fn unwrapped_lines_are_cut_and_shifted() {
    let mut reader = open("the quick brown fox\njumps", 10, 2);
    reader.set_wrap(false);
    assert_eq!(screen(&reader, 10, 2), ["the quick›", "jumps"]);
    reader.shift(10);
    assert_eq!(screen(&reader, 10, 2), ["brown fox", ""]);
    reader.shift(-99);
    assert_eq!(screen(&reader, 10, 2), ["the quick›", "jumps"]);
    reader.set_wrap(true);
    reader.shift(3);
    assert_eq!(screen(&reader, 10, 1), ["the quick"]);
}

#[test]
fn a_resize_keeps_what_is_read_on_the_screen() {
    let mut reader = open("one two three four five six seven eight", 5, 3);
    reader.scroll(3);
    assert_eq!(screen(&reader, 5, 3)[0], "four");
    reader.resize(14, 3);
    assert_eq!(screen(&reader, 14, 3), ["one two three", "four five six", "seven eight"]);
    reader.resize(14, 1);
    assert_eq!(screen(&reader, 14, 1), ["one two three"]);
}

#[test]
fn what_is_found_is_lit_and_brought_into_sight() {
    let text = format!("{}a needle and a Needle", "hay\n".repeat(50));
    let mut reader = open(&text, 30, 5);
    reader.search("needle");
    assert_eq!(reader.found(), Some((1, 2)));
    let buffer = paint(&reader, 30, 5);
    let row = (0..5).find(|&y| buffer[(2, y)].symbol() == "n").unwrap_or_default();
    assert_eq!(buffer[(2, row)].bg, Color::Red);
    assert_eq!(buffer[(7, row)].bg, Color::Red);
    assert_eq!(buffer[(8, row)].bg, Color::Reset);
    assert_eq!(buffer[(15, row)].bg, Color::Yellow);
    reader.next_found();
    assert_eq!(reader.found(), Some((2, 2)));
    reader.previous_found();
    assert_eq!(paint(&reader, 30, 5)[(2, row)].bg, Color::Red);
    reader.search("nowhere");
    assert_eq!(reader.found(), Some((0, 0)));
    reader.search("");
    assert_eq!(reader.found(), None);
}

#[test]
fn a_find_out_of_sight_to_the_right_is_shifted_to() {
    let mut reader = open(&format!("{}needle", "hay ".repeat(40)), 20, 3);
    reader.set_wrap(false);
    reader.search("needle");
    assert!(screen(&reader, 20, 3)[0].contains("needle"));
}

#[test]
fn roles_have_their_colours() {
    let mut document = Document::new();
    document.line(2, 4);
    document.push("key", TextRole::Key);
    document.push(" 日本", TextRole::Plain);
    let buffer = paint(&Pager::new(document), 9, 1);
    assert_eq!(
        (buffer[(1, 0)].fg, buffer[(2, 0)].fg, buffer[(4, 0)].fg, buffer[(5, 0)].fg),
        (Color::Reset, Color::Blue, Color::Blue, Color::Reset)
    );
    assert_eq!(buffer[(6, 0)].symbol(), "日");
    assert_eq!(buffer[(8, 0)].symbol(), " ");
}

#[test]
fn long_text_is_scrolled_from_where_one_is() {
    let mut reader = open(&"lorem ipsum dolor ".repeat(280_000), 100, 40);
    reader.to_end();
    for _ in 0..50 {
        reader.scroll(-40);
        paint(&reader, 100, 40);
    }
    assert!(reader.progress().0 > 0);
}

proptest! {
    #[test]
    fn nothing_is_drawn_outside(text in any::<String>(), width in 1_u16..20, height in 1_u16..6, steps in prop::collection::vec(-5_isize..9, 0..6), wrap in any::<bool>()) {
        let mut reader = open(&text, width, height);
        reader.set_wrap(wrap);
        for step in steps {
            reader.scroll(step);
            reader.shift(step);
            reader.search(text.get(..1).unwrap_or_default());
            paint(&reader, width, height);
            paint(&reader, width + 3, height);
        }
    }

    #[test]
    fn cells_are_counted_as_the_screen_counts_them(text in "(\\PC|[ｶﾞﾟ한ᄀ각🇩🇪🎉क्षلا1-3]){0,30}") {
        let text = safe(&text);
        let mut buffer = Buffer::empty(Rect::new(0, 0, 2000, 1));
        let (end, _) = buffer.set_stringn(0, 0, &text, 2000, Style::new());
        prop_assert_eq!(width(&text), usize::from(end));
    }
}
