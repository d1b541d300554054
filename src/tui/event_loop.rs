//! The event loop: terminal events, updates of the sources, ticks and signals come in; frames and effects go out.

mod copy;
mod export;
mod program;
mod service;
mod signals;
mod turns;
mod updates;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossterm::event::{Event, MouseButton, MouseEventKind};
use eyre::{Report, bail};
use ratatui::layout::Position;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval, sleep_until};

use self::export::PendingExport;
use self::program::next_event;
pub use self::program::{ProgramEnd, ProgramEvent, ProgramLink, ProgramRequest};
pub use self::service::{Held, Service};
use self::signals::{Resizes, end_signal};
use self::turns::Turns;
use super::app::{App, ContextSlice, Effect, ReadPart, ReadSlice, Slice};
use crate::export::ExportedSpan;
use crate::job_control::{Scope, Stops};
use crate::model::clock::Clock;
use crate::model::price::Prices;
use crate::model::time::now;
use crate::model::{Nanos, SpanId};
use crate::panic_hook;
use crate::sources::{Hub, PayloadRequest};
use crate::store::Store;
use crate::tui::history;
use crate::tui::input::{Input, Inputs};
use crate::tui::terminal::{ASK_BACKGROUND, Output, Screen};
use crate::tui::view::{self, HitMap};

/// The shortest time between two frames without a key press: 30 frames a second cost half as much as 60, and nobody reads faster.
const FRAME: Duration = Duration::from_millis(33);

/// How long a slice of work between two frames is: a key waits no longer.
const WORK: Duration = Duration::from_millis(2);

/// How long the first frame waits for the terminal to tell its background.
const ANSWER: Duration = Duration::from_millis(150);

/// Everything that the event loop works on.
#[derive(Debug)]
pub struct Session {
    /// The state of the screen.
    pub app: App,
    /// The spans in memory.
    pub store: Store,
    /// The running sources.
    pub sources: Hub,
    /// The directory for exports.
    pub directory: PathBuf,
    /// Regular expressions for secrets, in addition to the built-in ones.
    pub redact_patterns: Vec<String>,
    /// The prices, which load in the background, and a warning if the user's price file is unusable.
    pub prices: oneshot::Receiver<(Prices, Option<String>)>,
    /// The program that was started with the screen.
    pub program: Option<ProgramLink>,
    /// Answers other programs about what the screen holds.
    pub service: Option<Box<dyn Service>>,
    /// Whether the recording that is shown has ended; it never has if none is shown.
    pub is_over: Arc<AtomicBool>,
}

/// What the answer to a request for payloads is for.
#[derive(Debug)]
enum Pending {
    Detail,
    /// The step above that the shown model call answers.
    Question(SpanId),
    Export(Box<PendingExport>),
    Copy(Box<ExportedSpan>),
    Compare {
        side: usize,
        span: SpanId,
    },
    /// The calls whose parameters are compared.
    Parameters(Vec<SpanId>),
    /// The calls whose contexts are read.
    Contexts(Box<ContextSlice>),
}

/// The result of work on another thread.
enum Finished {
    /// A text that tmux took, or that is left for the terminal.
    Copy {
        what: String,
        size: usize,
        /// The text, unless tmux took it.
        text: Option<String>,
    },
    /// An export, with a message for the user.
    Export { message: String, is_error: bool },
    /// Calls whose contexts were read.
    Contexts(Box<ReadSlice>),
    /// A part of a context that was opened.
    Part(Box<ReadPart>),
}

struct Loop<'a> {
    session: &'a mut Session,
    /// By ticket.
    pending: HashMap<u64, Pending>,
    /// The mouse targets of the last frame.
    hits: HitMap,
    is_suspending: bool,
    /// Whether the first frame waits for the terminal to tell its background.
    is_answer_due: bool,
    clock: Clock,
    finished: UnboundedSender<Finished>,
    output: Output,
}

/// Decides when to draw.
struct FramePacer {
    drawn: Instant,
    /// Whether the screen is outdated.
    is_dirty: bool,
    /// Whether to draw without waiting for [`FRAME`] to pass.
    is_urgent: bool,
}

impl FramePacer {
    fn is_due(&self) -> bool {
        self.is_dirty && (self.is_urgent || self.drawn.elapsed() >= FRAME)
    }
}

/// Why the event loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The user quit, or a signal ended the program.
    Quit,
    /// The user wants to see the demo again.
    Replay,
}

/// Runs until the user quits.
///
/// # Errors
///
/// Fails if the terminal fails or a thread panics.
pub async fn run(screen: &mut Screen, inputs: &mut Inputs, session: &mut Session) -> Result<End, Report> {
    let (finished, mut results) = unbounded_channel();
    let mut state = Loop {
        session,
        pending: HashMap::new(),
        hits: HitMap::default(),
        is_suspending: false,
        is_answer_due: false,
        clock: Clock::default(),
        finished,
        output: screen.output.clone(),
    };
    let mut resizes = Resizes::new()?;
    let mut end = std::pin::pin!(end_signal()?);
    let mut stops = Stops::new()?;
    let mut tick = interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut frames = FramePacer { drawn: Instant::now(), is_dirty: true, is_urgent: true };
    let mut is_priced = false;
    let mut has_work = false;
    let mut turns = Turns::default();
    // The first frame should have the right colours.
    let asked = state.session.app.themes.follows_background();
    state.is_answer_due = asked;
    let patience = tokio::time::Instant::now() + ANSWER;
    loop {
        let is_ready = screen.output.is_ready()?;
        if is_ready && !state.is_answer_due && frames.is_due() {
            has_work = state.draw(screen)?;
            // An unfinished filter, and the totals over what it shows, go on until the next frame, and are drawn with it.
            frames = FramePacer { drawn: Instant::now(), is_dirty: has_work, is_urgent: false };
        }
        state.send_requests();
        state.tell_program();
        state.tell_service();
        let is_behind = state.is_behind();
        let gives_way = turns.give_way();
        // Signals are noticed meanwhile.
        give_way(gives_way).await;
        tokio::select! {
            biased;
            message = panic_hook::happened() => bail!(message),
            () = &mut end => return Ok(End::Quit),
            input = inputs.next(), if !gives_way => {
                let Some(first) = input else { return Ok(End::Quit) };
                if let Some(end) = turns.take(first, inputs, FRAME, |input| state.handle_input(input))? {
                    return Ok(end);
                }
                if std::mem::take(&mut state.is_suspending) {
                    state.suspend(screen, Scope::Group)?;
                }
                frames.is_urgent = true;
            }
            () = stops.next() => {
                state.suspend(screen, Scope::Process)?;
                frames.is_urgent = true;
            }
            () = resizes.next() => frames.is_urgent = true,
            () = sleep_until(patience), if state.is_answer_due => state.is_answer_due = false,
            Some(result) = results.recv() => state.report(result),
            prices = &mut state.session.prices, if !is_priced => {
                is_priced = true;
                if let Ok((prices, warning)) = prices {
                    state.set_prices(prices, warning);
                }
            }
            event = next_event(&mut state.session.program) => state.handle_program(event),
            () = service::ready(&mut state.session.service) => {
                // An answer changes nothing on the screen.
                if !state.answer_question() {
                    continue;
                }
            }
            Some(update) = state.session.sources.recv(), if !is_behind => state.handle_updates(update),
            // Gives way to the inputs and to everything else.
            () = give_way(!gives_way), if is_behind => state.catch_up(),
            _ = tick.tick() => {
                let now = state.read_clock();
                let Session { app, store, is_over, .. } = &mut *state.session;
                let is_over = is_over.load(Ordering::Relaxed);
                if let Some(tour) = app.tour.as_mut().filter(|tour| tour.is_over() != is_over) {
                    tour.set_over(is_over);
                    frames.is_dirty = true;
                }
                screen.set_title(view::title(app, store));
                if !app.tick(store, now) {
                    continue;
                }
            }
            () = screen.output.ready(), if !is_ready => continue,
            () = sleep_until((frames.drawn + FRAME).into()), if frames.is_dirty && is_ready && !state.is_answer_due => {}
            () = tokio::task::yield_now(), if has_work => {
                let Session { app, store, .. } = &mut *state.session;
                has_work = app.work(store, Slice::of(WORK));
            }
            () = std::future::ready(()), if gives_way => {}
        }
        frames.is_dirty = true;
    }
}

/// Lets other tasks run, and signals be noticed, if it is due.
async fn give_way(is_due: bool) {
    if is_due {
        tokio::task::yield_now().await;
    }
}

impl Loop<'_> {
    /// Stops until the shell continues the program. No sender waits meanwhile.
    fn suspend(&mut self, screen: &mut Screen, scope: Scope) -> std::io::Result<()> {
        self.session.sources.suspend();
        let resumed = screen.suspend(scope);
        self.session.sources.resume();
        resumed
    }

    /// Returns the time. Has the state follow a clock that was set.
    fn read_clock(&mut self) -> Nanos {
        let (now, by) = self.clock.read();
        if by != 0 {
            self.session.app.clock_was_set(&mut self.session.store, by);
        }
        now
    }

    /// Draws a frame. Returns whether work is left for further frames.
    fn draw(&mut self, screen: &mut Screen) -> Result<bool, Report> {
        let Self { session: Session { app, store, .. }, hits, .. } = self;
        let has_more = view::prepare_frame(app, store, screen.fit()?);
        screen.terminal.draw(|frame| view::draw(frame, app, store, hits))?;
        if app.take_bell() {
            crate::tui::clipboard::ring_bell(&screen.output);
        }
        Ok(has_more)
    }

    /// Handles an input. Returns why to end, if so.
    fn handle_input(&mut self, input: Input) -> Option<End> {
        match input {
            Input::Event(event) => return self.handle_event(&event),
            Input::Background(background) => {
                self.session.app.themes.set_background(background);
                self.is_answer_due = false;
            }
            // The background itself tells more than what the user prefers.
            Input::Scheme(background) => {
                self.session.app.themes.set_background(background);
                self.output.send(ASK_BACKGROUND.as_bytes().to_vec());
            }
            Input::Answered => self.is_answer_due = false,
        }
        None
    }

    /// Handles an event. Returns why to end, if so.
    fn handle_event(&mut self, event: &Event) -> Option<End> {
        let Session { app, store, .. } = &mut *self.session;
        view::write_pages(app, store);
        let effect = match event {
            Event::Key(key) => app.key(store, *key, now()),
            Event::Paste(text) => {
                app.paste(text);
                None
            }
            Event::Mouse(mouse) => {
                let target = self.hits.at(Position::new(mouse.column, mouse.row));
                match mouse.kind {
                    MouseEventKind::Down(MouseButton::Left) => app.click(store, target),
                    MouseEventKind::ScrollDown => app.wheel(store, target, 1),
                    MouseEventKind::ScrollUp => app.wheel(store, target, -1),
                    _ => {}
                }
                None
            }
            _ => None,
        };
        match effect {
            Some(Effect::Quit) => return Some(End::Quit),
            Some(Effect::Replay) => return Some(End::Replay),
            Some(Effect::Export(export)) => {
                app.show_message("reading the payloads to export…", false, now());
                self.start_export(export);
            }
            Some(Effect::Copy { what, text }) => self.copy(what, &text),
            Some(Effect::CopySpan(row)) => self.copy_span(row),
            Some(Effect::Suspend) => self.is_suspending = true,
            Some(Effect::Remember(line)) => {
                if let Err(error) = history::add(&line) {
                    tracing::warn!(%error, "can't save the filter line");
                }
            }
            None => {}
        }
        None
    }

    fn report(&mut self, result: Finished) {
        match result {
            Finished::Copy { what, size, text } => self.report_copy(&what, size, text.as_deref()),
            Finished::Part(part) => self.session.app.detail.load_part(*part),
            Finished::Contexts(slice) => self.session.app.load_contexts(&self.session.store, *slice),
            Finished::Export { message, is_error } => self.session.app.show_message(message, is_error, now()),
        }
    }

    fn request(&mut self, payloads: impl IntoIterator<Item = PayloadRequest>, pending: Pending) {
        let ticket = self.session.sources.request_payloads(payloads);
        self.pending.insert(ticket, pending);
    }

    /// Sends everything that the app wants to tell the sources.
    fn send_requests(&mut self) {
        let Session { app, store, sources, .. } = &mut *self.session;
        sources.release(app.take_released());
        for (source, request) in app.take_requests() {
            if !sources.send(source, request) {
                app.source_ended(source);
            }
        }
        let compared = app.take_compare_requests(store);
        let parameters = app.take_parameter_requests(store);
        let contexts = app.take_context_slices(store);
        let question = app.detail.take_question_request();
        if let Some(part) = app.detail.take_part_request() {
            let finished = self.finished.clone();
            tokio::task::spawn_blocking(move || {
                // Without a receiver the program is ending.
                let _ = finished.send(Finished::Part(Box::new(part.read())));
            });
        }
        if let Some(request) = app.detail.take_request() {
            self.pending.retain(|_, pending| !matches!(pending, Pending::Detail));
            self.request([request], Pending::Detail);
        }
        if let Some(request) = question {
            self.request([request], Pending::Question(request.span));
        }
        for (slice, requests) in contexts {
            self.request(requests, Pending::Contexts(Box::new(slice)));
        }
        for (side, request) in compared {
            self.request([request], Pending::Compare { side, span: request.span });
        }
        if !parameters.is_empty() {
            let spans = parameters.iter().map(|request| request.span).collect();
            self.request(parameters, Pending::Parameters(spans));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_drawn_at_once_and_other_changes_with_the_next_frame() {
        let now = Instant::now();
        let pacer = |is_dirty, is_urgent| FramePacer { drawn: now + Duration::from_hours(1), is_dirty, is_urgent };
        assert!(pacer(true, true).is_due());
        assert!(!pacer(true, false).is_due(), "a frame was just drawn");
        assert!(!pacer(false, true).is_due(), "nothing has changed");
        let drawn = now.checked_sub(FRAME).unwrap_or(now);
        assert!(FramePacer { drawn, ..pacer(true, false) }.is_due());
    }
}
