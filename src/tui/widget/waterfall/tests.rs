use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use super::{Axis, Bar, Cell, Shade, State};
use crate::tui::widget::Glyphs;

const AXIS: Axis = Axis { start: 1000, end: 1080 };

fn text(cells: &[Cell]) -> String {
    cells.iter().map(|cell| cell.symbol).collect()
}

/// On ten cells, where a nanosecond is an eighth.
fn draw(start: i64, end: i64, state: State) -> String {
    text(&Bar { start, end, state, ..Bar::default() }.cells(AXIS, 10, Glyphs::Unicode))
}

fn ascii(start: i64, end: i64, state: State) -> String {
    text(&Bar { start, end, state, ..Bar::default() }.cells(AXIS, 10, Glyphs::Ascii))
}

#[test]
fn a_bar_covers_its_interval() {
    assert_eq!(draw(1000, 1080, State::Done), "██████████");
    assert_eq!(draw(1016, 1036, State::Done), "  ██▌     ");
    assert_eq!(draw(1000, 1003, State::Done), "▍         ");
    assert_eq!(draw(1020, 1040, State::Done), "  ▐██     ");
    assert_eq!(draw(1079, 1080, State::Done), "         ▕");
}

#[test]
fn a_time_outside_of_the_axis_is_in_the_nearest_cell() {
    assert_eq!([0, 1000, 1007, 1008, 1079, 1080, i64::MAX].map(|time| AXIS.cell(time, 10)), [0, 0, 0, 1, 9, 9, 9]);
    assert_eq!((AXIS.cell(1040, 0), Axis { start: 5, end: 5 }.cell(5, 10)), (0, 0));
}

#[test]
fn a_left_edge_is_a_reversed_block() {
    let cells = Bar { start: 1002, end: 1016, ..Bar::default() }.cells(AXIS, 10, Glyphs::Unicode);
    assert_eq!(cells[0], Cell { symbol: '▎', shade: Shade::Own, reversed: true });
    assert_eq!(cells[1], Cell { symbol: '█', shade: Shade::Own, reversed: false });
}

#[test]
fn the_shortest_bar_is_visible() {
    assert_eq!(draw(1000, 1000, State::Done), "▏         ");
    assert_eq!(draw(1040, 1040, State::Done), "     ▏    ");
    assert_eq!(draw(1046, 1046, State::Done), "     ▕    ");
    assert_eq!(draw(1041, 1043, State::Done), "     ▎    ");
    assert_eq!(draw(1043, 1047, State::Done), "     ▐    ");
    assert_eq!(draw(1080, 1080, State::Done), "         ▕");
    assert_eq!(draw(1040, 1030, State::Done), "     ▏    ");
    assert_eq!(ascii(1041, 1041, State::Done), "     |    ");
    assert_eq!(ascii(1046, 1050, State::Done), "     |    ");
}

#[test]
fn states_differ_without_colour() {
    assert_eq!(draw(1000, 1016, State::Error), "▓▓        ");
    assert_eq!(draw(1000, 1024, State::Running), "▒▒▸       ");
    assert_eq!(draw(1000, 1000, State::Running), "▸         ");
    assert_eq!(ascii(1000, 1016, State::Error), "xx        ");
    assert_eq!(ascii(1000, 1024, State::Running), "==>       ");
}

#[test]
fn bars_outside_the_axis_are_marked() {
    assert_eq!(draw(0, 1016, State::Done), "‹█        ");
    assert_eq!(draw(1064, 2000, State::Done), "        █›");
    assert_eq!(draw(0, 2000, State::Done), "‹████████›");
    assert_eq!(draw(0, 10, State::Done), "‹         ");
    assert_eq!(draw(2000, 2010, State::Done), "         ›");
    assert_eq!(draw(0, 2000, State::Running), "‹▒▒▒▒▒▒▒▒▸");
    assert_eq!(ascii(0, 2000, State::Done), "<========>");
}

#[test]
fn children_are_shaded_lighter() {
    let bar =
        Bar { start: 1000, end: 1080, state: State::Done, children: vec![(1040, 1056), (1016, 1032), (1020, 1030)], with_children: false };
    assert_eq!(text(&bar.cells(AXIS, 10, Glyphs::Unicode)), "██▒▒█▒▒███");
    assert_eq!(text(&bar.cells(AXIS, 10, Glyphs::Ascii)), "==--=--===");
    let bar = Bar { start: 1000, end: 1010, children: vec![(900, 2000)], ..bar };
    let cells = bar.cells(AXIS, 10, Glyphs::Unicode);
    assert_eq!(text(&cells), "▒▎        ");
    assert!(cells[..2].iter().all(|cell| cell.shade == Shade::Child));
}

#[test]
fn a_bar_that_hides_its_children_covers_them() {
    let bar =
        Bar { start: 1016, end: 1024, children: vec![(1000, 1008), (1020, 1040), (1056, 2000)], with_children: true, ..Bar::default() };
    assert_eq!(text(&bar.cells(AXIS, 10, Glyphs::Unicode)), "▒ █▒▒  ▒▒›");
    assert_eq!(text(&Bar { with_children: false, ..bar }.cells(AXIS, 10, Glyphs::Unicode)), "  █       ");
    let bar = Bar { start: 0, end: 10, children: vec![(1000, 1008)], ..bar };
    assert_eq!(text(&bar.cells(AXIS, 10, Glyphs::Unicode)), "‹         ");
}

#[test]
fn the_axis_may_be_empty_or_cover_all_time() {
    let point = Axis { start: 5, end: 5 };
    assert_eq!(text(&Bar { start: 5, end: 5, ..Bar::default() }.cells(point, 3, Glyphs::Unicode)), "▏  ");
    assert_eq!(text(&Bar { start: 5, end: 9, ..Bar::default() }.cells(point, 3, Glyphs::Unicode)), "██›");
    let all = Axis { start: i64::MIN, end: i64::MAX };
    assert_eq!(text(&Bar { start: i64::MIN, end: i64::MAX, ..Bar::default() }.cells(all, 3, Glyphs::Unicode)), "███");
    assert_eq!(text(&Bar { start: 0, end: i64::MAX, ..Bar::default() }.cells(all, 4, Glyphs::Unicode)), "  ██");
    let backwards = Axis { start: 9, end: 5 };
    assert_eq!(text(&Bar { start: 9, end: 9, ..Bar::default() }.cells(backwards, 2, Glyphs::Unicode)), "▏ ");
}

#[test]
fn drawing_keeps_the_background() {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 4, 1));
    buffer.set_style(buffer.area, Style::new().bg(Color::Blue));
    let style = Style::new().fg(Color::Green);
    let bar = Bar { start: 2, end: 16, ..Bar::default() };
    bar.render(Axis { start: 0, end: 16 }, Glyphs::Unicode, style, Rect::new(1, 0, 2, 5), &mut buffer);
    assert_eq!(buffer[(1, 0)].symbol(), "▎");
    assert_eq!(buffer[(1, 0)].style().add_modifier, Modifier::REVERSED);
    assert_eq!((buffer[(2, 0)].symbol(), buffer[(2, 0)].fg, buffer[(2, 0)].bg), ("█", Color::Green, Color::Blue));
    assert_eq!((buffer[(0, 0)].symbol(), buffer[(3, 0)].symbol()), (" ", " "));
    bar.render(AXIS, Glyphs::Unicode, style, Rect::new(3, 0, 200, 1), &mut buffer);
    bar.render(AXIS, Glyphs::Unicode, style, Rect::new(9, 9, 2, 1), &mut buffer);
}

fn any_time() -> impl Strategy<Value = i64> {
    prop_oneof![any::<i64>(), -100_i64..100, prop::sample::select(vec![i64::MIN, i64::MAX, 0])]
}

proptest! {
    #[test]
    fn every_bar_is_visible_and_of_exact_width(
        start in any_time(), end in any_time(), from in any_time(), to in any_time(), width in 0_usize..60, kind in 0..3, ascii in any::<bool>(), with_children in any::<bool>(),
        children in prop::collection::vec((any_time(), any_time()), 0..5),
    ) {
        let state = [State::Done, State::Running, State::Error][kind as usize];
        let glyphs = if ascii { Glyphs::Ascii } else { Glyphs::Unicode };
        let cells = Bar { start, end, state, children, with_children }.cells(Axis { start: from, end: to }, width, glyphs);
        prop_assert_eq!(cells.len(), width);
        prop_assert_eq!(cells.iter().any(|cell| cell.shade != Shade::Blank && cell.symbol != ' '), width > 0);
        prop_assert!(cells.iter().all(|cell| (cell.shade == Shade::Blank) == (cell.symbol == ' ')));
        prop_assert!(!ascii || cells.iter().all(|cell| cell.symbol.is_ascii()));
    }

    #[test]
    fn neighbours_touch(start in 0_i64..1000, middle in 0_i64..1000, end in 0_i64..1000) {
        let mut times = [start, middle, end];
        times.sort_unstable();
        let axis = Axis { start: 0, end: 1000 };
        let one = super::filled_eighths((times[0], times[1]), axis, 37);
        let two = super::filled_eighths((times[1], times[2]), axis, 37);
        prop_assert!(one.1 == two.0 || one.1 == two.0 + 1);
    }
}
