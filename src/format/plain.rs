//! Cleans text for other programs.

use std::borrow::Cow;

use super::escape;

/// Cleans text for the clipboard, so that pasting it triggers nothing. Removes control sequences, controls other than line breaks and
/// tabs, and characters that change the direction of text; every line break becomes `\n`.
#[must_use]
pub fn plain(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_active) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let mut next = at + c.len_utf8();
        match c {
            '\r' => {
                if !text[next..].starts_with('\n') {
                    plain.push('\n');
                }
            }
            c if is_active(c) => next = at + escape::length(&text[at..]).unwrap_or(c.len_utf8()),
            c => plain.push(c),
        }
        at = next;
    }
    Cow::Owned(plain)
}

fn is_active(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\t')
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn active_characters_are_removed() {
        for (text, cleaned) in [
            ("a\tb\nc", "a\tb\nc"),
            ("👩‍💻 é ไทย", "👩‍💻 é ไทย"),
            ("a\r\nb\rc", "a\nb\nc"),
            ("\u{1b}[201~rm -rf\u{1b}]52;c;aGk=\u{7}!", "rm -rf!"),
            ("a\u{0}\u{7f}\u{9b}31mb", "ab"),
            ("user\u{202e}gpj.exe", "usergpj.exe"),
        ] {
            assert_eq!(plain(text), cleaned, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_active_character_is_left(text in "(\\PC|[\\x00-\\x1f\\x7f-\\u{9f}\u{202e}])*") {
            prop_assert!(!plain(&text).chars().any(is_active));
        }
    }
}
