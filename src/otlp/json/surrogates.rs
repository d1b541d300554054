//! Lone surrogates: halves of UTF-16 pairs, which JavaScript writes when it cuts a text inside a character and UTF-8 can't encode.

use memchr::memmem::find_iter;

/// The escape of U+FFFD, as long as the escape that it replaces.
const REPLACEMENT: &[u8; 6] = b"\\ufffd";

/// Returns the offsets of the escapes that are half of a pair.
fn lone_surrogates(text: &[u8]) -> Vec<usize> {
    let (mut lone, mut done) = (Vec::new(), 0);
    for at in find_iter(text, b"\\u") {
        let backslashes = text[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
        if at < done || backslashes % 2 == 1 {
            continue;
        }
        match (code_unit(text, at), code_unit(text, at + REPLACEMENT.len())) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => done = at + 2 * REPLACEMENT.len(),
            (Some(0xd800..=0xdfff), _) => lone.push(at),
            _ => {}
        }
    }
    lone
}

/// Returns the UTF-16 code unit that the escape at `at` encodes.
fn code_unit(text: &[u8], at: usize) -> Option<u32> {
    let digits = text.get(at..at + REPLACEMENT.len())?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |sum, digit| Some(sum << 4 | char::from(*digit).to_digit(16)?))
}

/// Replaces each lone surrogate by U+FFFD; `None` if there is none. The length and all offsets stay the same.
pub(crate) fn replace_lone_surrogates(text: &[u8]) -> Option<Vec<u8>> {
    let lone = lone_surrogates(text);
    (!lone.is_empty()).then(|| {
        let mut out = text.to_vec();
        for at in lone {
            out[at..at + REPLACEMENT.len()].copy_from_slice(REPLACEMENT);
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::replace_lone_surrogates;

    #[test]
    fn lone_surrogates_are_replaced_and_pairs_stay() {
        for (text, expected) in [
            (r#"{"a":"cut \ud83d"}"#, Some(r#"{"a":"cut \ufffd"}"#)),
            (r#"["\uDE00x","\ud83d\ud83d\ude00"]"#, Some(r#"["\ufffdx","\ufffd\ud83d\ude00"]"#)),
            (r#"["\ud83d\ude00","\u00e9","\\ud83d","\u12"]"#, None),
            (r#"["\\\ud83d"]"#, Some(r#"["\\\ufffd"]"#)),
            (r#"["\ud83"#, None),
        ] {
            assert_eq!(replace_lone_surrogates(text.as_bytes()), expected.map(|text| text.as_bytes().to_vec()), "{text}");
        }
    }
}
