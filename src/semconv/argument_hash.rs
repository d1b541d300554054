//! Hashes of a tool's arguments, by which equal calls are recognized.
//!
//! They hash characters, not bytes, and what strings in them say, because sources escape the same text differently.

use smallvec::SmallVec;

use super::values;
use crate::model::json::{Scalar, chars};

/// Longer arguments are not parsed.
const MAX_CHARS: usize = 1 << 14;

/// Arguments with more nested lists and objects are not parsed.
const MAX_DEPTH: usize = 64;

/// Stands for the quote after a string: no unit of UTF-16.
const END_OF_STRING: u64 = 1 << 16;

/// The hash of a list or an object that is not closed yet.
#[derive(Clone, Copy)]
struct Open {
    is_list: bool,
    /// The sum of the hashes of an object's complete members, which does not depend on their order.
    sum: u64,
    /// The hash of an object's current member, or of a list so far.
    member: u64,
}

impl Open {
    fn new(is_list: bool) -> Self {
        Self { is_list, sum: 0, member: FNV_OFFSET }
    }

    fn add(&mut self, word: u64) {
        self.member = fnv(self.member, word);
    }

    /// Adds what a string says, up to its closing quote. Returns `None` for one that is not valid.
    fn add_string(&mut self, chars: &mut impl Iterator<Item = char>) -> Option<()> {
        loop {
            let char = match chars.next()? {
                '"' => break,
                '\\' => match chars.next()? {
                    'u' => {
                        let digit = |chars: &mut dyn Iterator<Item = char>| chars.next()?.to_digit(16).map(u64::from);
                        let unit = (0..4).try_fold(0, |unit, _| Some((unit << 4) | digit(chars)?))?;
                        self.add(unit);
                        continue;
                    }
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    'b' => '\u{8}',
                    'f' => '\u{c}',
                    char => char,
                },
                char => char,
            };
            // A character may be escaped as two units of UTF-16.
            char.encode_utf16(&mut [0; 2]).iter().for_each(|&unit| self.add(u64::from(unit)));
        }
        self.add(END_OF_STRING);
        Some(())
    }

    fn end_member(&mut self) {
        self.sum = self.sum.wrapping_add(mix(self.member));
        self.member = FNV_OFFSET;
    }
}

/// Hashes a JSON object, whatever the white space between its tokens, the escapes in its strings, and the order of members, its own and those
/// of nested objects.
/// Returns `None` for any other text.
pub(super) fn of_object(text: Scalar<'_>) -> Option<u64> {
    let mut chars = chars(text).skip_while(|char| char.is_whitespace());
    if !matches!(text, Scalar::Text(_) | Scalar::Escaped(_)) || values::is_longer(text, MAX_CHARS) || chars.next() != Some('{') {
        return None;
    }
    let mut outer: SmallVec<[Open; 4]> = SmallVec::new();
    let (mut current, mut is_closed) = (Open::new(false), false);
    while let Some(char) = chars.next() {
        match char {
            '{' | '[' if outer.len() == MAX_DEPTH => return None,
            '{' | '[' => {
                current.add(u64::from(char));
                outer.push(std::mem::replace(&mut current, Open::new(char == '[')));
                continue;
            }
            '}' | ']' => {
                current.end_member();
                let Some(parent) = outer.pop() else {
                    is_closed = true;
                    break;
                };
                let closed = std::mem::replace(&mut current, parent);
                current.add(closed.sum);
            }
            ',' if !current.is_list => {
                current.end_member();
                continue;
            }
            blank if blank.is_whitespace() => continue,
            _ => {}
        }
        current.add(u64::from(char));
        if char == '"' {
            current.add_string(&mut chars)?;
        }
    }
    let is_complete = is_closed && chars.all(char::is_whitespace);
    is_complete.then_some(current.sum)
}

/// Hashes a text as it is.
pub(super) fn of_text(text: Scalar<'_>) -> u64 {
    mix(chars(text).map(u64::from).fold(FNV_OFFSET, fnv))
}

// FNV-1a, over characters: <https://datatracker.ietf.org/doc/html/draft-eastlake-fnv>.
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

fn fnv(hash: u64, word: u64) -> u64 {
    (hash ^ word).wrapping_mul(FNV_PRIME)
}

/// Spreads the bits of a hash, so that sums of different hashes differ.
fn mix(hash: u64) -> u64 {
    (hash ^ hash >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_escapes_and_the_order_of_members_do_not_change_the_hash() {
        let hash = |text: &str| of_object(Scalar::Text(text.as_bytes()));
        let same = [r#"{"n":1,"q":"x y"}"#, r#" { "q" : "x y", "n": 1 } "#, "{\n  \"n\": 1,\n  \"q\": \"x y\"\n}"];
        assert!(hash(same[0]).is_some());
        assert!(same.iter().all(|text| hash(text) == hash(same[0])));
        assert_eq!(of_object(Scalar::Escaped(br#"{\"n\": 1, \"q\": \"x y\"}"#)), hash(same[0]));
        let other =
            [r#"{"n":1,"q":"xy"}"#, r#"{"n":1,"q":"x  y"}"#, r#"{"n":"1","q":"x y"}"#, r#"{"q":1,"n":"x y"}"#, r#"{"n":[1,"q"]}"#, "{}"];
        for (at, text) in other.iter().enumerate() {
            assert!(hash(text).is_some() && hash(text) != hash(same[0]), "{text}");
            assert!(other[..at].iter().all(|before| hash(before) != hash(text)), "{text}");
        }
        assert_ne!(hash(r#"{"a":[1,2]}"#), hash(r#"{"a":[2,1]}"#));
        assert_eq!(hash(r#"{"a":"}\"{,"}"#), hash(r#"{ "a": "}\"{," }"#));
        assert_eq!(hash(r#"{"q": "\u8c22 \ud83d\ude00 \u001b \"\/\n"}"#), hash("{\"q\": \"谢 😀 \\u001b \\\"/\\u000a\"}"), "escapes");
        assert_ne!(hash(r#"{"q": "\"", "r": 1}"#), hash(r#"{"q": "", "\"r": 1}"#));
        let nested = [
            r#"{"filter":{"a":1,"b":{"x":[{"p":1,"q":2},3],"y":{}}},"n":1}"#,
            r#"{"n":1,"filter":{"b":{"y":{ },"x":[ {"q":2,"p":1}, 3]},"a":1}}"#,
        ];
        assert!(hash(nested[0]).is_some());
        assert_eq!(hash(nested[0]), hash(nested[1]));
        let others = [
            r#"{"filter":{"a":1,"b":{"x":[3,{"p":1,"q":2}],"y":{}}},"n":1}"#,
            r#"{"filter":{"a":1,"b":{"x":[{"p":2,"q":1},3],"y":{}}},"n":1}"#,
            r#"{"filter":{"a":1,"b":{"x":[{"p":1,"q":2},3],"y":[]}},"n":1}"#,
            r#"{"filter":{"a":1,"b":{"x":[{"p":1,"q":2},3]},"y":{}},"n":1}"#,
            r#"{"filter":{"a":1,"b":{"x":[{"p":1},{"q":2},3],"y":{}}},"n":1}"#,
        ];
        assert!(others.iter().all(|text| hash(text).is_some() && hash(text) != hash(nested[0])));
        assert_ne!(hash(r#"{"a":{"x":1},"b":{"y":2}}"#), hash(r#"{"a":{"y":2},"b":{"x":1}}"#));
        let deep = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        assert!(hash(&deep(MAX_DEPTH)).is_some() && hash(&deep(MAX_DEPTH + 1)).is_none() && hash(&deep(MAX_CHARS / 2 - 10)).is_none());
        for none in ["", "x", "[1]", r#"{"a":1"#, r#"{"a":1} x"#, "{'a': 1}x", r#"{"a": "\u12"}"#, r#"{"a": "\"#] {
            assert_eq!(hash(none), None, "{none}");
        }
    }
}
