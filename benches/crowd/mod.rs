//! Traces of 100,000 agents, models, tools, sessions and errors with names of their own, log records and series of metrics.

#![allow(missing_docs, dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use agno_top::model::metric::{Number, PointData};
use agno_top::model::time::now;
use agno_top::model::{
    Batch, LogBatch, LogRecord, Metric, MetricBatch, MetricKind, MetricPoint, Nanos, Origin, PayloadRef, SourceId, Span, SpanFacts, SpanId,
    SpanType, Status, Text, TraceId, Usage, Value,
};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::logs;
use prost::Message;

/// How many names there are of each kind.
pub const NAMES: u64 = 100_000;

/// The spans of a trace.
pub const SPANS: u64 = 6;

/// Returns traces of six spans: an agent in a session of its own, two calls of a model, two of a tool and one that failed.
pub fn traces(numbers: std::ops::Range<u64>) -> Batch {
    let mut batch = Batch::new(SourceId(0), Origin::Live);
    let begun = now() - 3_600_000_000_000;
    for number in numbers {
        let name = number % NAMES;
        let word = word(name);
        let mut text = |text: String| batch.intern(&text);
        let (agent, session) = (text(format!("Agent {word}")), text(format!("session-{name}")));
        let (model, tool) = (text(format!("model-{word}")), text(format!("look_up_{word}")));
        let error = text(format!("the {word} gateway timed out"));
        let provider = text("openai".to_owned());
        for at in 0..SPANS {
            let start = begun + number as Nanos * 20_000_000 + at as Nanos * 1_000_000;
            let facts = match at {
                0 => SpanFacts { span_type: SpanType::Agent, agent, session, ..SpanFacts::default() },
                1 | 2 => {
                    let usage = Some(Usage { input: Some(900 + name as u32), output: Some(40), ..Usage::default() });
                    SpanFacts { span_type: SpanType::Model, model, provider, usage, ..SpanFacts::default() }
                }
                _ => SpanFacts { span_type: SpanType::Tool, tool, ..SpanFacts::default() },
            };
            let failed = at == 5;
            batch.spans.push(Span {
                trace: TraceId::new((u128::from(number) + 1).to_be_bytes()).unwrap(),
                id: SpanId::new((number * SPANS + at + 1).to_be_bytes()).unwrap(),
                parent: if at == 0 { None } else { SpanId::new((number * SPANS + 1).to_be_bytes()) },
                start,
                end: Some(start + 700_000 + (name * 7919 % 5_000_000) as Nanos),
                status: if failed { Status::Error } else { Status::Ok },
                name: [agent, model, model, tool, tool, tool][at as usize],
                facts,
                error: if failed { error } else { Text::default() },
                payload_ref: PayloadRef((number * SPANS + at) as i64),
                retained_bytes: 0,
            });
        }
    }
    batch
}

/// Returns a number in letters, since numbers in error messages do not tell them apart.
fn word(mut number: u64) -> String {
    let mut word = String::new();
    for _ in 0..5 {
        word.push(char::from(b'a' + (number % 23) as u8));
        number /= 23;
    }
    word
}

/// Returns log records of a trace, each with twelve attributes.
pub fn logs(numbers: std::ops::Range<u64>) -> LogBatch {
    LogBatch { source: SourceId(0), records: numbers.map(log).collect() }
}

fn log(at: u64) -> LogRecord {
    let attribute = |key: &str, text: &str| KeyValue { key: key.to_owned(), value: Some(text_value(text)), ..KeyValue::default() };
    let attributes = (0..12).map(|n| attribute(&format!("key.{n}"), "what an agent did and why")).collect();
    let body = Some(text_value(&format!("request {at} to the model ended")));
    let record = logs::v1::LogRecord { body, attributes, ..logs::v1::LogRecord::default() };
    LogRecord {
        time: now() + at as Nanos,
        severity: 9 + (at % 3 * 4) as u8,
        trace: TraceId::new([7; 16]),
        span: SpanId::new((at % 50_000 + 1).to_be_bytes()),
        session: 0,
        event: (0, 0),
        group: Arc::default(),
        encoded: record.encode_to_vec().into(),
    }
}

fn text_value(text: &str) -> AnyValue {
    AnyValue { value: Some(any_value::Value::StringValue(text.to_owned())) }
}

/// Returns a point of each of these series.
pub fn metrics(metric: &Arc<Metric>, series: std::ops::Range<u64>) -> MetricBatch {
    MetricBatch { source: SourceId(0), received: now(), points: series.map(|at| point(metric, at as i64)).collect(), invalid: 0 }
}

pub fn gauge() -> Arc<Metric> {
    Arc::new(Metric { name: "app.token.usage".to_owned(), kind: MetricKind::Gauge, ..Metric::default() })
}

fn point(metric: &Arc<Metric>, at: i64) -> MetricPoint {
    let attributes = vec![("type".to_owned(), Value::Text(format!("kind {at}"))), ("session.id".to_owned(), Value::Int(at))];
    let data = PointData::Number(Number::Int(at * 7919 % 1000));
    MetricPoint { metric: metric.clone(), attributes, start: None, time: Some(now()), data, exemplars: Vec::new() }
}
