//! Which member of one list is which of another: the longest run of members that both have in the same order.

use crate::model::SpanType;

/// A step's kind and name.
pub(super) type Key<N> = (SpanType, N);

/// Places in the two lists, together or alone.
type Places = [Option<usize>; 2];

/// Pairs the steps of two trees. The first are a pair whatever they are called; of what is left over between two pairs, steps of one kind
/// are pairs too.
pub(super) fn align<N: PartialEq>(left: &[Key<N>], right: &[Key<N>]) -> Vec<Places> {
    let (Some(_), Some(_)) = (left.first(), right.first()) else { return alone([0, 0], left.len(), right.len()) };
    let mut pairs = vec![[Some(0), Some(0)]];
    let mut done = [1, 1];
    let mut same = matches(&left[1..], &right[1..], |a, b| a == b);
    same.push([left.len() - 1, right.len() - 1]);
    for [a, b] in same {
        let [a, b] = [a + 1, b + 1];
        fill(&mut pairs, left, right, done, [a, b]);
        if a < left.len() && b < right.len() {
            pairs.push([Some(a), Some(b)]);
        }
        done = [a + 1, b + 1];
    }
    pairs
}

/// What stands between two pairs, from `from` up to `to`.
fn fill<N>(pairs: &mut Vec<Places>, left: &[Key<N>], right: &[Key<N>], from: [usize; 2], to: [usize; 2]) {
    let [mut a, mut b] = from;
    for [x, y] in matches(&left[from[0]..to[0]], &right[from[1]..to[1]], |(a, _), (b, _)| a == b) {
        let [x, y] = [from[0] + x, from[1] + y];
        pairs.extend(alone([a, b], x - a, y - b));
        pairs.push([Some(x), Some(y)]);
        [a, b] = [x + 1, y + 1];
    }
    pairs.extend(alone([a, b], to[0] - a, to[1] - b));
}

fn alone([a, b]: [usize; 2], left: usize, right: usize) -> Vec<Places> {
    (a..a + left).map(|at| [Some(at), None]).chain((b..b + right).map(|at| [None, Some(at)])).collect()
}

/// The longest common subsequence, as places in both lists. Costs the product of what is left when equal ends are taken off.
fn matches<N>(left: &[Key<N>], right: &[Key<N>], same: impl Fn(&Key<N>, &Key<N>) -> bool) -> Vec<[usize; 2]> {
    let ahead = left.iter().zip(right).take_while(|(a, b)| same(a, b)).count();
    let (a, b) = (&left[ahead..], &right[ahead..]);
    let behind = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| same(a, b)).count();
    let (a, b) = (&a[..a.len() - behind], &b[..b.len() - behind]);
    // How long the longest is from each place on; the last row and column are 0.
    let width = b.len() + 1;
    let mut longest = vec![0_u16; (a.len() + 1) * width];
    for x in (0..a.len()).rev() {
        for y in (0..b.len()).rev() {
            longest[x * width + y] = if same(&a[x], &b[y]) {
                longest[(x + 1) * width + y + 1] + 1
            } else {
                longest[(x + 1) * width + y].max(longest[x * width + y + 1])
            };
        }
    }
    let mut found: Vec<[usize; 2]> = (0..ahead).map(|at| [at, at]).collect();
    let (mut x, mut y) = (0, 0);
    while x < a.len() && y < b.len() {
        if same(&a[x], &b[y]) {
            found.push([ahead + x, ahead + y]);
            (x, y) = (x + 1, y + 1);
        } else if longest[(x + 1) * width + y] >= longest[x * width + y + 1] {
            x += 1;
        } else {
            y += 1;
        }
    }
    found.extend((0..behind).rev().map(|back| [left.len() - 1 - back, right.len() - 1 - back]));
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Steps by two letters: the kind (`m`odel, `t`ool) and the name.
    fn steps(text: &str) -> Vec<Key<&str>> {
        let kind = |letter: &str| match letter {
            "m" => SpanType::Model,
            "t" => SpanType::Tool,
            _ => SpanType::Agent,
        };
        text.split_whitespace().map(|step| (kind(&step[..1]), &step[1..])).collect()
    }

    fn told(left: &str, right: &str) -> String {
        let (a, b) = (steps(left), steps(right));
        let (names, others): (Vec<&str>, Vec<&str>) = (left.split_whitespace().collect(), right.split_whitespace().collect());
        let name = |names: &[&str], at: Option<usize>| at.map_or("-".to_owned(), |at| names[at].to_owned());
        align(&a, &b).into_iter().map(|[a, b]| format!("{}={}", name(&names, a), name(&others, b))).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn steps_of_one_kind_and_name_are_pairs_in_their_order() {
        assert_eq!(told("a1 mx ts my", "a1 mx tr ts my"), "a1=a1 mx=mx -=tr ts=ts my=my");
        assert_eq!(told("a1 mx ts my", "a1 mx my"), "a1=a1 mx=mx ts=- my=my");
        assert_eq!(told("a1 ta tb", "a1 tb ta"), "a1=a1 ta=- tb=tb -=ta");
    }

    #[test]
    fn what_is_left_over_is_paired_by_its_kind() {
        assert_eq!(told("a1 mx ts", "a1 my ts"), "a1=a1 mx=my ts=ts");
        assert_eq!(told("a1 mx", "a2 ty"), "a1=a2 mx=- -=ty");
        assert_eq!(told("a1", "a1 my"), "a1=a1 -=my");
        assert_eq!(told("", "a1"), "-=a1");
    }

    proptest! {
        #[test]
        fn every_step_stands_once_and_in_order(left in prop::collection::vec(0..6_usize, 0..30), right in prop::collection::vec(0..6_usize, 0..30)) {
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
