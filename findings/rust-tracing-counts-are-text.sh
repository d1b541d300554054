#!/usr/bin/env bash
# From Rust, through tracing-opentelemetry, token counts arrive as text, and a count that is recorded twice stands in the span twice.
#
# Packages: rig-core 0.44.0, tracing 0.1.44, tracing-opentelemetry 0.34.0, opentelemetry and opentelemetry_sdk 0.33; Rust 1.95 or later.
# Behaviour: Rig, a framework for agents, records OpenTelemetry's gen_ai.usage.* as Rust's u64 in a span of `tracing`. OpenTelemetry has no
#   unsigned integer, and tracing-opentelemetry writes u64, u32 and usize by their debug form, as a string, also where they fit; i64
#   and i32 stay integers, and so do its own busy_ns and idle_ns. Span::record() on a field that has a value, which replaces it for
#   `tracing`, appends: the span goes out with two attributes of one key, which OpenTelemetry forbids.
# Expected: an integer (the conventions say "int") where the number fits, and the last value alone.
# Matters: the usual filter `attribute > 1000`, sums and costs by number leave out every call from Rust, or compare "90" > "1000" as text.
#   Of two attributes with one key the last is right, and what a reader keeps differs. A reader must accept both forms of a number.
# Output seen (span, attribute, type and value of each attribute of that name):
#> chat gen_ai.usage.input_tokens: String 1000
#> chat gen_ai.usage.output_tokens: String 50
#> chat gen_ai.usage.cache_read.input_tokens: String 800
#> own signed: I64 1000
#> own unsigned: String 1000
#> own twice: String 1, String 50
#> own twice_signed: I64 1, I64 50
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}"
export NO_PROXY=127.0.0.1 OPENAI_API_KEY=none
mkdir "$dir/src"
cat > "$dir/Cargo.toml" <<'TOML'
[package]
name = "run"
version = "0.1.0"
edition = "2024"
[dependencies]
rig-core = { version = "=0.44.0", default-features = false, features = ["reqwest"] }
tokio = { version = "1", features = ["macros", "rt"] }
tracing = "=0.1.44"
tracing-subscriber = { version = "0.3", default-features = false, features = ["registry"] }
tracing-opentelemetry = { version = "=0.34.0", default-features = false }
opentelemetry = "0.33"
opentelemetry_sdk = { version = "0.33", features = ["testing", "trace"] }
TOML
cat > "$dir/src/main.rs" <<'RUST'
use opentelemetry::{Value, trace::TracerProvider as _};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
use rig_core::{completion::CompletionRequest, providers::openai::OpenAI};
use tracing_subscriber::prelude::*;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let memory = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(memory.clone()).build();
    tracing_subscriber::registry().with(tracing_opentelemetry::layer().with_tracer(provider.tracer("run"))).init();
    let answer = OpenAI::from_env()?.completion("gpt-5-mini").call(CompletionRequest::new("Hi")).await?;
    assert_eq!(answer.text(), "Hello");
    let own = tracing::info_span!("own", signed = 1000_i64, unsigned = 1000_u64, twice = 1_u64, twice_signed = 1_i64);
    own.record("twice", 50_u64);
    own.record("twice_signed", 50_i64);
    drop(own);
    for span in memory.get_finished_spans()? {
        let mut shown = Vec::new();
        for key in span.attributes.iter().map(|pair| pair.key.as_str()) {
            let wanted = span.name == "own" && !key.contains('.') && !key.ends_with("_ns") && key != "target" || key.starts_with("gen_ai.usage.");
            if !wanted || key.ends_with("reasoning_tokens") || shown.contains(&key) { continue }
            shown.push(key);
            let values = span.attributes.iter().filter(|pair| pair.key.as_str() == key).map(|pair| match &pair.value {
                Value::I64(number) => format!("I64 {number}"),
                Value::String(text) => format!("String {text}"),
                other => format!("{other:?}"),
            });
            println!("{} {key}: {}", span.name, values.collect::<Vec<_>>().join(", "));
        }
    }
    Ok(())
}
RUST
cat > "$dir/provider.py" <<'PY'
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        body = json.dumps({"id": "r1", "object": "response", "created_at": 1, "status": "completed", "model": "gpt-5-mini", "output": [
            {"type": "message", "id": "m1", "role": "assistant", "status": "completed", "content": [
                {"type": "output_text", "text": "Hello", "annotations": []}]}],
            "usage": {"input_tokens": 1000, "input_tokens_details": {"cached_tokens": 800}, "output_tokens": 50,
                      "output_tokens_details": {"reasoning_tokens": 30}, "total_tokens": 1050},
            "parallel_tool_calls": True, "tool_choice": "auto", "tools": []}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
print(server.server_port, flush=True)
server.serve_forever()
PY

CARGO_TARGET_DIR="$dir/target" cargo build -q --manifest-path "$dir/Cargo.toml" >&2
python3 "$dir/provider.py" > "$dir/port" &
server=$!
for _ in $(seq 100); do [ -s "$dir/port" ] && break; sleep 0.1; done
export OPENAI_BASE_URL="http://127.0.0.1:$(cat "$dir/port")/v1"
timeout 60 "$dir/target/debug/run" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
