//! What tells a tool's arguments from others.

use smallvec::SmallVec;

use crate::model::json::{Scalar, chars};

/// Longer arguments are compared as they are written.
const LONGEST: usize = 1 << 14;

/// So are arguments with more lists and objects in one another.
const DEEPEST: usize = 64;

/// A list or an object that is open.
#[derive(Clone, Copy)]
struct Open {
    is_list: bool,
    /// The numbers of an object's members that ended, summed up, so that their order is nothing.
    sum: u64,
    /// The number of the member that is being read, or of a list so far.
    member: u64,
}

impl Open {
    fn new(is_list: bool) -> Self {
        Self { is_list, sum: 0, member: BEGINNING }
    }

    fn add(&mut self, word: u64) {
        self.member = (self.member ^ word).wrapping_mul(PRIME);
    }

    /// The member that is being read is over.
    fn end_member(&mut self) {
        self.sum = self.sum.wrapping_add(mixed(self.member));
        self.member = BEGINNING;
    }
}

/// A number that is the same for JSON objects that differ in nothing but the blanks between their words and the order of members, theirs
/// and those of objects in them; `None` for what is no such object.
pub(super) fn digest(text: Scalar<'_>) -> Option<u64> {
    let (Scalar::Text(raw) | Scalar::Escaped(raw)) = text else { return None };
    let mut chars = chars(text).skip_while(|char| char.is_whitespace());
    if raw.len() > LONGEST || chars.next() != Some('{') {
        return None;
    }
    let mut around: SmallVec<[Open; 4]> = SmallVec::new();
    let (mut here, mut is_over) = (Open::new(false), false);
    let (mut quoted, mut escaped) = (false, false);
    for char in chars.by_ref() {
        if quoted {
            quoted = escaped || char != '"';
            escaped = !escaped && char == '\\';
        } else {
            match char {
                '"' => quoted = true,
                '{' | '[' if around.len() == DEEPEST => return None,
                '{' | '[' => {
                    here.add(u64::from(char));
                    around.push(std::mem::replace(&mut here, Open::new(char == '[')));
                    continue;
                }
                '}' | ']' => {
                    here.end_member();
                    let Some(outside) = around.pop() else {
                        is_over = true;
                        break;
                    };
                    let inside = std::mem::replace(&mut here, outside);
                    here.add(inside.sum);
                }
                ',' if !here.is_list => {
                    here.end_member();
                    continue;
                }
                blank if blank.is_whitespace() => continue,
                _ => {}
            }
        }
        here.add(u64::from(char));
    }
    let is_whole = is_over && chars.all(char::is_whitespace);
    is_whole.then_some(here.sum)
}

// FNV-1a, over characters: <https://datatracker.ietf.org/doc/html/draft-eastlake-fnv>.
const BEGINNING: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// A member's number mixed, so that sums of several differ.
fn mixed(member: u64) -> u64 {
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
        let nested = [
            r#"{"filter":{"a":1,"b":{"x":[{"p":1,"q":2},3],"y":{}}},"n":1}"#,
            r#"{"n":1,"filter":{"b":{"y":{ },"x":[ {"q":2,"p":1}, 3]},"a":1}}"#,
        ];
        assert!(of(nested[0]).is_some());
        assert_eq!(of(nested[0]), of(nested[1]));
        let others = [
            r#"{"filter":{"a":1,"b":{"x":[3,{"p":1,"q":2}],"y":{}}},"n":1}"#,
            r#"{"filter":{"a":1,"b":{"x":[{"p":2,"q":1},3],"y":{}}},"n":1}"#,
            r#"{"filter":{"a":1,"b":{"x":[{"p":1,"q":2},3],"y":[]}},"n":1}"#,
            r#"{"filter":{"a":1,"b":{"x":[{"p":1,"q":2},3]},"y":{}},"n":1}"#,
            r#"{"filter":{"a":1,"b":{"x":[{"p":1},{"q":2},3],"y":{}}},"n":1}"#,
        ];
        assert!(others.iter().all(|text| of(text).is_some() && of(text) != of(nested[0])));
        assert_ne!(of(r#"{"a":{"x":1},"b":{"y":2}}"#), of(r#"{"a":{"y":2},"b":{"x":1}}"#));
        let deep = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        assert!(of(&deep(DEEPEST)).is_some() && of(&deep(DEEPEST + 1)).is_none() && of(&deep(LONGEST / 2 - 10)).is_none());
        for none in ["", "x", "[1]", r#"{"a":1"#, r#"{"a":1} x"#, "{'a': 1}x"] {
            assert_eq!(of(none), None, "{none}");
        }
    }
}
