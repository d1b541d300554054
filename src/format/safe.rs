//! Cleans untrusted text for the terminal.

use std::borrow::Cow;

use unicode_width::UnicodeWidthChar;

use super::escape;

/// Combining marks on one character at most: enough for every script, too few to reach neighbouring lines.
const MAX_MARKS: usize = 4;
/// Replaces characters that may not be shown and have no control picture.
const REPLACEMENT: char = '·';
/// The largest length of a file name in characters.
const MAX_FILE_NAME: usize = 60;
const TAB: &str = "    ";

/// Cleans `text` for one line of a terminal: nothing in the result moves the cursor, or hides, reorders or overprints text.
///
/// Control sequences are removed; a lone control becomes its picture (`␇`); a line break or tab with the blanks after it becomes one
/// blank; zero-width and direction characters are removed (which splits joined emoji, whose width differs between terminals); private
/// and unassigned characters become `·`. Safe text is returned unchanged.
#[must_use]
pub fn safe(text: &str) -> Cow<'_, str> {
    clean(text, false)
}

/// Cleans `text` for several lines of a terminal: like [`safe`], but every line break becomes `\n` and a tab four blanks.
#[must_use]
pub fn safe_lines(text: &str) -> Cow<'_, str> {
    clean(text, true)
}

/// Makes a file name of `text`: at most 60 ASCII letters, digits, `.`, `_` and `-`, of which the first is a letter or digit; `unnamed` if
/// nothing is left.
#[must_use]
pub fn file_name(text: &str) -> String {
    let mut name = String::new();
    for c in safe(text).chars() {
        let c = if c.is_ascii_alphanumeric() || matches!(c, '.' | '_') { c } else { '-' };
        let is_bad_start = name.is_empty() && !c.is_ascii_alphanumeric();
        let is_repeated = !c.is_ascii_alphanumeric() && name.ends_with(c);
        if !is_bad_start && !is_repeated {
            name.push(c);
        }
        if name.len() == MAX_FILE_NAME {
            break;
        }
    }
    name.truncate(name.trim_end_matches(['.', '-', '_']).len());
    if name.is_empty() { "unnamed".to_owned() } else { name }
}

fn clean(text: &str, lines: bool) -> Cow<'_, str> {
    let Some(at) = first_change(text, lines) else { return Cow::Borrowed(text) };
    // The text before the first change is safe, but the number of marks at its end must be known.
    let base = text[..at].trim_end_matches(is_mark);
    let marks = if base.is_empty() || base.ends_with('\n') { MAX_MARKS } else { text[base.len()..at].chars().count() };
    let mut cleaner = Cleaner { safe: String::with_capacity(text.len()), marks, lines, drops_blanks: false };
    cleaner.safe.push_str(&text[..at]);
    cleaner.run(&text[at..]);
    Cow::Owned(cleaner.safe)
}

/// Returns the offset of the first character that must change.
fn first_change(text: &str, lines: bool) -> Option<usize> {
    let plain = plain_prefix(text.as_bytes(), lines);
    let mut marks = if plain == 0 { MAX_MARKS } else { 0 };
    for (at, c) in text[plain..].char_indices() {
        let stays = match class(c) {
            Class::Keep => {
                marks = 0;
                true
            }
            Class::Mark => {
                marks += 1;
                marks <= MAX_MARKS
            }
            Class::Break => {
                marks = MAX_MARKS;
                lines && c == '\n'
            }
            _ => false,
        };
        if !stays {
            return Some(plain + at);
        }
    }
    None
}

/// Returns the length of the printable ASCII at the beginning, rounded down to whole steps. Almost all text is nothing else.
fn plain_prefix(bytes: &[u8], lines: bool) -> usize {
    const STEP: usize = 64;
    let plain = |byte: u8| (b' '..=b'~').contains(&byte) || lines && byte == b'\n';
    let mut at = 0;
    for chunk in bytes.chunks(STEP) {
        // Counting is vectorized; a search is not.
        if chunk.iter().filter(|&&byte| !plain(byte)).count() > 0 {
            break;
        }
        at += chunk.len();
    }
    // The scan must see a line break at the end: a mark after it has no base character.
    if at > 0 && at < bytes.len() && bytes[at - 1] == b'\n' { at - 1 } else { at }
}

struct Cleaner {
    safe: String,
    /// Marks on the last character; the maximum if there is no character.
    marks: usize,
    lines: bool,
    /// Whether a blank replaced a line break; the blanks after it are dropped.
    drops_blanks: bool,
}

impl Cleaner {
    fn run(&mut self, text: &str) {
        let mut at = 0;
        while let Some(c) = text[at..].chars().next() {
            let mut next = at + c.len_utf8();
            match class(c) {
                Class::Keep if c == ' ' => self.blank(),
                Class::Keep => self.put(c),
                Class::Mark if self.marks < MAX_MARKS => {
                    self.safe.push(c);
                    self.marks += 1;
                }
                Class::Mark | Class::Drop => {}
                Class::Blank => self.blank(),
                Class::Break => {
                    if text[at..].starts_with("\r\n") {
                        next += 1;
                    }
                    self.line_break();
                }
                Class::Tab if self.lines => {
                    self.safe.push_str(TAB);
                    self.marks = 0;
                }
                Class::Tab => self.line_break(),
                Class::Hidden => self.put(REPLACEMENT),
                Class::Sound(full) => self.put(full),
                Class::Control => match escape::length(&text[at..]) {
                    Some(length) => next = at + length,
                    None => self.put(control_picture(c)),
                },
            }
            at = next;
        }
    }

    fn put(&mut self, c: char) {
        self.safe.push(c);
        self.marks = 0;
        self.drops_blanks = false;
    }

    fn blank(&mut self) {
        if !self.drops_blanks {
            self.safe.push(' ');
            self.marks = 0;
        }
    }

    fn line_break(&mut self) {
        if self.lines {
            self.safe.push('\n');
            self.marks = MAX_MARKS;
            return;
        }
        if !self.drops_blanks && !self.safe.ends_with(' ') {
            self.safe.push(' ');
            self.marks = 0;
        }
        self.drops_blanks = true;
    }
}

enum Class {
    Keep,
    /// A combining mark of zero width.
    Mark,
    Blank,
    Tab,
    Break,
    Drop,
    Hidden,
    /// A half-width sound mark, whose width differs between terminals; holds its full-width form.
    Sound(char),
    Control,
}

fn class(c: char) -> Class {
    match c {
        ' '..='~' | '\u{3000}' => Class::Keep,
        '\t' => Class::Tab,
        '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => Class::Break,
        '\0'..='\u{9f}' => Class::Control,
        '\u{ff9e}' => Class::Sound('゛'),
        '\u{ff9f}' => Class::Sound('゜'),
        _ if c.is_whitespace() => Class::Blank,
        _ if is_invisible(c) => Class::Drop,
        _ if is_unassigned(c) => Class::Hidden,
        _ if is_mark(c) => Class::Mark,
        _ => Class::Keep,
    }
}

/// Whether `c` is a direction, joiner, variation selector, filler, tag or skin tone: it changes other characters or is invisible.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{13430}'..='\u{1345f}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether `c` is for private use, unassigned or a noncharacter: its display is undefined.
fn is_unassigned(c: char) -> bool {
    let code = c as u32;
    matches!(code, 0xe000..=0xf8ff | 0xfdd0..=0xfdef | 0x4_0000..) || code & 0xfffe == 0xfffe
}

fn is_mark(c: char) -> bool {
    !c.is_ascii() && c.width() == Some(0)
}

fn control_picture(c: char) -> char {
    match c {
        '\0'..='\u{1f}' => char::from_u32(0x2400 + c as u32).unwrap_or(REPLACEMENT),
        '\u{7f}' => '␡',
        _ => REPLACEMENT,
    }
}

#[cfg(test)]
mod tests;
