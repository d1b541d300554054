//! libpq's service file: settings under a name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{UrlError, invalid};

/// The size limit of the file in bytes.
const MAX_SIZE: u64 = 1 << 20;
/// The folder of the system's file, as Debian's libpq has it; others are named by `PGSYSCONFDIR`.
const SYSTEM_DIRECTORY: &str = "/etc/postgresql-common";

/// Returns the settings of a service, from the user's file or the system's. `environment` returns the value of an environment variable.
pub(super) fn read(
    name: &str,
    home: Option<&Path>,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<BTreeMap<String, String>, UrlError> {
    let of_user = environment("PGSERVICEFILE").map(PathBuf::from).or_else(|| Some(home?.join(".pg_service.conf")));
    let system = environment("PGSYSCONFDIR").unwrap_or_else(|| SYSTEM_DIRECTORY.to_owned());
    let files: Vec<PathBuf> = of_user.into_iter().chain([Path::new(&system).join("pg_service.conf")]).collect();
    for file in files.iter().filter(|file| file.exists()) {
        let text = crate::regular_file::read_to_string(file, MAX_SIZE)
            .map_err(|error| invalid(format!("the service file {} can't be read: {error}", file.display())))?;
        if let Some(settings) = find(&text, name) {
            return Ok(settings);
        }
    }
    let files = files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(" and ");
    Err(invalid(format!("there is no service {name:?} in {files}")))
}

fn find(text: &str, name: &str) -> Option<BTreeMap<String, String>> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let title = |line: &str| line.strip_prefix('[').and_then(|line| line.strip_suffix(']')).map(str::to_owned);
    lines.by_ref().find(|line| title(line).as_deref() == Some(name))?;
    let settings = lines.take_while(|line| title(line).is_none()).filter_map(|line| line.split_once('='));
    Some(settings.map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_has_the_settings_under_its_name() {
        let text = "# comment\n[other]\nhost=no\n[mine]\nhost = h\n\n# dbname=no\ndbname=a=b\n[last]\nport=1\n";
        let expected = [("dbname", "a=b"), ("host", "h")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(find(text, "mine"), Some(BTreeMap::from(expected)));
        assert_eq!((find(text, "host"), find("", "mine")), (None, None));
    }
}
