//! The program in a pseudo-terminal: start, keys, exit, and the restored terminal.

#![cfg(unix)]
#![allow(clippy::expect_used, clippy::panic, reason = "a test ends where it cannot go on")]

#[path = "agno/mod.rs"]
mod agno;
#[path = "terminal/answers.rs"]
mod answers;
#[path = "terminal/demo.rs"]
mod demo;
#[path = "terminal/flood.rs"]
mod flood;
#[path = "terminal/hostile.rs"]
mod hostile;
#[path = "terminal/run.rs"]
mod run;

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use base64::Engine;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

const SIZE: PtySize = PtySize { rows: 30, cols: 100, pixel_width: 0, pixel_height: 0 };

/// How long to wait for anything.
const TIMEOUT: Duration = Duration::from_secs(30);

struct Program {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    screen: vt100::Parser,
    /// An incomplete frame.
    frame: Vec<u8>,
    /// The terminal modes before the start.
    modes: String,
    /// All output.
    written: Vec<u8>,
    directory: tempfile::TempDir,
}

impl Program {
    /// Starts the program in a temporary directory with a fixture named `traces.db`.
    fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/agno-3.1.10.sqlite");
        std::fs::copy(fixture, directory.path().join("traces.db")).expect("a copy of the fixture");
        let pair = native_pty_system().openpty(SIZE).expect("a pseudo-terminal");
        let modes = modes(&*pair.master);
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_agno-top"));
        command.args(arguments);
        command.cwd(directory.path());
        command.env("TERM", "xterm-256color");
        command.env_remove("TMUX");
        command.env_remove("NO_COLOR");
        command.env("XDG_STATE_HOME", directory.path().join("state"));
        command.env("XDG_CONFIG_HOME", directory.path().join("config"));
        for (name, value) in environment {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).expect("the program starts");
        let keys = pair.master.take_writer().expect("a keyboard");
        let mut reader = pair.master.try_clone_reader().expect("a screen");
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                if sender.send(bytes[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        let cells = |count| NonZeroU16::new(count).expect("a screen has cells");
        let screen = vt100::Parser::new(cells(SIZE.rows), cells(SIZE.cols), 0);
        Self { child, master: pair.master, keys, output, screen, frame: Vec::new(), modes, written: Vec::new(), directory }
    }

    /// Processes output; an incomplete frame waits for its end.
    fn process(&mut self, bytes: &[u8]) {
        self.frame.extend_from_slice(bytes);
        self.written.extend_from_slice(bytes);
        let last = |sequence: &[u8]| self.frame.windows(sequence.len()).rposition(|part| part == sequence);
        let complete = match (last(b"\x1b[?2026h"), last(b"\x1b[?2026l")) {
            (Some(begin), end) if end.is_none_or(|end| end < begin) => begin,
            _ => self.frame.len(),
        };
        let shown: Vec<u8> = self.frame.drain(..complete).collect();
        self.screen.process(&shown);
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("a key is taken");
    }

    /// Waits until the condition holds for the screen.
    fn wait(&mut self, what: &str, condition: impl Fn(&vt100::Screen) -> bool) {
        let begun = Instant::now();
        while !condition(self.screen.screen()) {
            let left = TIMEOUT.checked_sub(begun.elapsed());
            match left.map(|left| self.output.recv_timeout(left)) {
                Some(Ok(bytes)) => self.process(&bytes),
                Some(Err(RecvTimeoutError::Disconnected)) | None => panic!("no {what}:\n{}", self.screen.screen().contents()),
                Some(Err(RecvTimeoutError::Timeout)) => {}
            }
        }
    }

    fn wait_for(&mut self, text: &str) {
        self.wait(text, |screen| screen.contents().contains(text));
    }

    /// Waits for the exit and checks that the terminal is restored. Returns the exit code and the screen.
    fn wait_for_exit(mut self) -> (u32, String) {
        let begun = Instant::now();
        let status = loop {
            while let Ok(bytes) = self.output.recv_timeout(Duration::from_millis(5)) {
                self.process(&bytes);
            }
            if let Some(status) = self.child.try_wait().expect("the program can be waited for") {
                break status;
            }
            assert!(begun.elapsed() < TIMEOUT, "the program does not exit");
        };
        while let Ok(bytes) = self.output.recv_timeout(Duration::from_millis(50)) {
            self.process(&bytes);
        }
        let screen = self.screen.screen();
        assert!(!screen.alternate_screen(), "the alternate screen is left");
        assert!(!screen.hide_cursor(), "the cursor shows");
        assert!(!screen.bracketed_paste(), "pasted text is plain again");
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None, "the mouse is the terminal's again");
        assert_eq!(modes(&*self.master), self.modes, "the line's modes are as they were");
        (status.exit_code(), screen.contents())
    }

    fn signal(&self, name: &str) {
        let pid = self.child.process_id().expect("a process").to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().expect("kill runs").success());
    }
}

/// The modes of the terminal according to `stty`.
fn modes(master: &dyn MasterPty) -> String {
    let tty = master.tty_name().expect("a terminal's name");
    let output = Command::new("stty").arg("-a").arg("-F").arg(tty).output().expect("stty runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn it_shows_traces_handles_keys_and_quits() {
    let mut program = Program::start(&["traces.db"], &[]);
    program.wait_for("11 traces · 75 spans · 3 failed runs");
    program.wait_for("Report Team");
    program.press("!");
    program.wait_for("1 of 3 shown");
    program.press("?");
    program.wait_for("esc closes");
    program.press("q");
    program.wait("the closed help", |screen| !screen.contents().contains("esc closes"));
    program.press("q");
    assert_eq!(program.wait_for_exit().0, 0);
}

#[test]
fn it_finds_databases_in_the_working_directory() {
    let mut program = Program::start(&["--no-otlp"], &[]);
    program.wait_for("traces.db");
    program.wait_for("11 traces");
    program.press("\u{3}");
    assert_eq!(program.wait_for_exit().0, 0);
}

#[test]
fn who_asks_to_listen_waits_for_no_database_that_is_not_here() {
    // No database here has such a table.
    let other = ["--spans-table", "other"];
    let mut program = Program::start(&[&other[..], &["--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0"]].concat(), &[]);
    program.wait_for("listening for OTLP on 127.0.0.1:");
    program.wait_for("agno-top demo plays");
    assert!(!program.screen.screen().contents().contains("tmp/traces.db"), "{}", program.screen.screen().contents());
    program.press("q");
    assert_eq!(program.wait_for_exit().0, 0);
    let mut program = Program::start(&[&other[..], &["--no-otlp"]].concat(), &[]);
    program.wait_for("tmp/traces.db");
    program.press("q");
    assert_eq!(program.wait_for_exit().0, 0);
}

/// The lines of the unfolded traces.
fn trace_lines(program: &mut Program) -> Vec<String> {
    program.press("gZ");
    // Prices load a moment after the spans.
    let is_ready = |text: &str| text.contains("process_payment") && text.contains("COST") && !text.contains("marked");
    program.wait("unfolded traces with their cost", |screen| is_ready(&screen.contents()));
    program.screen.screen().contents().lines().skip(1).take(16).map(str::to_owned).collect()
}

#[test]
fn an_export_opens_as_the_same_traces() {
    let mut program = Program::start(&["traces.db"], &[]);
    program.wait_for("11 traces");
    // Fold the newest trace, which following unfolded.
    program.press("gh");
    program.press(&"mj".repeat(11));
    program.wait_for("11 marked");
    program.press("x");
    program.wait_for("Export 11 marked traces");
    program.press("\r");
    program.wait_for("wrote 75 spans");
    program.press("M");
    let before = trace_lines(&mut program);
    let path = std::fs::read_dir(program.directory.path())
        .expect("the directory can be read")
        .map(|entry| entry.expect("an entry").path())
        .find(|path| path.extension().is_some_and(|extension| extension == "json"))
        .expect("a file of JSON");
    let kept = tempfile::tempdir().expect("a directory");
    let copy = kept.path().join("again.json");
    std::fs::copy(path, &copy).expect("a copy");
    program.press("q");
    assert_eq!(program.wait_for_exit().0, 0);

    let mut again = Program::start(&[copy.to_str().expect("a path of plain text")], &[]);
    again.wait_for("11 traces · 75 spans · 3 failed runs");
    assert_eq!(trace_lines(&mut again), before);
    again.press("q");
    assert_eq!(again.wait_for_exit().0, 0);
}

#[test]
fn signals_end_the_program_cleanly() {
    for signal in ["TERM", "HUP", "INT", "QUIT", "USR1", "USR2", "ALRM"] {
        let mut program = Program::start(&["traces.db"], &[]);
        program.wait_for("11 traces");
        program.signal(signal);
        assert_eq!(program.wait_for_exit().0, 0, "{signal}");
    }
}

#[test]
fn a_closed_terminal_ends_the_program_without_a_panic() {
    let mut program = Program::start(&["traces.db"], &[]);
    program.wait_for("11 traces");
    let Program { mut child, master, keys, output, directory, .. } = program;
    // The reader thread stops at the next frame, which the closed keyboard triggers.
    drop(output);
    drop(keys);
    drop(master);
    let begun = Instant::now();
    while child.try_wait().expect("the program can be waited for").is_none() {
        assert!(begun.elapsed() < TIMEOUT, "the program does not exit");
        std::thread::sleep(Duration::from_millis(5));
    }
    let log = std::fs::read_to_string(directory.path().join("state/agno-top/agno-top.log")).expect("a log");
    assert!(!log.contains("panic"), "{log}");
}

#[test]
fn a_panic_in_any_thread_ends_the_program_with_a_message() {
    for place in ["main", "thread"] {
        let mut program = Program::start(&["traces.db"], &[("AGNO_TOP_REHEARSE_PANIC", place)]);
        program.wait("the message", |screen| !screen.alternate_screen() && screen.contents().contains("internal error"));
        let (code, text) = program.wait_for_exit();
        assert_eq!(code, 1, "{place}: {text}");
        assert!(text.contains("rehearsed"), "{text}");
    }
}

#[test]
fn an_invalid_database_is_reported_and_the_others_are_shown() {
    let mut program = Program::start(&["traces.db", "notes.db", "."], &[]);
    program.wait_for("11 traces");
    program.wait_for("notes.db");
    program.press("q");
    assert_eq!(program.wait_for_exit().0, 0);
}

#[test]
fn an_unknown_flag_exits_with_the_usage_code() {
    let program = Program::start(&["--no-such-flag"], &[]);
    let (code, text) = program.wait_for_exit();
    assert_eq!(code, 2, "{text}");
}

#[test]
fn it_survives_any_terminal_size() {
    let mut program = Program::start(&["traces.db"], &[]);
    program.wait_for("11 traces");
    for (rows, cols) in [(5, 20), (1, 1), (60, 200), (2, 300), (24, 80)].into_iter().cycle().take(40) {
        program.master.resize(PtySize { rows, cols, ..SIZE }).expect("a new size");
        program.press("jk");
    }
    // The cells of such a screen would take a hundred gigabytes.
    program.master.resize(PtySize { rows: u16::MAX, cols: u16::MAX, ..SIZE }).expect("a new size");
    program.press("jk");
    program.wait("a frame", |_| true);
    program.master.resize(SIZE).expect("the size it was");
    program.press("/nothing at all like this");
    program.wait_for("No trace matches the filter");
    program.press("\u{1b}");
    program.wait_for("1 of 11");
    program.press("q");
    assert_eq!(program.wait_for_exit().0, 0);
}

/// The last text that the program copied.
fn clipboard(program: &Program) -> Option<String> {
    let written = String::from_utf8_lossy(&program.written).into_owned();
    let (_, rest) = written.rsplit_once("\u{1b}]52;c;")?;
    let (text, _) = rest.split_once("\u{1b}\\")?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).expect("base64");
    Some(String::from_utf8(bytes).expect("text"))
}

#[test]
fn it_copies_through_the_terminal() {
    let mut program = Program::start(&["traces.db"], &[]);
    program.wait_for("11 traces");
    program.press("gy");
    program.wait_for("copied trace id bcc844e18edeb6510135150b6e8fc602");
    assert_eq!(clipboard(&program).as_deref(), Some("bcc844e18edeb6510135150b6e8fc602"));
    program.press("Y");
    program.wait_for("copied span 3a4b01a46e591378 as OTLP/JSON");
    let json: serde_json::Value = serde_json::from_str(&clipboard(&program).expect("a span")).expect("JSON");
    assert_eq!(json["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["spanId"], "3a4b01a46e591378");
    program.press("q");
    assert_eq!(program.wait_for_exit().0, 0);
}

#[test]
fn in_tmux_it_copies_through_tmux_or_else_the_terminal() {
    let programs = tempfile::tempdir().expect("a directory");
    let tmux = programs.path().join("tmux");
    let taken = programs.path().join("taken");
    std::fs::write(&tmux, format!("#!/bin/sh\n[ \"$*\" = 'load-buffer -w -' ] && cat > {}\n", taken.display())).expect("a program");
    std::fs::set_permissions(&tmux, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("it can be run");
    let path = format!("{}:{}", programs.path().display(), std::env::var("PATH").expect("a path"));
    let mut program = Program::start(&["traces.db"], &[("TMUX", "/tmp/there,1,0"), ("PATH", &path)]);
    program.wait_for("11 traces");
    program.press("gy");
    program.wait_for("copied trace id");
    assert_eq!(std::fs::read_to_string(&taken).expect("what was copied"), "bcc844e18edeb6510135150b6e8fc602");
    assert_eq!(clipboard(&program), None);
    std::fs::remove_file(&tmux).expect("tmux goes");
    program.press("jy");
    program.wait_for("copied span id");
    assert!(clipboard(&program).is_some(), "without tmux it uses the terminal");
    program.press("q");
    assert_eq!(program.wait_for_exit().0, 0);
}

#[test]
fn it_captures_the_mouse_unless_disabled() {
    let mut program = Program::start(&["traces.db"], &[]);
    program.wait_for("11 traces");
    program.wait("a mouse", |screen| screen.mouse_protocol_mode() == vt100::MouseProtocolMode::PressRelease);
    // Fold the newest trace, turn the wheel over the traces, and click the top row.
    program.press("gh");
    program.press("\u{1b}[<65;10;5M");
    program.wait_for("─ 4 of 11 ╮");
    program.press("\u{1b}[<0;10;4M\u{1b}[<0;10;4m");
    program.wait_for("─ 1 of 11 ╮");
    program.signal("TERM");
    assert_eq!(program.wait_for_exit().0, 0);

    let mut program = Program::start(&["traces.db", "--no-mouse"], &[]);
    program.wait_for("11 traces");
    assert_eq!(program.screen.screen().mouse_protocol_mode(), vt100::MouseProtocolMode::None);
    program.press("q");
    assert_eq!(program.wait_for_exit().0, 0);
}

#[test]
fn it_suspends_and_resumes() {
    let mut program = Program::start(&["traces.db"], &[]);
    program.wait_for("11 traces");
    program.press("\u{1a}T");
    // Without a shell nothing stops the process: it only restores the terminal and takes it over again.
    program.wait_for("theme = \"light\" in ");
    let written = String::from_utf8_lossy(&program.written).into_owned();
    let (_, after) = written.split_once("\u{1b}[?1049l").expect("the plain screen");
    assert!(after.contains("\u{1b}[?1049h"), "the screen again");
    program.wait_for("11 traces");
    program.press("q");
    assert_eq!(program.wait_for_exit().0, 0);
}

/// Where no shell could continue it, the system stops nothing either.
#[cfg(unix)]
#[test]
fn a_request_to_stop_from_outside_restores_the_terminal_and_stops_only_under_a_shell() {
    let mut program = Program::start(&["traces.db"], &[]);
    program.wait_for("11 traces");
    program.signal("TSTP");
    let taken_again = |written: &[u8]| {
        let written = String::from_utf8_lossy(written);
        written.split_once("\u{1b}[?1049l").is_some_and(|(_, after)| after.contains("\u{1b}[?1049h"))
    };
    while !taken_again(&program.written) {
        let bytes = program.output.recv_timeout(TIMEOUT).expect("the terminal is left and taken again");
        program.process(&bytes);
    }
    program.press("T");
    program.wait_for("theme = \"light\" in ");
    program.press("q");
    assert_eq!(program.wait_for_exit().0, 0);
}

#[test]
fn pasted_text_goes_only_into_an_open_line_editor() {
    let mut program = Program::start(&["traces.db"], &[]);
    program.wait_for("11 traces");
    program.press("\u{1b}[200~qqq!\u{1b}[201~");
    program.press("/");
    program.press("\u{1b}[200~status:\nerror\u{1b}[201~");
    program.wait_for("/status: error");
    program.press("\u{1b}");
    program.wait_for("? help");
    program.press("q");
    assert_eq!(program.wait_for_exit().0, 0);
}
