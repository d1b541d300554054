//! Logs and metrics: acknowledged and counted, and not kept but for what is said in a model call.
//!
//! Some instrumentations send a call's messages as log records, named `gen_ai.…`, that bear the ids of its span:
//! <https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-events/>.

use std::collections::{HashMap, VecDeque};

use super::json;
use crate::model::{Attribute, Event, Nanos, SpanId, TraceId, Value};
use crate::otlp::request;
use crate::otlp::value::{attribute, text, whole};
use crate::otlp::wire::{DecodeError, Fields};

/// Bytes of messages that are kept for spans; beyond it the first that came go first.
const KEPT: usize = 32 << 20;

/// What the names of events that are kept begin with.
const PREFIX: &str = "gen_ai.";

/// Where an event's name is, where the record has no field for it.
const NAME: &str = "event.name";

/// A log record that may be an event of a span.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) trace: Option<TraceId>,
    pub(super) span: Option<SpanId>,
    pub(super) event: Event,
    pub(super) body: Value,
    /// Bytes that it took as it came.
    pub(super) size: usize,
}

/// Messages by the span that they belong to.
#[derive(Debug, Default)]
pub(super) struct Events {
    by_span: HashMap<(TraceId, SpanId), Vec<Event>>,
    order: VecDeque<((TraceId, SpanId), usize)>,
    size: usize,
    forgotten: u64,
}

impl Events {
    /// Keeps a record if it is a message of a span, known or still to come, which it names then.
    pub(super) fn keep(&mut self, record: Record) -> Option<SpanId> {
        let Record { trace: Some(trace), span: Some(span), mut event, body, size } = record else { return None };
        if event.name.is_empty()
            && let Some((_, Value::Text(name))) = event.attributes.iter().find(|(name, _)| name == NAME)
        {
            event.name.clone_from(name);
        }
        if !event.name.starts_with(PREFIX) || size > KEPT {
            return None;
        }
        match body {
            Value::Null => {}
            Value::Map(entries) => event.attributes.extend(entries),
            body => event.attributes.push(("body".to_owned(), body)),
        }
        self.by_span.entry((trace, span)).or_default().push(event);
        self.order.push_back(((trace, span), size));
        self.size += size;
        while self.size > KEPT
            && let Some((first, size)) = self.order.pop_front()
        {
            self.size -= size;
            self.forgotten += 1;
            self.forget_first(first);
        }
        Some(span)
    }

    fn forget_first(&mut self, of: (TraceId, SpanId)) {
        let Some(events) = self.by_span.get_mut(&of) else { return };
        events.remove(0);
        if events.is_empty() {
            self.by_span.remove(&of);
        }
    }

    /// How many were kept first, and let go later for want of room.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// The messages of a span.
    pub(super) fn of(&self, trace: TraceId, span: SpanId) -> &[Event] {
        self.by_span.get(&(trace, span)).map_or(&[], Vec::as_slice)
    }
}

/// Reads an `ExportLogsServiceRequest`, hands out the records that name a span, and returns how many there are in all.
pub(super) fn logs(body: &[u8], mut each: impl FnMut(Record)) -> Result<u64, DecodeError> {
    let mut count = 0;
    request::spans(body, |_, message| {
        count += 1;
        if let Some(record) = record(message)? {
            each(record);
        }
        Ok(())
    })?;
    Ok(count)
}

/// The same of a request in JSON.
pub(super) fn logs_json(body: &str, each: impl FnMut(Record)) -> Result<u64, String> {
    json::logs(body, each)
}

fn record(message: &[u8]) -> Result<Option<Record>, DecodeError> {
    let (mut trace, mut span) = (None, None);
    let mut fields = Fields(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            9 => trace = field.bytes()?.try_into().ok().and_then(TraceId::new),
            10 => span = field.bytes()?.try_into().ok().and_then(SpanId::new),
            _ => {}
        }
    }
    if trace.is_none() || span.is_none() {
        return Ok(None);
    }
    let mut record = Record { trace, span, size: message.len(), ..Record::default() };
    let (mut time, mut observed) = (0, 0);
    let mut attributes: Vec<Attribute> = Vec::new();
    let mut fields = Fields(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => time = field.fixed64()?,
            5 => record.body = whole(field.bytes()?)?,
            6 => attributes.push(attribute(field.bytes()?)?),
            11 => observed = field.fixed64()?,
            12 => record.event.name = text(field)?,
            _ => {}
        }
    }
    record.event.attributes = attributes;
    record.event.time = Nanos::try_from(if time == 0 { observed } else { time }).unwrap_or(Nanos::MAX);
    Ok(Some(record))
}

/// Reads an `ExportMetricsServiceRequest` and returns how many data points it holds.
pub(super) fn metrics(body: &[u8]) -> Result<u64, DecodeError> {
    let mut count = 0;
    request::spans(body, |_, metric| {
        let mut fields = Fields(metric);
        while let Some((number, field)) = fields.next()? {
            // Gauge, sum, histogram, exponential histogram, summary.
            if matches!(number, 5 | 7 | 9 | 10 | 11) {
                let mut points = Fields(field.bytes()?);
                while let Some((number, _)) = points.next()? {
                    count += u64::from(number == 1);
                }
            }
        }
        Ok(())
    })?;
    Ok(count)
}

/// The same of a request in JSON.
pub(super) fn metrics_json(body: &str) -> Result<u64, String> {
    json::metrics(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_counted_as_gone_only_when_it_gives_way() {
        let record = |number: u8| Record {
            trace: TraceId::new([number; 16]),
            span: SpanId::new([number; 8]),
            event: Event { name: "gen_ai.choice".to_owned(), ..Event::default() },
            size: KEPT / 2,
            ..Record::default()
        };
        let mut events = Events::default();
        let held = |events: &Events, number: u8| events.of(TraceId::new([number; 16]).unwrap(), SpanId::new([number; 8]).unwrap()).len();
        assert!(events.keep(record(1)).is_some() && events.keep(record(2)).is_some());
        assert_eq!((events.forgotten(), held(&events, 1), held(&events, 2)), (0, 1, 1));
        assert!(events.keep(record(3)).is_some());
        assert_eq!((events.forgotten(), held(&events, 1), held(&events, 3)), (1, 0, 1));
        assert_eq!(events.keep(Record { size: KEPT + 1, ..record(4) }), None);
    }
}
