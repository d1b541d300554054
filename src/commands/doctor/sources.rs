//! Checks of the sources: whether they are there and can be read, what they hold, and whether their clocks agree with this one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use eyre::Report;
use tokio::time::{Instant, timeout_at};

use super::super::open::{self, Listener, OpenOptions};
use super::{Check, State};
use crate::config::Config;
use crate::format;
use crate::model::Nanos;
use crate::model::time::now;
use crate::sources::{self, ReadLimits, Update};

/// Spans to read of each source, the newest.
const SPANS: u64 = 1000;

/// Updates that may wait.
const CAPACITY: usize = 64;

/// How long to wait for all sources.
const WAIT: Duration = Duration::from_secs(15);

/// How far the clock of a sender may be ahead, in nanoseconds.
const MAX_AHEAD: Nanos = 5_000_000_000;

/// What is known of a source.
#[derive(Clone, Debug, Default)]
struct Found {
    state: Option<sources::State>,
    spans: u64,
    skipped: u64,
    /// The latest time that a span states.
    latest: Option<Nanos>,
}

/// Reads the newest spans of each source. The error is a source that can't be opened at all.
pub(super) fn checks(paths: &[PathBuf], config: &Config) -> Result<Vec<Check>, Report> {
    let options = OpenOptions { limits: ReadLimits::of(SPANS), numbers_only: true, capacity: CAPACITY, listener: Listener::Off };
    let mut hub = open::open(paths, config, options)?.hub;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let mut found = vec![Found::default(); paths.len()];
    let deadline = Instant::now() + WAIT;
    while found.iter().any(|found| found.state.is_none()) {
        let Ok(Some(update)) = runtime.block_on(async { timeout_at(deadline, hub.recv()).await }) else { break };
        match update {
            Update::Batch(batch) => {
                let Some(found) = found.get_mut(usize::from(batch.source.0)) else { continue };
                found.spans += batch.spans.len() as u64;
                found.skipped += batch.skipped.len() as u64;
                found.latest = found.latest.max(batch.spans.iter().map(|span| span.end.unwrap_or(span.start)).max());
            }
            Update::State(_, sources::State::Loading { .. }) => {}
            Update::State(source, state) => {
                let Some(found) = found.get_mut(usize::from(source.0)) else { continue };
                found.state.get_or_insert(state);
            }
            _ => {}
        }
    }
    let names: Vec<String> = hub.sources().iter().map(|handle| handle.name.clone()).collect();
    open::stop(hub);
    let time = now();
    Ok(paths.iter().zip(names).zip(&found).flat_map(|((path, name), found)| describe(path, &name, found, time)).collect())
}

fn describe(path: &Path, name: &str, found: &Found, now: Nanos) -> Vec<Check> {
    let place = open::place(path, name);
    let trouble = |text: String| Check::new("source", State::Trouble, text);
    // The reason of a state begins with the name of the source.
    let told = |reason: &str| format!("{place}: {}", reason.strip_prefix(name).unwrap_or(reason).trim_start_matches([':', ' ']));
    let Some(state) = &found.state else { return vec![trouble(format!("{place}: no answer within {} seconds", WAIT.as_secs()))] };
    let left_out = match state {
        sources::State::Waiting(reason) => {
            let check = trouble(told(reason));
            return vec![check.with_fix("run an agent that traces into it (agno-top shows how), or name the file that yours write")];
        }
        sources::State::Failing(reason) => return vec![trouble(told(reason))],
        sources::State::Watching { left_out } | sources::State::WatchingNewest { left_out } => *left_out,
        sources::State::Loading { .. } | sources::State::Ended => 0,
    };
    if found.skipped > 0 {
        return vec![trouble(format!("{place}: {} could not be read", format::plural(found.skipped, "span")))];
    }
    let Some(latest) = found.latest else {
        let empty = Check::new("source", State::Note, format!("{place}: it can be read, and holds no spans"));
        return vec![empty.with_fix("agents write spans when their steps have ended; run one")];
    };
    let more = if left_out > 0 { " and more" } else { "" };
    let newest = format::moment(latest, now);
    let mut checks = vec![Check::ok("source", format!("{place}: {}{more}, the newest of {newest}", format::plural(found.spans, "span")))];
    let ahead = latest.saturating_sub(now);
    checks.push(if ahead > MAX_AHEAD {
        let text =
            format!("{place} has a span that ends {} from now: this clock is behind, or the sender's is ahead", format::duration(ahead));
        Check::new("clock", State::Trouble, text).with_fix("synchronize the clocks of both machines (timedatectl set-ntp true)")
    } else {
        Check::ok("clock", format!("no span of {place} is ahead of this clock"))
    });
    checks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_is_told_with_what_mends_it() {
        let describe = |state: Option<sources::State>, latest| {
            let found = Found { state, spans: 3, skipped: 0, latest };
            describe(Path::new("/x/t.db"), "t.db", &found, 1_000_000_000_000)
        };
        let watching = || Some(sources::State::Watching { left_out: 0 });
        let states = |checks: Vec<Check>| checks.iter().map(|check| (check.subject, check.state)).collect::<Vec<_>>();
        let waiting = describe(Some(sources::State::Waiting("t.db does not exist yet".to_owned())), None);
        assert_eq!((waiting[0].text.as_str(), waiting[0].state), ("/x/t.db: does not exist yet", State::Trouble));
        let failing = describe(Some(sources::State::Failing("t.db can't be read".to_owned())), None);
        assert_eq!((failing[0].text.as_str(), failing[0].state), ("/x/t.db: can't be read", State::Trouble));
        assert_eq!(states(describe(None, None)), [("source", State::Trouble)]);
        assert_eq!(states(describe(watching(), None)), [("source", State::Note)]);
        assert_eq!(states(describe(watching(), Some(999_000_000_000))), [("source", State::Ok), ("clock", State::Ok)]);
        let ahead = describe(watching(), Some(1_060_000_000_000));
        assert_eq!(states(ahead.clone()), [("source", State::Ok), ("clock", State::Trouble)]);
        assert!(ahead[1].text.contains("1m00s from now"), "{}", ahead[1].text);
    }
}
