//! What to say of a file that is not there.

use std::fs;
use std::path::Path;

use crate::model::nearest;

/// The most files of a folder to compare with a name.
const MAX_FILES: usize = 200;

/// Extensions of SQLite's databases.
const DATABASES: [&str; 5] = ["db", "db3", "sqlite", "sqlite3", "sqlitedb"];

/// Says that a file is missing, and whether one beside it has nearly its name. Lists the file's folder.
pub(super) fn missing_file(file: &str) -> String {
    let path = Path::new(file);
    if let Some(near) = near(path) {
        return format!("{file} does not exist yet; did you mean {near}?");
    }
    let is_database = path.extension().is_none_or(|extension| DATABASES.iter().any(|known| extension.eq_ignore_ascii_case(known)));
    let writer = if is_database { "; Agno creates it with the first trace" } else { "" };
    format!("{file} does not exist yet{writer}")
}

/// Returns the path of the file in the same folder whose name is nearest, whatever its extension.
fn near(path: &Path) -> Option<String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let entries = fs::read_dir(folder.unwrap_or(Path::new("."))).ok()?.flatten().take(MAX_FILES);
    let files = entries.filter(|entry| entry.path().is_file()).filter_map(|entry| entry.file_name().into_string().ok());
    // What SQLite keeps beside a database is no source.
    let files: Vec<String> = files.filter(|file| !["-wal", "-shm", "-journal"].iter().any(|end| file.ends_with(end))).collect();
    let stem = |file: &String| Path::new(file).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
    let stems: Vec<String> = files.iter().map(stem).collect();
    let nearest = nearest(path.file_stem()?.to_str()?, stems.iter().map(String::as_str))?;
    let near = stems.iter().position(|stem| stem == nearest).and_then(|at| files.get(at))?;
    Some(folder.map_or_else(|| near.to_owned(), |folder| folder.join(near).display().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_nearly_the_name_is_suggested() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["traces.db", "traces.db-wal", "spans.json", "old.db"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        fs::create_dir(folder.path().join("tracer.db")).unwrap();
        let say =
            |name: &str| missing_file(&folder.path().join(name).display().to_string()).replace(&*folder.path().to_string_lossy(), "T");
        let near = |name: &str| Path::new("T").join(name).display().to_string();
        assert_eq!(say("tarces.db"), format!("{} does not exist yet; did you mean {}?", near("tarces.db"), near("traces.db")));
        assert_eq!(say("spans.jsonl"), format!("{} does not exist yet; did you mean {}?", near("spans.jsonl"), near("spans.json")));
        assert_eq!(say("new.db"), format!("{} does not exist yet; Agno creates it with the first trace", near("new.db")));
        assert_eq!(say("agents.db"), format!("{} does not exist yet; Agno creates it with the first trace", near("agents.db")));
        assert_eq!(say("README.md"), format!("{} does not exist yet", near("README.md")));
        assert_eq!(missing_file("none/here.db"), "none/here.db does not exist yet; Agno creates it with the first trace");
    }
}
