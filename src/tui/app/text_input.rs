//! A line of text that the user types or pastes, of bounded length.

use crossterm::event::{Event, KeyCode, KeyEvent};
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler;

use crate::format;

/// The most characters of a line. What is pasted beyond is left out: each key handles the whole line.
pub(super) const MAX_CHARS: usize = 4096;

/// Handles a key. Returns whether the text has changed; a character beyond [`MAX_CHARS`] changes nothing.
pub(super) fn handle_key(input: &mut Input, key: KeyEvent) -> bool {
    if matches!(key.code, KeyCode::Char(_)) && input.value().len() >= MAX_CHARS && input.value().chars().count() >= MAX_CHARS {
        return false;
    }
    input.handle_event(&Event::Key(key)).is_some_and(|change| change.value)
}

/// Inserts pasted text at the cursor. Returns a message for the user if it is cut.
pub(super) fn paste(input: &mut Input, text: &str) -> Option<String> {
    let (value, cursor) = (input.value(), input.cursor());
    let room = MAX_CHARS.saturating_sub(value.chars().count());
    let end = text.char_indices().nth(room).map_or(text.len(), |(at, _)| at);
    let pasted = format::safe(&text[..end]);
    let at = value.char_indices().nth(cursor).map_or(value.len(), |(at, _)| at);
    let line = [&value[..at], &pasted, &value[at..]].concat();
    *input = Input::new(line).with_cursor(cursor + pasted.chars().count());
    (end < text.len()).then(|| {
        format!("pasted {} of {}: a line has at most {MAX_CHARS} characters", format::bytes(end as u64), format::bytes(text.len() as u64))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paste_is_inserted_at_the_cursor() {
        let mut input = Input::new("kind: failed".to_owned()).with_cursor(5);
        assert_eq!(paste(&mut input, "tööl"), None);
        assert_eq!((input.value(), input.cursor()), ("kind:tööl failed", 9));
    }

    #[test]
    fn a_large_paste_is_cut_and_said() {
        let mut input = Input::new("agent:".to_owned());
        let message = paste(&mut input, &"ß".repeat(1_000_000)).unwrap_or_default();
        assert_eq!(input.value().chars().count(), MAX_CHARS);
        assert!(message.contains("4096"), "{message}");
        assert!(!handle_key(&mut input, KeyCode::Char('x').into()), "the line is full");
        assert!(handle_key(&mut input, KeyCode::Backspace.into()));
        assert!(handle_key(&mut input, KeyCode::Char('x').into()));
    }
}
