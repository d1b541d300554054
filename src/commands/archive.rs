//! `agno-top archive`: old traces moved from a database into a file.

use std::path::Path;

use eyre::{Report, bail};

use super::old_traces::{self, Counts, OldDatabase};
use super::progress::progress_bar;
use super::{Outcome, UsageError, open, print_message};
use crate::cli::ArchiveArgs;
use crate::config::Config;
use crate::export::NewFile;
use crate::format;
use crate::sources::archive::file::{Reader, Writer};
use crate::sources::archive::{self, CHUNK, Deleted, Tables, TraceRows};

/// Archives the old traces of a database, and deletes them there if the user asked for that.
pub(super) fn run(args: &ArchiveArgs, config: &Config) -> Result<Outcome, Report> {
    let path = args.output.as_deref();
    if path.is_some_and(|path| path.as_os_str() == "-") {
        bail!(UsageError("an archive is not written to standard output; -o names a new file".to_owned()));
    }
    if args.resume {
        let path = path.ok_or_else(|| UsageError("--resume goes on with an archive; -o names it".to_owned()))?;
        return resume(path, args, config);
    }
    if let Some(path) = path.filter(|path| path.symlink_metadata().is_ok()) {
        let hint = if args.delete { "; --resume goes on with its deletion" } else { "" };
        bail!(UsageError(format!("{} exists; an archive is a new file{hint}", path.display())));
    }
    let mut database = old_traces::find(&args.traces, config)?;
    if (args.delete || args.traces.dry_run)
        && let Some(obstacle) = database.tables.obstacle()?
    {
        if args.delete {
            bail!("nothing was archived: {obstacle}");
        }
        print_message(&format!("with --delete it would fail: {obstacle}"));
    }
    if database.traces == 0 {
        print_message(&format!("nothing to archive: no such traces in {}", database.name));
        return Ok(Outcome::Done);
    }
    let Some(path) = path.filter(|_| !args.traces.dry_run) else {
        let mut counts = Counts::default();
        for_each(&mut database, "read", |trace| {
            counts.add(trace);
            Ok(())
        })?;
        print_message(&format!("would archive {counts}"));
        return Ok(Outcome::Done);
    };
    write(path, &mut database)?;
    if !args.delete {
        print_message(&format!("they stay in {}; with --delete they would not", database.name));
        return Ok(Outcome::Done);
    }
    delete(path, database.tables.as_mut(), database.traces, &database.name, args.vacuum)
}

/// Goes on with the deletion of what the archive holds.
fn resume(path: &Path, args: &ArchiveArgs, config: &Config) -> Result<Outcome, Report> {
    let source = old_traces::source(args.traces.source.as_deref(), config)?;
    let mut counts = Counts::default();
    // An archive that is not complete must not delete anything.
    let mut reader = Reader::open(path)?;
    while let Some(trace) = reader.read()? {
        counts.add(&trace);
    }
    let mut tables = archive::open(&source, &open::location(config), false)?;
    if reader.columns() != tables.columns() {
        bail!("{} has other columns than this database", path.display());
    }
    if let Some(obstacle) = tables.obstacle()? {
        bail!("nothing was deleted: {obstacle}");
    }
    if args.traces.dry_run {
        print_message(&format!("would delete {counts}, as far as they are still there and unchanged"));
        return Ok(Outcome::Done);
    }
    delete(path, tables.as_mut(), counts.traces, &old_traces::name(&source), args.vacuum)
}

/// Writes the archive, reads it back, and compares it with the database.
fn write(path: &Path, database: &mut OldDatabase) -> Result<(), Report> {
    let failed = |error: std::io::Error| Report::msg(format!("can't write {}: {error}", path.display()));
    let mut file = NewFile::create_removed_by_signals(path).map_err(failed)?;
    let mut writer = Writer::new(file.writer(), &database.name, database.tables.columns().clone()).map_err(failed)?;
    let mut counts = Counts::default();
    for_each(database, "archived", |trace| {
        counts.add(trace);
        writer.write(trace).map_err(failed)
    })?;
    writer.finish().map_err(failed)?;
    if counts.traces < database.traces {
        print_message(&format!("{} gone meanwhile", format::plural(database.traces - counts.traces, "trace")));
    }
    let path = file.claim().map_err(failed)?;
    let changed = compare(&path, database.tables.as_mut(), counts)?;
    let size = path.metadata().map_err(failed)?.len();
    print_message(&format!("archived {counts} in {}: {}", path.display(), format::bytes(size)));
    if changed > 0 {
        print_message(&format!("{} changed meanwhile; the archive holds them as they were", format::plural(changed, "trace")));
    }
    Ok(())
}

/// Reads the archive back and compares every column with the database. Returns the number of traces that the database has changed since.
fn compare(path: &Path, tables: &mut dyn Tables, written: Counts) -> Result<u64, Report> {
    let (mut counts, mut changed) = (Counts::default(), 0);
    for_each_chunk(path, written.traces, "compared", |chunk| {
        for trace in chunk {
            counts.add(trace);
        }
        let ids: Vec<String> = chunk.iter().map(|trace| trace.id.clone()).collect();
        let rows = tables.read(&ids)?;
        changed += chunk.iter().filter(|trace| !rows.contains(trace)).count() as u64;
        Ok(())
    })?;
    if counts != written {
        bail!("{} holds {counts}, but {written} were written; nothing was deleted", path.display());
    }
    Ok(changed)
}

/// Deletes what the archive holds from the database.
fn delete(path: &Path, tables: &mut dyn Tables, traces: u64, name: &str, vacuum: bool) -> Result<Outcome, Report> {
    let mut deleted = Deleted::default();
    let outcome = for_each_chunk(path, traces, "deleted", |chunk| old_traces::delete(tables, chunk, &mut deleted));
    let outcome = outcome.and_then(|()| old_traces::finish(tables, &mut deleted));
    old_traces::report(deleted, name);
    if let Err(error) = outcome {
        let hint = format!("{} is complete; the same command with --resume goes on", path.display());
        return Err(error.wrap_err(hint));
    }
    old_traces::vacuum(tables, vacuum, name)?;
    Ok(Outcome::Done)
}

/// Calls `f` with each old trace of the database.
fn for_each(database: &mut OldDatabase, done: &'static str, mut f: impl FnMut(&TraceRows) -> Result<(), Report>) -> Result<(), Report> {
    let progress = progress_bar(database.traces, "traces", done);
    for chunk in &database.chunks {
        for trace in database.tables.read(chunk)? {
            f(&trace)?;
        }
        progress.inc(chunk.len() as u64);
    }
    progress.finish_and_clear();
    Ok(())
}

/// Calls `f` with the traces of an archive, a few at a time.
pub(super) fn for_each_chunk(
    path: &Path,
    traces: u64,
    done: &'static str,
    mut f: impl FnMut(&[TraceRows]) -> Result<(), Report>,
) -> Result<(), Report> {
    let progress = progress_bar(traces, "traces", done);
    let mut reader = Reader::open(path)?;
    let (mut chunk, mut spans) = (Vec::new(), 0);
    while let Some(trace) = reader.read()? {
        let count = trace.spans.len() as u64;
        if spans + count > CHUNK && !chunk.is_empty() {
            f(&chunk)?;
            progress.inc(chunk.len() as u64);
            (chunk, spans) = (Vec::new(), 0);
        }
        spans += count;
        chunk.push(trace);
    }
    if !chunk.is_empty() {
        f(&chunk)?;
    }
    progress.finish_and_clear();
    Ok(())
}
