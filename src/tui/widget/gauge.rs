//! A horizontal gauge: a value as a share of the largest value.

use super::Glyphs;

/// Blocks that fill 0 to 8 eighths of a cell from the left.
pub(super) const EIGHTHS: [char; 9] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];

/// Draws `value` of `largest` as a bar of at most `width` cells, without trailing blanks. Any value above 0 is visible; a value above
/// `largest` fills the bar.
#[must_use]
pub fn gauge(value: u64, largest: u64, width: usize, glyphs: Glyphs) -> String {
    if value == 0 || width == 0 {
        return String::new();
    }
    let (part, whole) = (u128::from(value.min(largest.max(1))), u128::from(largest.max(1)));
    let eighths = ((part * width as u128 * 8 + whole / 2) / whole).max(1) as usize;
    if glyphs == Glyphs::Ascii {
        return "=".repeat((eighths + 4).div_euclid(8).max(1));
    }
    let mut bar = "█".repeat(eighths / 8);
    if !eighths.is_multiple_of(8) {
        bar.push(EIGHTHS[eighths % 8]);
    }
    bar
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Glyphs, gauge};

    #[test]
    fn a_bar_ends_within_a_cell() {
        assert_eq!(gauge(10, 10, 4, Glyphs::Unicode), "████");
        assert_eq!(gauge(5, 10, 3, Glyphs::Unicode), "█▌");
        assert_eq!(gauge(1, 1_000_000, 3, Glyphs::Unicode), "▏");
        assert_eq!(gauge(5, 10, 3, Glyphs::Ascii), "==");
    }

    #[test]
    fn zero_is_empty_and_excess_is_full() {
        assert_eq!(gauge(0, 10, 3, Glyphs::Unicode), "");
        assert_eq!(gauge(1, 0, 3, Glyphs::Unicode), "███");
        assert_eq!(gauge(u64::MAX, 3, 3, Glyphs::Unicode), "███");
        assert_eq!(gauge(3, 3, 0, Glyphs::Unicode), "");
    }

    proptest! {
        #[test]
        fn the_bar_fits(value in any::<u64>(), largest in any::<u64>(), width in 0_usize..40, ascii in any::<bool>()) {
            let glyphs = if ascii { Glyphs::Ascii } else { Glyphs::Unicode };
            let cells = gauge(value, largest, width, glyphs).chars().count();
            prop_assert!(cells <= width);
            prop_assert_eq!(cells == 0, value == 0 || width == 0);
        }
    }
}
