//! Terminal control sequences: where one ends, so that it can be left out as a whole.

const ESCAPE: char = '\u{1b}';

/// Bytes of the control sequence that `text` begins with, which is an escape or a C1 control; `None` if it introduces
/// none. An incomplete string sequence counts only as its introducer, so that it cannot swallow the text behind it.
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

/// Parameters, intermediates and the final byte behind a control sequence introducer.
fn control_sequence(text: &str) -> usize {
    let bytes = text.as_bytes();
    let parameters = run(bytes, 0x30..=0x3f);
    let at = parameters + run(&bytes[parameters..], 0x20..=0x2f);
    at + usize::from(bytes.get(at).is_some_and(|byte| (0x40..=0x7e).contains(byte)))
}

/// A character set designation and its like: intermediates and a final byte.
fn designation(text: &str) -> usize {
    let bytes = text.as_bytes();
    let at = run(bytes, 0x20..=0x2f);
    at + usize::from(bytes.get(at).is_some_and(|byte| (0x30..=0x7e).contains(byte)))
}

fn run(bytes: &[u8], class: std::ops::RangeInclusive<u8>) -> usize {
    bytes.iter().take_while(|byte| class.contains(byte)).count()
}

/// The body and the terminator of a command string; nothing if another control comes before its terminator.
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
    fn a_sequence_ends_where_a_terminal_ends_it() {
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
    fn an_unfinished_string_does_not_swallow_what_follows() {
        assert_eq!(length("\x1b]0;title and all the rest"), Some(2));
        assert_eq!(length("\x1b]0;title\nnext line\x07"), Some(2));
        assert_eq!(length("\x1bPq\x1b[31m"), Some(2));
    }

    #[test]
    fn what_introduces_nothing_is_no_sequence() {
        assert_eq!(length("\x1b"), None);
        assert_eq!(length("\x1bé"), None);
        assert_eq!(length("\x1b\x1b[31m"), None);
        assert_eq!(length("\u{84}x"), None);
    }
}
