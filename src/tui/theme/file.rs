//! Theme files: TOML with one role per line, such as `agent = { fg = "#5fafff", bold = true }`.

use std::collections::BTreeMap;
use std::path::Path;

use ratatui::style::{Color, Modifier, Style};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use toml::{Spanned, Value};

use super::{ROLE_NAMES, Theme};
use crate::regular_file;

/// The largest size of a file in bytes.
const MAX_SIZE: u64 = 64 << 10;

/// The style of a role in a file.
#[expect(clippy::struct_excessive_bools, reason = "a file has one key per attribute")]
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct StyleSpec {
    fg: Option<ColorSpec>,
    bg: Option<ColorSpec>,
    #[serde(default)]
    bold: bool,
    #[serde(default)]
    dim: bool,
    #[serde(default)]
    italic: bool,
    #[serde(default)]
    underline: bool,
    #[serde(default)]
    reverse: bool,
}

/// A colour in a file.
struct ColorSpec(Color);

/// The names of the terminal's default colour and of the ANSI colours.
const COLOR_NAMES: [&str; 17] = [
    "default",
    "black",
    "red",
    "green",
    "yellow",
    "blue",
    "magenta",
    "cyan",
    "white",
    "bright-black",
    "bright-red",
    "bright-green",
    "bright-yellow",
    "bright-blue",
    "bright-magenta",
    "bright-cyan",
    "bright-white",
];

/// Reads a custom theme. The error names the file and the line.
pub(super) fn read(directory: &Path, name: &str, others: &[Theme]) -> Result<Theme, String> {
    let path = directory.join(format!("{name}.toml"));
    let text =
        regular_file::read_to_string(&path, MAX_SIZE).map_err(|error| format!("can't read the theme {}: {error}", path.display()))?;
    parse(name, &text, others).map_err(|(line, message)| format!("{}, line {line}: {message}", path.display()))
}

/// Parses a theme. Missing roles are those of its `base`, or of the first of the `others`. The error holds the number of its line.
pub(super) fn parse(name: &str, text: &str, others: &[Theme]) -> Result<Theme, (usize, String)> {
    let line = |at: usize| text.get(..at).map_or(1, |before| before.matches('\n').count() + 1);
    let entries: BTreeMap<Spanned<String>, Value> = toml::from_str(text)
        .map_err(|error| (line(error.span().map_or(0, |span| span.start)), error.message().trim_end().replace('\n', " ")))?;
    let mut styles = others.first().map_or([Style::new(); ROLE_NAMES.len()], |base| base.styles);
    if let Some((at, base)) = entries.get_key_value("base") {
        let base_name = base.as_str().unwrap_or_default();
        let found = others.iter().find(|other| other.name == base_name);
        styles = found.ok_or_else(|| (line(at.span().start), format!("there is no theme {base_name:?} to use as base")))?.styles;
    }
    for (role, value) in entries {
        let at = line(role.span().start);
        if role.get_ref() == "base" {
            continue;
        }
        let index = ROLE_NAMES.iter().position(|known| known == role.get_ref()).ok_or_else(|| (at, unknown(role.get_ref())))?;
        let spec: StyleSpec = value.try_into().map_err(|error: toml::de::Error| (at, error.message().trim_end().replace('\n', " ")))?;
        styles[index] = spec.style();
    }
    Ok(Theme { name: name.to_owned(), styles })
}

fn unknown(role: &str) -> String {
    match crate::model::nearest(role, ROLE_NAMES) {
        Some(known) => format!("unknown role {role:?}; did you mean {known:?}?"),
        None => format!("unknown role {role:?}; use base, {}", ROLE_NAMES.join(", ")),
    }
}

impl StyleSpec {
    fn style(self) -> Style {
        let attributes = [
            (self.bold, Modifier::BOLD),
            (self.dim, Modifier::DIM),
            (self.italic, Modifier::ITALIC),
            (self.underline, Modifier::UNDERLINED),
            (self.reverse, Modifier::REVERSED),
        ];
        let attributes = attributes.into_iter().filter(|(is, _)| *is).fold(Modifier::empty(), |all, (_, attribute)| all | attribute);
        Style { fg: self.fg.map(|ColorSpec(colour)| colour), bg: self.bg.map(|ColorSpec(colour)| colour), ..Style::new() }
            .add_modifier(attributes)
    }
}

impl<'de> Deserialize<'de> for ColorSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ColorVisitor;

        impl Visitor<'_> for ColorVisitor {
            type Value = ColorSpec;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a colour: \"#rrggbb\", a number up to 255, or a name such as \"bright-blue\"")
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<ColorSpec, E> {
                let wrong = |_| E::custom(format!("{number} is not a colour; use 0 to 255"));
                u8::try_from(number).map(|index| ColorSpec(Color::Indexed(index))).map_err(wrong)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<ColorSpec, E> {
                colour(text).map(ColorSpec).ok_or_else(|| {
                    let names = COLOR_NAMES.join(", ");
                    E::custom(format!("{text:?} is not a colour; use \"#rrggbb\", 0 to 255, or one of {names}"))
                })
            }
        }

        deserializer.deserialize_any(ColorVisitor)
    }
}

fn colour(text: &str) -> Option<Color> {
    match text {
        "default" => Some(Color::Reset),
        // The ANSI colour 7; ratatui calls the brighter 15 white.
        "white" => Some(Color::Gray),
        _ if text.starts_with('#') || COLOR_NAMES.contains(&text) => text.parse().ok(),
        _ => None,
    }
}
