//! Old traces of a database: which they are, and their deletion in small transactions.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use eyre::{Report, bail};

use super::snapshot::Snapshot;
use super::{UsageError, open, print_message};
use crate::cli::{OldTraces, Selection};
use crate::config::Config;
use crate::format;
use crate::query::Query;
use crate::sources::archive::{self, CHUNK, Deleted, Tables, TraceRows};
use crate::store::{RunStatus, TraceIx};

/// The shortest pause between two transactions. A longer transaction is followed by a pause as long as itself, so that others may write.
const PAUSE: Duration = Duration::from_millis(5);

/// A database, and its traces that are old.
pub(super) struct OldDatabase {
    /// The name for messages, without a password.
    pub(super) name: String,
    pub(super) tables: Box<dyn Tables>,
    /// The ids of the traces, the oldest first, in groups that a transaction takes at once.
    pub(super) chunks: Vec<Vec<String>>,
    /// The number of traces.
    pub(super) traces: u64,
}

/// What was counted of traces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) traces: u64,
    pub(super) spans: u64,
    pub(super) bytes: u64,
}

impl Counts {
    pub(super) fn add(&mut self, trace: &TraceRows) {
        self.traces += 1;
        self.spans += trace.spans.len() as u64;
        self.bytes += trace.size();
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} with {} ({})", format::plural(self.traces, "trace"), format::plural(self.spans, "span"), format::bytes(self.bytes))
    }
}

/// Opens the database and finds its old traces. Running and paused traces, and those with an open approval, are left out, and counted in a
/// message.
pub(super) fn find(args: &OldTraces, config: &Config) -> Result<OldDatabase, Report> {
    let source = source(args.source.as_deref(), config)?;
    let config = config.without_limits();
    let selection = Selection { sources: vec![source.clone()], filter: args.filter.clone(), ..Selection::default() };
    let mut chunks: Vec<Vec<String>> = Vec::new();
    let (mut active, mut spans_in_chunk) = (0, u64::MAX);
    let mut name = name(&source);
    if let Some((mut snapshot, mut traces)) = Snapshot::select(&selection, &config, true)? {
        name = snapshot.names();
        // Some step always lacks what a negated word names; here it means that all of them lack it.
        for named in args.filter.iter().flat_map(Query::negated_words) {
            let named: HashSet<TraceIx> = snapshot.matching(&traces, named)?.into_iter().collect();
            traces.retain(|trace| !named.contains(trace));
        }
        let before = args.older_than.resolve(snapshot.now);
        for &trace in traces.iter().rev() {
            let (data, totals) = (snapshot.store.trace(trace), snapshot.store.totals_of(trace));
            if data.start >= before {
                continue;
            }
            if totals.running > 0 || matches!(data.run_status(), RunStatus::Running | RunStatus::Paused) {
                active += 1;
                continue;
            }
            if data.end >= before {
                continue;
            }
            let spans = u64::from(totals.spans);
            if spans_in_chunk.saturating_add(spans) > CHUNK {
                chunks.push(Vec::new());
                spans_in_chunk = 0;
            }
            spans_in_chunk += spans;
            if let Some(chunk) = chunks.last_mut() {
                chunk.push(data.id.to_string());
            }
        }
        // The reader of the file must be gone before a writer opens it.
        snapshot.close();
    }
    let mut tables = archive::open(&source, &open::location(&config), false)?;
    let waiting = leave_waiting(&mut chunks, tables.as_mut())?;
    if active + waiting > 0 {
        let traces = format::plural(active + waiting, "trace");
        print_message(&format!("{traces} left alone: still running, or waiting for a person"));
    }
    let traces = chunks.iter().map(|chunk| chunk.len() as u64).sum();
    Ok(OldDatabase { name, tables, chunks, traces })
}

/// Returns the name of a source for messages, without a password.
pub(super) fn name(source: &Path) -> String {
    crate::config::url::hide_secrets(&source.display().to_string())
}

/// Refuses an AgentOS, which is only read.
pub(super) fn refuse_read_only(source: &Path) -> Result<(), UsageError> {
    if source.to_str().is_some_and(crate::sources::agentos::is_url) {
        return Err(UsageError("an AgentOS is only read; name the database that it keeps the traces in".to_owned()));
    }
    Ok(())
}

/// Returns the only source: the one that is named, the configured one, or the one found here.
pub(super) fn source(named: Option<&Path>, config: &Config) -> Result<PathBuf, Report> {
    let named: Vec<PathBuf> = named.map_or_else(|| config.sources.clone(), |source| vec![source.to_owned()]);
    let sources = open::paths(&named, config);
    let [source] = sources.as_slice() else {
        let found = sources.iter().map(|source| source.display().to_string()).collect::<Vec<_>>().join(", ");
        bail!(UsageError(format!("there are several databases: {found}; name one")));
    };
    refuse_read_only(source)?;
    let is_url = source.to_str().is_some_and(crate::sources::is_url);
    if !is_url && crate::sources::file::is_file(source) && source.exists() {
        bail!(UsageError(format!("{} is a file of spans; traces are archived from databases", source.display())));
    }
    Ok(source.clone())
}

/// Removes the traces of runs that wait for an approval. Returns their number.
fn leave_waiting(chunks: &mut [Vec<String>], tables: &mut dyn Tables) -> Result<u64, Report> {
    let waiting: HashSet<String> = tables.waiting_runs()?.into_iter().collect();
    if waiting.is_empty() {
        return Ok(0);
    }
    let mut count = 0;
    for chunk in chunks {
        let rows = tables.read(chunk)?;
        let columns = tables.columns();
        let run = |trace: &TraceRows| trace.trace_value(columns, "run_id").and_then(|value| value.text().map(str::to_owned));
        let left: HashSet<&str> =
            rows.iter().filter(|trace| run(trace).is_some_and(|run| waiting.contains(&run))).map(|trace| trace.id.as_str()).collect();
        count += left.len() as u64;
        chunk.retain(|id| !left.contains(id.as_str()));
    }
    Ok(count)
}

/// Deletes a chunk of traces, then gives other writers time.
pub(super) fn delete(tables: &mut dyn Tables, traces: &[TraceRows], deleted: &mut Deleted) -> Result<(), Report> {
    let begun = Instant::now();
    *deleted += tables.delete(traces)?;
    std::thread::sleep(begun.elapsed().max(PAUSE));
    Ok(())
}

/// Deletes what is still to be deleted.
pub(super) fn finish(tables: &mut dyn Tables, deleted: &mut Deleted) -> Result<(), Report> {
    *deleted += tables.finish()?;
    Ok(())
}

/// Makes a database smaller after a deletion if the user asked for it, else says how. `name` is that of the source.
pub(super) fn vacuum(tables: &mut dyn Tables, is_asked: bool, name: &str) -> Result<(), Report> {
    if is_asked {
        tables.vacuum()?;
    } else if !crate::sources::is_url(name) {
        print_message(&format!("{name} keeps its size and fills it again; with --vacuum it gets smaller"));
    }
    Ok(())
}

/// Prints what was deleted.
pub(super) fn report(deleted: Deleted, name: &str) {
    let (spans, traces) = (format::plural(deleted.spans, "span"), format::plural(deleted.traces, "trace"));
    print_message(&format!("deleted {spans} of {traces} from {name}"));
    if deleted.gone > 0 {
        print_message(&format!("{} gone before", format::plural(deleted.gone, "trace")));
    }
    if deleted.changed > 0 {
        let traces = format::plural(deleted.changed, "trace");
        print_message(&format!("{traces} changed meanwhile and stay in {name}"));
    }
}
