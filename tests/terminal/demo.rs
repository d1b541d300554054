//! The demo: its guide, and that it can be played again.

use super::*;

#[test]
fn the_demo_guides_and_is_played_again() {
    let mut program = Program::start(&["demo"], &[]);
    program.wait_for("Demo, 1 of 7");
    program.wait_for("Code Reviewer");
    program.press("e");
    program.wait_for("Demo, 2 of 7");
    program.press("r");
    program.wait_for("Demo, 1 of 7");
    program.wait_for("Code Reviewer");
    program.press("q");
    assert_eq!(program.wait_for_exit().0, 0);
}

#[test]
fn only_the_demo_is_played_again() {
    let mut program = Program::start(&["traces.db"], &[]);
    program.wait_for("11 traces");
    program.press("r");
    program.wait_for("only the demo can be played again");
    program.press("q");
    assert_eq!(program.wait_for_exit().0, 0);
}
