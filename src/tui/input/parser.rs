//! Splits the bytes of a terminal into keys, sequences and answers.

use std::collections::VecDeque;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};

use super::{Input, csi};
use crate::tui::theme::Background;

const ESC: u8 = 0x1b;
const BEL: u8 = 0x07;

/// The most bytes of a sequence. A longer one is dropped.
const MAX_SEQUENCE: usize = 256;

/// The most bytes of a pasted text that are kept.
const MAX_PASTE: usize = 1 << 20;

const PASTE_END: &[u8] = b"\x1b[201~";

/// Parses bytes as they come; an incomplete sequence waits for its rest.
#[derive(Debug, Default)]
pub(super) struct Parser {
    pending: Vec<u8>,
    /// A pasted text without its end.
    paste: Option<Vec<u8>>,
}

/// What the beginning of the pending bytes is.
enum Step {
    /// So many bytes are this.
    Is(usize, Option<Input>),
    /// So many bytes begin a pasted text.
    Paste(usize),
    /// The rest has not arrived.
    Incomplete,
}

impl Parser {
    /// Adds bytes, and the inputs that they complete to `parsed`.
    pub(super) fn parse(&mut self, bytes: &[u8], parsed: &mut VecDeque<Input>) {
        self.pending.extend_from_slice(bytes);
        let mut at = 0;
        loop {
            if self.paste.is_some() {
                at += self.take_paste(at, parsed);
                if self.paste.is_some() {
                    break;
                }
            }
            match step(&self.pending[at..]) {
                Step::Is(length, input) => {
                    at += length;
                    parsed.extend(input);
                }
                Step::Paste(length) => {
                    at += length;
                    self.paste = Some(Vec::new());
                }
                Step::Incomplete => break,
            }
        }
        self.pending.drain(..at);
    }

    /// Moves pasted text from the pending bytes after `at`. Returns the bytes that are done. A possible beginning of the end stays.
    fn take_paste(&mut self, at: usize, parsed: &mut VecDeque<Input>) -> usize {
        let rest = &self.pending[at..];
        let end = memchr::memmem::find(rest, PASTE_END);
        let length = end.unwrap_or_else(|| rest.len().saturating_sub(PASTE_END.len() - 1));
        if let Some(paste) = &mut self.paste {
            let room = MAX_PASTE.saturating_sub(paste.len());
            paste.extend_from_slice(&rest[..length.min(room)]);
        }
        if end.is_none() {
            return length;
        }
        let text = self.paste.take().map(|paste| String::from_utf8_lossy(&paste).into_owned());
        parsed.extend(text.map(|text| Input::Event(Event::Paste(text))));
        length + PASTE_END.len()
    }

    /// Whether the pending bytes are keys unless more comes soon: Esc, or Alt with a key that also begins a sequence.
    pub(super) fn is_impatient(&self) -> bool {
        self.paste.is_none() && (1..=2).contains(&self.pending.len()) && self.pending[0] == ESC
    }

    /// Takes the pending bytes as keys.
    pub(super) fn give_up(&mut self, parsed: &mut VecDeque<Input>) {
        if self.is_impatient() {
            let key = match self.pending.get(1).copied() {
                None => KeyEvent::from(KeyCode::Esc),
                Some(byte) => with_alt(ascii(byte)),
            };
            parsed.push_back(Input::Event(Event::Key(key)));
            self.pending.clear();
        }
    }
}

/// Returns what the bytes begin with.
fn step(bytes: &[u8]) -> Step {
    let key = |length, key| Step::Is(length, Some(Input::Event(Event::Key(key))));
    match bytes {
        [] | [ESC] | [ESC, b'O'] => Step::Incomplete,
        [ESC, b'[', rest @ ..] => control_sequence(rest),
        [ESC, b']', rest @ ..] => string(rest, background),
        // Answers that nobody asked for: device control, application, privacy and start-of-string.
        [ESC, b'P' | b'_' | b'^' | b'X', rest @ ..] => string(rest, |_| None),
        [ESC, b'O', last, ..] => Step::Is(3, csi::function_key(*last, KeyModifiers::NONE).map(|key| Input::Event(Event::Key(key)))),
        [ESC, ESC, ..] => key(1, KeyCode::Esc.into()),
        [ESC, rest @ ..] => match character(rest) {
            Some((length, Some(pressed))) => key(length + 1, with_alt(pressed)),
            Some((length, None)) => Step::Is(length + 1, None),
            None => Step::Incomplete,
        },
        _ => match character(bytes) {
            Some((length, Some(pressed))) => key(length, pressed),
            Some((length, None)) => Step::Is(length, None),
            None => Step::Incomplete,
        },
    }
}

/// Returns what the bytes after `ESC [` begin with.
fn control_sequence(bytes: &[u8]) -> Step {
    match bytes {
        // Function keys of the Linux console.
        [b'['] => return Step::Incomplete,
        [b'[', last @ b'A'..=b'E', ..] => {
            return Step::Is(4, Some(Input::Event(Event::Key(KeyCode::F(1 + last - b'A').into()))));
        }
        // A mouse event in three bytes.
        [b'M', rest @ ..] => {
            return match rest {
                [button, column, row, ..] => Step::Is(6, csi::old_mouse([*button, *column, *row])),
                _ => Step::Incomplete,
            };
        }
        _ => {}
    }
    let Some(end) = bytes.iter().position(|byte| !(0x20..=0x3f).contains(byte)) else {
        return if bytes.len() > MAX_SEQUENCE { Step::Is(bytes.len() + 2, None) } else { Step::Incomplete };
    };
    let (parameters, last) = (&bytes[..end], bytes[end]);
    let length = end + 3;
    match last {
        b'~' if parameters == b"200" => Step::Paste(length),
        0x40..=0x7e => Step::Is(length, std::str::from_utf8(parameters).ok().and_then(|parameters| csi::input(parameters, last))),
        // No byte of a sequence: what follows is something else.
        _ => Step::Is(end + 2, None),
    }
}

/// Returns the string after `ESC ]` and the like, up to BEL or `ESC \`, as `read` understands it.
fn string(bytes: &[u8], read: fn(&str) -> Option<Input>) -> Step {
    let end = bytes.iter().position(|byte| *byte < 0x20 || *byte == 0x7f);
    match end.map(|end| (end, &bytes[end..])) {
        None if bytes.len() > MAX_SEQUENCE => Step::Is(bytes.len() + 2, None),
        None | Some((_, [ESC])) => Step::Incomplete,
        Some((end, [BEL, ..])) => Step::Is(end + 3, std::str::from_utf8(&bytes[..end]).ok().and_then(read)),
        Some((end, [ESC, b'\\', ..])) => Step::Is(end + 4, std::str::from_utf8(&bytes[..end]).ok().and_then(read)),
        // Not the end of a string: what follows is something else.
        Some((end, _)) => Step::Is(end + 2, None),
    }
}

/// Reads the answer about the background: `11;rgb:ffff/ffff/ffff`, with one to four digits for each colour, or `11;#ffffff`.
fn background(text: &str) -> Option<Input> {
    let colour = text.strip_prefix("11;")?;
    let part = |digits: &str| {
        let most = (1_u32 << (4 * digits.len().min(4))) - 1;
        let value = u32::from_str_radix(digits, 16).ok().filter(|_| digits.len() <= 4 && !digits.starts_with('+'))?;
        Some((value * 255 / most) as u8)
    };
    let parts: Vec<&str> = match (colour.strip_prefix("rgb:").or(colour.strip_prefix("rgba:")), colour.strip_prefix('#')) {
        (Some(parts), _) => parts.split('/').collect(),
        (None, Some(digits)) if digits.len() % 3 == 0 && digits.is_ascii() && !digits.is_empty() => {
            let length = digits.len() / 3;
            (0..3).map(|at| &digits[at * length..(at + 1) * length]).collect()
        }
        _ => return None,
    };
    let [red, green, blue, ..] = parts.as_slice() else { return None };
    Some(Input::Background(Background::of([part(red)?, part(green)?, part(blue)?])))
}

/// Returns the length of the first character, and the key that sends it; no key if it is none. `None` if its rest has not arrived.
fn character(bytes: &[u8]) -> Option<(usize, Option<KeyEvent>)> {
    let first = *bytes.first()?;
    let length = match first {
        0..0x80 => return Some((1, Some(ascii(first)))),
        0xc2..0xe0 => 2,
        0xe0..0xf0 => 3,
        0xf0..0xf5 => 4,
        _ => return Some((1, None)),
    };
    match std::str::from_utf8(&bytes[..length.min(bytes.len())]) {
        Ok(text) => Some((length, text.chars().next().map(letter))),
        Err(error) if error.error_len().is_none() => None,
        Err(_) => Some((1, None)),
    }
}

fn letter(c: char) -> KeyEvent {
    KeyEvent::new(KeyCode::Char(c), if c.is_uppercase() { KeyModifiers::SHIFT } else { KeyModifiers::NONE })
}

/// Returns the key that sends an ASCII character.
fn ascii(byte: u8) -> KeyEvent {
    let control = |c: u8| KeyEvent::new(KeyCode::Char(char::from(c)), KeyModifiers::CONTROL);
    match byte {
        b'\r' => KeyCode::Enter.into(),
        b'\t' => KeyCode::Tab.into(),
        ESC => KeyCode::Esc.into(),
        0x7f => KeyCode::Backspace.into(),
        0 => control(b' '),
        1..=0x1a => control(byte - 1 + b'a'),
        0x1c..=0x1f => control(byte - 0x1c + b'4'),
        _ => letter(char::from(byte)),
    }
}

fn with_alt(key: KeyEvent) -> KeyEvent {
    KeyEvent::new(key.code, key.modifiers | KeyModifiers::ALT)
}
