//! The one place that knows attribute names.
//!
//! [`Picker`] reads the facts that a row shows out of attributes in any order and encoding; [`messages()`], [`input`] and
//! [`output`] read for whoever looks at one span.

mod kinds;
mod messages;
mod names;
mod picker;
mod values;

pub use messages::{Conversation, Message, ToolCall, input, messages, output, tool};
pub use picker::Picker;

/// Bytes of a span's input that its row keeps.
pub const PREVIEW: usize = 120;

/// Appends the [`beginning`] of a text as it lies to `out`. Most texts begin with words of ASCII with single blanks between them, which
/// are copied at once.
pub fn push_beginning(text: crate::model::json::Scalar<'_>, bytes: usize, out: &mut String) {
    let plain = match text {
        crate::model::json::Scalar::Text(raw) => plain_beginning(raw, bytes),
        _ => None,
    };
    match plain {
        Some(plain) => out.push_str(plain),
        None => out.extend(beginning(crate::model::json::chars(text), bytes)),
    }
}

/// The beginning, if it is in the text as it lies.
fn plain_beginning(raw: &[u8], bytes: usize) -> Option<&str> {
    let window = raw.get(..raw.len().min(bytes))?;
    let mut blank = true;
    for byte in window {
        let word = (0x21..0x7f).contains(byte);
        if !word && (*byte != b' ' || blank) {
            return None;
        }
        blank = !word;
    }
    // A blank at the end may be followed by another one, or by nothing.
    if blank { None } else { std::str::from_utf8(window).ok() }
}

/// The beginning of a text, for a row: blanks, tabs and line ends folded into single blanks, at most `bytes` long.
pub fn beginning(chars: impl Iterator<Item = char>, bytes: usize) -> impl Iterator<Item = char> {
    let mut chars = chars.skip_while(|char| char.is_whitespace()).peekable();
    let mut left = bytes;
    std::iter::from_fn(move || {
        let mut char = chars.next()?;
        if char.is_whitespace() {
            while chars.next_if(|next| next.is_whitespace()).is_some() {}
            chars.peek()?;
            char = ' ';
        }
        left = left.checked_sub(char.len_utf8())?;
        Some(char)
    })
    .fuse()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{beginning, push_beginning};
    use crate::model::json::{Scalar, chars};

    proptest! {
        #[test]
        fn a_beginning_is_the_same_however_it_is_taken(text in "[a-z \n谢]{0,12}", bytes in 0..14_usize) {
            let raw = Scalar::Text(text.as_bytes());
            let mut pushed = String::new();
            push_beginning(raw, bytes, &mut pushed);
            prop_assert_eq!(pushed, beginning(chars(raw), bytes).collect::<String>());
        }
    }

    #[test]
    fn a_beginning_ends_at_a_character() {
        let short = |text: &str, bytes| beginning(text.chars(), bytes).collect::<String>();
        assert_eq!(short("  two\n\n\t words ", 120), "two words");
        assert_eq!(short("谢谢", 5), "谢");
        assert_eq!(short("a谢b", 2), "a");
        assert_eq!(short(" \n ", 9), "");
    }
}
