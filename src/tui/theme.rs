//! Themes: how each role on the screen looks, in as many colours as the terminal has. Knows nothing of what plays the roles.

mod color;
mod file;
#[cfg(test)]
mod tests;

use std::path::Path;

pub use color::ColorSupport;
use ratatui::style::Style;

/// What something on the screen is to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// All of the screen, under everything else.
    Screen,
    /// Agents.
    Agent,
    /// Teams.
    Team,
    /// Workflows and their steps.
    Step,
    /// Calls of models.
    Model,
    /// Calls of tools.
    Tool,
    /// Spans of other kinds.
    Other,
    /// Titles.
    Title,
    /// What matters less.
    Dim,
    /// Frames and branches.
    Frame,
    /// The frame of the pane that has the keys.
    Focus,
    /// Keys, and names of values.
    Key,
    /// What is well; text in quotes.
    Good,
    /// What runs; numbers.
    Running,
    /// What failed.
    Error,
    /// Marks, and words like `true`.
    Mark,
    /// The line that the cursor is on, laid over the others.
    Cursor,
    /// The open tab.
    Tab,
    /// What passes the filter, and what differs; laid over the others.
    Lit,
    /// What was searched, laid over the others.
    Found,
    /// The place among these that is looked at.
    Current,
}

/// Every role with its name in a file, in the order of the enumeration.
const ROLES: [(Role, &str); 21] = [
    (Role::Screen, "screen"),
    (Role::Agent, "agent"),
    (Role::Team, "team"),
    (Role::Step, "step"),
    (Role::Model, "model"),
    (Role::Tool, "tool"),
    (Role::Other, "other"),
    (Role::Title, "title"),
    (Role::Dim, "dim"),
    (Role::Frame, "frame"),
    (Role::Focus, "focus"),
    (Role::Key, "key"),
    (Role::Good, "good"),
    (Role::Running, "running"),
    (Role::Error, "error"),
    (Role::Mark, "mark"),
    (Role::Cursor, "cursor"),
    (Role::Tab, "tab"),
    (Role::Lit, "lit"),
    (Role::Found, "found"),
    (Role::Current, "current"),
];

/// The themes that are built in.
const BUILT_IN: [(&str, &str); 4] = [
    ("dark", include_str!("../../assets/themes/dark.toml")),
    ("light", include_str!("../../assets/themes/light.toml")),
    ("high-contrast", include_str!("../../assets/themes/high-contrast.toml")),
    ("16-colour", include_str!("../../assets/themes/16-colour.toml")),
];

/// The name that stands for the theme which suits the terminal.
pub const AUTO: &str = "auto";

/// Themes of one's own that are read at most.
const MOST: usize = 100;

/// A theme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Theme {
    /// Its name.
    pub name: String,
    styles: [Style; ROLES.len()],
}

impl Theme {
    /// How a role looks.
    #[must_use]
    pub fn style(&self, role: Role) -> Style {
        self.styles[role as usize]
    }

    /// The same in as many colours as there are.
    fn at(&self, depth: ColorSupport) -> Self {
        Self { name: self.name.clone(), styles: self.styles.map(|style| depth.style(style)) }
    }
}

/// The themes there are, and which is on.
#[derive(Clone, Debug)]
pub struct Themes {
    all: Vec<Theme>,
    current: usize,
}

impl Default for Themes {
    fn default() -> Self {
        Self::load(AUTO, None, ColorSupport::True).0
    }
}

impl Themes {
    /// The built-in themes and those in `directory` (`NAME.toml`), in the terminal's colours, the one called `name` on; with what is
    /// wrong with files, a line each. Without such a theme the dark one is on.
    #[must_use]
    pub fn load(name: &str, directory: Option<&Path>, depth: ColorSupport) -> (Self, Vec<String>) {
        let mut all: Vec<Theme> = Vec::new();
        let mut troubles = Vec::new();
        for (name, text) in BUILT_IN {
            match file::parse(name, text, &all) {
                Ok(look) => all.push(look),
                Err((line, what)) => troubles.push(format!("built-in theme {name}, line {line}: {what}")),
            }
        }
        for name in directory.map(own).unwrap_or_default() {
            match file::read(directory.unwrap_or(Path::new("")), &name, &all) {
                Ok(look) => match all.iter_mut().find(|other| other.name == name) {
                    Some(other) => *other = look,
                    None => all.push(look),
                },
                Err(what) => troubles.push(what),
            }
        }
        let name = match (name, depth) {
            (AUTO, ColorSupport::Sixteen) => "16-colour",
            (AUTO, _) => "dark",
            (name, _) => name,
        };
        let all: Vec<Theme> = all.iter().map(|look| look.at(depth)).collect();
        let current = all.iter().position(|look| look.name == name).unwrap_or_default();
        (Self { all, current }, troubles)
    }

    /// The theme that is on.
    #[must_use]
    pub fn current(&self) -> &Theme {
        &self.all[self.current]
    }

    /// Goes to the next theme, round and round; its name.
    pub fn turn(&mut self) -> &str {
        self.current = (self.current + 1) % self.all.len().max(1);
        &self.current().name
    }
}

/// The names that a theme can be asked for by.
#[must_use]
pub fn names(directory: Option<&Path>) -> Vec<String> {
    let mut names = vec![AUTO.to_owned()];
    names.extend(BUILT_IN.map(|(name, _)| name.to_owned()));
    names.extend(directory.map(own).unwrap_or_default().into_iter().filter(|name| BUILT_IN.iter().all(|(known, _)| known != name)));
    names
}

/// The names of the themes in a directory, sorted.
fn own(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok);
    let name = |path: std::path::PathBuf| Some(path.file_name()?.to_str()?.strip_suffix(".toml")?.to_owned());
    let mut names: Vec<String> = entries.filter_map(|entry| name(entry.path())).filter(|name| !name.is_empty()).take(MOST).collect();
    names.sort_unstable();
    names
}
