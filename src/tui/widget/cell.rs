//! Text in the cells of a screen.

use ratatui::buffer::Buffer;
use ratatui::style::Style;

use crate::format;

/// Writes a grapheme that fits into the buffer at a column and a row. Returns its width in cells.
///
/// Each part that a terminal lays out by itself gets cells of its own: of a conjunct in one cell, a letter would stay behind when other text
/// replaces it.
pub fn put_grapheme(buffer: &mut Buffer, (x, y): (u16, u16), grapheme: &str, style: Style) -> u16 {
    let mut next = x;
    for (part, width) in format::parts(grapheme).filter(|(_, width)| *width > 0) {
        buffer[(next, y)].set_symbol(part).set_style(style);
        for covered in 1..width as u16 {
            buffer[(next + covered, y)].set_symbol(" ").set_style(style);
        }
        next += width as u16;
    }
    next - x
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::io::{self, Write};
    use std::num::NonZeroU16;
    use std::rc::Rc;

    use ratatui::backend::CrosstermBackend;
    use ratatui::layout::Rect;
    use ratatui::{Terminal, TerminalOptions, Viewport};

    use super::*;

    /// A terminal's screen.
    #[derive(Clone)]
    struct Screen(Rc<RefCell<vt100::Parser>>);

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().process(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Returns the screen after lines were drawn in the same place, one after another.
    fn drawn(lines: &[&str]) -> String {
        let cells = |count| NonZeroU16::new(count).unwrap();
        let screen = Screen(Rc::new(RefCell::new(vt100::Parser::new(cells(1), cells(40), 0))));
        let backend = CrosstermBackend::new(screen.clone());
        let options = TerminalOptions { viewport: Viewport::Fixed(Rect::new(0, 0, 40, 1)) };
        let mut terminal = Terminal::with_options(backend, options).unwrap();
        for line in lines {
            let draw = |frame: &mut ratatui::Frame<'_>| {
                let mut x = 0;
                for (grapheme, _) in format::cells(line) {
                    x += put_grapheme(frame.buffer_mut(), (x, 0), grapheme, Style::new());
                }
            };
            terminal.draw(draw).unwrap();
        }
        // Blanks that were written are no different from cells that were not.
        screen.0.borrow().screen().contents().trim_end().to_owned()
    }

    #[test]
    fn no_letter_stays_behind_when_text_is_replaced() {
        // The terminal of the test gives spacing vowel signs no cell.
        let lines = ["ক্ষম প্রশ্ন ক্ষম", "ab cd ef gh ij kl mn", "क्षत्रिय ज्ञान", "日本語 🎉 x", "a  b   c    d", "ক্ ষ্ ম", ""];
        for before in lines {
            for after in lines {
                assert_eq!(drawn(&[before, after]), drawn(&[after]), "{after:?} after {before:?}");
            }
        }
    }
}
