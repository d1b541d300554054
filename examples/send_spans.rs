//! Sends a span to an OTLP/HTTP endpoint, for example a running agno-top.
//!
//! ```sh
//! agno-top --otlp
//! cargo run --example send_spans -- http://127.0.0.1:4318
//! ```

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example prints")]

use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

use agno_top::export::{ExportedSpan, SpanRecord};
use agno_top::model::{Payload, SpanId, Status, TraceId, Value};
use agno_top::send::Sender;

fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("usage: send_spans URL")?;
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos())?;
    let (trace, span) = (TraceId::new(i128::from(now).to_be_bytes()), SpanId::new(now.to_be_bytes()));
    let (trace, span) = trace.zip(span).ok_or("an id of zeros")?;

    let attribute = |key: &str, value: Value| (key.to_owned(), value);
    let payload = Payload {
        attributes: vec![
            attribute("gen_ai.operation.name", Value::Text("chat".to_owned())),
            attribute("gen_ai.request.model", Value::Text("gpt-4o-mini".to_owned())),
            attribute("gen_ai.usage.input_tokens", Value::Int(1000)),
            attribute("gen_ai.usage.output_tokens", Value::Int(50)),
        ],
        ..Payload::default()
    };
    let record = SpanRecord::new(trace, span, "chat gpt-4o-mini", now - 250_000_000, Some(now));

    let mut sender = Sender::new(&url, &[])?;
    let print_retry = |reason: &str| eprintln!("{reason}; trying again");
    sender.push(ExportedSpan { record, status: Status::Unset, depth: 0, payload }, print_retry)?;
    sender.finish(print_retry)?;
    println!("{} accepted {} span", sender.name(), sender.sent().accepted);
    Ok(())
}
