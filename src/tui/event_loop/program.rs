//! The program that `run` started: its output and end come in, keys and the size of its terminal go out.

use tokio::sync::mpsc::Receiver;

use super::{Loop, Session};
use crate::model::time::now;
use crate::tui::display;

/// The output in bytes, about, that the terminal takes at once.
const AT_ONCE: usize = 1 << 20;

/// What a program tells.
#[derive(Debug)]
pub enum ProgramEvent {
    /// It wrote this.
    Output(Vec<u8>),
    /// It ended.
    Ended(ProgramEnd),
}

/// The end of a program.
#[derive(Debug)]
pub struct ProgramEnd {
    /// How it ended: `exit code 1`.
    pub text: String,
    /// What the user should know.
    pub notes: Vec<String>,
    /// Why it sent nothing, if it did not.
    pub why_nothing: Option<String>,
}

/// What a program is told.
#[derive(Debug)]
pub enum ProgramRequest {
    /// The user typed this.
    Typed(Vec<u8>),
    /// Its terminal has so many lines and columns.
    Size(u16, u16),
}

/// The ends of the channels to a program.
#[derive(Debug)]
pub struct ProgramLink {
    /// What it tells.
    pub events: Receiver<ProgramEvent>,
    /// What it is told. It may have ended.
    pub requests: std::sync::mpsc::Sender<ProgramRequest>,
}

/// Waits for an event; forever without a program. Cancel safe.
pub(super) async fn next_event(link: &mut Option<ProgramLink>) -> ProgramEvent {
    match link {
        Some(link) => match link.events.recv().await {
            Some(event) => event,
            None => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}

impl Loop<'_> {
    pub(super) fn handle_program(&mut self, event: ProgramEvent) {
        match event {
            ProgramEvent::Output(mut bytes) => {
                let Session { app, program: link, .. } = &mut *self.session;
                let mut end = None;
                while end.is_none()
                    && bytes.len() < AT_ONCE
                    && let Some(Ok(event)) = link.as_mut().map(|link| link.events.try_recv())
                {
                    match event {
                        ProgramEvent::Output(more) => bytes.extend(more),
                        ProgramEvent::Ended(told) => end = Some(told),
                    }
                }
                if let Some(program) = &mut app.program {
                    program.receive(&bytes);
                }
                if let Some(end) = end {
                    self.end_program(end);
                }
            }
            ProgramEvent::Ended(end) => self.end_program(end),
        }
    }

    fn end_program(&mut self, ProgramEnd { text, notes, why_nothing }: ProgramEnd) {
        // What it sent before its end has arrived.
        let time = self.read_clock();
        let Session { app, store, .. } = &mut *self.session;
        app.catch_up(store, time, &mut || true);
        while let Some(update) = self.session.sources.try_recv() {
            self.handle_update(update, &mut || true);
        }
        let Session { app, store, .. } = &mut *self.session;
        app.end_processes(store);
        if let Some(program) = &mut app.program {
            program.end = Some(format!("{text} · {}", display::summary(store)));
            program.why_nothing = why_nothing;
            program.is_focused = false;
        }
        if let Some(note) = notes.first() {
            app.show_message(note, true, now());
        }
    }

    /// Tells the program what was typed, and its size.
    pub(super) fn tell_program(&mut self) {
        let Session { app, program: Some(link), .. } = &mut *self.session else { return };
        let Some(program) = &mut app.program else { return };
        if let Some((lines, columns)) = program.take_size() {
            let _ = link.requests.send(ProgramRequest::Size(lines, columns));
        }
        let typed = program.take_typed();
        if !typed.is_empty() {
            let _ = link.requests.send(ProgramRequest::Typed(typed));
        }
    }
}
