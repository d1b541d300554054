//! The program that `run` started: its terminal, and the keys that go to it.

mod kept;
mod unseen;

use std::num::NonZeroU16;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Lines that have left the screen of the program and are kept.
const SCROLLBACK: usize = 5000;

/// The size of the terminal until the first frame, in lines and columns.
const SIZE: (u16, u16) = (10, 80);

/// The state of the pane.
pub struct Program {
    terminal: vt100::Parser,
    /// Its command line.
    pub name: String,
    /// How it ended, once it has.
    pub end: Option<String>,
    /// Why it sent nothing, once it has ended without.
    pub why_nothing: Option<String>,
    /// Whether it gets the keys.
    pub is_focused: bool,
    /// Whether the user was told that quitting ends it.
    pub is_quit_told: bool,
    size: (u16, u16),
    has_new_size: bool,
    typed: Vec<u8>,
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Program").field("name", &self.name).field("end", &self.end).finish_non_exhaustive()
    }
}

fn at_least_one(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).unwrap_or(NonZeroU16::MIN)
}

impl Program {
    /// Returns a program that has just started.
    #[must_use]
    pub fn new(name: String) -> Self {
        let terminal = vt100::Parser::new(at_least_one(SIZE.0), at_least_one(SIZE.1), SCROLLBACK);
        Self {
            terminal,
            name,
            end: None,
            why_nothing: None,
            is_focused: false,
            is_quit_told: false,
            size: SIZE,
            has_new_size: false,
            typed: Vec::new(),
        }
    }

    /// Returns what its terminal shows.
    #[must_use]
    pub fn screen(&self) -> &vt100::Screen {
        self.terminal.screen()
    }

    /// Returns the output that is held as text for another terminal, and whether older lines are gone.
    #[must_use]
    pub fn into_output(mut self) -> (String, bool) {
        kept::lines(&mut self.terminal)
    }

    /// Takes output. The more at once, the less of a fast program's output costs time.
    pub fn receive(&mut self, bytes: &[u8]) {
        let unseen = unseen::range(bytes, SCROLLBACK + usize::from(self.screen().size().0.get()));
        self.terminal.process(&bytes[..unseen.start]);
        self.terminal.process(&bytes[unseen.end..]);
    }

    /// Gives its terminal so many lines and columns.
    pub fn resize(&mut self, size: (u16, u16)) {
        if self.size != size && size.0 > 0 && size.1 > 0 {
            self.size = size;
            self.has_new_size = true;
            self.terminal.set_size(at_least_one(size.0), at_least_one(size.1));
        }
    }

    /// Returns the size of its terminal in lines and columns, once for each change.
    pub fn take_size(&mut self) -> Option<(u16, u16)> {
        std::mem::take(&mut self.has_new_size).then_some(self.size)
    }

    /// Returns what was typed since the last call.
    pub fn take_typed(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.typed)
    }

    /// Scrolls by lines, down if `by` is positive.
    pub fn scroll(&mut self, by: isize) {
        let lines = self.screen().scrollback().saturating_add_signed(by.saturating_neg());
        self.terminal.screen_mut().set_scrollback(lines);
    }

    /// Sends it a key. Ctrl-] gives the keys back to agno-top. Returns whether the key is dealt with.
    pub(super) fn key(&mut self, key: KeyEvent) -> bool {
        // Terminals send the same byte for Ctrl-] and Ctrl-5.
        if key.modifiers.contains(KeyModifiers::CONTROL) && matches!(key.code, KeyCode::Char(']' | '5')) {
            self.is_focused = false;
            return true;
        }
        if self.end.is_some() {
            return self.read(key);
        }
        self.terminal.screen_mut().set_scrollback(0);
        let bytes = encode(key, self.screen().application_cursor());
        self.typed.extend(bytes);
        true
    }

    /// Scrolls through the output of a program that has ended. Other keys leave it and do what they always do, but Esc only leaves it.
    fn read(&mut self, key: KeyEvent) -> bool {
        let page = isize::try_from(self.size.0).unwrap_or_default();
        match key.code {
            KeyCode::Up | KeyCode::Char('k') => self.scroll(-1),
            KeyCode::Down | KeyCode::Char('j') => self.scroll(1),
            KeyCode::PageUp => self.scroll(-page),
            KeyCode::PageDown => self.scroll(page),
            code => {
                self.is_focused = false;
                return code == KeyCode::Esc;
            }
        }
        true
    }

    /// Sends it pasted text.
    pub(super) fn paste(&mut self, text: &str) {
        let (begin, end) = if self.screen().bracketed_paste() { ("\u{1b}[200~", "\u{1b}[201~") } else { ("", "") };
        // The text must not end the paste.
        let text = text.replace('\u{1b}', "");
        self.typed.extend([begin, &text, end].concat().bytes());
    }
}

/// Returns what a terminal sends for a key; empty for a key that it has no sequence for.
fn encode(key: KeyEvent, is_application: bool) -> Vec<u8> {
    let cursor = |letter: &str| if is_application { format!("\u{1b}O{letter}") } else { format!("\u{1b}[{letter}") };
    let text = match key.code {
        KeyCode::Char(char) if key.modifiers.contains(KeyModifiers::CONTROL) => match char.to_ascii_lowercase() {
            char @ ('a'..='z' | '[' | '\\' | '^' | '_' | '@') => char::from(char as u8 & 0x1f).to_string(),
            // As a terminal sends them for the digits.
            '4' => "\u{1c}".to_owned(),
            '6' => "\u{1e}".to_owned(),
            '7' => "\u{1f}".to_owned(),
            ' ' | '2' => "\0".to_owned(),
            char => char.to_string(),
        },
        KeyCode::Char(char) => char.to_string(),
        KeyCode::Enter => "\r".to_owned(),
        KeyCode::Tab => "\t".to_owned(),
        KeyCode::BackTab => "\u{1b}[Z".to_owned(),
        KeyCode::Backspace => "\u{7f}".to_owned(),
        KeyCode::Esc => "\u{1b}".to_owned(),
        KeyCode::Up => cursor("A"),
        KeyCode::Down => cursor("B"),
        KeyCode::Right => cursor("C"),
        KeyCode::Left => cursor("D"),
        KeyCode::Home => cursor("H"),
        KeyCode::End => cursor("F"),
        KeyCode::Insert => "\u{1b}[2~".to_owned(),
        KeyCode::Delete => "\u{1b}[3~".to_owned(),
        KeyCode::PageUp => "\u{1b}[5~".to_owned(),
        KeyCode::PageDown => "\u{1b}[6~".to_owned(),
        KeyCode::F(number @ 1..=4) => format!("\u{1b}O{}", char::from(b'O' + number)),
        _ => String::new(),
    };
    let is_alt = key.modifiers.contains(KeyModifiers::ALT) && !text.is_empty();
    [if is_alt { "\u{1b}" } else { "" }, &text].concat().into_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn typed(code: KeyCode, modifiers: KeyModifiers) -> String {
        String::from_utf8(encode(KeyEvent::new(code, modifiers), false)).unwrap()
    }

    #[test]
    fn keys_are_sent_as_a_terminal_sends_them() {
        assert_eq!(typed(KeyCode::Char('c'), KeyModifiers::CONTROL), "\u{3}");
        assert_eq!(typed(KeyCode::Char('é'), KeyModifiers::NONE), "é");
        assert_eq!(typed(KeyCode::Char('b'), KeyModifiers::ALT), "\u{1b}b");
        assert_eq!(typed(KeyCode::F(4), KeyModifiers::NONE), "\u{1b}OS");
        assert_eq!(typed(KeyCode::Up, KeyModifiers::NONE), "\u{1b}[A");
        let mut program = Program::new("x".to_owned());
        program.receive(b"\x1b[?1h");
        program.key(KeyEvent::new(KeyCode::Up, KeyModifiers::NONE));
        assert_eq!(program.take_typed(), b"\x1bOA");
        program.receive(b"\x1b[?2004h");
        program.paste("a\u{1b}[201~b");
        assert_eq!(program.take_typed(), b"\x1b[200~a[201~b\x1b[201~");
    }

    #[test]
    fn one_key_gives_the_keys_back() {
        let mut program = Program::new("x".to_owned());
        program.is_focused = true;
        assert!(program.key(KeyEvent::new(KeyCode::Char('5'), KeyModifiers::CONTROL)));
        assert!(!program.is_focused && program.take_typed().is_empty());
    }

    #[test]
    fn after_its_end_only_the_keys_that_scroll_are_taken() {
        let mut program = Program::new("x".to_owned());
        program.end = Some("exit code 0".to_owned());
        for (code, modifiers, is_taken, stays) in [
            (KeyCode::Char('k'), KeyModifiers::NONE, true, true),
            (KeyCode::PageDown, KeyModifiers::NONE, true, true),
            (KeyCode::Esc, KeyModifiers::NONE, true, false),
            (KeyCode::Char(']'), KeyModifiers::CONTROL, true, false),
            (KeyCode::Char('q'), KeyModifiers::NONE, false, false),
            (KeyCode::Char('c'), KeyModifiers::CONTROL, false, false),
        ] {
            program.is_focused = true;
            assert_eq!((program.key(KeyEvent::new(code, modifiers)), program.is_focused), (is_taken, stays), "{code:?}");
        }
        assert!(program.take_typed().is_empty());
    }

    proptest! {
        #[test]
        fn no_output_and_no_size_is_too_much(
            parts in prop::collection::vec((0..12_usize, any::<u16>(), any::<u16>(), any::<[u8; 4]>(), 0..40_u16, 0..60_u16), 1..60)
        ) {
            let mut program = Program::new("x".to_owned());
            for (kind, first, second, bytes, lines, columns) in parts {
                let text = match kind {
                    0 => format!("\u{1b}[{first};{second}H"),
                    1 => format!("\u{1b}[{first};{second}r"),
                    2 => format!("\u{1b}[{}{}", first, char::from(b'@' + (second % 60) as u8)),
                    3 => "好\u{301}🙏\u{200d}".repeat(usize::from(first % 70)),
                    4 => "\u{1b}[?1049h".to_owned(),
                    5 => "\u{1b}[?1049l\u{1b}c".to_owned(),
                    6 => "\n".repeat(usize::from(first % 90)),
                    7 => format!("\u{1b}[?{}h\u{1b}7\u{1b}8\u{1b}M", second % 2100),
                    _ => String::new(),
                };
                program.receive(text.as_bytes());
                program.receive(&bytes);
                if kind > 8 {
                    program.resize((lines, columns));
                }
                program.scroll(if kind == 9 { -3 } else { 1 });
                let (rows, columns) = program.screen().size();
                for row in 0..rows.get() {
                    let cells = (0..columns.get()).filter_map(|column| program.screen().cell(row, column));
                    prop_assert!(cells.map(|cell| cell.contents().len()).sum::<usize>() < 100_000);
                }
            }
        }
    }
}
