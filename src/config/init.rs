//! A commented configuration file for the user to edit.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// The settings with their defaults, as TOML.
const EXAMPLE: &str = include_str!("../../config.toml.example");

/// The comment at the beginning of the file.
const HEAD: &str = "\
# The settings of agno-top, each with its default. Remove the # before a setting to change it; before a price or a key, also remove that
# before its heading, [prices] or [keys].
# An environment variable (AGNO_TOP_MAX_SPANS=5000) takes precedence over this file, a flag (--max-spans 5000) over both.
";

/// Writes a file in which every setting is a comment, so that the defaults of later versions apply. Only the user may read it, since a
/// setting may be secret.
///
/// # Errors
///
/// Fails if the file exists, or if it can't be written.
pub fn init(path: &Path) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        DirBuilder::new().recursive(true).create(directory)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(template().as_bytes())
}

/// Returns the text of the file. Headings of tables are comments too, so that a setting can be appended to the file.
fn template() -> String {
    let settings = EXAMPLE.split_once("\n\n").map_or(EXAMPLE, |(_, settings)| settings);
    let comment = |line: &str| match line.chars().next() {
        None | Some('#') => format!("{line}\n"),
        Some(_) => format!("#{line}\n"),
    };
    format!("{HEAD}\n{}", settings.lines().map(comment).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::layer::Layer;

    #[test]
    fn the_file_sets_nothing_until_a_comment_sign_is_removed() {
        let text = template();
        let values = Layer::parse(Path::new("x"), text.clone()).unwrap().values;
        assert!(values.is_empty(), "{values}");
        let appended = Layer::parse(Path::new("x"), format!("{text}theme = 'light'\n")).unwrap().values;
        assert_eq!(appended["theme"].as_str(), Some("light"));
        let all = text.replace("\n#", "\n").replace("\n ", "\n# ");
        assert_eq!(all.parse::<toml::Table>().unwrap(), EXAMPLE.parse().unwrap());
    }

    #[test]
    fn a_file_that_exists_is_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("new/folder/config.toml");
        init(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), template());
        std::fs::write(&path, "ascii = true\n").unwrap();
        assert_eq!(init(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "ascii = true\n");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
