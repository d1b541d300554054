//! Prints the traces of a database that Agno writes, with their tokens, and what each agent used.
//!
//! ```sh
//! cargo run --example read_sqlite -- tests/fixtures/agno-3.1.10.sqlite
//! ```

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example prints")]

use std::error::Error;
use std::path::PathBuf;

use agno_top::format;
use agno_top::model::SourceId;
use agno_top::sources::sqlite::{self, Tables};
use agno_top::sources::{Hub, State, Update, UpdateSender};
use agno_top::store::{By, Limits, Store};
use tokio::sync::mpsc::channel;

fn main() -> Result<(), Box<dyn Error>> {
    let path = PathBuf::from(std::env::args_os().nth(1).ok_or("usage: read_sqlite FILE")?);
    let (sender, updates) = channel(16);
    let limits = Limits::default();
    let source = sqlite::start(path, Tables::default(), limits.spans as u64, UpdateSender::new(SourceId(0), sender))?;
    let mut hub = Hub::new(vec![source], updates);

    let mut store = Store::new(limits);
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    while let Some(update) = runtime.block_on(hub.recv()) {
        match update {
            Update::Batch(batch) => _ = store.apply(&batch, 0),
            Update::State(_, State::Watching { .. } | State::Ended) => break,
            Update::State(_, State::Waiting(reason) | State::Failing(reason)) => return Err(reason.into()),
            _ => {}
        }
    }

    for trace in store.traces() {
        let (id, totals) = (store.trace(trace).id, store.totals_of(trace));
        println!("{id}  {} tokens", format::tokens(totals.tokens()));
    }
    for (name, group) in store.stats().groups(By::Agent) {
        // Names come from outside: the terminal must not run what is in them.
        println!("{}: {} calls", format::safe(store.text(name)), group.calls);
    }
    Ok(())
}
