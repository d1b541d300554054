//! Pairs the steps of two traces.

use crate::model::SpanType;

/// The type and the name of a step.
pub(super) type Key<N> = (SpanType, N);

/// The indices of a pair in the two lists; `None` for a step without a counterpart.
type Pair = [Option<usize>; 2];

/// Pairs the steps of two trees: the roots, then steps with the same type and name, then, between two such pairs, steps with the same type.
pub(super) fn align<N: PartialEq>(left: &[Key<N>], right: &[Key<N>]) -> Vec<Pair> {
    let (Some(_), Some(_)) = (left.first(), right.first()) else { return unpaired([0, 0], [left.len(), right.len()]) };
    let mut pairs = vec![[Some(0), Some(0)]];
    let mut next = [1, 1];
    for [a, b] in matches(&left[1..], &right[1..]) {
        let [a, b] = [a + 1, b + 1];
        pair_by_type(&mut pairs, left, right, next, [a, b]);
        pairs.push([Some(a), Some(b)]);
        next = [a + 1, b + 1];
    }
    pair_by_type(&mut pairs, left, right, next, [left.len(), right.len()]);
    pairs
}

/// Pairs the steps between two pairs, from the indices `start` up to `end`.
fn pair_by_type<N>(pairs: &mut Vec<Pair>, left: &[Key<N>], right: &[Key<N>], start: [usize; 2], end: [usize; 2]) {
    let types = |steps: &[Key<N>]| steps.iter().map(|(span_type, _)| *span_type as usize).collect::<Vec<_>>();
    let mut next = start;
    for [a, b] in matches(&types(&left[start[0]..end[0]]), &types(&right[start[1]..end[1]])) {
        let [a, b] = [start[0] + a, start[1] + b];
        pairs.extend(unpaired(next, [a, b]));
        pairs.push([Some(a), Some(b)]);
        next = [a + 1, b + 1];
    }
    pairs.extend(unpaired(next, end));
}

fn unpaired(start: [usize; 2], end: [usize; 2]) -> Vec<Pair> {
    (start[0]..end[0]).map(|left| [Some(left), None]).chain((start[1]..end[1]).map(|right| [None, Some(right)])).collect()
}

/// Returns the indices of a longest common subsequence in both lists. Costs the product of their lengths without common ends.
fn matches<K: PartialEq>(left: &[K], right: &[K]) -> Vec<[usize; 2]> {
    let prefix = left.iter().zip(right).take_while(|(a, b)| a == b).count();
    let (a, b) = (&left[prefix..], &right[prefix..]);
    let suffix = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[..a.len() - suffix], &b[..b.len() - suffix]);
    // The length of the longest common subsequence of `a[x..]` and `b[y..]`; the last row and column are 0.
    let width = b.len() + 1;
    let mut lengths = vec![0_u16; (a.len() + 1) * width];
    for x in (0..a.len()).rev() {
        for y in (0..b.len()).rev() {
            lengths[x * width + y] = if a[x] == b[y] {
                lengths[(x + 1) * width + y + 1] + 1
            } else {
                lengths[(x + 1) * width + y].max(lengths[x * width + y + 1])
            };
        }
    }
    let mut found: Vec<[usize; 2]> = (0..prefix).map(|at| [at, at]).collect();
    let (mut x, mut y) = (0, 0);
    while x < a.len() && y < b.len() {
        if a[x] == b[y] {
            found.push([prefix + x, prefix + y]);
            (x, y) = (x + 1, y + 1);
        } else if lengths[(x + 1) * width + y] >= lengths[x * width + y + 1] {
            x += 1;
        } else {
            y += 1;
        }
    }
    found.extend((0..suffix).rev().map(|back| [left.len() - 1 - back, right.len() - 1 - back]));
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Parses steps from two letters each: the type (`m`odel, `t`ool, other) and the name.
    fn steps(text: &str) -> Vec<Key<&str>> {
        let kind = |letter: &str| match letter {
            "m" => SpanType::Model,
            "t" => SpanType::Tool,
            _ => SpanType::Agent,
        };
        text.split_whitespace().map(|step| (kind(&step[..1]), &step[1..])).collect()
    }

    fn pairs(left: &str, right: &str) -> String {
        let (a, b) = (steps(left), steps(right));
        let (names, others): (Vec<&str>, Vec<&str>) = (left.split_whitespace().collect(), right.split_whitespace().collect());
        let name = |names: &[&str], at: Option<usize>| at.map_or("-".to_owned(), |at| names[at].to_owned());
        align(&a, &b).into_iter().map(|[a, b]| format!("{}={}", name(&names, a), name(&others, b))).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn steps_with_the_same_type_and_name_are_paired_in_order() {
        assert_eq!(pairs("a1 mx ts my", "a1 mx tr ts my"), "a1=a1 mx=mx -=tr ts=ts my=my");
        assert_eq!(pairs("a1 mx ts my", "a1 mx my"), "a1=a1 mx=mx ts=- my=my");
        assert_eq!(pairs("a1 ta tb", "a1 tb ta"), "a1=a1 ta=- tb=tb -=ta");
    }

    #[test]
    fn other_steps_are_paired_by_their_type() {
        assert_eq!(pairs("a1 mx ts", "a1 my ts"), "a1=a1 mx=my ts=ts");
        assert_eq!(pairs("a1 mx", "a2 ty"), "a1=a2 mx=- -=ty");
        assert_eq!(pairs("a1", "a1 my"), "a1=a1 -=my");
        assert_eq!(pairs("", "a1"), "-=a1");
    }

    proptest! {
        #[test]
        fn every_step_occurs_once_and_in_order(left in prop::collection::vec(0..6_usize, 0..30), right in prop::collection::vec(0..6_usize, 0..30)) {
            let all = steps("mx my ta tb tc az");
            let (a, b): (Vec<Key<&str>>, Vec<Key<&str>>) = (left.iter().map(|&at| all[at]).collect(), right.iter().map(|&at| all[at]).collect());
            let pairs = align(&a, &b);
            let side = |side: usize| pairs.iter().filter_map(|pair| pair[side]).collect::<Vec<_>>();
            prop_assert_eq!(side(0), (0..a.len()).collect::<Vec<_>>());
            prop_assert_eq!(side(1), (0..b.len()).collect::<Vec<_>>());
            prop_assert!(pairs.iter().skip(1).all(|pair| !matches!(pair, [Some(x), Some(y)] if a[*x].0 != b[*y].0)));
        }
    }
}
