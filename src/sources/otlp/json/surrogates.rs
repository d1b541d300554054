//! Half surrogate pairs, which JavaScript writes where it cuts a text in the middle of a character, and no text in UTF-8 can hold.

use memchr::memmem::find_iter;

/// The replacement character, as long as what it replaces.
const REPLACEMENT: &[u8; 6] = b"\\ufffd";

/// Where in a JSON text an escape is half of a pair.
fn halves(text: &[u8]) -> Vec<usize> {
    let (mut halves, mut done) = (Vec::new(), 0);
    for at in find_iter(text, b"\\u") {
        let backslashes = text[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
        if at < done || backslashes % 2 == 1 {
            continue;
        }
        match (unit(text, at), unit(text, at + REPLACEMENT.len())) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => done = at + 2 * REPLACEMENT.len(),
            (Some(0xd800..=0xdfff), _) => halves.push(at),
            _ => {}
        }
    }
    halves
}

/// What the escape at a place stands for; `None` if there is none.
fn unit(text: &[u8], at: usize) -> Option<u32> {
    let digits = text.get(at..at + REPLACEMENT.len())?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |sum, digit| Some(sum << 4 | char::from(*digit).to_digit(16)?))
}

/// The text with a replacement character for each half of a pair; `None` if there is none, as nearly always. Everything stays where it is.
pub(in crate::sources) fn replace_lone_surrogates(text: &[u8]) -> Option<Vec<u8>> {
    let halves = halves(text);
    (!halves.is_empty()).then(|| {
        let mut out = text.to_vec();
        for at in halves {
            out[at..at + REPLACEMENT.len()].copy_from_slice(REPLACEMENT);
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::replace_lone_surrogates;

    #[test]
    fn halves_are_replaced_and_pairs_stay() {
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
