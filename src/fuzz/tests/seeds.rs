//! Valid inputs of every target.

use std::path::{Path, PathBuf};

use crate::sources::otlp::fuzz::connection;

/// The largest file that becomes a seed, in bytes: small ones are changed in more of their places.
const MAX_SIZE: u64 = 2_500;

const JAEGER: &str = r#"{"data":[{"traceID":"1","spans":[{"traceID":"1","spanID":"2","operationName":"a","references":[{"refType":"CHILD_OF","traceID":"1","spanID":"3"}],"startTime":5,"duration":7,"tags":[{"key":"error","type":"bool","value":true}],"logs":[{"timestamp":6,"fields":[]}],"processID":"p"}],"processes":{"p":{"serviceName":"s","tags":[]}}}]}"#;
const OTLP: &str = r#"{"resourceSpans":[{"scopeSpans":[{"scope":{"name":"s"},"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"a","startTimeUnixNano":"1","endTimeUnixNano":"2","attributes":[{"key":"k","value":{"arrayValue":{"values":[{"intValue":"5"},{"bytesValue":"AA=="}]}}}]}]}]}]}"#;
const LOGS: &str = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","eventName":"gen_ai.choice","timeUnixNano":"1","body":{"kvlistValue":{"values":[{"key":"k","value":{"stringValue":"v"}}]}}}]}]}]}"#;
const METRICS: &str = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","sum":{"dataPoints":[{"asInt":"1","timeUnixNano":"1"}]}},{"name":"h","histogram":{"dataPoints":[{"count":"2","bucketCounts":["1","1"],"explicitBounds":[5]}]}}]}]}]}"#;
const ATTRIBUTES: &str = r#"{"openinference.span.kind":"LLM","llm.model_name":"gpt-4o-mini","llm.token_count.prompt":500,"llm.token_count.completion":20,"session.id":"s","input.value":"{\"messages\":[{\"role\":\"user\",\"content\":\"why?\"}]}","llm.input_messages.0.message.role":"user","llm.input_messages.0.message.content":"why\u001b[2J?","output.value":"because","tags":["a",{"b":null}],"agent.name":"Gr\u00f6\u00dfe"}"#;

/// Returns the fixtures with one of these ends, in the order of their paths.
fn fixtures(ends: &[&str]) -> Vec<Vec<u8>> {
    fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.path().is_dir() { collect(&entry.path(), found) } else { found.push(entry.path()) }
        }
    }
    let mut paths = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures"), &mut paths);
    paths.sort();
    let is_seed = |path: &&PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name != "truth.json" && ends.iter().any(|end| name.ends_with(end)) && path.metadata().unwrap().len() <= MAX_SIZE
    };
    let mut files: Vec<Vec<u8>> = paths.iter().filter(is_seed).map(|path| std::fs::read(path).unwrap()).collect();
    files.dedup();
    // Many are alike.
    files.into_iter().step_by(3).collect()
}

fn with_selector(selector: u8, body: &[u8]) -> Vec<u8> {
    [&[selector], body].concat()
}

/// Requests of all signals, in both encodings, over both protocols, compressed and not.
pub(super) fn otlp() -> Vec<Vec<u8>> {
    let (messages, packed) = (fixtures(&[".pb"]), fixtures(&[".pb.gz"]));
    let mut seeds: Vec<Vec<u8>> = messages.iter().map(|body| with_selector(0, body)).collect();
    for body in messages.iter().take(8) {
        seeds.extend([1, 2].map(|selector| with_selector(selector, body)));
        seeds.extend([1, 2].map(|selector| with_selector(3, &connection(selector, body))));
    }
    for body in packed.iter().take(8) {
        seeds.extend([0x41, 0x42].map(|selector| with_selector(selector, body)));
    }
    for (signal, json) in [OTLP, LOGS, METRICS].iter().enumerate() {
        seeds.extend([4, 5].map(|selector| with_selector(selector | (signal as u8) << 3, json.as_bytes())));
    }
    for (signal, encode) in [(1, crate::otlp::json::encode_logs as fn(&[u8]) -> _, LOGS), (2, crate::otlp::json::encode_metrics, METRICS)]
        .map(|(signal, encode, json)| (signal, encode(json.as_bytes()).unwrap()))
    {
        seeds.extend([0, 1, 2].map(|selector| with_selector(selector | signal << 3, &encode)));
    }
    seeds
}

/// Files in every form, compressed and not.
pub(super) fn file() -> Vec<Vec<u8>> {
    let mut seeds = fixtures(&[".pb", ".json", ".jsonl", ".gz"]);
    let message = crate::otlp::json::encode_traces(OTLP.as_bytes()).unwrap().body;
    seeds.push([&(message.len() as u32).to_be_bytes()[..], &message].concat());
    seeds.push(zstd::encode_all(&message[..], 1).unwrap());
    seeds.extend([JAEGER, OTLP, LOGS, METRICS].map(|text| text.as_bytes().to_vec()));
    seeds.push(format!("2026-11-22 INFO starting\n{OTLP}\nplain line\n{LOGS}\n").into_bytes());
    seeds
}

/// Rows of Agno's table of spans.
pub(super) fn row() -> Vec<Vec<u8>> {
    [
        ATTRIBUTES.to_owned(),
        format!("{ATTRIBUTES}\0it failed\0Model.invoke\0ERROR"),
        "{}\0\0Agent.run\0OK\x002026-11-22T05:59:04.123456\x002026-11-22 05:59:05Z\0b7ad6b7169203331\x000af7651916cd43dd8448eb211c80319c\x0000f067aa0ba902b7".to_owned(),
        "null\0\0a\0UNSET".to_owned(),
    ]
    .map(String::into_bytes)
    .into()
}

/// Answers of ClickHouse: rows of both tables, and failures.
pub(super) fn clickhouse() -> Vec<Vec<u8>> {
    let ids = "1795600800123456789, \"1795600801123456789\", \"0af7651916cd43dd8448eb211c80319c\", \"b7ad6b7169203331\"";
    let agno = format!("[{ids}, null, \"Agent.run\", \"OK\", null, 1795600801123456789, {ATTRIBUTES:?}]");
    let collector = format!(
        "[{ids}, \"\", \"chat\", \"Error\", \"no\", \"Client\", \"\", {ATTRIBUTES}, {{\"host\": {{\"name\": \"h\"}}}}, \"shop\", \"s\", \"1\", \
         [\"exception\"], [{{\"exception.type\": \"E\"}}], [\"0af7651916cd43dd8448eb211c80319c\"], [\"b7ad6b7169203332\"], [{{}}], [17]]"
    );
    let answer =
        |row: &str| format!("{{\"meta\": [], \"data\": [{row}, {row}], \"rows\": 2, \"statistics\": {{\"rows_read\": 2}}}}").into_bytes();
    let failure = b"Code: 60. DB::Exception: Table a.b does not exist. (UNKNOWN_TABLE) (version 24.8.1.1)".to_vec();
    vec![answer(&agno), answer(&collector), failure]
}

/// Pages of traces, and traces, as AgentOS tells them.
pub(super) fn agentos() -> Vec<Vec<u8>> {
    let span = |id: &str, kind: &str, rest: &str| {
        format!(
            r#"{{"id":"b7ad6b71692033{id}","name":"Helper.arun","type":"{kind}","status":"ERROR","error":"it failed","start_time":"2026-11-30T03:38:01.5Z","end_time":"2026-11-30T03:38:02Z"{rest}}}"#
        )
    };
    let call = span("33", "LLM", r#","input":"{\"a\": 1}","metadata":{"model":"claude","input_tokens":42,"output_tokens":51}"#);
    let tool = span("34", "TOOL", r#","output":"\u001b[2J","metadata":{"tool_name":"t","parameters":"{}","session_id":"s"}"#);
    let run = span("32", "AGENT", &format!(r#","spans":[{call},{tool}],"metadata":{{"run_id":"r","steps":["a"]}}"#));
    let head = r#""trace_id":"0af7651916cd43dd8448eb211c80319c","name":"n","status":"OK","total_spans":4,"start_time":"2026-11-30T03:38:00Z","end_time":"2026-11-30T03:38:09Z""#;
    let traces = [format!("{{{head},\"run_id\":\"r\",\"input\":\"hi\",\"tree\":[{run}]}}"), format!("{{{head},\"tree\":[]}}")];
    let page = format!(r#"{{"data":[{},{}],"meta":{{"page":1,"limit":100,"total_count":2}}}}"#, traces[0], traces[1]);
    traces.into_iter().chain([page]).map(String::into_bytes).collect()
}

/// The example, with values, variables, a theme and a list of prices.
pub(super) fn configuration() -> Vec<Vec<u8>> {
    let theme = include_str!("../../../assets/themes/light.toml");
    [
        include_str!("../../../config.toml.example"),
        "sources = [\"a.db\", \"postgres://u:p@h/d\"]\nmax_memory = \"64M\"\ncolumns = [\"cost\"]\nforward = [\"http://h:4318\"]\n[prices]\n\"m\" = { input = 0.5, output = 1 }\n[keys]\nquit = [\"Q\", \"Ctrl-q\"]\n",
        "max_spans = 5\n\0\x0464M\0\x05\x31\0\x12127.0.0.1:4317",
        theme,
        "base = \"light\"\nagent = { fg = \"#5fafff\", bold = true }\ntool = { fg = 5, bg = \"bright-blue\" }\n",
        r#"[{"id":"p","name":"P","api_pattern":"p","models":[{"id":"m","match":{"equals":"m"},"prices":{"input_mtok":1,"output_mtok":2}}]}]"#,
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}

/// Filters with every kind of term.
pub(super) fn filter() -> Vec<Vec<u8>> {
    [
        "agent:research status:error",
        "cost>0.5 dur>=10s tokens<5k -model:gpt*",
        "/time(d)? out/ text:\"say \\\"hi\\\"\"",
        "since:2026-11-22T07:30Z until:today",
        "kind:tool,llm !error input:/why/ output:x",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}

/// Spans with texts in every place.
pub(super) fn views() -> Vec<Vec<u8>> {
    [
        format!("{ATTRIBUTES}\0Model.invoke\0it failed\0service\0agent:x"),
        "{\"agent.name\":\"\u{202e}a\",\"session.id\":\"\\u009b2J\"}\0\u{1b}]0;x\u{7}\0line\r\nline\0s\u{300}\u{300}\0/(/".to_owned(),
        "{}\0\0\0\0".to_owned(),
        "{\"tool.name\":\"t\",\"openinference.span.kind\":\"TOOL\",\"input.value\":\"[1,{\\\"a\\\":2}]\",\"exception.message\":\"e\"}\0t\0\0\0cost>1"
            .to_owned(),
    ]
    .map(String::into_bytes)
    .into()
}
