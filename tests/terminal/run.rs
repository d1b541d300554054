//! `run` with its screen: the program has a terminal of its own, gets the keys, and leaves nothing behind.

use super::agno::{models, models_with_script, python};
use super::*;

/// Runs the agent of the tests of `run` beside the screen, in a mode.
fn agent(python: &std::ffi::OsStr, arguments: &[&str]) -> Program {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/run/program.py");
    let python = python.to_str().expect("a path in Unicode");
    let command = ["run", "--", python, file.to_str().expect("a path in Unicode")];
    Program::start(&[&command[..], arguments].concat(), &[])
}

#[test]
fn a_call_of_a_model_is_on_the_screen_before_the_model_has_answered() {
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().expect("a temporary directory");
    let script = directory.path().join("script.json");
    // The test ends long before the answer.
    std::fs::write(&script, r#"[{"when": "wait", "turns": [{"seconds": 600, "say": "at last"}]}]"#).expect("a script");
    let (_server, address) = models_with_script(&python, &script);
    let mut program = agent(&python, &["plain", &address, "wait"]);
    let has = |screen: &vt100::Screen, name: &str| screen.contents().lines().any(|line| line.contains(name) && line.contains('◐'));
    program.wait("running agent", |screen| has(screen, "Clerk"));
    program.wait("running call", |screen| has(screen, "gpt-5-mini"));
    program.press("q");
    program.wait_for("still runs");
    program.press("q");
    let (_, left) = program.wait_for_exit();
    assert!(left.contains("1 trace, 1 cut"), "{left}");
}

#[test]
fn a_tool_that_was_killed_is_cut_on_the_screen_and_its_time_is_a_lower_bound() {
    let Some(python) = python() else { return };
    let (_server, address) = models(&python);
    let mut program = agent(&python, &["die", &address, "two tools", "9", "1.5"]);
    program.wait_for("ended by signal 9");
    program.wait("time of the tool", |screen| {
        screen.contents().lines().any(|line| line.contains("look_up") && line.contains('⊘') && line.contains("≥1."))
    });
    program.press("q");
    let (code, left) = program.wait_for_exit();
    assert_eq!(code, 128 + 9);
    assert!(left.contains("agno-top: ended by signal 9, 1 trace, 1 cut"), "{left}");
}

#[test]
fn a_line_on_standard_error_marks_the_step_that_wrote_it() {
    let Some(python) = python() else { return };
    let (_server, address) = models(&python);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let go = directory.path().join("go");
    let mut program = agent(&python, &["errors", &address, "two tools", go.to_str().expect("a path in Unicode")]);
    let is_marked = |line: &str| line.contains("◐ look_up") && line.contains('!');
    program.wait("mark", |screen| screen.contents().lines().any(is_marked));
    program.press("7");
    program.wait("line among the logs", |screen| {
        // The pane with the output has it, too.
        screen.contents().lines().filter(|line| line.contains("one line on standard error")).count() == 2
    });
    std::fs::write(&go, "").expect("a file");
    program.wait_for("exit code 0");
    program.press("q");
    let (code, left) = program.wait_for_exit();
    assert!(code == 0 && left.contains("one line on standard error"), "{left}");
}

#[test]
fn much_output_and_escape_sequences_of_a_program_stay_in_its_pane() {
    // What would change the terminal: its title, its modes, the other screen, and a sequence that never ends.
    let script =
        "seq 1 1000000; printf '\\033]0;title\\007\\033[?1003h\\033[?1049h\\033[?1049l\\033[?25l'; echo done; printf '\\033]52;c;'";
    let mut program = Program::start(&["run", "--", "sh", "-c", script], &[]);
    program.wait_for("exit code 0");
    program.wait_for("done");
    program.wait_for("1000000");
    #[cfg(target_os = "linux")]
    {
        let status = std::fs::read_to_string(format!("/proc/{}/status", program.child.process_id().expect("a process"))).expect("it runs");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        assert!(peak.is_some_and(|peak| peak < 150_000), "the memory does not grow with the output: {peak:?} kB");
    }
    let (title, clipboard) = (b"\x1b]0;title", b"\x1b]52;c;");
    assert!(!program.written.windows(title.len()).any(|part| part == title), "no title is passed on");
    assert!(!program.written.windows(clipboard.len()).any(|part| part == clipboard), "nothing is copied");
    program.press("q");
    let (code, left) = program.wait_for_exit();
    assert_eq!(code, 0);
    assert!(left.contains("1000000\ndone\nagno-top: exit code 0, no traces"), "{left}");
}

#[test]
fn a_program_has_a_terminal_and_the_keys_when_it_is_focused() {
    let script = "stty size; printf 'who? '; read name; printf '\\033[1mhello %s\\033[0m\\n' $name; exit 3";
    let mut program = Program::start(&["run", "--", "sh", "-c", script], &[]);
    program.wait_for("9 Output");
    program.wait_for("who?");
    program.press("9");
    program.wait_for("keys go to sh -c");
    program.wait_for("Ctrl-] leaves");
    program.press("q7\r");
    program.wait_for("hello q7");
    program.wait_for("exit code 3 · no traces");
    program.wait_for("it started no Python or Node");
    // After the end the output can be scrolled, and all other keys are those of agno-top.
    program.press("9");
    program.wait_for("scroll the output of sh -c");
    assert!(!program.screen.screen().contents().contains("keys go to"), "{}", program.screen.screen().contents());
    program.press("?");
    program.wait_for("esc closes");
    program.press("\u{1b}");
    program.wait("the closed help", |screen| !screen.contents().contains("esc closes"));
    program.press("9");
    program.wait_for("scroll the output of sh -c");
    program.press("q");
    let (code, left) = program.wait_for_exit();
    assert_eq!(code, 3);
    // What it wrote and how it ended stay on the terminal.
    assert!(left.contains("who? q7\nhello q7\n"), "{left}");
    assert!(left.contains("agno-top: exit code 3, no traces: it started no Python or Node"), "{left}");
}

#[test]
fn ctrl_c_reaches_the_program_and_quitting_asks_once() {
    let script = "trap 'echo interrupted' INT; echo $$ > pid; while :; do sleep 0.05; done";
    let mut program = Program::start(&["run", "--", "sh", "-c", script], &[]);
    program.wait_for("running");
    program.press("9");
    program.wait_for("Ctrl-] leaves");
    program.press("\u{3}");
    program.wait_for("interrupted");
    program.press("\u{1d}");
    program.wait_for(" running ");
    program.press("q");
    program.wait_for("still runs");
    let pid = std::fs::read_to_string(program.directory.path().join("pid")).expect("the program wrote its id");
    program.press("q");
    assert_eq!(program.wait_for_exit().0, 128 + 1, "the program was hung up");
    assert!(!Command::new("kill").args(["-0", pid.trim()]).status().expect("kill runs").success(), "no process is left");
}

#[test]
fn a_program_that_does_not_start_is_named_without_a_screen() {
    let program = Program::start(&["run", "--", "./no-such-program"], &[]);
    let (code, left) = program.wait_for_exit();
    assert_eq!(code, 127, "{left}");
    assert!(left.contains("can't run ./no-such-program"), "{left}");
    let program = Program::start(&["run", "--", "./traces.db"], &[]);
    let (code, left) = program.wait_for_exit();
    assert_eq!(code, 126, "{left}");
    assert!(left.contains("can't run ./traces.db: it is not executable"), "{left}");
}

#[test]
fn interrupts_reach_the_program_once_whoever_sends_them() {
    let script = "trap 'n=$((n + 1)); echo interrupts: $n' INT; echo ready; while [ ! -e end ]; do sleep 0.02; done";
    let mut program = Program::start(&["run", "--no-screen", "--", "sh", "-c", script], &[]);
    program.wait_for("ready");
    // Only agno-top gets the first one; the terminal sends the second one to both.
    program.signal("INT");
    program.wait_for("interrupts: 1");
    program.press("\u{3}");
    program.wait_for("interrupts: 2");
    program.signal("INT");
    program.wait_for("interrupts: 3");
    std::fs::write(program.directory.path().join("end"), "").expect("a file");
    let (code, left) = program.wait_for_exit();
    assert!(code == 0 && !left.contains("interrupts: 4"), "{left}");
}

#[test]
fn without_a_screen_the_output_is_the_terminal_s() {
    let program = Program::start(&["run", "--no-screen", "--", "sh", "-c", "[ -t 1 ] && echo in a terminal"], &[]);
    let (code, left) = program.wait_for_exit();
    assert_eq!(code, 0);
    assert!(left.contains("in a terminal") && left.contains("agno-top: no traces"), "{left}");
}
