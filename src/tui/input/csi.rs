//! The meaning of control sequences: keys with modifiers, the mouse, and answers.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use super::Input;
use crate::tui::theme::Background;

/// Returns what a control sequence means: its parameters, and its last byte. `None` if it is nothing of interest.
pub(super) fn input(parameters: &str, last: u8) -> Option<Input> {
    match (parameters.as_bytes().first(), last) {
        (Some(b'<'), b'M' | b'm') => mouse(&parameters[1..], last == b'm'),
        (Some(b'?'), b'n') => match parameters {
            "?997;1" => Some(Input::Scheme(Background::Dark)),
            "?997;2" => Some(Input::Scheme(Background::Light)),
            _ => None,
        },
        (Some(b'?'), b'c') => Some(Input::Answered),
        _ => key(parameters, last).map(|key| Input::Event(Event::Key(key))),
    }
}

/// Returns the key of a sequence such as `1;5A` or `3~`.
fn key(parameters: &str, last: u8) -> Option<KeyEvent> {
    let mut numbers = parameters.split(';');
    let number = numbers.next().unwrap_or_default();
    let modifiers = numbers.next().map_or(Some(KeyModifiers::NONE), modifiers)?;
    if numbers.next().is_some() {
        return None;
    }
    if last != b'~' {
        return function_key(last, modifiers).filter(|_| matches!(number, "" | "1"));
    }
    let code = match number.parse().ok()? {
        1 | 7 => KeyCode::Home,
        2 => KeyCode::Insert,
        3 => KeyCode::Delete,
        4 | 8 => KeyCode::End,
        5 => KeyCode::PageUp,
        6 => KeyCode::PageDown,
        number @ 11_u8..=15 => KeyCode::F(number - 10),
        number @ 17..=21 => KeyCode::F(number - 11),
        number @ 23..=26 => KeyCode::F(number - 12),
        number @ 28..=29 => KeyCode::F(number - 13),
        number @ 31..=34 => KeyCode::F(number - 14),
        _ => return None,
    };
    Some(KeyEvent::new(code, modifiers))
}

/// Returns the key of a sequence by its last byte.
pub(super) fn function_key(last: u8, modifiers: KeyModifiers) -> Option<KeyEvent> {
    let code = match last {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'F' => KeyCode::End,
        b'H' => KeyCode::Home,
        b'M' => KeyCode::Enter,
        b'P'..=b'S' => KeyCode::F(last - b'P' + 1),
        b'Z' => return Some(KeyEvent::new(KeyCode::BackTab, modifiers | KeyModifiers::SHIFT)),
        _ => return None,
    };
    Some(KeyEvent::new(code, modifiers))
}

/// Returns the modifiers of a parameter: one more than a sum of 1 for Shift, 2 for Alt, 4 for Ctrl and 8 for Super.
fn modifiers(parameter: &str) -> Option<KeyModifiers> {
    let bits = parameter.parse::<u8>().ok()?.checked_sub(1)?;
    let all = [(1, KeyModifiers::SHIFT), (2, KeyModifiers::ALT), (4, KeyModifiers::CONTROL), (8, KeyModifiers::SUPER)];
    Some(all.into_iter().filter(|(bit, _)| bits & bit != 0).fold(KeyModifiers::NONE, |all, (_, modifier)| all | modifier))
}

/// Returns the mouse event of `button;column;row`, counted from 1.
fn mouse(parameters: &str, is_release: bool) -> Option<Input> {
    let mut numbers = parameters.split(';').map(|number| number.parse::<u16>().ok());
    let (button, column, row) = (numbers.next()??, numbers.next()??, numbers.next()??);
    mouse_event(button, is_release, column, row)
}

/// Returns the mouse event of three bytes, each 32 more than its number.
pub(super) fn old_mouse(bytes: [u8; 3]) -> Option<Input> {
    let [button, column, row] = bytes.map(|byte| u16::from(byte.saturating_sub(32)));
    mouse_event(button, button & 3 == 3 && button < 64, column, row)
}

/// The bits of a button that say which modifiers are held.
const MODIFIERS: u16 = 4 | 8 | 16;

fn mouse_event(button: u16, is_release: bool, column: u16, row: u16) -> Option<Input> {
    let kind = match (button & !MODIFIERS, is_release) {
        (64, _) => MouseEventKind::ScrollUp,
        (65, _) => MouseEventKind::ScrollDown,
        (66, _) => MouseEventKind::ScrollLeft,
        (67, _) => MouseEventKind::ScrollRight,
        (button @ 0..=2, false) => MouseEventKind::Down(mouse_button(button)),
        (button @ 0..=3, true) => MouseEventKind::Up(mouse_button(button)),
        _ => return None,
    };
    Some(Input::Event(Event::Mouse(MouseEvent {
        kind,
        column: column.checked_sub(1)?,
        row: row.checked_sub(1)?,
        modifiers: KeyModifiers::NONE,
    })))
}

fn mouse_button(button: u16) -> MouseButton {
    match button {
        1 => MouseButton::Middle,
        2 => MouseButton::Right,
        _ => MouseButton::Left,
    }
}
