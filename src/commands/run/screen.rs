//! A program in a pseudo-terminal, on a pane of the screen.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use eyre::{Report, eyre};
use portable_pty::{CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{Sender, channel as bounded};

use super::child::exit_code;
use super::{Ended, at_end, refuse, why_nothing};
use crate::cli::RunArgs;
use crate::commands::{Outcome, open, print_message, screen};
use crate::config::Config;
use crate::format;
use crate::run::{ChildEnvironment, Files, Injection, Refusal, guarded, read_notes};
use crate::sources::Hub;
use crate::tui::app::{Program, SourceView};
use crate::tui::event_loop::{self, ProgramEnd, ProgramEvent, ProgramLink, ProgramRequest};

/// The size of the terminal before the first frame.
const SIZE: PtySize = PtySize { rows: 10, cols: 80, pixel_width: 0, pixel_height: 0 };

/// Pieces of output that may wait for the screen. A program that writes faster waits, as for any terminal.
const WAITING: usize = 256;

/// Makes Python's tracing report lines on standard error, so that they mark the run that wrote them.
const MARKS_LINES: &str = "AGNO_TOP_RUN_MARKS_LINES";

/// How long a program may take to end after each request to do so.
const PATIENCE: Duration = Duration::from_secs(2);

/// Runs a program beside the screen until the user quits. The inner error is the outcome of a program that did not start.
pub(super) fn run(
    args: &RunArgs,
    config: &Config,
    hub: Hub,
    environment: &ChildEnvironment,
    injection: &Injection,
    runtime: &Runtime,
) -> Result<Result<Ended, Outcome>, Report> {
    let (running, link) = match start(args, environment, injection.files.clone(), at_end(injection, &hub)) {
        Ok(started) => started,
        Err(error) => {
            open::stop(hub);
            return Ok(Err(refuse(&args.command, Refusal::NotExecutable, &format_args!("{error:#}"))));
        }
    };
    let mut session = screen::session(hub, vec![SourceView::new("otlp")], config)?;
    let words: Vec<_> = args.command.iter().map(|word| word.to_string_lossy()).collect();
    session.app.program = Some(Program::new(words.join(" ")));
    session.program = Some(link);
    session.service = screen::service(config, runtime, false);
    let (mut terminal, mut inputs) = screen::take_terminal(config, &session)?;
    let end = runtime.block_on(event_loop::run(&mut terminal, &mut inputs, &mut session));
    drop(terminal);
    let event_loop::Session { app, mut store, sources: hub, program, .. } = session;
    // Without a reader the program would wait for one.
    drop(program);
    let code = running.end();
    if let Some(program) = app.program {
        print_output(program);
    }
    end?;
    store.end_processes();
    Ok(Ok(Ended { store, hub, code, text: Some(end_text(code)) }))
}

/// Prints what the program wrote, which the screen no longer shows.
fn print_output(program: Program) {
    let (output, is_cut) = program.into_output();
    if is_cut {
        print_message("the beginning of the output is no longer held");
    }
    // A terminal that is gone takes nothing.
    let _ = std::io::stdout().write_all(output.as_bytes()).and_then(|()| std::io::stdout().flush());
}

fn end_text(code: u8) -> String {
    if code > 128 { format!("ended by signal {}", code - 128) } else { format!("exit code {code}") }
}

/// A program in its terminal.
struct Running {
    pid: Option<Pid>,
    exit: Receiver<u8>,
}

impl Running {
    /// Ends the program and what it left in its terminal. Returns its exit code.
    fn end(self) -> u8 {
        for signal in [None, Some(Signal::HUP), Some(Signal::KILL)] {
            let patience = if signal.is_some() { PATIENCE } else { Duration::ZERO };
            if let (Some(signal), Some(group)) = (signal, self.pid) {
                // It may have ended meanwhile.
                let _ = kill_process_group(group, signal);
            }
            if let Ok(code) = self.exit.recv_timeout(patience) {
                return code;
            }
        }
        128 + Signal::KILL.as_raw() as u8
    }
}

fn start(
    args: &RunArgs,
    environment: &ChildEnvironment,
    files: Files,
    at_end: impl FnOnce() + Send + 'static,
) -> Result<(Running, ProgramLink), Report> {
    let failed = |error: &dyn std::fmt::Display| eyre!("{error:#}");
    let pair = native_pty_system().openpty(SIZE).map_err(|error| failed(&error))?;
    let folder = std::env::current_dir()?;
    let command = args.command.clone();
    let mut guarded_command = guarded(&args.command);
    // The library searches PATH for a relative path, too.
    if let Some(program) = guarded_command.first_mut().filter(|program| Path::new(program).components().count() > 1) {
        *program = folder.join(&*program).into();
    }
    let mut builder = CommandBuilder::from_argv(guarded_command);
    builder.cwd(folder);
    for (name, value) in &environment.set {
        builder.env(name, value);
    }
    builder.env(MARKS_LINES, "1");
    for name in &environment.remove {
        builder.env_remove(name);
    }
    let mut output = pair.master.try_clone_reader().map_err(|error| failed(&error))?;
    let input = pair.master.take_writer().map_err(|error| failed(&error))?;
    let child = pair.slave.spawn_command(builder).map_err(|error| failed(&error))?;
    // The end of the output is when no process holds the terminal.
    drop(pair.slave);
    let child: Box<dyn portable_pty::Child> = child;
    let mut child = child.downcast::<std::process::Child>().map_err(|_| eyre!("the system has another kind of processes"))?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let (sender, events) = bounded(WAITING);
    let (requests, received) = channel();
    let (told, exit) = channel();
    let ended: Sender<ProgramEvent> = sender.clone();
    let thread = |name: &str| std::thread::Builder::new().name(format!("program {name}"));
    let reader = thread("output").spawn(move || {
        let mut bytes = vec![0; 1 << 16];
        while let Ok(count @ 1..) = output.read(&mut bytes) {
            if sender.blocking_send(ProgramEvent::Output(bytes[..count].to_vec())).is_err() {
                return;
            }
        }
    })?;
    thread("input").spawn(move || write(&received, input, &*pair.master))?;
    thread("end").spawn(move || {
        let code = child.wait().map_or(1, exit_code);
        // The main thread may not wait.
        let _ = told.send(code);
        // Output that a process left behind may still write does not keep the end from being told.
        let begun = std::time::Instant::now();
        while !reader.is_finished() && begun.elapsed() < Duration::from_millis(500) {
            std::thread::sleep(Duration::from_millis(5));
        }
        at_end();
        let notes = read_notes(&files.notes()).iter().map(|note| format::safe(note).into_owned()).collect();
        let why_nothing = why_nothing(&command, &files).map(|why| format::safe(&why).into_owned());
        let _ = ended.blocking_send(ProgramEvent::Ended(ProgramEnd { text: end_text(code), notes, why_nothing }));
    })?;
    Ok((Running { pid, exit }, ProgramLink { events, requests }))
}

/// Passes on what the user types, and the size of the pane.
fn write(requests: &Receiver<ProgramRequest>, mut input: Box<dyn Write + Send>, terminal: &dyn MasterPty) {
    for request in requests {
        let done = match request {
            ProgramRequest::Typed(bytes) => input.write_all(&bytes).and_then(|()| input.flush()).is_ok(),
            ProgramRequest::Size(rows, cols) => terminal.resize(PtySize { rows, cols, ..SIZE }).is_ok(),
        };
        if !done {
            // It has ended.
            return;
        }
    }
}
