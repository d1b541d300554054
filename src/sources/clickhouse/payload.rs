//! Reads the payloads of spans.

use std::collections::HashSet;

use super::error::Error;
use super::rows::{self, Content, Head};
use super::server::{Condition, Parameter, Server};
use super::table::{Shape, Table};
use crate::model::{Nanos, PayloadRef, SpanId};

/// The most spans that are read at once.
const PAGE: usize = 64;
/// The longest time that is read at once.
const SPREAD: Nanos = 60_000_000_000;

/// Calls `f` with the content of each of these spans. Spans that are gone are left out.
pub(super) fn read(
    server: &mut Server,
    table: &Table,
    addresses: &[(PayloadRef, SpanId)],
    mut f: impl FnMut((PayloadRef, SpanId), Head, Content),
) -> Result<(), Error> {
    let mut sorted = addresses.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let wanted: HashSet<(PayloadRef, SpanId)> = sorted.iter().copied().collect();
    let mut rest = sorted.as_slice();
    while let Some((first, _)) = rest.first() {
        let is_near = |(other, _): &&(PayloadRef, SpanId)| match table.shape {
            Shape::Agno => other == first,
            Shape::Collector => other.0.saturating_sub(first.0) < SPREAD,
        };
        let count = rest.iter().take(PAGE).take_while(is_near).count();
        let (chunk, others) = rest.split_at(count);
        rest = others;
        rows::select(server, table, &condition(table, chunk))?.for_each(|cells| {
            let head = Head::read(cells);
            let Some(id) = SpanId::parse(head.span.as_bytes()) else { return };
            let address = (head.payload_ref(table.shape), id);
            if wanted.contains(&address)
                && let Some(content) = Content::read(cells, &head, table.shape)
            {
                f(address, head, content);
            }
        });
    }
    Ok(())
}

/// Returns the condition on spans of one trace, or of about one time. Ids may be written in either case.
fn condition(table: &Table, addresses: &[(PayloadRef, SpanId)]) -> Condition {
    let ids = addresses.iter().map(|(_, id)| id.to_string()).flat_map(|id| [id.to_ascii_uppercase(), id]);
    let ids = [Parameter::texts("spans", ids)];
    let span = format!("{} IN {{spans:Array(String)}}", table.span());
    let (first, last) = (addresses.first().map_or(0, |(at, _)| at.0), addresses.last().map_or(0, |(at, _)| at.0));
    match table.shape {
        Shape::Agno => {
            let half = format!("{first:016x}");
            let trace = table.trace();
            let sql = format!("(startsWith({trace}, {{lower:String}}) OR startsWith({trace}, {{upper:String}}))");
            let halves = [Parameter::text("lower", &half), Parameter::text("upper", &half.to_ascii_uppercase())];
            Condition::default().and(&sql, halves).and(&span, ids)
        }
        Shape::Collector => table.between(first, last.saturating_add(1)).and(&span, ids),
    }
}
