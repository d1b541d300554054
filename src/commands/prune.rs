//! `agno-top prune`: old traces deleted from a database.

use std::io::{self, BufRead, IsTerminal, Write};
use std::time::Instant;

use eyre::{Report, bail};
use indicatif::ProgressBar;

use super::old_traces::{self, Counts, OldDatabase};
use super::progress::progress_bar;
use super::{Outcome, UsageError, print_message};
use crate::cli::PruneArgs;
use crate::config::Config;
use crate::format;
use crate::model::time;
use crate::sources::archive::{Deleted, Recorded};

/// Deletes the old traces of a database, after the user has agreed.
pub(super) fn run(args: &PruneArgs, config: &Config) -> Result<Outcome, Report> {
    // What can't be deleted from is refused before anything is asked.
    old_traces::source(args.traces.source.as_deref(), config)?;
    let may_ask = io::stdin().is_terminal() && io::stderr().is_terminal();
    if !args.yes && !args.traces.dry_run && !may_ask {
        bail!(UsageError("prune deletes without an archive and can't ask here; add --yes, or --dry-run to look first".to_owned()));
    }
    let mut database = old_traces::find(&args.traces, config)?;
    let before = args.traces.older_than.resolve(time::now());
    // A filter chooses traces.
    let chooses = args.traces.filter.is_some();
    let recorded = if chooses { Recorded::default() } else { database.tables.recorded_before(before)? };
    if database.traces == 0 && recorded == Recorded::default() {
        print_message(&format!("nothing to delete: no such traces in {}", database.name));
        return Ok(Outcome::Done);
    }
    let obstacle = database.tables.obstacle()?;
    let mut counts = Counts::default();
    if args.traces.dry_run || !args.yes {
        for chunk in &database.chunks {
            database.tables.read(chunk)?.iter().for_each(|trace| counts.add(trace));
        }
    }
    if let Some(obstacle) = obstacle {
        bail!("nothing was deleted: {obstacle}");
    }
    if args.traces.dry_run {
        print_message(&format!("would delete {}", with_recorded(&counts, recorded)));
        return Ok(Outcome::Done);
    }
    if !args.yes && !agrees(&format!("Delete {} from {} for good?", with_recorded(&counts, recorded), database.name))? {
        print_message("nothing was deleted");
        return Ok(Outcome::Done);
    }
    let mut deleted = Deleted::default();
    let progress = progress_bar(database.traces, "traces", "deleted");
    let outcome = delete(&mut database, &mut deleted, &progress);
    progress.finish_and_clear();
    old_traces::report(deleted, &database.name);
    outcome?;
    if recorded != Recorded::default() {
        let mut gone = Recorded::default();
        loop {
            let begun = Instant::now();
            let chunk = database.tables.delete_recorded(before)?;
            if chunk == Recorded::default() {
                break;
            }
            (gone.logs, gone.metrics) = (gone.logs + chunk.logs, gone.metrics + chunk.metrics);
            std::thread::sleep(begun.elapsed());
        }
        print_message(&format!("deleted {} from {}", requests(gone), database.name));
    }
    old_traces::vacuum(database.tables.as_mut(), args.vacuum, &database.name)?;
    Ok(Outcome::Done)
}

fn delete(database: &mut OldDatabase, deleted: &mut Deleted, progress: &ProgressBar) -> Result<(), Report> {
    let OldDatabase { tables, chunks, .. } = database;
    for chunk in chunks {
        let rows = tables.read(chunk)?;
        old_traces::delete(tables.as_mut(), &rows, deleted)?;
        progress.inc(chunk.len() as u64);
    }
    old_traces::finish(tables.as_mut(), deleted)
}

/// Returns what is deleted, in words.
fn with_recorded(counts: &Counts, recorded: Recorded) -> String {
    if recorded == Recorded::default() { counts.to_string() } else { format!("{counts} and {}", requests(recorded)) }
}

fn requests(Recorded { logs, metrics }: Recorded) -> String {
    format!("{} of logs and {} of metrics", format::plural(logs, "recorded request"), format::count(metrics))
}

/// Asks the user a question. Anything but yes is no.
pub(super) fn agrees(question: &str) -> io::Result<bool> {
    write!(io::stderr(), "{} [y/N] ", format::safe(question))?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
