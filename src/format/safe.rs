//! Text from outside is hostile until it has passed here.

use std::borrow::Cow;

use unicode_width::UnicodeWidthChar;

use super::escape;

/// Marks that may sit on one character: enough for every script, too few to climb over neighbouring lines.
const MARKS: usize = 4;
/// What stands for a character that may not be shown and has no picture of its own.
const STAND_IN: char = '·';
/// Characters that a file name made here has at most.
const NAME: usize = 60;
const TAB: &str = "    ";

/// `text` for one line of a terminal: whatever could move the cursor, hide, reorder or overprint is gone.
///
/// Control sequences are dropped whole; a lone control becomes its picture (`␇`); a line break or tab, with the blanks
/// behind it, becomes one blank; zero-width and direction characters are dropped (which takes joined emoji apart: their
/// parts are as wide on every terminal), private and unassigned ones become `·`. Safe text comes back unchanged.
#[must_use]
pub fn safe(text: &str) -> Cow<'_, str> {
    clean(text, false)
}

/// `text` for several lines of a terminal: like [`safe`], but line breaks of any kind become `\n` and a tab four blanks.
#[must_use]
pub fn safe_lines(text: &str) -> Cow<'_, str> {
    clean(text, true)
}

/// A file name made of `text`: ASCII letters, digits, `.`, `_` and `-`, beginning with a letter or digit, at most 60
/// characters, never empty (`unnamed`).
#[must_use]
pub fn file_name(text: &str) -> String {
    let mut name = String::new();
    for c in safe(text).chars() {
        let c = if c.is_ascii_alphanumeric() || matches!(c, '.' | '_') { c } else { '-' };
        let leads = name.is_empty() && !c.is_ascii_alphanumeric();
        let repeats = !c.is_ascii_alphanumeric() && name.ends_with(c);
        if !leads && !repeats {
            name.push(c);
        }
        if name.len() == NAME {
            break;
        }
    }
    name.truncate(name.trim_end_matches(['.', '-', '_']).len());
    if name.is_empty() { "unnamed".to_owned() } else { name }
}

fn clean(text: &str, lines: bool) -> Cow<'_, str> {
    let Some(at) = first_change(text, lines) else { return Cow::Borrowed(text) };
    // What comes before the first change is safe, but a mark behind it must know what it sits on.
    let base = text[..at].trim_end_matches(is_mark);
    let marks = if base.is_empty() || base.ends_with('\n') { MARKS } else { text[base.len()..at].chars().count() };
    let mut cleaner = Cleaner { safe: String::with_capacity(text.len()), marks, lines, swallow: false };
    cleaner.safe.push_str(&text[..at]);
    cleaner.run(&text[at..]);
    Cow::Owned(cleaner.safe)
}

/// Where the first character stands that cannot stay as it is.
fn first_change(text: &str, lines: bool) -> Option<usize> {
    let plain = plain_prefix(text.as_bytes(), lines);
    let mut marks = if plain == 0 { MARKS } else { 0 };
    for (at, c) in text[plain..].char_indices() {
        let stays = match class(c) {
            Class::Keep => {
                marks = 0;
                true
            }
            Class::Mark => {
                marks += 1;
                marks <= MARKS
            }
            Class::Break => {
                marks = MARKS;
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

/// Bytes at the beginning that are printable ASCII, up to a multiple of the step; almost all text is nothing else.
fn plain_prefix(bytes: &[u8], lines: bool) -> usize {
    const STEP: usize = 64;
    let plain = |byte: u8| (b' '..=b'~').contains(&byte) || lines && byte == b'\n';
    let mut at = 0;
    for chunk in bytes.chunks(STEP) {
        // Counted, not searched: that runs many bytes at a time.
        if chunk.iter().filter(|&&byte| !plain(byte)).count() > 0 {
            break;
        }
        at += chunk.len();
    }
    // A mark behind a line break has nothing to sit on: the scan has to see the break.
    if at > 0 && at < bytes.len() && bytes[at - 1] == b'\n' { at - 1 } else { at }
}

struct Cleaner {
    safe: String,
    /// Marks on the last character; as many as there may be where there is no character.
    marks: usize,
    lines: bool,
    /// A blank has been written for a line break; further blanks belong to it.
    swallow: bool,
}

impl Cleaner {
    fn run(&mut self, text: &str) {
        let mut at = 0;
        while let Some(c) = text[at..].chars().next() {
            let mut next = at + c.len_utf8();
            match class(c) {
                Class::Keep if c == ' ' => self.blank(),
                Class::Keep => self.put(c),
                Class::Mark if self.marks < MARKS => {
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
                Class::Hidden => self.put(STAND_IN),
                Class::Sound(full) => self.put(full),
                Class::Control => match escape::length(&text[at..]) {
                    Some(length) => next = at + length,
                    None => self.put(picture(c)),
                },
            }
            at = next;
        }
    }

    fn put(&mut self, c: char) {
        self.safe.push(c);
        self.marks = 0;
        self.swallow = false;
    }

    fn blank(&mut self) {
        if !self.swallow {
            self.safe.push(' ');
            self.marks = 0;
        }
    }

    fn line_break(&mut self) {
        if self.lines {
            self.safe.push('\n');
            self.marks = MARKS;
            return;
        }
        if !self.swallow && !self.safe.ends_with(' ') {
            self.safe.push(' ');
            self.marks = 0;
        }
        self.swallow = true;
    }
}

enum Class {
    Keep,
    /// Zero cells wide: combines with what is before it.
    Mark,
    Blank,
    Tab,
    Break,
    Drop,
    Hidden,
    /// A half-width sound mark, of whose width there are several opinions; this is its full-width form.
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

/// Directions, joiners, variation selectors, fillers, tags and skin tones: they change how others look, or are there unseen.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{13430}'..='\u{1345f}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0000}'..='\u{e0fff}')
}

/// Private use, planes without characters and noncharacters: nobody can tell what a terminal makes of them.
fn is_unassigned(c: char) -> bool {
    let code = c as u32;
    matches!(code, 0xe000..=0xf8ff | 0xfdd0..=0xfdef | 0x4_0000..) || code & 0xfffe == 0xfffe
}

fn is_mark(c: char) -> bool {
    !c.is_ascii() && c.width() == Some(0)
}

fn picture(c: char) -> char {
    match c {
        '\0'..='\u{1f}' => char::from_u32(0x2400 + c as u32).unwrap_or(STAND_IN),
        '\u{7f}' => '␡',
        _ => STAND_IN,
    }
}

#[cfg(test)]
mod tests;
