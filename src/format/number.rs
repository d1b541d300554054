//! Formats tokens, money, counts, shares and sizes.

use super::{UNKNOWN, width};

/// Formats a number of tokens in at most 5 cells: `420`, `1.9k`, `12.3k`, `123k`, `1.2M`, or [`UNKNOWN`].
#[must_use]
pub fn tokens(n: Option<u64>) -> String {
    n.map_or_else(|| UNKNOWN.to_owned(), |n| scaled(n, 1000, 1, ["", "k", "M", "G", "T", "P", "E"]))
}

/// Formats a size in bytes in at most 7 cells, with decimal units: `999 B`, `1.2 kB`, `12.3 MB`.
#[must_use]
pub fn bytes(n: u64) -> String {
    scaled(n, 1000, 1, [" B", " kB", " MB", " GB", " TB", " PB", " EB"])
}

/// Formats a count with thousands separators: `11,204`.
#[must_use]
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats a count with its noun: `1 span`, `2,000 spans`, `0 prefixes`.
#[must_use]
pub fn plural(number: u64, noun: &str) -> String {
    with_noun(&count(number), noun)
}

/// Returns a number that is formatted already with its noun: `1 token`, `1.2k tokens`, `– tokens`.
#[must_use]
pub fn with_noun(number: &str, noun: &str) -> String {
    let ending = match number {
        "1" => "",
        _ if noun.ends_with(['s', 'x']) => "es",
        _ => "s",
    };
    format!("{number} {noun}{ending}")
}

/// Formats a number of any size: integers with thousands separators, others with up to six significant digits, very large and very small
/// ones with an exponent. What is not a number is [`UNKNOWN`].
#[must_use]
pub fn decimal(number: f64) -> String {
    let size = number.abs();
    if number.is_nan() {
        return UNKNOWN.to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "∞" } else { "−∞" }.to_owned();
    }
    if size != 0.0 && !(1e-4..1e15).contains(&size) {
        let text = format!("{number:.5e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{exponent}", trimmed(digits)).replace('-', "−");
    }
    // Six significant digits; those before the point are never cut.
    let whole_digits = size.log10().floor() as i32 + 1;
    let places = if size == 0.0 { 0 } else { (6 - whole_digits).max(0) as usize };
    let text = format!("{size:.places$}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let whole = whole.parse().map_or_else(|_| whole.to_owned(), count);
    let fraction = fraction.trim_end_matches('0');
    let sign = if number < 0.0 { "−" } else { "" };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// Returns digits without zeros at the end of a fraction.
fn trimmed(digits: &str) -> &str {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}

/// Formats `part` of `whole` in at most 5 cells: `38%`. A positive share never rounds to `0%`, and an incomplete one never to `100%`; a
/// share of 0 is [`UNKNOWN`].
#[must_use]
pub fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return UNKNOWN.to_owned();
    }
    let (part, whole) = (u128::from(part), u128::from(whole));
    match (part * 100 + whole / 2) / whole {
        0 if part > 0 => "<1%".to_owned(),
        100 if part < whole => "99%".to_owned(),
        1000.. => ">999%".to_owned(),
        share => format!("{share}%"),
    }
}

/// Formats nano-dollars in at most 8 cells, or 9 below zero: four decimals below a dollar (`$0.0041`), five below a tenth of a cent
/// (`$0.00019`), cents below a thousand (`$12.40`), then `$1.2k`. Zero is `$0.00`, less than `$0.00001` is `~$0`, and `None` is
/// [`UNKNOWN`].
#[must_use]
pub fn money(nano: Option<i64>) -> String {
    let Some(signed) = nano else { return UNKNOWN.to_owned() };
    if signed < 0 {
        return format!("−{}", money(Some(signed.saturating_neg())));
    }
    match signed as u64 {
        0 => "$0.00".to_owned(),
        1..5_000 => "~$0".to_owned(),
        nano @ 5_000..995_000 => format!("$0.{:05}", (nano + 5_000) / 10_000),
        nano @ 995_000..999_950_000 => format!("$0.{:04}", (nano + 50_000) / 100_000),
        nano @ 999_950_000..999_995_000_000 => {
            let cents = (nano + 5_000_000) / 10_000_000;
            format!("${}.{:02}", cents / 100, cents % 100)
        }
        nano => format!("${}", scaled(nano, 999_995_000_000, 1_000_000_000, ["", "k", "M", "B", "T", "", ""])),
    }
}

/// Formats nano-dollars as [`money`] does, with `≥` before a known amount that is a lower bound.
#[must_use]
pub fn money_at_least(nano: Option<i64>, is_bound: bool) -> String {
    let bound = if is_bound && nano.is_some() { "≥" } else { "" };
    format!("{bound}{}", money(nano))
}

/// Formats a count of tokens as [`tokens`] does, with `≥` before a known one that is a lower bound.
#[must_use]
pub fn tokens_at_least(count: Option<u64>, is_bound: bool) -> String {
    let bound = if is_bound && count.is_some() { "≥" } else { "" };
    format!("{bound}{}", tokens(count))
}

/// The decimals of the smallest amounts of [`money`].
const MONEY_DECIMALS: usize = 5;

/// Cells of an amount in a column, with a sign before it such as `≥`.
pub const MONEY_WIDTH: usize = 9;

/// Appends blanks to an amount of money so that, right-aligned in a column of [`MONEY_WIDTH`] cells, the decimal points of all amounts stand
/// in one line. A large amount without room keeps its last digit at the right edge.
#[must_use]
pub fn align_money(text: &str) -> String {
    let decimals = match text.rsplit_once('.') {
        Some((_, decimals)) if decimals.bytes().all(|byte| byte.is_ascii_digit()) => decimals.len(),
        // A dash or a scaled amount has no point to align.
        _ => return text.to_owned(),
    };
    let blanks = MONEY_DECIMALS.saturating_sub(decimals).min(MONEY_WIDTH.saturating_sub(width(text)));
    format!("{text}{:blanks$}", "")
}

/// Formats `n / unit` with the largest of `units`, which are factors of 1000 apart, and one decimal below 100; the first unit has no
/// decimals. The second unit begins at `first`.
fn scaled(n: u64, first: u64, unit: u64, units: [&str; 7]) -> String {
    if n < first {
        return format!("{}{}", n / unit, units[0]);
    }
    let mut step = u128::from(unit) * 1000;
    let mut at = 1;
    let n = u128::from(n);
    // 999.5 and more would round to 1000.
    while at + 1 < units.len() && n * 2 >= step * 1999 {
        step *= 1000;
        at += 1;
    }
    let tenths = (n * 10 + step / 2) / step;
    if tenths < 1000 { format!("{}.{}{}", tenths / 10, tenths % 10, units[at]) } else { format!("{}{}", (n + step / 2) / step, units[at]) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{MONEY_WIDTH, align_money, bytes, count, decimal, money, percent, tokens};
    use crate::format::width;

    #[test]
    fn numbers_have_six_significant_digits_and_whole_ones_all() {
        for (number, text) in [
            (0.0, "0"),
            (0.087_400_5, "0.0874005"),
            (1.0 / 3.0, "0.333333"),
            (-12.5, "−12.5"),
            (1_234_567.0, "1,234,567"),
            (1_234_567.8, "1,234,568"),
            (2e-5, "2e−5"),
            (1.5e20, "1.5e20"),
            (f64::NAN, "–"),
            (f64::NEG_INFINITY, "−∞"),
        ] {
            assert_eq!(decimal(number), text);
        }
    }

    #[test]
    fn tokens_never_round_to_a_thousand_of_a_unit() {
        for (n, text) in [
            (0, "0"),
            (420, "420"),
            (999, "999"),
            (1000, "1.0k"),
            (1_949, "1.9k"),
            (1_950, "2.0k"),
            (12_345, "12.3k"),
            (99_949, "99.9k"),
            (99_950, "100k"),
            (999_499, "999k"),
            (999_500, "1.0M"),
            (1_234_567, "1.2M"),
            (3_400_000_000, "3.4G"),
            (999_499_999_999, "999G"),
            (u64::MAX, "18.4E"),
        ] {
            assert_eq!(tokens(Some(n)), text);
        }
        assert_eq!(tokens(None), "–");
    }

    #[test]
    fn sizes_have_units() {
        for (n, text) in [(0, "0 B"), (999, "999 B"), (1_200_000, "1.2 MB"), (430_000_000, "430 MB"), (u64::MAX, "18.4 EB")] {
            assert_eq!(bytes(n), text);
        }
    }

    #[test]
    fn counts_have_thousands_separators() {
        for (n, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (11_204, "11,204"), (1_234_567, "1,234,567")] {
            assert_eq!(count(n), text);
        }
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn shares_never_round_to_nothing_or_everything() {
        for (part, whole, text) in [
            (0, 10, "0%"),
            (1, 1000, "<1%"),
            (5, 1000, "1%"),
            (38, 100, "38%"),
            (999, 1000, "99%"),
            (1000, 1000, "100%"),
            (3, 2, "150%"),
            (u64::MAX, 1, ">999%"),
            (u64::MAX, u64::MAX, "100%"),
            (0, 0, "–"),
            (1, 0, "–"),
        ] {
            assert_eq!(percent(part, whole), text, "{part} of {whole}");
        }
    }

    #[test]
    fn money_has_four_decimals_below_a_dollar_and_five_below_a_tenth_of_a_cent() {
        for (nano, text) in [
            (0, "$0.00"),
            (1, "~$0"),
            (4_999, "~$0"),
            (5_000, "$0.00001"),
            (41_000, "$0.00004"),
            (99_499, "$0.00010"),
            (410_000, "$0.00041"),
            (994_999, "$0.00099"),
            (995_000, "$0.0010"),
            (4_100_000, "$0.0041"),
            (9_949_999, "$0.0099"),
            (9_950_000, "$0.0100"),
            (41_300_000, "$0.0413"),
            (120_000_000, "$0.1200"),
            (999_949_999, "$0.9999"),
            (999_950_000, "$1.00"),
            (1_240_000_000, "$1.24"),
            (12_400_000_000, "$12.40"),
            (999_994_999_999, "$999.99"),
            (999_995_000_000, "$1.0k"),
            (1_234_000_000_000, "$1.2k"),
            (999_499_000_000_000, "$999k"),
            (i64::MAX, "$9.2B"),
        ] {
            assert_eq!(money(Some(nano)), text, "{nano}");
        }
        assert_eq!(money(None), "–");
        assert_eq!([-33_000_000, -1, i64::MIN].map(|nano| money(Some(nano))), ["−$0.0330", "−~$0", "−$9.2B"]);
    }

    #[test]
    fn decimal_points_stand_in_one_line() {
        let amounts = ["$0.00019", "$0.0020", "$1.24", "$12.40", "$123.40", "≥$0.0020", "$1.2k", "~$0", "–"];
        let column = amounts.map(|text| format!("{:>MONEY_WIDTH$}", align_money(text)));
        let aligned = [" $0.00019", " $0.0020 ", " $1.24   ", "$12.40   ", "$123.40  ", "≥$0.0020 ", "    $1.2k", "      ~$0", "        –"];
        assert_eq!(column, aligned);
    }

    proptest! {
        #[test]
        fn results_fit_their_cells(n in any::<u64>(), shift in 0_u32..64, part in any::<u64>()) {
            let n = n >> shift;
            prop_assert!(width(&tokens(Some(n))) <= 5);
            prop_assert!(width(&bytes(n)) <= 7);
            prop_assert!(width(&percent(part, n)) <= 5);
            prop_assert!(width(&money(Some(n.cast_signed()))) <= 8);
            prop_assert_eq!(count(n).replace(',', ""), n.to_string());
        }
    }
}
