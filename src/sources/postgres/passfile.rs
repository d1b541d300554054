//! libpq's password file.

use std::path::{Path, PathBuf};

/// Where the file lies unless somebody says otherwise.
pub(super) fn usual(home: Option<&Path>) -> Option<PathBuf> {
    if cfg!(windows) {
        return std::env::var_os("APPDATA").map(|data| PathBuf::from(data).join("postgresql").join("pgpass.conf"));
    }
    home.map(|home| home.join(".pgpass"))
}

/// The password for this server, database and user, from the first line that fits.
///
/// A file that others may read is not used, as libpq does not use it.
pub(super) fn password(file: &Path, host: &str, port: u16, database: &str, user: &str) -> Option<String> {
    if !private(file) {
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
    let fits = |field: &str, wanted: &str| field == "*" || field == wanted;
    // A socket's directory goes by the name of this machine.
    let host_fits = fits(line_host, host) || (host.starts_with('/') && line_host == "localhost");
    (host_fits && fits(line_port, &port.to_string()) && fits(line_database, database) && fits(line_user, user)).then(|| password.clone())
}

/// The parts between colons; a backslash makes the next character an ordinary one.
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
fn private(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let open = file.metadata().map(|metadata| metadata.permissions().mode() & 0o077);
    let private = open.as_ref().is_ok_and(|bits| *bits == 0);
    if open.is_ok() && !private {
        tracing::warn!(file = %file.display(), "the password file is not used: others may read it; chmod 600 it");
    }
    private
}

#[cfg(not(unix))]
fn private(_file: &Path) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_fits_counts() {
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
    fn a_file_that_others_may_read_is_not_used() {
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
