//! `run` with its screen: the program has a terminal of its own, gets the keys, and leaves nothing behind.

use super::*;

#[test]
fn a_program_has_a_terminal_and_the_keys_when_it_is_focused() {
    let script = "stty size; printf 'who? '; read name; printf '\\033[1mhello %s\\033[0m\\n' $name; exit 3";
    let mut program = Program::start(&["run", "--", "sh", "-c", script], &[]);
    program.wait_for("9 Output");
    program.wait_for("who?");
    program.press("9");
    program.wait_for("Ctrl-] leaves");
    program.press("q7\r");
    program.wait_for("hello q7");
    program.wait_for("exit code 3 · no traces");
    program.press("q");
    let (code, left) = program.wait_for_exit();
    assert_eq!(code, 3);
    assert!(left.contains("agno-top: no traces"), "{left}");
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
