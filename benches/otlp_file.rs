//! Reads and writes OTLP/JSON, compared with `serde_json` parsing the same bytes into a tree.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::hint::black_box;
use std::io;
use std::path::Path;

use agno_top::export::{ExportedSpan, Exporter, Options, SpanRecord};
use agno_top::model::{Payload, SourceId, SpanId, Status, TraceId, Value};
use agno_top::sources::{State, Update, UpdateSender, file};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Returns spans like an agent's model calls: a few short attributes and a conversation.
fn spans(count: u64) -> Vec<ExportedSpan> {
    let text = |text: &str| Value::Text(text.to_owned());
    let attributes = vec![
        ("openinference.span.kind".to_owned(), text("LLM")),
        ("llm.model_name".to_owned(), text("gpt-5-mini")),
        ("llm.provider".to_owned(), text("OpenAI")),
        ("session.id".to_owned(), text("session-17")),
        ("llm.token_count.prompt".to_owned(), Value::Int(1200)),
        ("llm.token_count.completion".to_owned(), Value::Int(340)),
        ("input.value".to_owned(), text(&"{\"role\": \"user\", \"content\": \"Where is my order?\"} ".repeat(20))),
        ("output.value".to_owned(), text(&"It left the warehouse yesterday.\n".repeat(10))),
    ];
    let span = |n: u64| {
        let (trace, id) = (TraceId::new([n as u8 | 1; 16]).unwrap(), SpanId::new((n + 1).to_be_bytes()).unwrap());
        let start = 1_795_000_000_000_000_000 + n as i64 * 1_000_000;
        let record = SpanRecord::new(trace, id, "OpenAIChat.invoke", start, Some(start + 500_000_000));
        let record = SpanRecord { parent_id: SpanId::new(n.to_be_bytes()), ..record };
        ExportedSpan { record, status: Status::Ok, depth: 0, payload: Payload { attributes: attributes.clone(), ..Payload::default() } }
    };
    (0..count).map(span).collect()
}

fn read(path: &Path) -> usize {
    let (sender, mut updates) = tokio::sync::mpsc::channel(16);
    let _handle = file::start(path.to_owned(), UpdateSender::new(SourceId(0), sender)).unwrap();
    let mut count = 0;
    loop {
        match updates.blocking_recv().unwrap() {
            Update::Batch(batch) => count += batch.spans.len(),
            Update::State(_, State::Ended) => return count,
            _ => {}
        }
    }
}

fn write<W: io::Write>(spans: &[ExportedSpan], out: W) -> W {
    let mut exporter = Exporter::new(&Options::default(), out);
    for span in spans {
        exporter.span(span.clone()).unwrap();
    }
    exporter.finish().unwrap()
}

fn otlp_file(criterion: &mut Criterion) {
    let spans = spans(20_000);
    let text = write(&spans, Vec::new());
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &text).unwrap();

    let mut group = criterion.benchmark_group("otlp_file");
    group.sample_size(10).throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("serde_json reads a tree", |bench| {
        bench.iter(|| black_box(serde_json::from_slice::<serde_json::Value>(&text).unwrap()));
    });
    group.bench_function("open", |bench| bench.iter(|| assert_eq!(read(file.path()), spans.len())));
    group.bench_function("export", |bench| bench.iter(|| write(&spans, io::sink())));
    group.finish();
}

criterion_group!(benches, otlp_file);
criterion_main!(benches);
