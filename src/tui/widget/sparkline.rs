//! A sparkline: recent values as small columns.

use super::Glyphs;

const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const ASCII: [char; 9] = [' ', '.', '.', ':', ':', '=', '=', '#', '#'];

/// Draws the last `width` values as columns in exactly `width` cells, the newest at the right. The largest of them is full; only 0 is
/// blank.
#[must_use]
pub fn sparkline(values: &[u64], width: usize, glyphs: Glyphs) -> String {
    let shown = &values[values.len().saturating_sub(width)..];
    let columns = if glyphs == Glyphs::Ascii { ASCII } else { BLOCKS };
    let top = u128::from(shown.iter().copied().max().unwrap_or_default().max(1));
    let mut line = " ".repeat(width - shown.len());
    line.extend(shown.iter().map(|&value| {
        // Rounded up, so that only 0 is blank.
        let height = (u128::from(value) * 8).div_ceil(top) as usize;
        columns[height.min(8)]
    }));
    line
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Glyphs, sparkline};

    #[test]
    fn columns_are_scaled_to_the_highest() {
        assert_eq!(sparkline(&[0, 1, 2, 3, 4, 5, 6, 7, 8], 9, Glyphs::Unicode), " ▁▂▃▄▅▆▇█");
        assert_eq!(sparkline(&[1, 100], 2, Glyphs::Unicode), "▁█");
        assert_eq!(sparkline(&[0, 0], 2, Glyphs::Unicode), "  ");
        assert_eq!(sparkline(&[u64::MAX, 1], 2, Glyphs::Unicode), "█▁");
        assert_eq!(sparkline(&[0, 2, 8], 3, Glyphs::Ascii), " .#");
    }

    #[test]
    fn the_newest_value_is_at_the_right() {
        assert_eq!(sparkline(&[8, 8, 4], 2, Glyphs::Unicode), "█▄");
        assert_eq!(sparkline(&[8], 3, Glyphs::Unicode), "  █");
        assert_eq!(sparkline(&[], 3, Glyphs::Unicode), "   ");
        assert_eq!(sparkline(&[1], 0, Glyphs::Unicode), "");
    }

    proptest! {
        #[test]
        fn the_width_is_exact(values in prop::collection::vec(any::<u64>(), 0..40), width in 0_usize..40) {
            prop_assert_eq!(sparkline(&values, width, Glyphs::Unicode).chars().count(), width);
        }
    }
}
