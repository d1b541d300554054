//! The length of terminal control sequences, so that they can be removed as a whole.

const ESCAPE: char = '\u{1b}';

/// Returns the length in bytes of the control sequence at the beginning of `text`; `None` if there is none. An unterminated string
/// sequence counts as its introducer alone, so that it cannot swallow the text after it.
pub(super) fn length(text: &str) -> Option<usize> {
    let mut chars = text.chars();
    let first = chars.next()?;
    let (introducer, at) = if first == ESCAPE {
        // Every C1 control has a 7-bit form: escape and the character 64 places lower.
        (chars.next()?, 2)
    } else if ('\u{80}'..='\u{9f}').contains(&first) {
        (char::from_u32(first as u32 - 0x40)?, first.len_utf8())
    } else {
        return None;
    };
    match introducer {
        '[' => Some(at + control_sequence(&text[at..])),
        ']' | 'P' | 'X' | '^' | '_' => Some(at + control_string(&text[at..])),
        ' '..='/' if first == ESCAPE => Some(1 + designation(&text[1..])),
        '0'..='~' if first == ESCAPE => Some(at),
        _ => None,
    }
}

/// Returns the length of the parameters, intermediates and final byte after a control sequence introducer.
fn control_sequence(text: &str) -> usize {
    let bytes = text.as_bytes();
    let parameters = run(bytes, 0x30..=0x3f);
    let at = parameters + run(&bytes[parameters..], 0x20..=0x2f);
    at + usize::from(bytes.get(at).is_some_and(|byte| (0x40..=0x7e).contains(byte)))
}

/// Returns the length of intermediates and a final byte, as in a character set designation.
fn designation(text: &str) -> usize {
    let bytes = text.as_bytes();
    let at = run(bytes, 0x20..=0x2f);
    at + usize::from(bytes.get(at).is_some_and(|byte| (0x30..=0x7e).contains(byte)))
}

fn run(bytes: &[u8], class: std::ops::RangeInclusive<u8>) -> usize {
    bytes.iter().take_while(|byte| class.contains(byte)).count()
}

/// Returns the length of a command string with its terminator; 0 if another control comes first.
fn control_string(text: &str) -> usize {
    let Some((at, end)) = text.char_indices().find(|(_, c)| c.is_control()) else { return 0 };
    match end {
        '\u{7}' => at + 1,
        '\u{9c}' => at + 2,
        ESCAPE if text[at + 1..].starts_with('\\') => at + 2,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::length;

    #[test]
    fn sequences_end_where_terminals_end_them() {
        for (text, sequence) in [
            ("\x1b[31mred", "\x1b[31m"),
            ("\x1b[38;5;1mred", "\x1b[38;5;1m"),
            ("\x1b[?25lx", "\x1b[?25l"),
            ("\x1b[1 qx", "\x1b[1 q"),
            ("\x1b[31é", "\x1b[31"),
            ("\x1b[", "\x1b["),
            ("\u{9b}31mred", "\u{9b}31m"),
            ("\x1b]0;title\x07x", "\x1b]0;title\x07"),
            ("\x1b]8;;http://x\x1b\\x", "\x1b]8;;http://x\x1b\\"),
            ("\u{9d}52;c;aGk=\u{9c}x", "\u{9d}52;c;aGk=\u{9c}"),
            ("\x1bPq#0\x1b\\x", "\x1bPq#0\x1b\\"),
            ("\x1b(Bx", "\x1b(B"),
            ("\x1bcx", "\x1bc"),
            ("\x1b7x", "\x1b7"),
        ] {
            assert_eq!(length(text), Some(sequence.len()), "{text:?}");
        }
    }

    #[test]
    fn an_unterminated_string_does_not_swallow_the_text_after_it() {
        assert_eq!(length("\x1b]0;title and all the rest"), Some(2));
        assert_eq!(length("\x1b]0;title\nnext line\x07"), Some(2));
        assert_eq!(length("\x1bPq\x1b[31m"), Some(2));
    }

    #[test]
    fn lone_controls_are_no_sequences() {
        assert_eq!(length("\x1b"), None);
        assert_eq!(length("\x1bé"), None);
        assert_eq!(length("\x1b\x1b[31m"), None);
        assert_eq!(length("\u{84}x"), None);
    }
}
