//! libpq's password file.

use std::path::{Path, PathBuf};

/// Returns the default path of the file.
pub(super) fn default_path(home: Option<&Path>) -> Option<PathBuf> {
    if cfg!(windows) {
        return std::env::var_os("APPDATA").map(|data| PathBuf::from(data).join("postgresql").join("pgpass.conf"));
    }
    home.map(|home| home.join(".pgpass"))
}

/// Returns the password for this server, database and user, from the first line that matches.
///
/// Like libpq, ignores a file that other users may read.
pub(super) fn password(file: &Path, host: &str, port: u16, database: &str, user: &str) -> Option<String> {
    if !is_private(file) {
        return None;
    }
    let text = std::fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| line_for(line, host, port, database, user))
}

fn line_for(line: &str, host: &str, port: u16, database: &str, user: &str) -> Option<String> {
    if line.starts_with('#') {
        return None;
    }
    let fields = fields(line);
    let [line_host, line_port, line_database, line_user, password] = fields.as_slice() else { return None };
    let matches = |field: &str, value: &str| field == "*" || field == value;
    // The directory of a socket matches `localhost`.
    let host_matches = matches(line_host, host) || (host.starts_with('/') && line_host == "localhost");
    (host_matches && matches(line_port, &port.to_string()) && matches(line_database, database) && matches(line_user, user))
        .then(|| password.clone())
}

/// Splits a line at its colons. A backslash escapes the next character.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut chars = line.chars();
    while let Some(char) = chars.next() {
        match char {
            ':' if fields.len() < 5 => fields.push(String::new()),
            other => {
                let char = if other == '\\' { chars.next().unwrap_or('\\') } else { other };
                if let Some(field) = fields.last_mut() {
                    field.push(char);
                }
            }
        }
    }
    fields
}

#[cfg(unix)]
fn is_private(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let public_bits = file.metadata().map(|metadata| metadata.permissions().mode() & 0o077);
    let is_private = public_bits.as_ref().is_ok_and(|bits| *bits == 0);
    if public_bits.is_ok() && !is_private {
        tracing::warn!(file = %file.display(), "the password file is ignored because other users may read it; run chmod 600 on it");
    }
    is_private
}

#[cfg(not(unix))]
fn is_private(_file: &Path) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_matches_counts() {
        let lines = "# comment\nh:1:d:u:first\nh:1:d:u:second\n*:*:other:*:a\\:b\\\\c\nlocalhost:*:*:*:local:rest";
        let find = |host, port, database, user| lines.lines().find_map(|line| line_for(line, host, port, database, user));
        assert_eq!(find("h", 1, "d", "u").as_deref(), Some("first"));
        assert_eq!(find("x", 9, "other", "z").as_deref(), Some("a:b\\c"));
        assert_eq!(find("/run/x", 5, "d", "u").as_deref(), Some("local:rest"));
        assert_eq!(find("h", 2, "d", "u"), None);
        assert_eq!(line_for("too:few", "too", 1, "d", "u"), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_other_users_may_read_is_ignored() {
        use std::os::unix::fs::PermissionsExt;
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "*:*:*:*:secret\n").unwrap();
        let read = |mode| {
            std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).unwrap();
            password(file.path(), "h", 1, "d", "u")
        };
        assert_eq!(read(0o600).as_deref(), Some("secret"));
        assert_eq!(read(0o644), None);
        assert_eq!(password(Path::new("/no/such/file"), "h", 1, "d", "u"), None);
    }
}
