#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::io::Write;

use super::*;

struct Folder {
    folder: tempfile::TempDir,
    follower: Follower,
}

impl Folder {
    /// A file of which everything has been read.
    fn new(content: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("traces.jsonl");
        fs::write(&path, content).unwrap();
        let follower = Follower::new(&path, File::open(&path).unwrap(), content.len() as u64).unwrap();
        Self { folder, follower }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn append(&self, name: &str, text: &str) {
        fs::OpenOptions::new().append(true).create(true).open(self.path(name)).unwrap().write_all(text.as_bytes()).unwrap();
    }

    /// Returns what is new, with `>` before the first lines of a file.
    fn look(&mut self) -> String {
        match self.follower.look().unwrap() {
            Found::Missing => "missing".to_owned(),
            Found::NotFile(what) => what,
            Found::Lines(lines, lost) => {
                assert_eq!(lost, [], "nothing is lost");
                let text = |lines: Lines| format!("{}{}", if lines.is_start { ">" } else { "" }, String::from_utf8(lines.bytes).unwrap());
                lines.into_iter().map(text).collect()
            }
        }
    }
}

#[test]
fn appended_lines_are_read_once_and_when_complete() {
    let mut folder = Folder::new("{}\n");
    assert_eq!(folder.look(), "");
    folder.append("traces.jsonl", "{\"a\":");
    assert_eq!(folder.look(), "");
    folder.append("traces.jsonl", "1}\n{\"b\":2}");
    assert_eq!(folder.look(), "{\"a\":1}\n{\"b\":2}");
    folder.append("traces.jsonl", "\n{");
    assert_eq!(folder.look(), "\n");
    assert_eq!(folder.look(), "");
}

#[test]
fn a_renamed_file_is_read_to_its_end_before_the_new_one() {
    let mut folder = Folder::new("1\n");
    fs::rename(folder.path("traces.jsonl"), folder.path("old")).unwrap();
    assert_eq!(folder.look(), "missing");
    folder.append("old", "2\n");
    assert_eq!(folder.look(), "2\n");
    folder.append("traces.jsonl", "");
    folder.append("old", "3\n");
    assert_eq!(folder.look(), "3\n", "the new file is empty");
    folder.append("old", "4\n");
    folder.append("traces.jsonl", "5\n");
    assert_eq!(folder.look(), "4\n>5\n");
    folder.append("old", "6\n");
    folder.append("traces.jsonl", "7\n");
    assert_eq!(folder.look(), "6\n7\n", "its writer had it still open");
    fs::remove_file(folder.path("traces.jsonl")).unwrap();
    folder.append("traces.jsonl", "8\n");
    assert_eq!(folder.look(), ">8\n");
}

#[test]
fn a_shortened_or_rewritten_file_is_read_from_its_start() {
    let mut folder = Folder::new("1\n2\n");
    fs::write(folder.path("traces.jsonl"), "3\n").unwrap();
    assert_eq!(folder.look(), ">3\n", "shorter");
    fs::write(folder.path("traces.jsonl"), "4\n5\n6\n").unwrap();
    assert_eq!(folder.look(), ">4\n5\n6\n", "longer");
    folder.append("traces.jsonl", "7\n");
    assert_eq!(folder.look(), "7\n");
    File::options().write(true).open(folder.path("traces.jsonl")).unwrap().set_len(0).unwrap();
    assert_eq!(folder.look(), "");
    folder.append("traces.jsonl", "8\n");
    assert_eq!(folder.look(), ">8\n", "copied away and emptied");
}

#[test]
fn what_is_no_file_is_told_and_the_file_after_it_is_read() {
    let mut folder = Folder::new("1\n");
    let path = folder.path("traces.jsonl");
    fs::rename(&path, folder.path("old")).unwrap();
    fs::create_dir(&path).unwrap();
    assert_eq!(folder.look(), "it is a directory");
    folder.append("old", "2\n");
    assert_eq!(folder.look(), "2\n", "its writer had it still open");
    assert_eq!(folder.look(), "it is a directory");
    fs::remove_dir(&path).unwrap();
    folder.append("traces.jsonl", "3\n");
    assert_eq!(folder.look(), ">3\n");
}

#[test]
fn a_missing_file_is_read_when_it_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("traces.jsonl");
    let mut folder = Folder { folder, follower: Follower::waiting(&path) };
    assert_eq!(folder.look(), "missing");
    folder.append("traces.jsonl", "1\n");
    assert_eq!(folder.look(), ">1\n");
}

/// Renames the file to `traces.jsonl.1` and those before it to the next numbers, and writes a new one.
fn rotate(folder: &Folder, compressed: bool, text: &str) {
    for number in (1..9).rev() {
        let _ = fs::rename(folder.path(&format!("traces.jsonl.{number}")), folder.path(&format!("traces.jsonl.{}", number + 1)));
    }
    if compressed {
        let packed = zstd::encode_all(&fs::read(folder.path("traces.jsonl")).unwrap()[..], 0).unwrap();
        fs::write(folder.path("traces.jsonl.1.zst"), packed).unwrap();
        fs::remove_file(folder.path("traces.jsonl")).unwrap();
    } else {
        fs::rename(folder.path("traces.jsonl"), folder.path("traces.jsonl.1")).unwrap();
    }
    folder.append("traces.jsonl", text);
}

#[test]
fn files_that_were_rotated_between_two_looks_are_read() {
    let mut folder = Folder::new("1\n");
    folder.append("traces.jsonl.1", "older\n");
    folder.append("traces.jsonl-20200101", "oldest\n");
    assert_eq!(folder.look(), "");
    folder.append("traces.jsonl", "2\n");
    rotate(&folder, false, "3\n");
    rotate(&folder, false, "4\n");
    rotate(&folder, false, "5\n");
    folder.append("traces.jsonl.1", "6\n");
    assert_eq!(folder.look(), "2\n>3\n>4\n6\n>5\n");
    folder.append("traces.jsonl.2", "7\n");
    folder.append("traces.jsonl", "8\n");
    assert_eq!(folder.look(), "7\n8\n");
    assert_eq!(folder.look(), "");
}

#[test]
fn rotated_files_are_read_once_the_new_one_has_lines() {
    let mut folder = Folder::new("1\n");
    rotate(&folder, false, "2\n");
    rotate(&folder, false, "");
    assert_eq!(folder.look(), "");
    fs::remove_file(folder.path("traces.jsonl")).unwrap();
    assert_eq!(folder.look(), "missing");
    folder.append("traces.jsonl", "3\n");
    assert_eq!(folder.look(), ">2\n>3\n");
}

#[test]
fn a_rotated_file_that_is_compressed_is_read_and_a_broken_one_told() {
    let mut folder = Folder::new("1\n");
    fs::File::options().append(true).open(folder.path("traces.jsonl")).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    rotate(&folder, false, "2\n");
    rotate(&folder, true, "3\n");
    assert_eq!(folder.look(), ">2\n>3\n");
    fs::File::options().append(true).open(folder.path("traces.jsonl")).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    fs::write(folder.path("traces.jsonl.1.gz"), [0x1f, 0x8b, 1]).unwrap();
    rotate(&folder, false, "4\n");
    let Found::Lines(lines, lost) = folder.follower.look().unwrap() else { panic!() };
    assert_eq!((lines.len(), lost.len(), lost[0].place.as_str()), (1, 1, "traces.jsonl.1.gz"));
}

#[test]
fn what_was_appended_before_a_file_was_copied_and_emptied_is_read_from_the_copy() {
    let mut folder = Folder::new("1\n");
    folder.append("traces.jsonl", "2\n");
    fs::copy(folder.path("traces.jsonl"), folder.path("traces.jsonl.1")).unwrap();
    fs::write(folder.path("other.jsonl"), "1\nx\n").unwrap();
    fs::write(folder.path("traces.jsonl"), "3\n").unwrap();
    assert_eq!(folder.look(), "2\n>3\n");
    assert_eq!(folder.look(), "");
}
