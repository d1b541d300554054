//! The lines that a change removes and adds.

/// The most pairs of lines that are compared; beyond it, everything between the first and the last change is shown.
const MAX_PAIRS: usize = 4_000_000;

/// Returns the lines that differ, each with `-` or `+` before it.
#[must_use]
pub fn changed_lines(before: &str, after: &str) -> Vec<String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let same = old.iter().zip(&new).take_while(|(one, other)| one == other).count();
    let same_end = old[same..].iter().rev().zip(new[same..].iter().rev()).take_while(|(one, other)| one == other).count();
    let (old, new) = (&old[same..old.len() - same_end], &new[same..new.len() - same_end]);
    let removed = |line: &&str| format!("- {line}");
    let added = |line: &&str| format!("+ {line}");
    if old.len().saturating_mul(new.len()) > MAX_PAIRS {
        return old.iter().map(removed).chain(new.iter().map(added)).collect();
    }
    // The length of the longest common part of the lines from each pair on.
    let mut common = vec![vec![0_u32; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = if old[i] == new[j] { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            (i, j) = (i + 1, j + 1);
        } else if i < old.len() && (j == new.len() || common[i + 1][j] >= common[i][j + 1]) {
            lines.push(removed(&old[i]));
            i += 1;
        } else {
            lines.push(added(&new[j]));
            j += 1;
        }
    }
    lines
}
