//! `agno-top run`: a program, and what it sends.

mod child;
mod junit;
mod summary;

use std::ffi::OsString;
use std::sync::Arc;
use std::sync::mpsc::TryRecvError;
use std::time::Duration;

use eyre::{Context, Report, bail, eyre};
use tokio::time::MissedTickBehavior;

use self::child::{Child, Signals};
use super::snapshot::Snapshot;
use super::{Outcome, UsageError, first, open, print_message};
use crate::cli::RunArgs;
use crate::config::Config;
use crate::model::SourceId;
use crate::model::time::now;
use crate::panic_hook;
use crate::run::{Injection, Listener, Previous, child_environment, ignored_flag};
use crate::sources::{Hub, Request, Update};
use crate::store::{Store, TraceIx};

/// Updates that may wait.
const CAPACITY: usize = 64;

/// The exit codes of shells for a program that is not there, and for one that can't be executed.
const NOT_FOUND: u8 = 127;
const NOT_EXECUTABLE: u8 = 126;

/// Runs a program until it ends, and prints what it did.
pub(super) fn run(args: &RunArgs, config: &Config) -> Result<Outcome, Report> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut signals = {
        // Before the program starts, so that no signal ends only one of both.
        let _guard = runtime.enter();
        Signals::new()?
    };
    let injection = Injection::create().wrap_err("can't write the files that trace Python programs")?;
    let token = random_token()?;
    let variable = |name: &str| std::env::var(name).ok();
    let python_path = std::env::var_os("PYTHONPATH");
    let environment = |port: u16| {
        let listener = Listener { port, token: token.clone() };
        child_environment(&listener, &injection.python(), &injection.notes(), python_path.as_deref(), &variable)
    };
    // What was set before does not depend on the port.
    let (_, previous) = environment(0);
    let endpoints = match &previous {
        Previous::Endpoint(url, headers) => vec![(url.clone(), headers.clone())],
        Previous::None | Previous::Kept(_) => Vec::new(),
    };
    let open::Opened { hub, addresses, .. } = open::open_private(token.clone(), endpoints, config, CAPACITY)?;
    let port = addresses.first().ok_or_else(|| eyre!("can't listen on a port of this machine"))?.port();
    let child = match Child::start(&args.command, &environment(port).0) {
        Ok(child) => child,
        Err(error) => {
            open::stop(hub);
            return Ok(refuse(&args.command, &error));
        }
    };
    let (prices, result) = config.load_prices();
    let mut store = open::store(config);
    store.set_prices(Arc::new(prices));
    let mut watcher = Watcher { store, hub, child };
    let code = runtime.block_on(watcher.run(&mut signals))?;
    result.map_err(UsageError)?;
    let Watcher { store, hub, .. } = watcher;
    let mut notes = injection.read_notes();
    drop(injection);
    notes.extend(advice(args, &previous, &store));
    let mut snapshot = Snapshot::of_store(store, hub, runtime, config);
    let outcome = report(args, &mut snapshot, &notes)?;
    snapshot.close();
    Ok(outcome.unwrap_or(Outcome::Exited(code)))
}

/// Returns 32 random hex digits.
fn random_token() -> Result<String, Report> {
    let mut bytes = [0; 16];
    let random = rustls::crypto::ring::default_provider().secure_random.fill(&mut bytes);
    random.map_err(|_| eyre!("the system has no random numbers"))?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

/// Says why the program does not start.
fn refuse(command: &[OsString], error: &std::io::Error) -> Outcome {
    let name = command.first().map(|name| name.to_string_lossy()).unwrap_or_default();
    let (reason, code) = match error.kind() {
        std::io::ErrorKind::NotFound => ("there is no such program".to_owned(), NOT_FOUND),
        _ => (error.to_string(), NOT_EXECUTABLE),
    };
    print_message(&format!("can't run {name}: {reason}"));
    Outcome::Exited(code)
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

/// Prints the summary and writes the file of test cases. Returns the outcome if a trace matches `--fail-on`.
fn report(args: &RunArgs, snapshot: &mut Snapshot, notes: &[String]) -> Result<Option<Outcome>, Report> {
    let all: Vec<TraceIx> = snapshot.store.traces().collect();
    let mains = first::mains(&snapshot.store, all.clone());
    let matched = args.fail_on.clone().map(|query| snapshot.matching(&all, query)).transpose()?.unwrap_or_default();
    if let Some(path) = &args.junit {
        junit::write(path, &snapshot.store, &mains, &matched, now()).wrap_err_with(|| format!("can't write {}", path.display()))?;
    }
    for note in notes {
        print_message(note);
    }
    print_message(&summary::summary(&snapshot.store, &mains));
    if matched.is_empty() {
        return Ok(None);
    }
    print_message(&format!("--fail-on matches {}", summary::names(&snapshot.store, &matched)));
    Ok(Some(Outcome::Matched))
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
            Update::Traffic(_, traffic) => self.store.set_unused_bytes(traffic.unused_bytes),
            _ => {}
        }
    }
}
