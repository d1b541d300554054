//! A request in OTLP/JSON written anew with fewer spans.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::sources::otlp::compact::Compactor;

// These have every field that `Document` reads, so that whatever it takes for a request is one here.

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    #[serde(borrow)]
    resource_spans: Option<Vec<&'a RawValue>>,
    #[serde(rename = "resourceLogs")]
    _logs: Option<IgnoredAny>,
    #[serde(rename = "resourceMetrics")]
    _metrics: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceSpans<'a> {
    #[serde(rename = "resource")]
    _resource: Option<IgnoredAny>,
    #[serde(borrow)]
    scope_spans: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct ScopeSpans<'a> {
    #[serde(rename = "scope")]
    _scope: Option<IgnoredAny>,
    #[serde(borrow)]
    spans: Option<Vec<&'a RawValue>>,
}

/// Writes a request with the spans that are wanted. `None` if it is none.
pub(in crate::sources::otlp) fn thin(text: &str, out: &mut Compactor) -> Option<()> {
    let request: Request<'_> = serde_json::from_str(text).ok()?;
    let mut writer = Writer { text, from: 0, out };
    writer.list(&request.resource_spans.unwrap_or_default(), Writer::resource)?;
    writer.copy(text.len());
    Some(())
}

struct Writer<'a, 'b> {
    text: &'a str,
    /// Up to here the text is written or left out.
    from: usize,
    out: &'b mut Compactor,
}

impl<'a> Writer<'a, '_> {
    /// Copies the text up to here.
    fn copy(&mut self, to: usize) {
        self.out.copy(self.text.as_bytes().get(self.from..to).unwrap_or_default());
        self.from = to;
    }

    /// Writes the text up to a list's end, with only those of its items that hold spans that are wanted, each written by `item`. `None` if
    /// that can't.
    fn list(&mut self, items: &[&'a RawValue], item: impl Fn(&mut Self, &'a str) -> Option<()>) -> Option<()> {
        let mut comma: &[u8] = b"";
        for (n, raw) in items.iter().enumerate() {
            let begin = raw.get().as_ptr() as usize - self.text.as_ptr() as usize;
            let end = begin + raw.get().len();
            if n == 0 {
                self.copy(begin);
            }
            self.from = begin;
            if self.out.wants(&(begin..end)) {
                let mark = self.out.mark();
                self.out.copy(comma);
                comma = b",";
                item(self, raw.get())?;
                self.copy(end);
                self.out.relocate(mark);
            }
            self.from = end;
        }
        Some(())
    }

    fn resource(&mut self, text: &'a str) -> Option<()> {
        let resource: ResourceSpans<'_> = serde_json::from_str(text).ok()?;
        self.list(&resource.scope_spans.unwrap_or_default(), Self::scope)
    }

    fn scope(&mut self, text: &'a str) -> Option<()> {
        let scope: ScopeSpans<'_> = serde_json::from_str(text).ok()?;
        self.list(&scope.spans.unwrap_or_default(), |writer, span| {
            writer.out.span(span.as_bytes(), span.len());
            writer.from += span.len();
            Some(())
        })
    }
}
