//! Where in an OTLP/JSON text each span lies. Spans are decoded one at a time from the text, which stays as it came.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::{row, span};
use crate::model::{Batch, Nanos, Payload, PayloadQuery, PayloadRef, Skipped, SpanId, TraceId};

/// An index of a text, which every method must be given again.
#[derive(Debug, Default)]
pub(in crate::sources) struct Document {
    groups: Vec<Group>,
    places: Vec<Place>,
    /// What could not be read at all.
    pub(in crate::sources) skipped: Vec<Skipped>,
    requests: usize,
}

/// What spans share.
#[derive(Debug)]
struct Group {
    /// Resource and scope.
    shared: Payload,
    /// Where the resource lies in the text.
    lies: std::ops::Range<usize>,
}

/// Where one span lies.
#[derive(Clone, Copy, Debug)]
struct Place {
    at: usize,
    len: usize,
    group: usize,
    start: Nanos,
    /// Its number in the file, from 1, as a person is told it.
    number: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(clippy::struct_field_names, reason = "they are the request's keys")]
struct Request<'a> {
    #[serde(borrow)]
    resource_spans: Option<Vec<ResourceSpans<'a>>>,
    resource_logs: Option<IgnoredAny>,
    resource_metrics: Option<IgnoredAny>,
}

impl<'a> Request<'a> {
    /// Its spans; `None` if it is no request at all. A collector writes logs and metrics into the same file, which hold none.
    fn spans(self) -> Option<Vec<ResourceSpans<'a>>> {
        let other = self.resource_logs.is_some() || self.resource_metrics.is_some();
        self.resource_spans.or_else(|| other.then(Vec::new))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceSpans<'a> {
    #[serde(borrow)]
    resource: Option<&'a RawValue>,
    #[serde(borrow)]
    scope_spans: Option<Vec<ScopeSpans<'a>>>,
}

#[derive(Deserialize)]
struct ScopeSpans<'a> {
    #[serde(borrow)]
    scope: Option<&'a RawValue>,
    #[serde(borrow)]
    spans: Option<Vec<&'a RawValue>>,
}

/// Line numbers of places that are asked for in order.
struct Lines<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl Lines<'_> {
    fn number(&mut self, at: usize) -> usize {
        self.line += self.text.get(self.at..at).unwrap_or_default().matches('\n').count();
        self.at = self.at.max(at);
        self.line
    }
}

impl Document {
    /// Indexes exactly one request, as it is posted. `Err` says why it is none. One that holds no spans is a request.
    pub(in crate::sources) fn request(text: &str) -> Result<Self, String> {
        let request: Request<'_> = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let mut document = Self::default();
        document.index(text, request.resource_spans.unwrap_or_default());
        Ok(document)
    }

    /// Indexes a file: one request, or several one after the other. `Err` says why nothing in it can be read.
    pub(in crate::sources) fn file(text: &str) -> Result<Self, String> {
        let mut document = Self::default();
        document.append(text, 0);
        if document.requests == 0 {
            let reason =
                document.skipped.first().map_or("it is empty".to_owned(), |broken| format!("{} ({})", broken.reason, broken.place));
            return Err(reason);
        }
        Ok(document)
    }

    /// Indexes what follows from `from` on in a text that was indexed up to there; [`Self::skipped`] is then what was skipped in that.
    pub(in crate::sources) fn append(&mut self, text: &str, mut from: usize) {
        self.skipped.clear();
        let known = self.places.len();
        let mut lines = Lines { text, at: 0, line: 1 };
        while let Some(broken) = self.requests(&mut lines, &mut from) {
            self.skipped.push(broken);
            // A request a line: the next one begins with the next line that begins an object.
            match text[from..].find("\n{") {
                Some(next) => from += next + 1,
                None => break,
            }
        }
        // Newest last, as they would have arrived.
        self.places[known..].sort_by_key(|place| place.start);
    }

    /// Whether there are several requests.
    pub(in crate::sources) fn is_several(&self) -> bool {
        self.requests > 1
    }

    /// Reads requests from `from` on, until the end (`None`) or one that can't be read; `from` is then where that one begins.
    fn requests(&mut self, lines: &mut Lines<'_>, from: &mut usize) -> Option<Skipped> {
        let (text, base) = (lines.text, *from);
        let first_line = lines.number(base);
        let mut stream = serde_json::Deserializer::from_str(&text[base..]).into_iter::<Request<'_>>();
        loop {
            let before = base + stream.byte_offset();
            let begin = before + text[before..].len() - text[before..].trim_start().len();
            match stream.next()?.map(Request::spans) {
                Ok(Some(groups)) => {
                    self.requests += 1;
                    self.index(text, groups);
                }
                Ok(None) => {
                    let place = format!("line {}", lines.number(begin));
                    self.skipped.push(Skipped { place, reason: "it has no \"resourceSpans\"".to_owned() });
                }
                Err(error) => {
                    *from = begin;
                    // serde_json counts lines from where it began, and says so at the end of its message.
                    let place = format!("line {} column {}", first_line + error.line() - 1, error.column());
                    let message = error.to_string();
                    let reason = message.split(" at line ").next().unwrap_or_default();
                    let reason = match error.classify() {
                        Category::Eof => format!("it ends in the middle: {reason}"),
                        Category::Data if text[begin..].starts_with('[') => "it is a list, which no request of OTLP/JSON is".to_owned(),
                        Category::Data => format!("it is no OTLP/JSON: {reason}"),
                        Category::Syntax | Category::Io => reason.to_owned(),
                    };
                    return Some(Skipped { place, reason });
                }
            }
        }
    }

    fn index(&mut self, text: &str, groups: Vec<ResourceSpans<'_>>) {
        for group in groups {
            let mut shared = Payload::default();
            if let Some(resource) = group.resource {
                span::resource(resource.get(), &mut shared);
            }
            let lies = group.resource.map_or(0..0, |raw| {
                let at = raw.get().as_ptr() as usize - text.as_ptr() as usize;
                at..at + raw.get().len()
            });
            for scope in group.scope_spans.unwrap_or_default() {
                let number = self.groups.len();
                let mut shared = shared.clone();
                if let Some(scope) = scope.scope {
                    span::scope(scope.get(), &mut shared);
                }
                self.groups.push(Group { shared, lies: lies.clone() });
                self.places.extend(scope.spans.unwrap_or_default().into_iter().zip(self.places.len() + 1..).map(|(raw, n)| {
                    let raw = raw.get();
                    let at = raw.as_ptr() as usize - text.as_ptr() as usize;
                    Place { at, len: raw.len(), group: number, start: span::start(raw), number: n }
                }));
            }
        }
    }

    /// How many spans there are.
    pub(in crate::sources) fn len(&self) -> usize {
        self.places.len()
    }

    /// Decodes the span at `index`; those of a file are in the order of start times. Its payload lacks what [`Self::payload`] adds.
    fn span(&self, text: &str, index: usize) -> Result<span::Decoded, Skipped> {
        let Some(place) = self.places.get(index) else {
            return Err(Skipped { place: format!("span {index}"), reason: "there is no such span".to_owned() });
        };
        let skipped = |reason| Skipped { place: format!("span {}", place.number), reason };
        let lies = text.get(place.at..place.at + place.len).unwrap_or_default();
        let mut decoded = span::decode(lies).map_err(skipped)?;
        decoded.payload.scope.clone_from(&self.groups[place.group].shared.scope);
        Ok(decoded)
    }

    /// Appends the row of the span at `index` to the batch, or that it was skipped.
    pub(in crate::sources) fn push(&self, text: &str, index: usize, address: PayloadRef, batch: &mut Batch) {
        match self.span(text, index) {
            Ok(decoded) => row::push(batch, &decoded, address),
            Err(skipped) => batch.skipped.push(skipped),
        }
    }

    /// Where the text of the span at `index` begins, in bytes.
    pub(in crate::sources) fn offset(&self, index: usize) -> usize {
        self.places.get(index).map_or(0, |place| place.at)
    }

    /// The span whose text begins at `offset`.
    pub(in crate::sources) fn at(&self, offset: usize) -> Option<usize> {
        self.places.iter().position(|place| place.at == offset)
    }

    /// The trace of the span at `index`.
    pub(in crate::sources) fn trace(&self, text: &str, index: usize) -> Option<TraceId> {
        self.span(text, index).ok().map(|span| span.trace)
    }

    /// The span at `index`, if its payload holds what is looked for.
    pub(in crate::sources) fn search(&self, text: &str, index: usize, probe: &PayloadQuery) -> Option<(TraceId, SpanId)> {
        let place = self.places.get(index)?;
        let lies = text.get(place.at..place.at + place.len)?;
        let group = self.groups.get(place.group)?;
        if !probe.may_lie_in(&[lies.as_bytes(), text.get(group.lies.clone())?.as_bytes()]) {
            return None;
        }
        let mut decoded = self.span(text, index).ok()?;
        decoded.payload.resource.clone_from(&group.shared.resource);
        probe.holds(&decoded.payload).then_some((decoded.trace, decoded.id))
    }

    /// All that is known of the span at `index`.
    pub(in crate::sources) fn payload(&self, text: &str, index: usize) -> Result<Payload, Skipped> {
        let mut payload = self.span(text, index)?.payload;
        if let Some(place) = self.places.get(index) {
            payload.resource.clone_from(&self.groups[place.group].shared.resource);
            payload.scope_attributes.clone_from(&self.groups[place.group].shared.scope_attributes);
        }
        Ok(payload)
    }
}
