//! Text that leaves for other programs.

use std::borrow::Cow;

use super::escape;

/// `text` for a clipboard: as it is, but for what could act where it is pasted. Control sequences are dropped whole, controls other than
/// line breaks and tabs and characters that turn the direction of text are dropped, and every line break is `\n`.
#[must_use]
pub fn plain(text: &str) -> Cow<'_, str> {
    if !text.chars().any(acts) {
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
            c if acts(c) => next = at + escape::length(&text[at..]).unwrap_or(c.len_utf8()),
            c => plain.push(c),
        }
        at = next;
    }
    Cow::Owned(plain)
}

fn acts(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\t')
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_acts_is_gone_and_the_rest_stays() {
        for (text, left) in [
            ("a\tb\nc", "a\tb\nc"),
            ("👩‍💻 é ไทย", "👩‍💻 é ไทย"),
            ("a\r\nb\rc", "a\nb\nc"),
            ("\u{1b}[201~rm -rf\u{1b}]52;c;aGk=\u{7}!", "rm -rf!"),
            ("a\u{0}\u{7f}\u{9b}31mb", "ab"),
            ("user\u{202e}gpj.exe", "usergpj.exe"),
        ] {
            assert_eq!(plain(text), left, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_acts_is_left(text in "(\\PC|[\\x00-\\x1f\\x7f-\\u{9f}\u{202e}])*") {
            prop_assert!(!plain(&text).chars().any(acts));
        }
    }
}
