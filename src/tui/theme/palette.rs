//! The colours of a theme for pictures.

use ratatui::style::Color;

use super::color::rgb;
use super::{Role, Theme};
use crate::export::Palette;

impl Theme {
    /// Returns the colours; what the theme leaves to the terminal is light on black.
    #[must_use]
    pub fn palette(&self) -> Palette {
        let usual = Palette::default();
        let screen = self.style(Role::Screen);
        let background = screen.bg.and_then(value).unwrap_or(usual.background);
        // A light background without a colour for texts needs dark ones.
        let is_light = background.iter().map(|&part| u32::from(part)).sum::<u32>() > 3 * 128;
        let text = screen.fg.and_then(value).unwrap_or(if is_light { [0; 3] } else { usual.text });
        let colour = |role: Role| self.style(role).fg.and_then(value).unwrap_or(text);
        Palette {
            background,
            text,
            dim: colour(Role::Dim),
            frame: colour(Role::Frame),
            agent: colour(Role::Agent),
            team: colour(Role::Team),
            step: colour(Role::Step),
            model: colour(Role::Model),
            tool: colour(Role::Tool),
            other: colour(Role::Other),
            running: colour(Role::Running),
            error: colour(Role::Error),
        }
    }
}

/// Returns the value of a colour; `None` if the terminal decides.
fn value(colour: Color) -> Option<[u8; 3]> {
    let index = match colour {
        Color::Rgb(red, green, blue) => return Some([red, green, blue]),
        Color::Indexed(index) => index,
        Color::Reset => return None,
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 8,
        Color::LightRed => 9,
        Color::LightGreen => 10,
        Color::LightYellow => 11,
        Color::LightBlue => 12,
        Color::LightMagenta => 13,
        Color::LightCyan => 14,
        Color::White => 15,
    };
    Some(rgb(index))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::theme::{ColorSupport, Themes};

    #[test]
    fn a_picture_has_the_colours_of_the_theme() {
        let palette = |name: &str| Themes::load(name, None, ColorSupport::True).0.current().palette();
        assert_eq!(palette("dark"), Palette::default());
        let light = palette("light");
        assert!(light.background > [128; 3] && light.text < [128; 3], "{light:?}");
        assert_ne!(light.agent, light.error);
    }
}
