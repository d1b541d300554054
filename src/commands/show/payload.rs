//! The attributes and events of a span, for `show --payload`.

use serde::Serialize;

use crate::export::jsonl::EventRecord;
use crate::model::Payload;
use crate::model::attributes::AttributeMap;

/// The fields that `--payload` adds to a span; null if the payload is no longer available.
#[derive(Serialize)]
pub(super) struct PayloadRecord<'a> {
    attributes: Option<AttributeMap<'a>>,
    events: Option<Vec<EventRecord<'a>>>,
}

impl<'a> PayloadRecord<'a> {
    pub(super) fn new(payload: Option<&'a Payload>) -> Self {
        let attributes = payload.map(|payload| AttributeMap(&payload.attributes));
        Self { attributes, events: payload.map(|payload| payload.events.iter().map(EventRecord::new).collect()) }
    }
}
