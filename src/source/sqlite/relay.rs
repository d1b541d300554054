//! Makes spans of old rows while the next page is being taken out of the file. Everything that the source says goes this way, so
//! that it arrives in order.

use std::sync::mpsc::Receiver;

use super::rows::Raw;
use crate::source::{Closed, Outlet, Update};

/// What is to be passed on.
#[derive(Debug)]
pub(super) enum Job {
    /// These rows, as batches.
    Read(Raw),
    /// This, as it is.
    Send(Update),
}

/// Passes on until there is nothing more, or nobody listens.
pub(super) fn run(jobs: &Receiver<Job>, outlet: &Outlet) -> Result<(), Closed> {
    for job in jobs {
        match job {
            Job::Send(update) => outlet.send(update)?,
            Job::Read(rows) => {
                for batch in rows.batches() {
                    outlet.send(Update::Batch(batch))?;
                }
            }
        }
    }
    Ok(())
}
