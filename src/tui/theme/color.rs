//! The colours that a terminal supports, and the conversion of styles to them.

use ratatui::style::{Color, Modifier, Style};

/// The colours that a terminal supports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColorSupport {
    /// No colours.
    None,
    /// The 16 ANSI colours, as the user configured them.
    Sixteen,
    /// 256 colours: also a cube of 216 colours and 24 greys.
    Indexed,
    /// 24-bit colours.
    #[default]
    True,
}

/// The 16 ANSI colours with their default values.
pub(super) const SIXTEEN: [(Color, [u8; 3]); 16] = [
    (Color::Black, [0, 0, 0]),
    (Color::Red, [205, 0, 0]),
    (Color::Green, [0, 205, 0]),
    (Color::Yellow, [205, 205, 0]),
    (Color::Blue, [0, 0, 238]),
    (Color::Magenta, [205, 0, 205]),
    (Color::Cyan, [0, 205, 205]),
    (Color::Gray, [229, 229, 229]),
    (Color::DarkGray, [127, 127, 127]),
    (Color::LightRed, [255, 0, 0]),
    (Color::LightGreen, [0, 255, 0]),
    (Color::LightYellow, [255, 255, 0]),
    (Color::LightBlue, [92, 92, 255]),
    (Color::LightMagenta, [255, 0, 255]),
    (Color::LightCyan, [0, 255, 255]),
    (Color::White, [255, 255, 255]),
];

/// Parts of `TERM` for terminals with 24-bit colours that may not set `COLORTERM`.
const TRUE_COLOR_TERMS: [&str; 6] = ["alacritty", "foot", "ghostty", "kitty", "wezterm", "direct"];

impl ColorSupport {
    /// Detects the support from environment variables: `NO_COLOR`, `COLORTERM` and `TERM`.
    #[must_use]
    pub fn detect(environment: impl Fn(&str) -> Option<String>) -> Self {
        let variable = |name| environment(name).unwrap_or_default();
        let (term, colours) = (variable("TERM"), variable("COLORTERM"));
        match () {
            () if !variable("NO_COLOR").is_empty() || term == "dumb" => Self::None,
            () if colours == "truecolor" || colours == "24bit" || TRUE_COLOR_TERMS.iter().any(|name| term.contains(name)) => Self::True,
            () if term.contains("256color") => Self::Indexed,
            () => Self::Sixteen,
        }
    }

    /// Converts a style to these colours. A style with a background alone becomes reversed where backgrounds can't be shown.
    pub(super) fn style(self, style: Style) -> Style {
        let is_background_only = style.bg.is_some_and(|colour| colour != Color::Reset) && style.fg.is_none();
        match self {
            Self::Sixteen | Self::None if is_background_only => Style { bg: None, ..style }.add_modifier(Modifier::REVERSED),
            Self::True => style,
            Self::Indexed => Style { fg: style.fg.map(indexed), bg: style.bg.map(indexed), ..style },
            Self::Sixteen => Style { fg: style.fg.map(sixteen), bg: style.bg.map(sixteen), ..style },
            Self::None => Style { fg: None, bg: None, ..style },
        }
    }
}

fn indexed(colour: Color) -> Color {
    let Color::Rgb(r, g, b) = colour else { return colour };
    let nearest = (16..=255).min_by_key(|&index| distance(rgb(index), [r, g, b])).unwrap_or_default();
    Color::Indexed(nearest)
}

fn sixteen(colour: Color) -> Color {
    let target = match colour {
        Color::Rgb(r, g, b) => [r, g, b],
        Color::Indexed(index @ 0..16) => return SIXTEEN[usize::from(index)].0,
        Color::Indexed(index) => rgb(index),
        named => return named,
    };
    SIXTEEN.iter().min_by_key(|(_, known)| distance(*known, target)).map_or(Color::Reset, |(named, _)| *named)
}

/// Returns the default value of an indexed colour.
pub(super) fn rgb(index: u8) -> [u8; 3] {
    let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
    match index {
        232.. => [8 + 10 * (index - 232); 3],
        16.. => [(index - 16) / 36, (index - 16) / 6 % 6, (index - 16) % 6].map(level),
        _ => SIXTEEN[usize::from(index)].1,
    }
}

/// Returns the approximate perceptual distance of two colours ("redmean"): the redder they are, the more red counts and the less blue.
fn distance(a: [u8; 3], b: [u8; 3]) -> u32 {
    let [red, green, blue] = [0, 1, 2].map(|at| u32::from(a[at].abs_diff(b[at])).pow(2));
    let redness = u32::midpoint(u32::from(a[0]), u32::from(b[0]));
    (512 + redness) * red + 1024 * green + (767 - redness) * blue
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_tells_the_supported_colours() {
        let support = |variables: &[(&str, &str)]| {
            ColorSupport::detect(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
        };
        assert_eq!(support(&[("TERM", "xterm-256color")]), ColorSupport::Indexed);
        assert_eq!(support(&[("TERM", "tmux-256color"), ("COLORTERM", "truecolor")]), ColorSupport::True);
        assert_eq!(support(&[("TERM", "xterm-kitty")]), ColorSupport::True);
        assert_eq!(support(&[("TERM", "linux")]), ColorSupport::Sixteen);
        assert_eq!(support(&[]), ColorSupport::Sixteen);
        assert_eq!(support(&[("COLORTERM", "truecolor"), ("NO_COLOR", "1")]), ColorSupport::None);
        assert_eq!(support(&[("TERM", "xterm-256color"), ("NO_COLOR", "")]), ColorSupport::Indexed);
    }

    #[test]
    fn colours_become_the_nearest_supported_ones() {
        assert_eq!(indexed(Color::Rgb(255, 0, 0)), Color::Indexed(196));
        assert_eq!(indexed(Color::Rgb(128, 128, 128)), Color::Indexed(244));
        assert_eq!(indexed(Color::Rgb(95, 175, 255)), Color::Indexed(75));
        assert_eq!(indexed(Color::Cyan), Color::Cyan);
        assert_eq!(sixteen(Color::Rgb(250, 10, 10)), Color::LightRed);
        assert_eq!(sixteen(Color::Indexed(9)), Color::LightRed);
        assert_eq!(sixteen(Color::Indexed(255)), Color::Gray);
        assert_eq!(sixteen(Color::Indexed(243)), Color::DarkGray);
        for index in 16..=255 {
            assert_eq!(
                distance(rgb(index), {
                    let [r, g, b] = rgb(index);
                    match indexed(Color::Rgb(r, g, b)) {
                        Color::Indexed(index) => rgb(index),
                        _ => [0; 3],
                    }
                }),
                0
            );
        }
    }

    #[test]
    fn styles_with_a_background_alone_are_reversed() {
        let cursor = Style::new().bg(Color::Indexed(237));
        assert_eq!(ColorSupport::None.style(cursor), Style::new().add_modifier(Modifier::REVERSED));
        assert_eq!(ColorSupport::Sixteen.style(cursor), Style::new().add_modifier(Modifier::REVERSED));
        let error = Style::new().fg(Color::Rgb(255, 0, 0)).add_modifier(Modifier::BOLD);
        assert_eq!(ColorSupport::None.style(error), Style::new().add_modifier(Modifier::BOLD));
    }
}
