use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};

use super::{Pager, Styles};
use crate::format::{cells, safe, width};
use crate::tui::widget::text::{Document, TextRole};
use crate::tui::widget::{Glyphs, put_grapheme};

fn draw(pager: &Pager, width: u16, height: u16) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    let role = |role| if role == TextRole::Key { Style::new().fg(Color::Blue) } else { Style::new() };
    let styles = Styles { role: &role, found: Style::new().bg(Color::Yellow), current: Style::new().bg(Color::Red) };
    pager.render(buffer.area, &mut buffer, &styles, Glyphs::Unicode);
    buffer
}

fn screen(pager: &Pager, width: u16, height: u16) -> Vec<String> {
    let buffer = draw(pager, width, height);
    let row = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
    (0..height).map(row).collect()
}

fn open(text: &str, width: u16, height: u16) -> Pager {
    let mut pager = Pager::new(Document::plain(text));
    pager.resize(width, height);
    pager
}

#[test]
fn a_screen_shows_wrapped_rows() {
    let mut pager = open("the quick brown fox\njumps over", 10, 2);
    assert_eq!(screen(&pager, 10, 2), ["the quick", "brown fox"]);
    assert!(pager.has_more());
    pager.scroll(1);
    assert_eq!(screen(&pager, 10, 2), ["brown fox", "jumps over"]);
    assert!(!pager.has_more());
    pager.scroll(5);
    assert_eq!(screen(&pager, 10, 2), ["brown fox", "jumps over"]);
    pager.scroll(-9);
    assert_eq!(screen(&pager, 10, 2), ["the quick", "brown fox"]);
    pager.scroll_to_end();
    assert_eq!(pager.progress(), (0, 2));
    pager.scroll_to_top();
    assert_eq!(screen(&pager, 10, 1), ["the quick"]);
}

#[test]
fn unwrapped_lines_are_cut_and_shifted() {
    let mut pager = open("the quick brown fox\njumps", 10, 2);
    pager.set_wrap(false);
    assert_eq!(screen(&pager, 10, 2), ["the quick›", "jumps"]);
    pager.shift(10);
    assert_eq!(screen(&pager, 10, 2), ["brown fox", ""]);
    pager.shift(-99);
    assert_eq!(screen(&pager, 10, 2), ["the quick›", "jumps"]);
    pager.set_wrap(true);
    pager.shift(3);
    assert_eq!(screen(&pager, 10, 1), ["the quick"]);
}

#[test]
fn resizing_keeps_the_topmost_text() {
    let mut pager = open("one two three four five six seven eight", 5, 3);
    pager.scroll(3);
    assert_eq!(screen(&pager, 5, 3)[0], "four");
    pager.resize(14, 3);
    assert_eq!(screen(&pager, 14, 3), ["one two three", "four five six", "seven eight"]);
    pager.resize(14, 1);
    assert_eq!(screen(&pager, 14, 1), ["one two three"]);
}

#[test]
fn matches_are_highlighted_and_scrolled_to() {
    let text = format!("{}a needle and a Needle", "hay\n".repeat(50));
    let mut pager = open(&text, 30, 5);
    pager.search("needle");
    assert_eq!(pager.matches(), Some((1, 2)));
    let buffer = draw(&pager, 30, 5);
    let row = (0..5).find(|&y| buffer[(2, y)].symbol() == "n").unwrap_or_default();
    assert_eq!(buffer[(2, row)].bg, Color::Red);
    assert_eq!(buffer[(7, row)].bg, Color::Red);
    assert_eq!(buffer[(8, row)].bg, Color::Reset);
    assert_eq!(buffer[(15, row)].bg, Color::Yellow);
    pager.next_match();
    assert_eq!(pager.matches(), Some((2, 2)));
    pager.previous_match();
    assert_eq!(draw(&pager, 30, 5)[(2, row)].bg, Color::Red);
    pager.search("nowhere");
    assert_eq!(pager.matches(), Some((0, 0)));
    pager.search("");
    assert_eq!(pager.matches(), None);
}

#[test]
fn a_match_right_of_the_screen_is_scrolled_to() {
    let mut pager = open(&format!("{}needle", "hay ".repeat(40)), 20, 3);
    pager.set_wrap(false);
    pager.search("needle");
    assert!(screen(&pager, 20, 3)[0].contains("needle"));
}

#[test]
fn roles_have_their_styles() {
    let mut document = Document::new();
    document.begin_line(2, 4);
    document.push("key", TextRole::Key);
    document.push(" 日本", TextRole::Plain);
    let buffer = draw(&Pager::new(document), 9, 1);
    assert_eq!(
        (buffer[(1, 0)].fg, buffer[(2, 0)].fg, buffer[(4, 0)].fg, buffer[(5, 0)].fg),
        (Color::Reset, Color::Blue, Color::Blue, Color::Reset)
    );
    assert_eq!(buffer[(6, 0)].symbol(), "日");
    assert_eq!(buffer[(8, 0)].symbol(), " ");
}

#[test]
fn scrolling_up_from_the_end_of_long_text_is_fast() {
    let mut pager = open(&"lorem ipsum dolor ".repeat(280_000), 100, 40);
    pager.scroll_to_end();
    for _ in 0..50 {
        pager.scroll(-40);
        draw(&pager, 100, 40);
    }
    assert!(pager.progress().0 > 0);
}

proptest! {
    #[test]
    fn nothing_is_drawn_outside(text in any::<String>(), width in 1_u16..20, height in 1_u16..6, steps in prop::collection::vec(-5_isize..9, 0..6), wrap in any::<bool>()) {
        let mut pager = open(&text, width, height);
        pager.set_wrap(wrap);
        for step in steps {
            pager.scroll(step);
            pager.shift(step);
            pager.search(text.get(..1).unwrap_or_default());
            draw(&pager, width, height);
            draw(&pager, width + 3, height);
        }
    }

    #[test]
    fn text_is_drawn_as_wide_as_it_is_counted(text in "(\\PC|[ｶﾞﾟ한ᄀ각🇩🇪🎉क्षلا1-3]){0,30}") {
        let text = safe(&text);
        let mut buffer = Buffer::empty(Rect::new(0, 0, 2000, 1));
        let end = cells(&text).fold(0, |x, (grapheme, _)| x + put_grapheme(&mut buffer, (x, 0), grapheme, Style::new()));
        prop_assert_eq!(width(&text), usize::from(end));
    }
}
