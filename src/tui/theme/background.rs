//! Whether a terminal's background is dark or light.

/// The lightness of a terminal's background.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Background {
    /// White letters are easier to read on it.
    Dark,
    /// Black letters are easier to read on it.
    Light,
}

/// The luminance at which black and white letters have the same contrast.
const MIDDLE: f64 = 0.179;

impl Background {
    /// Returns the lightness of a colour.
    #[must_use]
    pub fn of(colour: [u8; 3]) -> Self {
        if luminance(colour) > MIDDLE { Self::Light } else { Self::Dark }
    }

    /// Returns what the environment variable `COLORFGBG` says, which some terminals set: `FOREGROUND;BACKGROUND`, with indexes of the 16 ANSI
    /// colours. `None` if it says nothing.
    #[must_use]
    pub fn detect(environment: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let index = environment("COLORFGBG")?.rsplit_once(';')?.1.parse::<u8>().ok()?;
        match index {
            0..=6 | 8 => Some(Self::Dark),
            7 | 9..=15 => Some(Self::Light),
            _ => None,
        }
    }

    /// Returns the name of the theme for it.
    pub(super) fn theme(self) -> &'static str {
        match self {
            Self::Dark => "dark",
            Self::Light => "light",
        }
    }
}

/// Returns the relative luminance of a colour according to WCAG 2, from 0 to 1.
pub(super) fn luminance(colour: [u8; 3]) -> f64 {
    let [red, green, blue] = colour.map(|part| {
        let part = f64::from(part) / 255.0;
        if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_dark_or_light() {
        for colour in [[0, 0, 0], [0, 43, 54], [40, 44, 52], [0, 0, 238], [100, 100, 100]] {
            assert_eq!(Background::of(colour), Background::Dark, "{colour:?}");
        }
        for colour in [[255, 255, 255], [253, 246, 227], [255, 255, 0], [128, 128, 128]] {
            assert_eq!(Background::of(colour), Background::Light, "{colour:?}");
        }
    }

    #[test]
    fn the_environment_may_tell_the_background() {
        let detect = |value: &str| Background::detect(|name| (name == "COLORFGBG").then(|| value.to_owned()));
        assert_eq!(["15;0", "7;8", "15;default;0"].map(detect), [Some(Background::Dark); 3]);
        assert_eq!(["0;15", "0;default;15", "0;7"].map(detect), [Some(Background::Light); 3]);
        assert_eq!(["", "15", "15;default", "1;99", "1;-1"].map(detect), [None; 5]);
        assert_eq!(Background::detect(|_| None), None);
    }
}
