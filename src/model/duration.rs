//! Durations as text: `150ms`, `1.5s`, `5min`, `1h30m`.

use super::Nanos;

/// The names of the units, and their nanoseconds. No name is a case variant of another.
const UNITS: [(&[&str], Nanos); 9] = [
    (&["ns"], 1),
    (&["us", "µs"], 1_000),
    (&["ms"], 1_000_000),
    (&["s", "sec"], 1_000_000_000),
    (&["m", "min"], 60_000_000_000),
    (&["h", "hour"], 3_600_000_000_000),
    (&["d", "day"], 86_400_000_000_000),
    (&["w"], 604_800_000_000_000),
    (&["y"], 31_536_000_000_000_000),
];

/// Parses a duration: one or more numbers, each with a unit (`ns`, `us`, `ms`, `s`, `m` or `min`, `h`, `d`, `w`, `y`; case is ignored).
///
/// Returns nanoseconds; `None` if the text is not a duration or if it exceeds [`Nanos`]. A year has 365 days.
///
/// ```
/// use agno_top::model::duration;
///
/// assert_eq!(duration::parse("1.5s"), Some(1_500_000_000));
/// assert_eq!(duration::parse("1h30min"), Some(5_400_000_000_000));
/// assert_eq!(duration::parse("15"), None);
/// ```
#[must_use]
pub fn parse(text: &str) -> Option<Nanos> {
    let mut rest = text;
    let mut sum: Nanos = 0;
    while !rest.is_empty() {
        let (number, after) = split_at_first(rest, |c| !is_digit_or_point(c));
        let (unit, after) = split_at_first(after, is_digit_or_point);
        let unit = unit.to_lowercase();
        let (_, nanos) = UNITS.iter().find(|(names, _)| names.contains(&unit.as_str()))?;
        sum = sum.checked_add(scale(number, *nanos)?)?;
        rest = after;
    }
    (!text.is_empty()).then_some(sum)
}

/// Parses a duration like [`parse`]; a number without a unit counts seconds.
#[must_use]
pub fn parse_or_seconds(text: &str) -> Option<Nanos> {
    parse(text).or_else(|| scale(text, 1_000_000_000))
}

fn is_digit_or_point(c: char) -> bool {
    c.is_ascii_digit() || c == '.'
}

fn split_at_first(text: &str, stops: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(stops).unwrap_or(text.len()))
}

/// Multiplies a decimal number by a unit. Digits below a nanosecond are dropped.
fn scale(number: &str, unit: Nanos) -> Option<Nanos> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_number = (whole.len() + fraction.len() > 0) && [whole, fraction].iter().all(|part| part.bytes().all(|b| b.is_ascii_digit()));
    if !is_number {
        return None;
    }
    let whole: Nanos = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    // Eighteen digits are enough: the largest unit has seventeen.
    let digits = fraction.get(..18).unwrap_or(fraction);
    let numerator: i128 = if digits.is_empty() { 0 } else { digits.parse().ok()? };
    let part = numerator * i128::from(unit) / 10_i128.pow(digits.len() as u32);
    whole.checked_mul(unit)?.checked_add(Nanos::try_from(part).ok()?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Nanos = 1_000_000_000;

    #[test]
    fn every_unit_and_form_is_parsed() {
        for (text, nanos) in [
            ("150ms", 150_000_000),
            ("1.5s", SECOND * 3 / 2),
            (".5s", SECOND / 2),
            ("2.s", 2 * SECOND),
            ("5min", 300 * SECOND),
            ("0.01min", 600_000_000),
            ("1h30m", 5400 * SECOND),
            ("1H30MIN", 5400 * SECOND),
            ("7d", 604_800 * SECOND),
            ("1w", 604_800 * SECOND),
            ("20µs", 20_000),
            ("20us", 20_000),
            ("3ns", 3),
            ("0.1ns", 0),
        ] {
            assert_eq!(parse(text), Some(nanos), "{text}");
            assert_eq!(parse_or_seconds(text), Some(nanos), "{text}");
        }
        assert_eq!(parse_or_seconds("2.5"), Some(SECOND * 5 / 2));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "s", "15x", ".s", "1.2.3s", "-5s", "1 s", "1e3s", "inf", "1h2", "99999999999999999999d", "9999999999999y"] {
            assert_eq!(parse(text), None, "{text}");
        }
        for text in ["", ".", "1h2", "1e3", "inf"] {
            assert_eq!(parse_or_seconds(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn sums_of_units_add_up(hours in 0_i64..1000, minutes in 0_i64..1000, millis in 0_i64..100_000) {
            let text = format!("{hours}h{minutes}m{}.{:03}s", millis / 1000, millis % 1000);
            prop_assert_eq!(parse(&text), Some((hours * 3600 + minutes * 60) * SECOND + millis * 1_000_000));
        }

        #[test]
        fn any_text_is_parsed_or_refused(text in "[0-9.smhdµ]{0,30}") {
            let _ = parse_or_seconds(&text);
        }
    }
}
