//! Discovery of databases.

use std::fs;

use agno_top::sources::discover::discover;
use agno_top::sources::sqlite::Tables;

use crate::watch::{everything, fixture};
use crate::writer::{Writer, spans};

#[test]
fn databases_are_found_in_order_and_not_changed() {
    let dir = tempfile::tempdir().unwrap();
    let tmp = dir.path().join("tmp");
    fs::create_dir(&tmp).unwrap();
    for name in ["tmp/traces.db", "tmp/a.db", "b.sqlite3", "a.sqlite", "not-asked.txt"] {
        fs::copy(fixture("agno-2.5.0.sqlite"), dir.path().join(name)).unwrap();
    }
    let mut writer = Writer::wal(&tmp.join("live.db"));
    writer.run(&spans(1, 3));
    Writer::wal(&dir.path().join("rested.db")).close();
    Writer::open(&dir.path().join("other.db"), "CREATE TABLE agno_spans (a)").close();
    fs::write(dir.path().join("text.db"), "text").unwrap();
    fs::write(dir.path().join("empty.db"), "").unwrap();
    let before = (everything_in(dir.path()), everything(&tmp));
    let found = discover(dir.path(), &Tables::default());
    let expected = ["tmp/traces.db", "tmp/a.db", "tmp/live.db", "a.sqlite", "b.sqlite3", "rested.db"].map(|name| dir.path().join(name));
    assert_eq!(found, expected);
    assert_eq!((everything_in(dir.path()), everything(&tmp)), before);
    assert_eq!(discover(&dir.path().join("nowhere"), &Tables::default()), Vec::<std::path::PathBuf>::new());
    let tables = Tables { spans: "x".to_owned(), ..Tables::default() };
    assert_eq!(discover(dir.path(), &tables), Vec::<std::path::PathBuf>::new());
}

/// Returns the files of a folder and its folders.
fn everything_in(dir: &std::path::Path) -> Vec<(std::path::PathBuf, u64)> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    let mut files: Vec<_> =
        entries.filter(|entry| entry.path().is_file()).map(|entry| (entry.path(), entry.metadata().unwrap().len())).collect();
    files.sort();
    files
}
