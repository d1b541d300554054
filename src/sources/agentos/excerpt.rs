//! Reads the traces of a [`Wanted`].

use super::follow::read;
use super::pager::{Filter, Pager};
use super::reader::{Reader, Stop};
use super::server::Server;
use crate::model::{Nanos, Origin};
use crate::sources::{UpdateSender, Wanted};

/// The most spans that are read as a part. Of more, a read of everything is faster, and has the limits of the user.
const MAX_SPANS: u64 = 200_000;
/// By how much clocks may differ.
const MARGIN: Nanos = 10_000_000_000;

/// Sends traces, without those that were sent before. Returns from when on every trace with a span that ran then is sent; `None` if only a
/// read of everything can tell.
pub(super) fn send(wanted: &Wanted, reader: &mut Reader, server: &mut Server, updates: &UpdateSender) -> Result<Option<Nanos>, Stop> {
    // Returns whether these were all, and the oldest start.
    let mut send_all = |filter: Filter, spans: u64| -> Result<(bool, Option<Nanos>), Stop> {
        let (mut pager, mut oldest, mut found) = (Pager::new(filter), None, 0_u64);
        while !pager.is_done && found < spans {
            let taken = read(&mut pager, server, updates, |traces, server| reader.take_all(traces, Origin::History, server, updates))?;
            found = found.saturating_add(taken.iter().map(|taken| taken.spans).sum());
            oldest = taken.iter().filter_map(|taken| taken.start).chain(oldest).min();
        }
        Ok((pager.is_done, oldest))
    };
    Ok(match wanted {
        Wanted::Ids(ids) => {
            let mut is_whole = true;
            for id in ids {
                is_whole &= send_all(Filter { id: Some(id.clone()), ..Filter::default() }, MAX_SPANS)?.0;
            }
            is_whole.then_some(Nanos::MIN)
        }
        Wanted::Period(from, to) => {
            let began_until = to.map(|to| to.saturating_add(MARGIN));
            let (is_whole, _) =
                send_all(Filter { ended_since: Some(from.saturating_sub(MARGIN)), began_until, ..Filter::default() }, MAX_SPANS)?;
            is_whole.then_some(*from)
        }
        Wanted::Newest(spans) => match send_all(Filter::default(), *spans)? {
            (true, _) => Some(Nanos::MIN),
            (false, None) => None,
            (false, Some(oldest)) => {
                // What began before and ran on.
                let (is_whole, _) = send_all(Filter { ended_since: Some(oldest), ..Filter::default() }, MAX_SPANS)?;
                is_whole.then_some(oldest)
            }
        },
        Wanted::Sessions(sessions) => {
            for (session, time) in sessions {
                send_all(Filter { began_until: Some(*time), session: Some(session.clone()), ..Filter::default() }, 1)?;
            }
            Some(Nanos::MIN)
        }
        // Traces are told by time.
        Wanted::Beside(_) | Wanted::Holding { .. } => None,
    })
}
