//! Themes: the style of each role, in the colours that the terminal supports.

mod background;
mod color;
mod file;
mod palette;
#[cfg(test)]
mod tests;

use std::path::Path;

pub use background::Background;
pub use color::ColorSupport;
use ratatui::style::Style;

/// The role of something on the screen, which determines its style.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The screen, below everything else.
    Screen,
    /// Agents.
    Agent,
    /// Teams.
    Team,
    /// Workflows and their steps.
    Step,
    /// Model calls.
    Model,
    /// Tool calls.
    Tool,
    /// Spans of other types.
    Other,
    /// Titles.
    Title,
    /// Less important text.
    Dim,
    /// Frames and tree branches.
    Frame,
    /// The frame of the focused pane.
    Focus,
    /// Keys, and names of values.
    Key,
    /// Success; quoted text.
    Good,
    /// Running spans; numbers.
    Running,
    /// Failures.
    Error,
    /// Marked traces; literals such as `true`.
    Mark,
    /// The line of the cursor; patches other styles.
    Cursor,
    /// The open tab.
    Tab,
    /// Rows that match the filter, and differences; patches other styles.
    Lit,
    /// Search matches; patches other styles.
    Found,
    /// The current search match.
    Current,
}

/// The keys of the roles in a theme file, in the order of the enum.
const ROLE_NAMES: [&str; 21] = [
    "screen", "agent", "team", "step", "model", "tool", "other", "title", "dim", "frame", "focus", "key", "good", "running", "error",
    "mark", "cursor", "tab", "lit", "found", "current",
];

/// The built-in themes.
const BUILT_IN: [(&str, &str); 4] = [
    ("dark", include_str!("../../assets/themes/dark.toml")),
    ("light", include_str!("../../assets/themes/light.toml")),
    ("high-contrast", include_str!("../../assets/themes/high-contrast.toml")),
    ("16-colour", include_str!("../../assets/themes/16-colour.toml")),
];

/// The name that selects a theme by the colours of the terminal.
pub const AUTO: &str = "auto";

/// The largest number of custom themes.
const MAX_CUSTOM: usize = 100;

/// A theme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Theme {
    /// Its name.
    pub name: String,
    styles: [Style; ROLE_NAMES.len()],
}

impl Theme {
    /// Returns the style of a role.
    #[must_use]
    pub fn style(&self, role: Role) -> Style {
        self.styles[role as usize]
    }

    /// Returns the theme in the supported colours.
    fn with_support(&self, support: ColorSupport) -> Self {
        Self { name: self.name.clone(), styles: self.styles.map(|style| support.style(style)) }
    }
}

/// The available themes, and the current one.
#[derive(Clone, Debug)]
pub struct Themes {
    all: Vec<Theme>,
    current: usize,
    /// Whether the terminal's background decides which theme is the current one.
    follows_background: bool,
}

impl Default for Themes {
    fn default() -> Self {
        Self::load(AUTO, None, ColorSupport::True).0
    }
}

impl Themes {
    /// Loads the built-in themes and those in `directory` (`NAME.toml`), converts them to the supported colours, and selects the theme
    /// `name`, or the dark one if there is no such theme. Also returns one message per invalid file. [`AUTO`] stands for the dark or the light
    /// theme, by [`Themes::set_background`].
    #[must_use]
    pub fn load(name: &str, directory: Option<&Path>, support: ColorSupport) -> (Self, Vec<String>) {
        let mut all: Vec<Theme> = Vec::new();
        let mut problems = Vec::new();
        for (name, text) in BUILT_IN {
            match file::parse(name, text, &all) {
                Ok(theme) => all.push(theme),
                Err((line, problem)) => problems.push(format!("built-in theme {name}, line {line}: {problem}")),
            }
        }
        for name in directory.map(custom_names).unwrap_or_default() {
            match file::read(directory.unwrap_or(Path::new("")), &name, &all) {
                Ok(theme) => match all.iter_mut().find(|other| other.name == name) {
                    Some(other) => *other = theme,
                    None => all.push(theme),
                },
                Err(problem) => problems.push(problem),
            }
        }
        let follows_background = name == AUTO && matches!(support, ColorSupport::Indexed | ColorSupport::True);
        let name = match (name, support) {
            (AUTO, ColorSupport::Sixteen) => "16-colour",
            (AUTO, _) => "dark",
            (name, _) => name,
        };
        let all: Vec<Theme> = all.iter().map(|theme| theme.with_support(support)).collect();
        let current = all.iter().position(|theme| theme.name == name).unwrap_or_default();
        (Self { all, current, follows_background }, problems)
    }

    /// Whether the terminal's background decides which theme is the current one.
    #[must_use]
    pub fn follows_background(&self) -> bool {
        self.follows_background
    }

    /// Selects the theme for a background, unless the user chose another one.
    pub fn set_background(&mut self, background: Background) {
        if self.follows_background {
            self.current = self.all.iter().position(|theme| theme.name == background.theme()).unwrap_or(self.current);
        }
    }

    /// Parses the text of a theme file. The error says what is wrong in which line.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn with_text(&self, text: &str) -> Result<Theme, String> {
        file::parse("text", text, &self.all).map_err(|(line, problem)| format!("line {line}: {problem}"))
    }

    /// Returns the current theme.
    #[must_use]
    pub fn current(&self) -> &Theme {
        &self.all[self.current]
    }

    /// Selects the next theme, after the last the first; returns its name.
    pub fn select_next(&mut self) -> &str {
        self.follows_background = false;
        self.current = (self.current + 1) % self.all.len().max(1);
        &self.current().name
    }
}

/// Returns the names that select a theme.
#[must_use]
pub fn names(directory: Option<&Path>) -> Vec<String> {
    let mut names = vec![AUTO.to_owned()];
    names.extend(BUILT_IN.map(|(name, _)| name.to_owned()));
    names
        .extend(directory.map(custom_names).unwrap_or_default().into_iter().filter(|name| BUILT_IN.iter().all(|(known, _)| known != name)));
    names
}

/// Returns the names of the themes in a directory, sorted.
fn custom_names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok);
    let name = |path: std::path::PathBuf| Some(path.file_name()?.to_str()?.strip_suffix(".toml")?.to_owned());
    let mut names: Vec<String> = entries.filter_map(|entry| name(entry.path())).filter(|name| !name.is_empty()).take(MAX_CUSTOM).collect();
    names.sort_unstable();
    names
}
