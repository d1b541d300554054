use super::*;

const TRACE: &str = "0123456789abcdef0123456789abcdef";

/// Returns a trace with this tree.
fn trace(spans: u64, tree: &str) -> String {
    format!(
        r#"{{"trace_id": "{TRACE}", "name": "Helper.arun", "status": "OK", "total_spans": {spans}, "run_id": "r1", "input": "hi", "output": "ok",
            "start_time": "2026-11-30T03:38:00Z", "end_time": "2026-11-30T03:38:09.5Z", "tree": [{tree}]}}"#
    )
}

/// Returns a span with an id, a type, the seconds in which it began and ended, and others below it.
fn node(id: u64, kind: &str, [start, end]: [&str; 2], below: &str) -> String {
    format!(
        r#"{{"id": "{id:016x}", "name": "n{id}", "type": "{kind}", "start_time": "2026-11-30T03:38:{start}Z",
            "end_time": "2026-11-30T03:38:{end}Z", "status": "OK", "spans": [{below}]}}"#
    )
}

fn read(text: &str) -> Trace<'_> {
    Trace::read(text.as_bytes()).unwrap()
}

fn ids(spans: &[SpanId]) -> Vec<String> {
    spans.iter().map(|id| id.to_string().trim_start_matches('0').to_owned()).collect()
}

#[test]
fn a_page_lists_traces_and_counts_them() {
    let page = Page::read(br#"{"data": [{"trace_id": "a"}, {}], "meta": {"total_count": 7}}"#).unwrap();
    assert_eq!((page.traces, page.total), (vec![&br#"{"trace_id": "a"}"#[..], b"{}"], 7));
    for text in ["", "{}", "[]", "<html>", r#"{"data": [{}"#, r#"{"data": {}, "meta": {}}"#, r#"{"data": [], "meta": null}"#] {
        assert!(Page::read(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn the_tree_tells_the_parent_of_each_span() {
    let text = trace(
        4,
        &node(
            1,
            "AGENT",
            ["00", "09.5"],
            &format!("{}, {}", node(2, "TOOL", ["01", "02"], &node(3, "LLM", ["01", "02"], "")), node(4, "LLM", ["03", "04"], "")),
        ),
    );
    let trace = read(&text);
    let parents: std::collections::HashMap<String, String> = trace
        .nodes
        .iter()
        .map(|node| (ids(&[node.id])[0].clone(), node.parent.map(|parent| ids(&[parent])[0].clone()).unwrap_or_default()))
        .collect();
    let expected = [("1", ""), ("2", "1"), ("3", "2"), ("4", "1")].map(|(id, parent)| (id.to_owned(), parent.to_owned()));
    assert_eq!(parents, expected.into());
    assert_eq!((trace.missing(), trace.invalid.0, trace.unclear_roots()), (0, 0, vec![]));
    assert_eq!(read(&self::trace(6, "")).missing(), 6);
}

#[test]
fn deep_wide_and_repeated_trees_end() {
    let mut deep = node(1, "TOOL", ["01", "02"], "");
    for id in 2..600 {
        deep = node(id, "TOOL", ["01", "02"], &deep);
    }
    let text = trace(599, &deep);
    let found = read(&text);
    assert_eq!((found.nodes.len(), found.invalid.0), (MAX_DEPTH + 1, 0));
    let gap = "86 of the 599 spans that AgentOS stores are nested deeper than is read, or left out of the tree";
    assert_eq!(found.gap().as_deref(), Some(gap));
    assert!(read(&trace(0, &deep)).gap().unwrap().ends_with("nested deeper than is read are left out"));
    // What a large and deep tree costs is bounded, too.
    let innermost = r#""id": "0000000000000001""#;
    let large = deep.replacen(innermost, &format!("{innermost}, \"input\": \"{}\"", "x".repeat(4 << 20)), 1);
    let large = read(&trace(599, &large)).nodes.len();
    assert!((MIN_LOOKS..=64).contains(&large), "{large}");

    let deepest = format!("{}{}", r#"{"spans":["#.repeat(200_000), "]}".repeat(200_000));
    assert_eq!(read(&trace(1, &deepest)).nodes.len(), 0);

    // A span that stands below itself.
    let cycle = node(1, "TOOL", ["01", "02"], &node(2, "TOOL", ["01", "02"], &node(1, "TOOL", ["01", "02"], "")));
    assert_eq!(read(&trace(2, &cycle)).nodes.len(), 2);

    let wide = vec!["{}"; 1000].join(",");
    let text = trace(1000, &wide);
    let found = read(&text);
    assert_eq!((found.invalid.0, found.invalid.1.len(), found.missing()), (1000, MAX_REASONS, 0));
}

#[test]
fn traces_without_an_id_or_a_time_are_refused() {
    let valid = trace(0, "");
    for (from, to) in [(TRACE, "0"), ("2026-11-30T03:38:00Z", "soon"), ("2026-11-30T03:38:09.5Z", "")] {
        assert!(Trace::read(valid.replace(from, to).as_bytes()).is_err(), "{from}");
    }
    assert!(Trace::read(b"5").is_err() && Trace::read(b"null").is_err());
    // Whole numbers that are none, and a text where a list should be.
    let odd = valid.replace("\"total_spans\": 0", "\"total_spans\": -1").replace("[]", "\"none\"");
    assert_eq!((read(&odd).stored, read(&odd).nodes.len()), (0, 0));
}

#[test]
fn roots_are_asked_for_where_the_tree_does_not_tell_about_them() {
    let unclear = |text: &str| ids(&read(text).unclear_roots());
    let call = node(2, "LLM", ["01", "02"], "");
    let root = |kind, times| trace(2, &node(1, kind, times, &call));
    assert!(unclear(&root("AGENT", ["00", "09.5"])).is_empty());
    assert!(unclear(&root("UNKNOWN", ["00", "09.5"])).is_empty());
    // Its own tokens are not told.
    assert_eq!(unclear(&root("LLM", ["00", "09.5"])), ["1"]);
    // Another span ends when the trace does: the root may have ended before.
    assert_eq!(unclear(&trace(2, &node(1, "AGENT", ["00", "09.5"], &node(2, "LLM", ["01", "09.5"], "")))), ["1"]);
    assert_eq!(unclear(&trace(2, &node(1, "AGENT", ["00", "09.5"], &node(2, "LLM", ["00", "02"], "")))), ["1"]);
    // A span that is not told may have been the last.
    assert_eq!(unclear(&root("AGENT", ["00", "09.5"]).replace("\"total_spans\": 2", "\"total_spans\": 3")), ["1"]);
    // The output of the last step stands for that of the workflow.
    let step = node(2, "WORKFLOW", ["01", "02"], "").replace("\"status\"", "\"output\": \"ok\", \"status\"");
    assert_eq!(unclear(&trace(2, &node(1, "WORKFLOW", ["00", "09.5"], &step))), ["1"]);
    let two = format!("{}, {}", node(1, "AGENT", ["00", "09.5"], ""), node(2, "AGENT", ["00", "09.5"], ""));
    assert_eq!(unclear(&trace(2, &two)), ["1", "2"]);
    assert_eq!(unclear(&root("AGENT", ["00", "09.5"]).replace("\"run_id\": \"r1\",", "")), ["1"]);
}

#[test]
fn a_root_is_replaced_by_what_is_told_of_it_alone() {
    let text = trace(1, &node(1, "LLM", ["00", "09.5"], ""));
    let own = node(1, "LLM", ["00", "03"], "").replace("\"status\"", "\"output\": \"own\", \"status\"");
    let other = node(2, "LLM", ["00", "03"], "");
    let id = read(&text).nodes[0].id;
    let replaced = [(id, own.into_bytes())];
    let trace = read(&text).with_own(&replaced);
    assert_eq!((trace.nodes[0].object.text("output"), trace.nodes[0].is_bare), ("own".to_owned(), false));
    assert!(read(&text).with_own(&[(id, other.into_bytes()), (id, b"<html>".to_vec())]).nodes[0].is_bare);
}

#[test]
fn requests_for_traces_are_told_from_other_requests() {
    let is_request = |name: &str, kind: &str| {
        let below = node(2, kind, ["01", "02"], "").replace("n2", "fastapi.endpoint");
        read(&trace(2, &node(1, "UNKNOWN", ["00", "09.5"], &below).replace("n1", name))).is_request_for_traces()
    };
    for name in ["GET /traces", "POST /traces/search", "GET /traces/{trace_id}", "OPTIONS /traces/search", "GET /info"] {
        assert!(is_request(name, "UNKNOWN"), "{name}");
    }
    for name in ["POST /agents/{agent_id}/runs", "GET /tracesets", "DELETE /traces", "traces", "GET /health"] {
        assert!(!is_request(name, "UNKNOWN"), "{name}");
    }
    assert!(!is_request("POST /traces/search", "AGENT"), "an agent ran in it");
}
