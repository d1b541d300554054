use std::borrow::Cow;

use proptest::prelude::*;

use super::{MAX_MARKS, file_name, is_mark, safe, safe_lines};

#[test]
fn plain_text_is_not_copied() {
    for text in ["", "plain", "Ünïcode – 日本語 🎉", "क्षत्रिय", "🇩🇪 flag", &"x".repeat(1000)] {
        assert!(matches!(safe(text), Cow::Borrowed(same) if same == text), "{text}");
    }
    assert!(matches!(safe_lines("two\nlines\n\n日本"), Cow::Borrowed(_)));
}

#[test]
fn control_sequences_are_removed_as_a_whole() {
    assert_eq!(safe("\x1b[31mred\x1b[0m"), "red");
    assert_eq!(safe("a\x1b]0;title\x07b\u{9b}1mc\x1b(Bd"), "abcd");
    assert_eq!(safe("link \x1b]8;;http://x\x1b\\here\x1b]8;;\x1b\\"), "link here");
    assert_eq!(safe("cut \x1b]8;;http://x"), "cut 8;;http://x");
}

#[test]
fn lone_controls_are_shown() {
    assert_eq!(safe("a\x07b\x00c\x7fd\u{84}e\x1b"), "a␇b␀c␡d·e␛");
}

#[test]
fn line_breaks_and_tabs_become_one_blank_in_a_line() {
    assert_eq!(safe("a\r\n   b\tc\u{2028}d \n e\u{85}f"), "a b c d e f");
    assert_eq!(safe("a  b"), "a  b");
    assert_eq!(safe("\n\n"), " ");
    assert_eq!(safe("a\u{a0}b\u{2009}c"), "a b c");
}

#[test]
fn lines_keep_their_breaks() {
    assert_eq!(safe_lines("a\r\nb\rc\n\n  d\te\u{2029}f\u{b}g"), "a\nb\nc\n\n  d    e\nf\ng");
    assert_eq!(safe_lines("\x1b[31ma\nb\x07"), "a\nb␇");
}

#[test]
fn characters_that_reorder_or_hide_are_removed() {
    assert_eq!(safe("abc\u{202e}fed\u{202c}\u{2066}x\u{2069}\u{200f}\u{61c}\u{200b}\u{feff}\u{ad}"), "abcfedx");
    assert_eq!(safe("tag\u{e0041}\u{e007f}s"), "tags");
    assert_eq!(safe("\u{e0b0} private \u{10fffd} \u{ffff}"), "· private · ·");
}

#[test]
fn joined_emoji_are_split() {
    assert_eq!(safe("👨\u{200d}👩\u{200d}👧"), "👨👩👧");
    assert_eq!(safe("❤\u{fe0f} 👍🏽"), "❤ 👍");
    assert_eq!(safe("ﾊﾟｶﾞ"), "ﾊ゜ｶ゛");
}

#[test]
fn marks_need_a_base_character_and_are_limited() {
    assert_eq!(safe("\u{301}e\u{301}"), "e\u{301}");
    assert_eq!(safe(&format!("a{}", "\u{301}".repeat(50))), format!("a{}", "\u{301}".repeat(MAX_MARKS)));
    assert_eq!(safe_lines("a\n\u{301}b"), "a\nb");
    let long = format!("{}\n\u{301}b", "x".repeat(63));
    assert_eq!(safe_lines(&long), format!("{}\nb", "x".repeat(63)));
}

#[test]
fn file_names_are_short_and_portable() {
    assert_eq!(file_name("Report Team"), "Report-Team");
    assert_eq!(file_name("../../etc/passwd"), "etc-passwd");
    assert_eq!(file_name("-rf .hidden"), "rf-.hidden");
    assert_eq!(file_name("日本"), "unnamed");
    assert_eq!(file_name("a\x1b[31m/b\0"), "a-b");
    assert_eq!(file_name(&"x".repeat(100)).len(), 60);
}

fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[ -~]{0,8}",
        any::<String>(),
        any::<char>().prop_map(String::from),
        prop::sample::select(vec![
            "\x1b",
            "\x1b[",
            "31m",
            "\x1b]0;",
            "\x07",
            "\u{9b}",
            "\u{9d}",
            "\u{9c}",
            "\x1b\\",
            "\r\n",
            "\n",
            "\t",
            " ",
            "\u{301}",
            "\u{202e}",
            "\u{200d}",
            "👨",
            "\u{fe0f}",
            "日本",
            "\u{e0020}",
            "ﾞ",
            "\u{1100}",
            "\u{1161}",
            "🇩",
            "\u{94d}",
            "\u{915}",
        ])
        .prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn is_harmless(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{e0000}'..)
}

proptest! {
    #[test]
    fn no_harmful_character_is_left(text in hostile()) {
        prop_assert!(safe(&text).chars().all(is_harmless));
        prop_assert!(safe_lines(&text).chars().all(|c| c == '\n' || is_harmless(c)));
    }

    #[test]
    fn safe_text_is_unchanged(text in hostile()) {
        let once = safe(&text);
        prop_assert_eq!(safe(&once), once.clone());
        let once = safe_lines(&text);
        prop_assert_eq!(safe_lines(&once), once.clone());
    }

    #[test]
    fn every_mark_has_a_character_before_it(text in hostile()) {
        for line in safe_lines(&text).split('\n') {
            prop_assert!(!line.starts_with(is_mark));
        }
        prop_assert!(!safe(&text).starts_with(is_mark));
    }

    #[test]
    fn file_names_have_only_portable_characters(text in hostile()) {
        let name = file_name(&text);
        prop_assert!((1..=60).contains(&name.len()));
        prop_assert!(name.starts_with(|c: char| c.is_ascii_alphanumeric()));
        prop_assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')));
    }
}
