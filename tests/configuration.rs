//! `agno-top config`, and errors in the configuration.

#![allow(clippy::expect_used, reason = "a test ends where it cannot go on")]

use std::path::Path;

use assert_cmd::Command;

/// Returns the program with this directory as the user's configuration directory.
fn program(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agno-top"));
    command.env_clear().env("HOME", home).env("XDG_CONFIG_HOME", home).env("XDG_STATE_HOME", home);
    command
}

fn home(config: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(home.path().join("agno-top")).expect("a directory in it");
    std::fs::write(home.path().join("agno-top/config.toml"), config).expect("a configuration");
    home
}

#[test]
fn config_prints_a_file_that_can_be_read_again() {
    let home = home("max_spans = 7\n[keys]\nnext-error = ['x']\nexport = ['e']\n");
    let output =
        program(home.path()).env("AGNO_TOP_FOLLOW", "no").args(["config", "--theme", "light"]).assert().code(0).get_output().clone();
    let text = String::from_utf8(output.stdout).expect("text");
    for line in [
        "max_spans = 7  # file",
        "follow = false  # AGNO_TOP_FOLLOW",
        "theme = \"light\"  # flag",
        "mouse = true  # default",
        "export = [\"e\"]  # file",
    ] {
        assert!(text.lines().any(|other| other == line), "{line} is not in\n{text}");
    }
    assert!(text.contains(&format!("# Configuration file: {}\n", home.path().join("agno-top/config.toml").display())), "{text}");
    let copy = home.path().join("copy.toml");
    std::fs::write(&copy, &text).expect("a copy");
    let again = program(home.path()).arg("--config").arg(&copy).arg("config").assert().code(0).get_output().stdout.clone();
    let values = |text: &str| text.parse::<toml::Table>().expect("TOML");
    assert_eq!(values(&String::from_utf8(again).expect("text")), values(&text));
}

#[test]
fn an_error_names_the_line_and_a_correction() {
    for (config, message) in [
        ("\nmax_span = 7", "line 2: unknown key \"max_span\"; did you mean \"max_spans\"?"),
        (
            "[keys]\nup = ['q']",
            "line 2: q is already bound to quit; bind quit to another key or to none (quit = []), or choose another key for up",
        ),
        ("[keys]\nnex-tab = []", "line 2: unknown action \"nex-tab\"; did you mean \"next-tab\"?"),
        ("theme = 'ligth'", "line 1: unknown theme \"ligth\"; did you mean \"light\"?"),
    ] {
        let home = home(config);
        let output = program(home.path()).arg("config").assert().code(2).get_output().clone();
        let text = String::from_utf8(output.stderr).expect("text");
        assert!(text.contains(message) && text.trim_end().lines().count() == 1, "{config:?} is answered with {text}");
    }
}

#[test]
fn config_init_writes_a_file_once() {
    let home = tempfile::tempdir().expect("a directory");
    let path = home.path().join("agno-top/config.toml");
    let wrote = program(home.path()).args(["config", "--init"]).assert().code(0).get_output().stdout.clone();
    assert_eq!(String::from_utf8(wrote).expect("text"), format!("wrote {}\n", path.display()));
    let settings = || program(home.path()).arg("config").assert().code(0).get_output().stdout.clone();
    assert!(String::from_utf8(settings()).expect("text").contains("\nmax_spans = 1000000  # default\n"), "the file sets nothing");
    let text = std::fs::read_to_string(&path).expect("the file");
    std::fs::write(&path, text.replace("\n#[keys]", "\n[keys]").replace("\n#quit = [\"q\", \"Ctrl-c\"]", "\nquit = \"Q\""))
        .expect("a change");
    assert!(String::from_utf8(settings()).expect("text").contains("\nquit = \"Q\"  # file\n"));
    let refused = program(home.path()).args(["config", "--init"]).assert().code(1).get_output().stderr.clone();
    assert_eq!(String::from_utf8(refused).expect("text"), format!("agno-top: {} exists already and is left as it is\n", path.display()));
    let other = home.path().join("other.toml");
    program(home.path()).args(["config", "--init", "--config"]).arg(&other).assert().code(0);
    assert!(other.exists());
}
