//! Passwords and tokens are shown nowhere, wherever they are given.

use std::process::Output;

use super::{Program, errors};

/// The secret that stands in everything below.
const SECRET: &str = "hunter2";

/// Runs the program with debug output. Asserts that neither its output nor its log holds the secret.
fn run(program: &Program, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = program.command(&[arguments, &["--log-level", "trace"]].concat());
    command.envs(environment.iter().copied());
    let mut command = assert_cmd::Command::from_std(command);
    let output = command.timeout(std::time::Duration::from_secs(60)).output().unwrap();
    let log = std::fs::read(program.path("state/agno-top/agno-top.log")).unwrap_or_default();
    for (place, bytes) in [("output", &output.stdout), ("messages", &output.stderr), ("log", &log)] {
        let text = String::from_utf8_lossy(bytes);
        assert!(!text.contains(SECRET), "the {place} of {arguments:?} with {environment:?}: {text}");
    }
    output
}

#[test]
fn no_message_repeats_a_secret_of_the_command_line() {
    let program = Program::new();
    std::fs::write(program.path("url"), "htp://u:hunter2@h").unwrap();
    for (arguments, code) in [
        (&["list", "postgres://u:hunter2@127.0.0.1:1/d?password=hunter2"][..], 1),
        (&["tail", "--limit", "1", "--no-otlp", "postgres://u:hunter2@h:x/d"], 1),
        (&["list", "mysql://u:hunter2@127.0.0.1:1/d"], 1),
        (&["list", "mongodb://u:hunter2@h/d"], 2),
        (&["stats", "http://u:hunter2@h/?key=hunter2"], 1),
        (&["show", "1", "postgres://u:hunter2@"], 1),
        (&["send", "traces.db", "--to", "htp://u:hunter2@h"], 2),
        (&["send", "traces.db", "--to", "@url"], 2),
        (&["send", "traces.db", "--to", "http://u:hunter2@h:99999"], 2),
        (&["send", "traces.db", "--to", "http://h", "--header", "hunter2"], 2),
        (&["send", "traces.db", "--to", "http://h", "--header", "authorization=hunter2\u{1}"], 2),
        (&["tail", "--forward", "http://h", "--forward-header", "authorization=hunter2\u{1}"], 2),
        (&["send", "--header", "authorization=hunter2"], 2),
        (&["tail", "--forward", "htp://u:hunter2@h"], 2),
        (&["tail", "--forward", "@url"], 2),
        (&["tail", "--forward-header", "hunter2"], 2),
        (&["tail", "--otlp-token", "hunter2", "--http", "x"], 2),
        (&["list", "--otlp-token", "hunter2"], 2),
        (&["config", "--otlp-token", "hunter2", "--forward", "http://u:hunter2@h/?k=hunter2", "--forward-header", "a=hunter2"], 0),
    ] {
        let output = run(&program, arguments, &[]);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", errors(&output));
    }
}

#[test]
fn no_message_repeats_a_secret_of_the_environment() {
    let program = Program::new();
    for (variable, value) in [
        ("AGNO_TOP_OTLP_TOKEN", "hunter2"),
        ("AGNO_TOP_FORWARD", "http://u:hunter2@h htp://u:hunter2@h"),
        ("AGNO_TOP_FORWARD_HEADERS", "a=hunter2,hunter2"),
        ("AGNO_TOP_SOURCES", "postgres://u:hunter2@h:x/d"),
        ("AGNO_TOP_SEND_TO", "htp://u:hunter2@h"),
        ("AGNO_TOP_SEND_HEADER", "hunter2"),
        ("DATABASE_URL", "postgres://u:hunter2@h:x/d"),
        ("PGPASSWORD", "hunter2"),
        ("http_proxy", "http://u:hunter2@"),
    ] {
        for arguments in [&["config"][..], &["list", "--limit", "1"], &["list", "--help"], &["send", "traces.db"], &["send", "--help"]] {
            run(&program, arguments, &[(variable, value)]);
        }
        run(&program, &["send", "traces.db", "--to", "http://h.invalid"], &[(variable, value), ("all_proxy", "socks5://u:hunter2@h")]);
    }
}

#[test]
fn no_message_repeats_a_secret_of_the_configuration_file() {
    let program = Program::new();
    std::fs::create_dir_all(program.path("config/agno-top")).unwrap();
    for line in [
        "otlp_token = \"hunter2\"",
        "otlp_token = [\"hunter2\"]",
        "otlp_token = hunter2",
        "forward = \"http://u:hunter2@h\"",
        "forward = [\"htp://u:hunter2@h\"]",
        "forward_headers = \"authorization=hunter2\"",
        "forward_headers = [\"hunter2\"]",
        "forward_headers = [{ authorization = \"hunter2\" }]",
        "sources = \"postgres://u:hunter2@h/d\"",
        "sources = [\"postgres://u:hunter2@h:x/d\"]",
        "sources = [\"postgres://u:hunter2@h/d\"",
        "schema = [\"postgres://u:hunter2@h/d\"]",
        "otlp_tokens = \"hunter2\"",
    ] {
        std::fs::write(program.path("config/agno-top/config.toml"), line).unwrap();
        for arguments in [&["config"][..], &["list", "--limit", "1"]] {
            run(&program, arguments, &[]);
        }
    }
}

#[test]
fn a_password_in_an_argument_is_warned_of_and_can_stand_elsewhere() {
    let program = Program::new();
    let warning = |arguments: &[&str], environment: &[(&str, &str)]| errors(&run(&program, arguments, environment));
    let seen = "other users of this machine can read the password in this argument";
    for (arguments, instead) in [
        (&["send", "traces.db", "--to", "http://u:hunter2@127.0.0.1:99999"][..], "AGNO_TOP_SEND_TO"),
        (&["send", "traces.db", "--to=htp://u:hunter2@127.0.0.1"], "--to @FILE"),
        (&["config", "--forward", "http://u:hunter2@h"], "AGNO_TOP_FORWARD"),
        (&["list", "postgres://u:hunter2@h:x/d"], "PGPASSWORD"),
    ] {
        let message = warning(arguments, &[]);
        assert!(message.contains(seen) && message.contains(instead), "{arguments:?}: {message}");
    }
    // A port that nobody listens on.
    std::fs::write(program.path("url"), "http://u:hunter2@127.0.0.1:9/\n").unwrap();
    let unseen = [
        warning(&["config", "--forward", "@url"], &[]),
        warning(&["config"], &[("AGNO_TOP_FORWARD", "http://u:hunter2@h")]),
        warning(&["send", "traces.db", "--to", "@none"], &[]),
    ];
    assert!(unseen.iter().all(|message| !message.contains(seen)), "{unseen:?}");
    assert!(unseen[2].contains("can't use the file none"), "{unseen:?}");
}
