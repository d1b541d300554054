//! The width of text in terminal cells. Graphemes, the characters that users see, are never split.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Marks text that was cut.
const ELLIPSIS: &str = "…";

/// Returns the graphemes of safe text, each with its width in cells.
pub fn cells(text: &str) -> impl Iterator<Item = (&str, usize)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (grapheme, width) = first(rest)?;
        rest = &rest[grapheme.len()..];
        Some((grapheme, width))
    })
}

/// Returns the parts of a grapheme that terminals lay out in cells of their own, each with its width: the letters of a conjunct. A flag, or
/// an emoji with a modifier, is one part.
pub fn parts(grapheme: &str) -> impl Iterator<Item = (&str, usize)> {
    let is_split = !grapheme.contains(is_joining);
    let mut rest = grapheme;
    std::iter::from_fn(move || {
        let begins = |(_, c): &(usize, char)| is_split && char_width(*c) > 0;
        let end = rest.char_indices().skip(1).find(begins).map_or(rest.len(), |(at, _)| at);
        let part;
        (part, rest) = rest.split_at(end);
        (!part.is_empty()).then(|| (part, grapheme_width(part)))
    })
}

/// Returns the width of safe text in cells.
#[must_use]
pub fn width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { cells(text).map(|(_, width)| width).sum() }
}

/// Fits text into `cells` cells: longer text is cut and ends with `…`. The cost depends on the cells, not on the length of the text.
#[must_use]
pub fn fit(text: &str, cells: usize) -> Cow<'_, str> {
    let (mut used, mut at, mut cut) = (0, 0, 0);
    while let Some((grapheme, width)) = first(&text[at..]) {
        used += width;
        at += grapheme.len();
        if used < cells {
            cut = at;
        }
        if used > cells {
            return if cells == 0 { Cow::Borrowed("") } else { Cow::Owned(format!("{}{ELLIPSIS}", &text[..cut])) };
        }
    }
    Cow::Borrowed(text)
}

/// Fits text into `cells` cells: longer text keeps its end after `…`, as suits a path.
#[must_use]
pub fn fit_end(text: &str, cells: usize) -> Cow<'_, str> {
    let (mut used, mut at, mut cut) = (0, text.len(), text.len());
    for grapheme in text.graphemes(true).rev() {
        used += grapheme_width(grapheme);
        at -= grapheme.len();
        if used < cells {
            cut = at;
        }
        if used > cells {
            return if cells == 0 { Cow::Borrowed("") } else { Cow::Owned(format!("{ELLIPSIS}{}", &text[cut..])) };
        }
    }
    Cow::Borrowed(text)
}

/// Fits text into `cells` cells: longer text keeps its beginning and, in two thirds of the cells, its end, with `…` between them.
#[must_use]
pub fn fit_middle(text: &str, cells: usize) -> Cow<'_, str> {
    let end = fit_end(text, cells);
    let first = cells / 3;
    if matches!(end, Cow::Borrowed(_)) || first == 0 {
        return end;
    }
    let beginning = fit(text, first + 1).trim_end_matches(ELLIPSIS).to_owned();
    Cow::Owned(beginning + &fit_end(text, cells - first))
}

/// Right-aligns text in exactly `cells` cells.
#[must_use]
pub fn pad_left(text: &str, cells: usize) -> String {
    let text = fit(text, cells);
    let mut padded = " ".repeat(cells.saturating_sub(width(&text)));
    padded.push_str(&text);
    padded
}

/// Left-aligns text in exactly `cells` cells.
#[must_use]
pub fn pad_right(text: &str, cells: usize) -> String {
    let mut padded = fit(text, cells).into_owned();
    padded.extend(std::iter::repeat_n(' ', cells.saturating_sub(width(&padded))));
    padded
}

/// Returns the first grapheme and its width. Segmentation is slow, and two ASCII characters never form one grapheme.
fn first(text: &str) -> Option<(&str, usize)> {
    match text.as_bytes() {
        [] => None,
        [only] if only.is_ascii() => Some((text, 1)),
        [one, two, ..] if one.is_ascii() && two.is_ascii() && *one != b'\r' => Some((&text[..1], 1)),
        _ => text.graphemes(true).next().map(|grapheme| (grapheme, grapheme_width(grapheme))),
    }
}

fn grapheme_width(grapheme: &str) -> usize {
    match grapheme.len() {
        1 => 1,
        _ if grapheme.contains(is_joining) => grapheme.width(),
        _ => grapheme.chars().map(char_width).sum(),
    }
}

/// Whether a character makes one sign of several: flags, modifiers and the selector of emoji, keycaps.
fn is_joining(c: char) -> bool {
    matches!(c, '\u{1f1e6}'..='\u{1f1ff}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{fe0f}' | '\u{20e3}')
}

/// Vowel signs with a cell of their own in terminals, which take widths from `wcwidth`. Unicode counts them to the letter before.
const SPACING_SIGNS: [char; 41] = [
    '\u{9be}',
    '\u{9d7}',
    '\u{b3e}',
    '\u{b57}',
    '\u{bbe}',
    '\u{bd7}',
    '\u{cc0}',
    '\u{cc2}',
    '\u{cc7}',
    '\u{cc8}',
    '\u{cca}',
    '\u{ccb}',
    '\u{cd5}',
    '\u{cd6}',
    '\u{d3e}',
    '\u{d57}',
    '\u{dcf}',
    '\u{ddf}',
    '\u{1715}',
    '\u{1734}',
    '\u{1b35}',
    '\u{1b3b}',
    '\u{1b3d}',
    '\u{1b43}',
    '\u{1b44}',
    '\u{1baa}',
    '\u{1bf2}',
    '\u{1bf3}',
    '\u{a953}',
    '\u{a9c0}',
    '\u{111c0}',
    '\u{11235}',
    '\u{1133e}',
    '\u{1134d}',
    '\u{11357}',
    '\u{114b0}',
    '\u{114bd}',
    '\u{115af}',
    '\u{116b6}',
    '\u{11930}',
    '\u{1193d}',
];

fn char_width(c: char) -> usize {
    if SPACING_SIGNS.binary_search(&c).is_ok() { 1 } else { c.width().unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{cells, fit, fit_end, fit_middle, pad_left, pad_right, parts, width};
    use crate::format::safe;

    #[test]
    fn widths_are_those_of_terminals() {
        for (text, cells) in [
            ("", 0),
            ("abc", 3),
            ("日本語", 6),
            ("e\u{301}", 1),
            ("🎉", 2),
            ("🇩🇪", 2),
            ("é", 1),
            ("…–", 2),
            ("ﾊﾟ", 2),
            ("한국", 4),
            ("❤", 1),
            ("❤\u{fe0f}", 2),
            ("👍🏽", 2),
            ("1\u{fe0f}\u{20e3}", 2),
            ("র\u{9cd}য\u{9be}ব", 4),
            ("க\u{bbe}", 2),
            ("ក\u{17d2}ក", 2),
        ] {
            assert_eq!(width(text), cells, "{text}");
        }
    }

    #[test]
    fn the_letters_of_a_conjunct_have_cells_of_their_own() {
        let all = |text: &'static str| cells(text).flat_map(|(grapheme, _)| parts(grapheme)).collect::<Vec<_>>();
        // Bengali, Devanagari and Tamil.
        assert_eq!(all("ক্ষম"), [("ক\u{9cd}", 1), ("ষ", 1), ("ম", 1)]);
        assert_eq!(all("क्षि"), [("क\u{94d}", 1), ("ष", 1), ("ि", 1)]);
        assert_eq!(all("য\u{9be}"), [("য", 1), ("\u{9be}", 1)]);
        assert_eq!(all("ﾊﾟ"), [("ﾊ", 1), ("ﾟ", 1)]);
        for whole in ["🇩🇪", "👍🏽", "e\u{301}", "한", "ᄒ\u{1161}ᆫ", "❤\u{fe0f}", "a"] {
            assert_eq!(all(whole), [(whole, width(whole))]);
        }
    }

    #[test]
    fn text_is_cut_between_graphemes() {
        assert_eq!(fit("research", 8), "research");
        assert_eq!(fit("research", 7), "resear…");
        assert_eq!(fit("日本語", 5), "日本…");
        assert_eq!(fit("日本語", 4), "日…");
        assert_eq!(fit("日本語", 2), "…");
        assert_eq!(fit("cafe\u{301}s", 4), "caf…");
        assert_eq!(fit("🇩🇪🇫🇷", 3), "🇩🇪…");
        assert_eq!(fit("ab", 1), "…");
        assert_eq!(fit("ab", 0), "");
        assert_eq!(fit("", 0), "");
    }

    #[test]
    fn the_end_of_a_path_is_kept() {
        assert_eq!(fit_end("/var/tmp/traces.db", 10), "…traces.db");
        assert_eq!(fit_end("traces.db", 9), "traces.db");
        assert_eq!(fit_end("日本語", 4), "…語");
        assert_eq!(fit_end("ab", 0), "");
    }

    #[test]
    fn pads_fill_the_cells_exactly() {
        assert_eq!(pad_left("97ms", 6), "  97ms");
        assert_eq!(pad_right("日本", 5), "日本 ");
        assert_eq!(pad_right("日本", 3), "日…");
        assert_eq!(pad_left("日本", 2), " …");
    }

    #[test]
    fn cutting_does_not_read_the_whole_text() {
        let long = "日本語".repeat(1_000_000);
        assert_eq!(width(&fit(&long, 10)), 9);
    }

    #[test]
    fn a_name_keeps_its_ends() {
        assert_eq!(fit_middle("agno-2026-production.sqlite", 12), "agno….sqlite");
        assert_eq!(fit_middle("traces.db", 12), "traces.db");
        assert_eq!((fit_middle("traces.db", 2), fit_middle("traces.db", 0)), ("…b".into(), "".into()));
    }

    proptest! {
        #[test]
        fn no_result_is_too_wide(text in any::<String>(), room in 0_usize..40) {
            let text = safe(&text);
            prop_assert!(width(&fit(&text, room)) <= room);
            prop_assert!(width(&fit_end(&text, room)) <= room);
            prop_assert_eq!(width(&pad_left(&text, room)), room);
            prop_assert_eq!(width(&pad_right(&text, room)), room);
        }

        #[test]
        fn graphemes_add_up_to_the_text(text in any::<String>()) {
            let text = safe(&text);
            prop_assert_eq!(cells(&text).map(|(grapheme, _)| grapheme).collect::<String>(), text.as_ref());
            prop_assert_eq!(cells(&text).map(|(_, width)| width).sum::<usize>(), width(&text));
            prop_assert_eq!(cells(&text).flat_map(|(cell, _)| parts(cell)).map(|(_, width)| width).sum::<usize>(), width(&text));
        }
    }
}
