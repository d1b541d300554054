//! `agno-top restore`: the traces of an archive written back into a database.

use eyre::{Report, bail};

use super::{Outcome, UsageError, archive, old_traces, open, print_message};
use crate::cli::RestoreArgs;
use crate::config::Config;
use crate::format;
use crate::sources::archive::file::Reader;
use crate::sources::archive::{Columns, Restored, open as open_tables};

/// Writes an archive into a database.
pub(super) fn run(args: &RestoreArgs, config: &Config) -> Result<Outcome, Report> {
    let to = args.database();
    old_traces::refuse_read_only(to)?;
    // An archive that is damaged is noticed before anything is written.
    let mut reader = Reader::open(&args.archive)?;
    let mut traces = 0;
    while reader.read()?.is_some() {
        traces += 1;
    }
    let columns = reader.columns().clone();
    let is_file = crate::sources::file::is_file(to) && to.exists();
    if is_file {
        bail!(UsageError(format!("{} is a file of spans; --to names a database", to.display())));
    }
    let is_new = !to.to_str().is_some_and(crate::sources::is_url) && !to.exists();
    let restored = write(args, config, &columns, traces).inspect_err(|_| {
        if is_new {
            // A part of an archive must not be taken for all of it. On a full disk nothing more can be said.
            for end in ["", "-wal", "-shm", "-journal"] {
                let mut file = to.as_os_str().to_owned();
                file.push(end);
                let _ = std::fs::remove_file(file);
            }
        }
    })?;
    let (spans, traces) = (format::plural(restored.spans, "span"), format::plural(restored.traces, "trace"));
    let present = if restored.present > 0 { format!("; {} there before", format::plural(restored.present, "span")) } else { String::new() };
    print_message(&format!("restored {spans} of {traces}{present}"));
    Ok(Outcome::Done)
}

/// Writes the traces of an archive, which have these columns.
fn write(args: &RestoreArgs, config: &Config, columns: &Columns, traces: u64) -> Result<Restored, Report> {
    let to = args.database();
    let mut tables = open_tables(to, &open::location(config), true)?;
    let missing = |from: &[String], to: &[String]| from.iter().find(|name| !to.contains(name)).cloned();
    let own = tables.columns();
    if let Some(name) = missing(&columns.traces, &own.traces).or_else(|| missing(&columns.spans, &own.spans)) {
        bail!("the tables of {} have no column {name}, which the archive holds", format::safe(&to.display().to_string()));
    }
    let mut restored = Restored::default();
    archive::for_each_chunk(&args.archive, traces, "restored", |chunk| {
        let part = tables.restore(columns, chunk)?;
        restored.traces += part.traces;
        restored.spans += part.spans;
        restored.present += part.present;
        Ok(())
    })?;
    Ok(restored)
}
