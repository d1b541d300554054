//! The spans of a trace as they are exported, read a slice at a time: together their payloads may be larger than the memory.

use std::io;

use color_eyre::eyre::Report;

use super::load::Snapshot;
use crate::export::{self, Exported};
use crate::store::{RowIx, TraceIx};

/// Payloads that are held in memory at a time.
const SLICE: usize = 256;

/// Hands out the spans of a trace that came, in the order of its tree. Gives the number of those whose payload could not be read.
/// The outer `Err` says why payloads can't be asked for, the inner one is what `take` gave.
pub(super) fn each(
    loaded: &mut Snapshot,
    trace: TraceIx,
    mut take: impl FnMut(Exported) -> io::Result<()>,
) -> Result<io::Result<u64>, Report> {
    let mut missing = 0;
    for slice in export::rows(&loaded.store, trace).chunks(SLICE) {
        let asked: Vec<RowIx> = slice.iter().map(|&(row, _)| row).collect();
        let payloads = loaded.payloads(&asked)?;
        for (&(row, depth), payload) in slice.iter().zip(payloads) {
            let mut span = export::exported(&loaded.store, row, depth);
            match payload {
                Ok(payload) => span.payload = payload,
                Err(_) => missing += 1,
            }
            if let Err(error) = take(span) {
                return Ok(Err(error));
            }
        }
    }
    Ok(Ok(missing))
}
