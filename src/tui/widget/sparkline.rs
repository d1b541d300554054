//! A sparkline: recent values as small columns.

use super::Glyphs;

const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const ASCII: [char; 9] = [' ', '.', '.', ':', ':', '=', '=', '#', '#'];

/// Draws the last `width` values as columns in exactly `width` cells, the newest at the right. The largest of them is full; only 0 is
/// blank.
#[must_use]
pub fn sparkline(values: &[u64], width: usize, glyphs: Glyphs) -> String {
    let shown = &values[values.len().saturating_sub(width)..];
    sparkline_of(shown, shown.iter().copied().max().unwrap_or_default(), width, glyphs)
}

/// Draws the last `width` values as [`sparkline`] does, but a column is full only from `top` on.
#[must_use]
pub fn sparkline_of(values: &[u64], top: u64, width: usize, glyphs: Glyphs) -> String {
    let shown = &values[values.len().saturating_sub(width)..];
    let columns = if glyphs == Glyphs::Ascii { ASCII } else { BLOCKS };
    let top = u128::from(top.max(1));
    let mut line = " ".repeat(width - shown.len());
    line.extend(shown.iter().map(|&value| {
        // Rounded up, so that only 0 is blank, but not to a full column.
        let height = (u128::from(value) * 8).div_ceil(top).min(if u128::from(value) < top { 7 } else { 8 });
        columns[height as usize]
    }));
    line
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Glyphs, sparkline, sparkline_of};

    #[test]
    fn columns_are_scaled_to_the_highest() {
        assert_eq!(sparkline(&[0, 1, 2, 3, 4, 5, 6, 7, 8], 9, Glyphs::Unicode), " ▁▂▃▄▅▆▇█");
        assert_eq!(sparkline(&[1, 100], 2, Glyphs::Unicode), "▁█");
        assert_eq!(sparkline(&[0, 0], 2, Glyphs::Unicode), "  ");
        assert_eq!(sparkline(&[u64::MAX, 1], 2, Glyphs::Unicode), "█▁");
        assert_eq!(sparkline(&[0, 2, 8], 3, Glyphs::Ascii), " .#");
    }

    #[test]
    fn a_column_of_a_known_whole_is_full_only_where_the_whole_is_reached() {
        assert_eq!(sparkline_of(&[1, 25, 50, 99, 100, 300], 100, 6, Glyphs::Unicode), "▁▂▄▇██");
        assert_eq!(sparkline_of(&[1, 300, u64::MAX], 0, 2, Glyphs::Unicode), "██");
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
