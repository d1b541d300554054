//! OTLP in protobuf: `TracesData` or `ExportTraceServiceRequest`, which are the same on the wire, one or several.

use crate::model::{Batch, Nanos, Payload, PayloadQuery, PayloadRef, Skipped, SpanId, TraceId};
use crate::otlp::payload;
use crate::otlp::request::{self, Group};
use crate::otlp::rows::Reader;
use crate::otlp::wire::{DecodeError, Fields, offset};

/// Where spans lie in bytes, which every method must be given again.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Where the resource and the scope of a group lie.
    groups: Vec<[Piece; 2]>,
    places: Vec<Place>,
    /// What could not be read.
    pub(super) skipped: Vec<Skipped>,
}

/// A piece of the bytes: where it begins and how long it is.
type Piece = (usize, usize);

#[derive(Debug)]
struct Place {
    span: Piece,
    group: usize,
    start: Nanos,
}

impl Index {
    /// Finds the spans. `Err` if there is nothing that could be OTLP.
    pub(super) fn new(bytes: &[u8]) -> Result<Self, String> {
        let mut index = Self::default();
        let place = |part: &[u8]| if part.is_empty() { (0, 0) } else { (offset(bytes, part), part.len()) };
        let outcome = request::spans(bytes, |group, message| {
            let shared = [place(group.resource), place(group.scope)];
            if index.groups.last() != Some(&shared) {
                index.groups.push(shared);
            }
            index.places.push(Place { span: place(message), group: index.groups.len() - 1, start: start(message)? });
            Ok(())
        });
        if let Err(broken) = outcome {
            if index.places.is_empty() {
                return Err(broken.to_string());
            }
            index.skipped.push(Skipped { place: format!("after span {}", index.places.len()), reason: broken.to_string() });
        }
        // Newest last, as they would have arrived.
        index.places.sort_by_key(|place| place.start);
        Ok(index)
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    fn at<'a>(&self, bytes: &'a [u8], index: usize) -> Option<(Group<'a>, &'a [u8])> {
        let piece = |(at, len): Piece| bytes.get(at..at + len).unwrap_or_default();
        let place = self.places.get(index)?;
        let [resource, scope] = self.groups[place.group];
        Some((Group { resource: piece(resource), scope: piece(scope) }, piece(place.span)))
    }

    /// Appends the row of the span at `index` to the batch, or that it was skipped.
    pub(super) fn push(&self, bytes: &[u8], index: usize, address: PayloadRef, batch: &mut Batch) {
        let Some((group, message)) = self.at(bytes, index) else { return };
        let skipped = batch.skipped.len();
        let broken = Reader::default().push(group, message, address, batch).err();
        batch.skipped.extend(broken.map(|broken| Skipped { place: String::new(), reason: broken.to_string() }));
        for skipped in &mut batch.skipped[skipped..] {
            skipped.place = place(index);
        }
    }

    /// The span at `index`, if its payload holds what is looked for.
    pub(super) fn search(&self, bytes: &[u8], index: usize, probe: &PayloadQuery) -> Option<(TraceId, SpanId)> {
        let (group, message) = self.at(bytes, index)?;
        payload::look(group, message, probe).ok().flatten()
    }

    /// All that is known of the span at `index`.
    pub(super) fn payload(&self, bytes: &[u8], index: usize) -> Result<Payload, Skipped> {
        let skipped = |reason: String| Skipped { place: place(index), reason };
        let (group, message) = self.at(bytes, index).ok_or_else(|| skipped("there is no such span".to_owned()))?;
        let read = || {
            let (mut payload, _) = payload::span(message)?;
            group.describe(&mut payload)?;
            Ok(payload)
        };
        read().map_err(|broken: DecodeError| skipped(broken.to_string()))
    }
}

fn place(index: usize) -> String {
    format!("span {}", index + 1)
}

fn start(message: &[u8]) -> Result<Nanos, DecodeError> {
    let mut fields = Fields(message);
    while let Some((number, field)) = fields.next()? {
        if number == 7 {
            return Ok(Nanos::try_from(field.fixed64()?).unwrap_or(Nanos::MAX));
        }
    }
    Ok(0)
}
