//! Hashes of a tool's arguments, by which equal calls are recognized.
//!
//! They hash characters, not bytes, because sources escape the same text differently.

use smallvec::SmallVec;

use super::values;
use crate::model::json::{Scalar, chars};

/// Longer arguments are not parsed.
const MAX_CHARS: usize = 1 << 14;

/// Arguments with more nested lists and objects are not parsed.
const MAX_DEPTH: usize = 64;

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

    fn end_member(&mut self) {
        self.sum = self.sum.wrapping_add(mix(self.member));
        self.member = FNV_OFFSET;
    }
}

/// Hashes a JSON object, whatever the white space between its tokens and the order of members, its own and those of nested objects.
/// Returns `None` for any other text.
pub(super) fn of_object(text: Scalar<'_>) -> Option<u64> {
    let mut chars = chars(text).skip_while(|char| char.is_whitespace());
    if !matches!(text, Scalar::Text(_) | Scalar::Escaped(_)) || values::is_longer(text, MAX_CHARS) || chars.next() != Some('{') {
        return None;
    }
    let mut outer: SmallVec<[Open; 4]> = SmallVec::new();
    let (mut current, mut is_closed) = (Open::new(false), false);
    let (mut in_string, mut is_escaped) = (false, false);
    for char in chars.by_ref() {
        if in_string {
            in_string = is_escaped || char != '"';
            is_escaped = !is_escaped && char == '\\';
        } else {
            match char {
                '"' => in_string = true,
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
        }
        current.add(u64::from(char));
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
    fn only_white_space_and_the_order_of_members_do_not_change_the_hash() {
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
        for none in ["", "x", "[1]", r#"{"a":1"#, r#"{"a":1} x"#, "{'a': 1}x"] {
            assert_eq!(hash(none), None, "{none}");
        }
    }
}
