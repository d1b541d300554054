//! `agno-top metrics`.

use super::{Program, errors};

/// Two exports of a histogram, and a counter; a span between them.
const FILE: &str = r#"{"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"app"}}]},"scopeMetrics":[{"scope":{"name":"s"},"metrics":[
{"name":"latency","unit":"ms","histogram":{"aggregationTemporality":"AGGREGATION_TEMPORALITY_DELTA","dataPoints":[{"timeUnixNano":"1795330800000000000","startTimeUnixNano":"1795330790000000000","count":"10","sum":50,"min":1,"max":9,"bucketCounts":["10","0"],"explicitBounds":[10],"exemplars":[{"asDouble":9,"timeUnixNano":"1795330799000000000","traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331"}]}]}},
{"name":"sizes","exponentialHistogram":{"aggregationTemporality":2,"dataPoints":[{"timeUnixNano":"1795330800000000000","count":"3","sum":10,"scale":0,"zeroCount":"1","positive":{"offset":1,"bucketCounts":["2"]}}]}},
{"name":"old","summary":{"dataPoints":[{"timeUnixNano":"1795330800000000000","count":"2","sum":3,"quantileValues":[{"quantile":0.5,"value":1},{"quantile":0.95,"value":2}]}]}},
{"name":"tokens","unit":"{token}","sum":{"isMonotonic":true,"aggregationTemporality":1,"dataPoints":[{"asInt":"7","timeUnixNano":"1795330800000000000","startTimeUnixNano":"1795330790000000000","attributes":[{"key":"type","value":{"stringValue":"input"}}]},{"asInt":"2","timeUnixNano":"1795330800000000000","startTimeUnixNano":"1795330790000000000","attributes":[{"key":"type","value":{"stringValue":"output\u001b[2J"}}]}]}}]}]}]}
{"resourceSpans":[]}
{"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"app"}}]},"scopeMetrics":[{"scope":{"name":"s"},"metrics":[{"name":"latency","unit":"ms","histogram":{"aggregationTemporality":1,"dataPoints":[{"timeUnixNano":"1795330810000000000","startTimeUnixNano":"1795330800000000000","count":10,"sum":150,"min":11,"max":20,"bucketCounts":[0,10],"explicitBounds":[10.0]}]}}]}]}]}
"#;

fn program() -> Program {
    let program = Program::empty();
    std::fs::write(program.path("m.jsonl"), FILE).unwrap();
    program
}

#[test]
fn series_are_listed_with_their_values_and_percentiles() {
    let text = program().text(&["metrics", "m.jsonl"]);
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines.len(), 6, "{text}");
    assert!(text.contains("p50 ~10 p95 ~19") && text.contains("p50 1 p95 2") && text.contains("type=input · app"), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
}

#[test]
fn json_has_all_that_is_known_of_a_series() {
    let program = program();
    let series = program.objects(&["metrics", "m.jsonl", "--json"]);
    let names: Vec<&str> = series.iter().map(|series| series["metric"].as_str().unwrap()).collect();
    assert_eq!(names, ["latency", "old", "sizes", "tokens", "tokens"]);
    let latency = &series[0];
    let facts = ["count", "sum", "mean", "min", "max", "p50", "p95"].map(|fact| latency[fact].as_f64());
    assert_eq!(facts, [20.0, 200.0, 10.0, 1.0, 20.0, 10.0, 19.0].map(Some));
    assert_eq!(latency["buckets"].to_string(), "[[null,10.0,10],[10.0,null,10]]");
    assert_eq!((latency["per_minute"].as_f64(), latency["points"].as_u64()), (Some(20.0), Some(2)));
    assert_eq!(latency["exemplars"][0]["trace_id"], "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(series[2]["buckets"].to_string(), "[[0.0,0.0,1],[2.0,4.0,2]]");
    assert_eq!((series[3]["value"].as_i64(), series[3]["attributes"]["type"].as_str()), (Some(7), Some("input")));
    assert_eq!((series[3]["type"].as_str(), series[3]["temporality"].as_str()), (Some("counter"), Some("delta")));
}

#[test]
fn the_filter_chooses_series_and_leaves_aside_what_is_about_spans() {
    let program = program();
    let names = |filter: &str| program.objects(&["metrics", "m.jsonl", "--json", "--filter", filter]).len();
    assert_eq!([names("tok"), names("name:tokens -attr.type:input"), names("service:app"), names("-sizes -old")], [2, 1, 5, 3]);
    let output = program.run(&["metrics", "m.jsonl", "--filter", "tokens status:error"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 3);
    assert!(errors(&output).contains("part of the filter is about spans only"), "{}", errors(&output));
    let none = program.run(&["metrics", "m.jsonl", "--filter", "nothing"]);
    assert_eq!((none.status.code(), errors(&none).as_str()), (Some(1), "agno-top: no matching metrics in m.jsonl\n"));
}

#[test]
fn other_commands_say_that_a_file_holds_metrics() {
    let output = program().run(&["list", "m.jsonl"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("no traces in m.jsonl, but metrics: agno-top metrics shows them"), "{}", errors(&output));
}

/// A model call of 1000 input tokens, 800 of them cached, and 50 output tokens.
const CALL: &str = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"app"}}]},"scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"chat","startTimeUnixNano":"1795330800000000000","endTimeUnixNano":"1795330801000000000","attributes":[{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},{"key":"gen_ai.request.model","value":{"stringValue":"m"}},{"key":"gen_ai.usage.input_tokens","value":{"intValue":"1000"}},{"key":"gen_ai.usage.cache_read.input_tokens","value":{"intValue":"800"}},{"key":"gen_ai.usage.output_tokens","value":{"intValue":"50"}}]}]}]}]}"#;

/// Returns a request of a counter of tokens by type.
fn counter(name: &str, counts: &[(&str, u64)]) -> String {
    let point = |(kind, count): &(&str, u64)| {
        format!(
            r#"{{"asInt":"{count}","timeUnixNano":"1795330802000000000","startTimeUnixNano":"1795330799000000000","attributes":[{{"key":"type","value":{{"stringValue":"{kind}"}}}}]}}"#
        )
    };
    let points: Vec<String> = counts.iter().map(point).collect();
    format!(
        r#"{{"resourceMetrics":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"app"}}}}]}},"scopeMetrics":[{{"metrics":[{{"name":"{name}","sum":{{"isMonotonic":true,"aggregationTemporality":2,"dataPoints":[{}]}}}}]}}]}}]}}"#,
        points.join(",")
    )
}

#[test]
fn counters_of_tokens_are_compared_with_the_calls_and_never_added_up() {
    let program = Program::empty();
    let lines = [
        CALL.to_owned(),
        // Cached tokens are a part of the input here, and apart from it there.
        counter("a.token.usage", &[("total", 1050), ("input", 1000), ("cached_input", 800), ("output", 50), ("reasoning_output", 30)]),
        counter("b.token.usage", &[("input", 200), ("cacheRead", 800), ("output", 50)]),
        counter("c.token.usage", &[("input", 2000), ("cache", 1600), ("output", 20), ("thought", 30)]),
        counter("d.bytes", &[("input", 7)]),
    ];
    std::fs::write(program.path("m.jsonl"), lines.join("\n") + "\n").unwrap();
    let output = program.run(&["metrics", "m.jsonl", "--json"]);
    assert_eq!(errors(&output), "agno-top: c.token.usage: input 2,000 counted, 1,000 in calls\n");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let series: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let compared = |name: &str| series.iter().find(|series| series["metric"] == name).unwrap()["compared"].clone();
    for name in ["a.token.usage", "b.token.usage"] {
        let expected =
            r#"[{"what":"input","counted":1000.0,"calls":1000,"agrees":true},{"what":"output","counted":50.0,"calls":50,"agrees":true}]"#;
        assert_eq!(compared(name).to_string(), expected.replace("1000,", "1000.0,").replace("50,", "50.0,"));
    }
    assert!(compared("d.bytes").is_null());
}

#[test]
fn exported_metrics_are_read_as_the_same_series() {
    let program = program();
    let of = |file: &str| {
        let mut series = program.objects(&["metrics", file, "--json"]);
        for one in &mut series {
            one["source"].take();
        }
        series
    };
    for (format, file) in [("otlp", "x.jsonl"), ("otlp-proto", "x.pb")] {
        let output = program.run(&["metrics", "m.jsonl", "--format", format]);
        assert_eq!((output.status.code(), errors(&output).as_str()), (Some(0), ""));
        std::fs::write(program.path(file), output.stdout).unwrap();
        assert_eq!(of(file), of("m.jsonl"), "{format}");
    }
    let some = program.text(&["metrics", "m.jsonl", "--format", "otlp", "--filter", "attr.type:input"]);
    assert!(some.contains("\"7\"") && !some.contains("latency"), "{some}");
}

#[test]
fn secrets_are_hidden_in_the_table_and_in_json() {
    let program = Program::empty();
    let key = format!("sk-{}", "a1B2c3D4e5F6g7H8".repeat(3));
    let file = format!(
        r#"{{"resourceMetrics":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"app"}}}},{{"key":"owner","value":{{"stringValue":"ann@example.org"}}}}]}},"scopeMetrics":[{{"metrics":[{{"name":"uses","description":"of {key}","gauge":{{"dataPoints":[{{"timeUnixNano":"1795330800000000000","asInt":"1","attributes":[{{"key":"api_key","value":{{"stringValue":"{key}"}}}},{{"key":"kind","value":{{"stringValue":"a"}}}}],"exemplars":[{{"asInt":"1","filteredAttributes":[{{"key":"password","value":{{"stringValue":"hunter2"}}}}]}}]}},{{"timeUnixNano":"1795330800000000000","asInt":"2","attributes":[{{"key":"api_key","value":{{"stringValue":"{key}x"}}}},{{"key":"kind","value":{{"stringValue":"a"}}}}]}}]}}}}]}}]}}]}}"#
    );
    std::fs::write(program.path("m.jsonl"), file).unwrap();
    let all = |arguments: &[&str]| {
        let output = program.run(&[&["metrics", "m.jsonl"], arguments].concat());
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
    };
    for arguments in [&["--redact"][..], &["--redact", "--json"], &["--redact-personal", "--json"]] {
        let text = all(arguments);
        assert!(!text.contains(&key) && !text.contains("hunter2") && !text.contains("ann@"), "{text}");
        assert!(text.contains("uses") && text.contains("app") && text.contains("[redacted]"), "{text}");
        assert_eq!(text.lines().filter(|line| line.contains("uses")).count(), 2, "series that differ only in a secret stay apart: {text}");
    }
    assert!(all(&["--json"]).contains(&key));
}
