//! What README says of the program is what the program says of itself.

use std::fmt::Write;

use agno_top::tui::app::action::ENTRIES;

#[test]
fn readme_lists_the_keys_as_the_program_has_them() {
    let mut table = String::from("| keys | what they do | name |\n|---|---|---|\n");
    for entry in ENTRIES {
        let keys: Vec<String> = entry.keys.iter().map(|key| format!("`{}`", key.replace('|', "\\|"))).collect();
        let _ = writeln!(table, "| {} | {} | {} |", keys.join(" "), entry.help, entry.name);
    }
    let readme = include_str!("../README.md");
    assert!(readme.contains(&table), "put this table into README.md:\n{table}");
}
