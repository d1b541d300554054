//! What tells a tool's arguments from others.

use crate::model::json::{Scalar, chars};

/// Longer arguments are compared as they are written.
const LONGEST: usize = 1 << 14;

/// A number that is the same for JSON objects that differ in nothing but the blanks between their words and the order of their members;
/// `None` for what is no such object.
pub(super) fn digest(text: Scalar<'_>) -> Option<u64> {
    let (Scalar::Text(raw) | Scalar::Escaped(raw)) = text else { return None };
    let mut chars = chars(text).skip_while(|char| char.is_whitespace());
    if raw.len() > LONGEST || chars.next() != Some('{') {
        return None;
    }
    let (mut sum, mut member, mut depth) = (0_u64, BEGINNING, 1_u32);
    let (mut quoted, mut escaped) = (false, false);
    for char in chars.by_ref() {
        if quoted {
            quoted = escaped || char != '"';
            escaped = !escaped && char == '\\';
        } else {
            match char {
                '"' => quoted = true,
                '{' | '[' => depth += 1,
                '}' | ']' => depth -= 1,
                // Members are summed up, so that their order is nothing.
                ',' if depth == 1 => {
                    sum = sum.wrapping_add(ended(member));
                    member = BEGINNING;
                    continue;
                }
                blank if blank.is_whitespace() => continue,
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
        member = (member ^ u64::from(char)).wrapping_mul(PRIME);
    }
    let is_whole = depth == 0 && chars.all(char::is_whitespace);
    is_whole.then(|| sum.wrapping_add(ended(member)))
}

// FNV-1a, over characters: <https://datatracker.ietf.org/doc/html/draft-eastlake-fnv>.
const BEGINNING: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// A member's number mixed, so that sums of several differ.
fn ended(member: u64) -> u64 {
    (member ^ member >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_and_the_order_of_members_are_nothing_and_all_else_is_something() {
        let of = |text: &str| digest(Scalar::Text(text.as_bytes()));
        let same = [r#"{"n":1,"q":"x y"}"#, r#" { "q" : "x y", "n": 1 } "#, "{\n  \"n\": 1,\n  \"q\": \"x y\"\n}"];
        assert!(of(same[0]).is_some());
        assert!(same.iter().all(|text| of(text) == of(same[0])));
        assert_eq!(digest(Scalar::Escaped(br#"{\"n\": 1, \"q\": \"x y\"}"#)), of(same[0]));
        let other =
            [r#"{"n":1,"q":"xy"}"#, r#"{"n":1,"q":"x  y"}"#, r#"{"n":"1","q":"x y"}"#, r#"{"q":1,"n":"x y"}"#, r#"{"n":[1,"q"]}"#, "{}"];
        for (at, text) in other.iter().enumerate() {
            assert!(of(text).is_some() && of(text) != of(same[0]), "{text}");
            assert!(other[..at].iter().all(|before| of(before) != of(text)), "{text}");
        }
        assert_ne!(of(r#"{"a":[1,2]}"#), of(r#"{"a":[2,1]}"#));
        assert_eq!(of(r#"{"a":"}\"{,"}"#), of(r#"{ "a": "}\"{," }"#));
        for none in ["", "x", "[1]", r#"{"a":1"#, r#"{"a":1} x"#, "{'a': 1}x"] {
            assert_eq!(of(none), None, "{none}");
        }
    }
}
