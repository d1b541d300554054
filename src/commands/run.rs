//! `agno-top run`: a program, and what it sends.

mod child;
mod coding_agent;
mod junit;
mod remains;
#[cfg(unix)]
mod screen;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::mpsc::TryRecvError;
use std::time::Duration;

use eyre::{Context, Report, bail, eyre};
use tokio::runtime::Runtime;
use tokio::time::MissedTickBehavior;

use self::child::{Child, Signals};
use self::remains::{record_cut, take_unsent};
use super::snapshot::Snapshot;
use super::{Outcome, UsageError, first, gate, open, print_message};
use crate::cli::RunArgs;
use crate::config::Config;
use crate::export::Redactor;
use crate::model::SourceId;
use crate::model::time::now;
use crate::panic_hook;
use crate::run::{
    ChildEnvironment, Facts, Files, Injection, Listener, Previous, Refusal, child_environment, find_program, ignored_flag, quoted,
    read_notes,
};
use crate::sources::{Hub, Request, Update};
use crate::store::{Store, TraceIx};
use crate::tui::display;

/// Updates that may wait.
const CAPACITY: usize = 64;

/// The maximum number of traces to name.
const MAX_NAMED: usize = 5;

/// Runs a program until it ends, and prints what it did.
pub(super) fn run(args: &RunArgs, config: &Config) -> Result<Outcome, Report> {
    let program = args.command.first().map(OsString::as_os_str).unwrap_or_default();
    if let Err(refusal) = find_program(program, std::env::var_os("PATH").as_deref()) {
        return Ok(refuse(&args.command, refusal, &refusal));
    }
    // After a long run it would be too late to find that out.
    if let Some(path) = &args.junit {
        junit::check(path).wrap_err_with(|| format!("can't write {}", path.display()))?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let injection = Injection::create().wrap_err("can't write the files that trace Python programs")?;
    let token = random_token()?;
    let variable = |name: &str| std::env::var(name).ok();
    let python_path = std::env::var_os("PYTHONPATH");
    let environment = |port: u16| {
        let listener = Listener { port, token: token.clone() };
        child_environment(&listener, &injection.files, python_path.as_deref(), &variable)
    };
    // What was set before does not depend on the port.
    let (_, previous) = environment(0);
    let endpoints = match &previous {
        Previous::Endpoint(url, headers) => vec![(url.clone(), headers.clone())],
        Previous::None | Previous::Kept(_) => Vec::new(),
    };
    let mut messages = Vec::new();
    let open::Opened { hub, addresses, .. } = open::open_private(token.clone(), endpoints, config, CAPACITY)?;
    let port = addresses.first().ok_or_else(|| eyre!("can't listen on a port of this machine"))?.port();
    let mut environment = environment(port).0;
    let (command, kept) = coding_agent::prepare(&args.command, port, &mut environment, &previous, config);
    let args = &RunArgs { command, ..args.clone() };
    messages.extend(kept);
    let ended = if has_screen(args) {
        run_on_screen(args, config, hub, &environment, &injection, &runtime)?
    } else {
        run_plainly(args, config, hub, &environment, &injection, &runtime)?
    };
    let Ended { store, hub, code, text } = match ended {
        Ok(ended) => ended,
        Err(outcome) => return Ok(outcome),
    };
    let mut notes = read_notes(&injection.files.notes());
    let why_nothing = why_nothing(&args.command, &injection.files);
    drop(injection);
    notes.extend(messages);
    notes.extend(advice(args, &previous, &store));
    let mut snapshot = Snapshot::of_store(store, hub, runtime, config);
    if !config.record.as_os_str().is_empty() {
        record_cut(&mut snapshot)?;
    }
    let redactor = Redactor::new(&config.redact_patterns).map_err(UsageError)?;
    let why_nothing = why_nothing.filter(|_| snapshot.store.traces().next().is_none());
    let summary = text.map_or_else(String::new, |text| text + ", ") + &display::summary(&snapshot.store);
    notes.push(why_nothing.map_or_else(|| summary.clone(), |why| format!("{summary}: {why}")));
    let outcome = report(args, &mut snapshot, &redactor, &notes)?;
    snapshot.close();
    Ok(match outcome {
        // What the program itself says of its failure tells more.
        Some(Outcome::Missing) | None if code != 0 => Outcome::Exited(code),
        outcome => outcome.unwrap_or(Outcome::Exited(code)),
    })
}

/// A program that has ended, and what it sent.
struct Ended {
    store: Store,
    hub: Hub,
    code: u8,
    /// How it ended, in words, if its output does not stand before the summary.
    text: Option<String>,
}

/// Returns why a program sent nothing, if what it was told otherwise does not say it.
fn why_nothing(command: &[OsString], files: &Files) -> Option<String> {
    let is_told = ignored_flag(command).is_some() || !read_notes(&files.notes()).is_empty();
    (!is_told).then(|| Facts::read(&files.facts()).why_nothing())
}

/// Whether to show the screen beside the program.
fn has_screen(args: &RunArgs) -> bool {
    cfg!(unix) && !args.no_screen && std::io::stdout().is_terminal() && std::io::stdin().is_terminal()
}

#[cfg(unix)]
use screen::run as run_on_screen;

#[cfg(not(unix))]
fn run_on_screen(
    args: &RunArgs,
    config: &Config,
    hub: Hub,
    environment: &ChildEnvironment,
    injection: &Injection,
    runtime: &Runtime,
) -> Result<Result<Ended, Outcome>, Report> {
    run_plainly(args, config, hub, environment, injection, runtime)
}

/// Runs the program with the own input and output. The inner error is the outcome of a program that did not start.
fn run_plainly(
    args: &RunArgs,
    config: &Config,
    hub: Hub,
    environment: &ChildEnvironment,
    injection: &Injection,
    runtime: &Runtime,
) -> Result<Result<Ended, Outcome>, Report> {
    // Before the program starts, so that no signal ends only one of both.
    let mut signals = Signals::new()?;
    let child = match Child::start(&args.command, environment, at_end(injection, &hub)) {
        Ok(child) => child,
        Err(error) => {
            open::stop(hub);
            return Ok(Err(refuse(&args.command, Refusal::NotExecutable, &error)));
        }
    };
    let (prices, result) = config.load_prices();
    let mut store = open::store(config);
    store.set_prices(Arc::new(prices));
    let mut watcher = Watcher { store, hub, child };
    let code = runtime.block_on(watcher.run(&mut signals))?;
    result.map_err(UsageError)?;
    let Watcher { store, hub, .. } = watcher;
    Ok(Ok(Ended { store, hub, code, text: None }))
}

/// Returns what the thread that waits for the program does after its end.
fn at_end(injection: &Injection, hub: &Hub) -> impl FnOnce() + Send + 'static {
    let (folder, listener) = (injection.files.unsent(), hub.requests(SourceId(0)));
    move || {
        if let Some(listener) = listener {
            take_unsent(&folder, &listener);
        }
    }
}

/// Returns 32 random hex digits.
fn random_token() -> Result<String, Report> {
    let mut bytes = [0; 16];
    let random = rustls::crypto::ring::default_provider().secure_random.fill(&mut bytes);
    random.map_err(|_| eyre!("the system has no random numbers"))?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

/// Says why the program does not start.
fn refuse(command: &[OsString], refusal: Refusal, reason: &dyn std::fmt::Display) -> Outcome {
    let name = command.first().map(OsString::as_os_str).unwrap_or_default();
    if name.is_empty() {
        print_message("can't run \"\": the name of the program is empty");
    } else {
        print_message(&format!("can't run {}: {reason}", quoted(name)));
    }
    Outcome::Exited(refusal.code())
}

/// Says why something is missing of what the program did.
fn advice(args: &RunArgs, previous: &Previous, store: &Store) -> Vec<String> {
    let mut advice = Vec::new();
    if let Some(flag) = ignored_flag(&args.command) {
        advice.push(format!("Python was started with -{flag}, which keeps it from being traced"));
    }
    if let Previous::Kept(reason) = previous {
        advice.push(format!("{reason}: exporters of the program still send there, and not here"));
    }
    let losses = store.losses();
    if losses.evicted + losses.refused > 0 {
        advice.push("the oldest traces were dropped; raise --max-spans and --max-memory to hold more".to_owned());
    }
    if let Some((_, last)) = losses.recent.back() {
        advice.push(format!("{} could not be read, the last one: {}", crate::format::plural(losses.skipped, "span"), last.reason));
    }
    advice
}

/// Prints the notes, of which the last is the summary, and writes the file of test cases. Returns the outcome if a trace matches `--fail-on`, or if there is none to
/// judge.
fn report(args: &RunArgs, snapshot: &mut Snapshot, redactor: &Redactor, notes: &[String]) -> Result<Option<Outcome>, Report> {
    let all: Vec<TraceIx> = snapshot.store.traces().collect();
    let mains = first::mains(&snapshot.store, all.clone());
    let matched = args.fail_on.clone().map(|condition| snapshot.matching(&all, condition.query)).transpose()?.unwrap_or_default();
    if let Some(path) = &args.junit {
        let condition = args.fail_on.as_ref().map_or("", |condition| &condition.text);
        let verdict = junit::Verdict { condition, matched: matched.iter().copied().collect(), redactor };
        junit::write(path, &snapshot.store, &mains, &verdict, now()).wrap_err_with(|| format!("can't write {}", path.display()))?;
    }
    for note in notes {
        print_message(note);
    }
    if args.fail_on.is_some() && all.is_empty() {
        print_message("--fail-on had no trace to judge");
        return Ok(Some(Outcome::Missing));
    }
    if let Some(condition) = &args.fail_on {
        for sentence in gate::unjudged(snapshot, &all, &matched, &condition.query)? {
            print_message(&sentence);
        }
    }
    if matched.is_empty() {
        return Ok(None);
    }
    print_message(&format!("--fail-on matches {}", names(&snapshot.store, &matched)));
    Ok(Some(Outcome::Matched))
}

/// Names traces: what ran, and the beginning of the id.
fn names(store: &Store, traces: &[TraceIx]) -> String {
    let name = |&trace: &TraceIx| {
        let id = store.trace(trace).id.to_string();
        format!("{} ({})", display::lead_name(store, trace), &id[..8])
    };
    let more = if traces.len() > MAX_NAMED { ", …" } else { "" };
    traces.iter().take(MAX_NAMED).map(name).collect::<Vec<_>>().join(", ") + more
}

/// Follows a program and what it sends.
struct Watcher {
    store: Store,
    hub: Hub,
    child: Child,
}

impl Watcher {
    /// Returns the program's exit code, once everything that it sent has arrived.
    async fn run(&mut self, signals: &mut Signals) -> Result<u8, Report> {
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let code = loop {
            tokio::select! {
                biased;
                message = panic_hook::happened() => bail!(message),
                code = self.child.wait() => break code.wrap_err("can't wait for the program")?,
                signal = signals.next() => self.child.signal(signal),
                Some(update) = self.hub.recv() => self.apply(update),
                _ = tick.tick() => drop(self.store.expire(now())),
            }
        };
        self.drain().await;
        self.store.end_processes();
        Ok(code)
    }

    /// Ends the connections after their current requests, and takes what has arrived.
    async fn drain(&mut self) {
        let (done, is_done) = std::sync::mpsc::channel();
        self.hub.send(SourceId(0), Request::Suspend(done));
        while matches!(is_done.try_recv(), Err(TryRecvError::Empty)) {
            match tokio::time::timeout(Duration::from_millis(2), self.hub.recv()).await {
                Ok(Some(update)) => self.apply(update),
                Ok(None) => break,
                Err(_) => {}
            }
        }
        while let Some(update) = self.hub.try_recv() {
            self.apply(update);
        }
    }

    fn apply(&mut self, update: Update) {
        match update {
            Update::Batch(batch) => {
                let changes = self.store.apply(&batch, now());
                self.hub.release(changes.released);
            }
            Update::Traffic(_, traffic) => {
                self.store.set_payload_memory(traffic.memory);
                let changes = self.store.evict_excess();
                self.hub.release(changes.released);
            }
            _ => {}
        }
    }
}
