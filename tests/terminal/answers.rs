//! What the terminal tells of itself, and its title.

use super::*;

const QUESTION: &str = "\u{1b}]11;?\u{1b}\\";
const NO_HINT: (&str, &str) = ("COLORFGBG", "");

/// The background of the first cell of the header.
fn background(screen: &vt100::Screen) -> vt100::Color {
    screen.cell(0, 0).expect("a cell").bgcolor()
}

/// The backgrounds of the themes.
const LIGHT: vt100::Color = vt100::Color::Idx(231);
const DARK: vt100::Color = vt100::Color::Idx(232);

fn written(program: &Program) -> String {
    String::from_utf8_lossy(&program.written).into_owned()
}

#[test]
fn the_theme_follows_the_terminal_s_background() {
    let mut program = Program::start(&["traces.db"], &[NO_HINT]);
    program.wait_for("11 traces");
    assert_eq!(background(program.screen.screen()), DARK, "nothing is known");
    assert_eq!(written(&program).matches(QUESTION).count(), 1);
    // It comes late and in two parts.
    program.press("\u{1b}]11;rgb:ffff/ff");
    program.press("ff/ffff\u{1b}\\");
    program.wait("the light theme", |screen| background(screen) == LIGHT);
    program.press("\u{1b}[?997;1n");
    program.wait("the dark theme", |screen| background(screen) == DARK);
    program.press("\u{1b}]11;#fdf6e3\u{7}");
    program.wait("the light theme again", |screen| background(screen) == LIGHT);
    assert_eq!(written(&program).matches(QUESTION).count(), 2, "a change is asked about");
    program.press("\u{1b}[?62c");
    program.press("?");
    program.wait_for("esc closes");
    program.press("\u{1b}");
    program.wait("the closed help", |screen| !screen.contents().contains("esc closes"));
    program.press("T\u{1b}]11;rgb:0/0/0\u{7}");
    program.wait_for("theme = \"high-contrast\" in ");
    assert_ne!(background(program.screen.screen()), DARK, "the user chose a theme");
    program.press("q");
    program.wait("the plain screen", |screen| !screen.alternate_screen());
    assert!(written(&program).contains("\u{1b}[?2031l"));
    assert_eq!(program.wait_for_exit().0, 0);
}

#[test]
fn an_early_answer_decides_the_first_frame() {
    let mut program = Program::start(&["traces.db"], &[NO_HINT]);
    program.press("\u{1b}]11;rgb:ff/ff/ff\u{7}\u{1b}[?1;2c");
    program.wait("a frame", |screen| background(screen) != vt100::Color::Default);
    program.wait_for("11 traces");
    assert_eq!(background(program.screen.screen()), LIGHT);
    program.press("q");
    assert_eq!(program.wait_for_exit().0, 0);
}

#[test]
fn nothing_is_asked_where_the_answer_is_of_no_use() {
    let cases: [(&[&str], (&str, &str)); 3] =
        [(&["traces.db", "--theme", "dark"], NO_HINT), (&["traces.db"], ("NO_COLOR", "1")), (&["traces.db"], ("TERM", "linux"))];
    for (arguments, variable) in cases {
        let mut program = Program::start(arguments, &[variable]);
        program.wait_for("11 traces");
        program.press("q");
        program.wait("the plain screen", |screen| !screen.alternate_screen());
        let written = written(&program);
        assert!(!written.contains("]11;") && !written.contains("2031"), "{variable:?}");
        let has_colours = written.contains("\u{1b}[38;") || written.contains("\u{1b}[48;");
        assert_eq!(has_colours, variable.0 != "NO_COLOR", "{variable:?}");
        assert_eq!(program.wait_for_exit().0, 0);
    }
}

#[test]
fn without_an_answer_the_environment_decides() {
    let mut program = Program::start(&["traces.db"], &[("COLORFGBG", "0;15")]);
    program.wait_for("11 traces");
    assert_eq!(background(program.screen.screen()), LIGHT);
    program.press("q");
    assert_eq!(program.wait_for_exit().0, 0);
}

#[test]
fn the_title_tells_the_state_until_the_end() {
    let mut program = Program::start(&["traces.db"], &[NO_HINT]);
    program.wait_for("11 traces");
    let begun = Instant::now();
    while !written(&program).contains("\u{1b}]0;✗3 ≥$0.0068 agno-top traces.db\u{1b}\\") {
        assert!(begun.elapsed() < TIMEOUT, "no title in {:?}", written(&program));
        if let Ok(bytes) = program.output.recv_timeout(Duration::from_millis(100)) {
            program.process(&bytes);
        }
    }
    program.press("q");
    program.wait("the plain screen", |screen| !screen.alternate_screen());
    let text = written(&program);
    let (before, after) = text.rsplit_once("agno-top traces.db").expect("a title");
    assert!(before.contains("\u{1b}[22;0t") && after.contains("\u{1b}]0;\u{1b}\\\u{1b}[23;0t"), "{after:?}");
    assert_eq!(program.wait_for_exit().0, 0);

    let mut program = Program::start(&["traces.db", "--no-title"], &[NO_HINT]);
    program.wait_for("11 traces");
    program.press("q");
    program.wait("the plain screen", |screen| !screen.alternate_screen());
    assert!(!written(&program).contains("\u{1b}]0;"));
    assert_eq!(program.wait_for_exit().0, 0);
}
