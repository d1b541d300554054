//! Why a provider's cache missed: a stand-in that caches by true prefix answers runs of which each has one cause, and `show` names it.

use serde_json::{Value, json};

use super::Program;

const SECOND: u64 = 1_000_000_000;

/// A morning in November 2026.
const START: u64 = 1_795_327_144_000_000_000;

/// The provider's rules: the fewest tokens that it caches, the tokens of a block, and how long it keeps a prefix.
const MIN_TOKENS: usize = 1024;
const BLOCK: usize = 128;
const TIME_TO_LIVE: u64 = 300 * SECOND;

/// A request: seconds after the start, how long it takes, the model, the tools with their descriptions, and the messages.
#[derive(Clone, Debug)]
struct Request {
    at: u64,
    takes: u64,
    model: &'static str,
    tools: Vec<(String, String)>,
    messages: Vec<(&'static str, String)>,
}

/// Caches what it answered by its bytes, four of which are a token.
#[derive(Default)]
struct Provider {
    /// The model, the prompt, and when it can be read from the cache: from and until.
    cached: Vec<(&'static str, Vec<u8>, u64, u64)>,
}

impl Provider {
    /// Returns the input tokens and those of them that were cached.
    fn answer(&mut self, request: &Request) -> (usize, usize) {
        let prompt = json!([request.tools, request.messages]).to_string().into_bytes();
        let shared = |(model, known, from, until): &(&str, Vec<u8>, u64, u64)| {
            let is_live = *model == request.model && (*from..=*until).contains(&(request.at * SECOND));
            if is_live { prompt.iter().zip(known).take_while(|(a, b)| a == b).count() / 4 } else { 0 }
        };
        let longest = self.cached.iter().map(shared).max().unwrap_or_default() / BLOCK * BLOCK;
        let end = (request.at + request.takes) * SECOND;
        let tokens = prompt.len() / 4;
        self.cached.push((request.model, prompt, end, end + TIME_TO_LIVE));
        (tokens, if longest < MIN_TOKENS { 0 } else { longest })
    }

    fn forget(&mut self) {
        self.cached.clear();
    }
}

/// How a span states a call.
#[derive(Clone, Copy, Debug)]
enum Convention {
    /// OpenInference, as Agno's instrumentation of OpenAI: cached tokens only if there are any.
    OpenInference,
    /// OpenTelemetry GenAI with messages as JSON.
    GenAi,
    /// The same of Anthropic, which states what it wrote to the cache, too.
    Anthropic,
    /// The AI SDK.
    AiSdk,
}

const CONVENTIONS: [Convention; 4] = [Convention::OpenInference, Convention::GenAi, Convention::Anthropic, Convention::AiSdk];

fn attributes(convention: Convention, request: &Request, (input, cached): (usize, usize)) -> Value {
    let mut map = serde_json::Map::new();
    let mut put = |key: &str, value: Value| drop(map.insert(key.to_owned(), value));
    let schema = |(name, description): &(String, String)| json!({"type": "function", "name": name, "description": description, "parameters": {"type": "object"}});
    match convention {
        Convention::OpenInference => {
            put("openinference.span.kind", "LLM".into());
            put("llm.model_name", request.model.into());
            for (at, tool) in request.tools.iter().enumerate() {
                put(&format!("llm.tools.{at}.tool.json_schema"), json!({"type": "function", "function": schema(tool)}).to_string().into());
            }
            for (at, (role, text)) in request.messages.iter().enumerate() {
                put(&format!("llm.input_messages.{at}.message.role"), (*role).into());
                put(&format!("llm.input_messages.{at}.message.content"), text.as_str().into());
            }
            put("llm.token_count.prompt", input.into());
            put("llm.token_count.completion", 10.into());
            if cached > 0 {
                put("llm.token_count.prompt_details.cache_read", cached.into());
            }
        }
        Convention::GenAi | Convention::Anthropic => {
            put("gen_ai.operation.name", "chat".into());
            put("gen_ai.response.model", request.model.into());
            put("gen_ai.tool.definitions", Value::from(request.tools.iter().map(schema).collect::<Vec<_>>()).to_string().into());
            let message = |(role, text): &(&str, String)| json!({"role": role, "parts": [{"type": "text", "content": text}]});
            put("gen_ai.input.messages", Value::from(request.messages.iter().map(message).collect::<Vec<_>>()).to_string().into());
            put("gen_ai.usage.output_tokens", 10.into());
            put("gen_ai.usage.cache_read.input_tokens", cached.into());
            put("gen_ai.usage.input_tokens", input.into());
            if matches!(convention, Convention::Anthropic) {
                put("gen_ai.provider.name", "anthropic".into());
                let written = if input < MIN_TOKENS { 0 } else { input - cached };
                put("gen_ai.usage.cache_creation.input_tokens", written.into());
            }
        }
        Convention::AiSdk => {
            put("ai.operationId", "ai.generateText.doGenerate".into());
            put("ai.model.id", request.model.into());
            let tools: Vec<Value> = request.tools.iter().map(|tool| schema(tool).to_string().into()).collect();
            put("ai.prompt.tools", tools.into());
            let message = |(role, text): &(&str, String)| match *role {
                "system" => json!({"role": role, "content": text}),
                role => json!({"role": role, "content": [{"type": "text", "text": text}]}),
            };
            put("ai.prompt.messages", Value::from(request.messages.iter().map(message).collect::<Vec<_>>()).to_string().into());
            put("ai.usage.inputTokens", input.into());
            put("ai.usage.outputTokens", 10.into());
            put("ai.usage.cachedInputTokens", cached.into());
        }
    }
    let value = |value: Value| match value {
        Value::Number(number) => json!({"intValue": number}),
        Value::Array(items) => {
            json!({"arrayValue": {"values": items.iter().map(|item| json!({"stringValue": item})).collect::<Vec<_>>()}})
        }
        other => json!({"stringValue": other}),
    };
    map.into_iter().map(|(key, of)| json!({"key": key, "value": value(of)})).collect()
}

/// Returns the contexts that `show` gives: of the run, and of its calls.
fn shown(convention: Convention, requests: &[Request], forgets_before: Option<usize>) -> (Value, Vec<Value>) {
    let program = written(convention, requests, forgets_before);
    let shown = program.objects(&["show", "--json", "abab", "run.json"]).remove(0);
    let mut contexts = shown["spans"].as_array().unwrap().iter().map(|span| span["context"].clone());
    (contexts.next().unwrap(), contexts.collect())
}

/// Writes a run into the file `run.json`.
fn written(convention: Convention, requests: &[Request], forgets_before: Option<usize>) -> Program {
    let mut provider = Provider::default();
    let span = |id: usize, parent: &str, name: &str, start: u64, end: u64, attributes: Value| {
        json!({"traceId": "ab".repeat(16), "spanId": format!("{id:016x}"), "parentSpanId": parent, "name": name,
            "startTimeUnixNano": start.to_string(), "endTimeUnixNano": end.to_string(), "attributes": attributes, "status": {}})
    };
    let end = requests.iter().map(|request| request.at + request.takes).max().unwrap();
    let kind = json!([{"key": "openinference.span.kind", "value": {"stringValue": "AGENT"}}, {"key": "agent.name", "value": {"stringValue": "Clerk"}}]);
    let mut spans = vec![span(1, "", "Clerk.run", START, START + (end + 1) * SECOND, kind)];
    for (at, request) in requests.iter().enumerate() {
        if forgets_before == Some(at) {
            provider.forget();
        }
        let counts = provider.answer(request);
        let start = START + request.at * SECOND;
        let attributes = attributes(convention, request, counts);
        spans.push(span(at + 2, &format!("{:016x}", 1), "chat", start, start + request.takes * SECOND, attributes));
    }
    let program = Program::empty();
    let body = json!({"resourceSpans": [{"scopeSpans": [{"scope": {"name": "test"}, "spans": spans}]}]});
    std::fs::write(program.path("run.json"), body.to_string()).unwrap();
    program
}

/// A conversation of four calls, ten seconds apart, with a system prompt and tools of some 2,000 tokens.
fn healthy() -> Vec<Request> {
    let rules: String = (0..60)
        .map(|rule| format!("Rule {rule}: look at the order with care before you promise anything to anybody.\n"))
        .collect::<Vec<_>>()
        .concat();
    let tools = ["find_order", "refund_order", "send_mail"]
        .map(|tool| (tool.to_owned(), format!("Does what {tool} says. {}", "It is safe. ".repeat(20))));
    let mut messages = vec![("system", rules), ("user", "Where is my order 17?".to_owned())];
    let mut requests = Vec::new();
    for turn in 0..4 {
        requests.push(Request { at: turn * 10, takes: 2, model: "gpt-4o", tools: tools.to_vec(), messages: messages.clone() });
        messages.push(("assistant", format!("Answer {turn}: {}", "it is on its way to you. ".repeat(30))));
        messages.push(("user", format!("Question {turn}: {}", "and what about the other one? ".repeat(20))));
    }
    requests
}

/// What must be named of a call: `cache`, `cause`, `change`, and the message or the tool with the character.
type Expected = (usize, &'static str, Option<&'static str>, Option<&'static str>, Value);

struct Case {
    name: &'static str,
    requests: Vec<Request>,
    forgets_before: Option<usize>,
    expected: Vec<Expected>,
}

fn cases() -> Vec<Case> {
    let case = |name, requests, expected| Case { name, requests, forgets_before: None, expected };
    let changed = |at, change, place| (at, "miss", Some("changed"), Some(change), place);
    // Applies a change to the call at an index and to those after it.
    let from = |first: usize, change: &dyn Fn(usize, &mut Request)| {
        let mut requests = healthy();
        requests.iter_mut().enumerate().skip(first).for_each(|(at, request)| change(at, request));
        requests
    };
    let dated = |at: usize, request: &mut Request| request.messages[0].1.insert_str(100, &format!("It is 10:0{at}."));
    let mut slow = healthy();
    (slow[2].at, slow[3].at) = (20 + 400, 430);
    let mut short = healthy();
    for request in &mut short {
        request.tools.truncate(1);
        request.messages[0].1.truncate(500);
        request.messages.truncate(2);
    }
    let mut beside = healthy();
    beside.truncate(2);
    beside[1].at = 1;
    let answered = from(3, &|_, request| request.messages[3].1.insert_str(8, "(edited) "));
    let reordered = from(2, &|_, request| request.tools.swap(0, 2));
    let window = from(3, &|_, request| drop(request.messages.drain(1..5)));
    let compacted = from(3, &|_, request| {
        request.messages.splice(1..7, [("user", "Summary: the order 17 is on its way. ".repeat(40))]);
    });
    vec![
        case("healthy", healthy(), vec![]),
        case(
            "a time in the system prompt",
            from(0, &dated),
            (1..4).map(|at| changed(at, "message_changed", json!({"message": 0, "at": 100 + "It is 10:0".len()}))).collect(),
        ),
        case("reordered tools", reordered, vec![changed(2, "tools_reordered", json!({"tool": "send_mail"}))]),
        case(
            "a changed schema",
            from(2, &|_, request| request.tools[1].1.insert_str(0, "Now! ")),
            vec![changed(2, "tool_changed", json!({"tool": "refund_order"}))],
        ),
        case(
            "another tool",
            from(1, &|_, request| request.tools.insert(0, ("escalate".to_owned(), "Asks a person.".to_owned()))),
            vec![changed(1, "tool_added", json!({"tool": "escalate"}))],
        ),
        case(
            "a tool less",
            from(3, &|_, request| drop(request.tools.remove(0))),
            vec![changed(3, "tool_removed", json!({"tool": "find_order"}))],
        ),
        case("an edited message", answered, vec![changed(3, "message_changed", json!({"message": 3, "at": 8}))]),
        case(
            "a memory before the question",
            from(2, &|_, request| request.messages.insert(1, ("user", "You know: they like tea.".to_owned()))),
            vec![changed(2, "messages_inserted", json!({"message": 1}))],
        ),
        case("a window that slides", window, vec![changed(3, "messages_dropped", json!({"message": 1}))]),
        case("compaction", compacted, vec![changed(3, "compacted", json!({"message": 1}))]),
        case("a pause", slow, vec![(2, "miss", Some("expired"), None, json!({}))]),
        case("another model", from(2, &|_, request| request.model = "gpt-4o-mini"), vec![(2, "miss", Some("model"), None, json!({}))]),
        case("too short", short, (1..4).map(|at| (at, "too_short", None, None, json!({}))).collect()),
        case("side by side", beside, vec![(1, "miss", Some("still_running"), None, json!({}))]),
        Case { forgets_before: Some(2), ..case("forgotten", healthy(), vec![(2, "miss", Some("provider"), None, json!({}))]) },
    ]
}

#[test]
fn the_cause_of_a_miss_is_named_with_its_place() {
    for Case { name, requests, forgets_before, expected } in cases() {
        for convention in CONVENTIONS {
            let (run, calls) = shown(convention, &requests, forgets_before);
            let context = format!("{name}, {convention:?}");
            assert_eq!(run["calls"], requests.len(), "{context}");
            for (at, call) in calls.iter().enumerate() {
                let call_context = format!("{context}, call {at}: {call:#}");
                let tokens: u64 = call["estimated_tokens"].as_object().unwrap().values().map(|tokens| tokens.as_u64().unwrap()).sum();
                let input = json!([requests[at].tools, requests[at].messages]).to_string().len() / 4;
                assert_eq!(tokens, input as u64, "{call_context}");
                let Some((_, cache, cause, change, place)) = expected.iter().find(|(expected, ..)| *expected == at) else {
                    assert!(call["cause"].is_null() && ["hit", "first"].contains(&call["cache"].as_str().unwrap()), "{call_context}");
                    continue;
                };
                // Where no call of a run states cached tokens, only the cause is known.
                let is_unstated = run["misses"].is_null();
                assert!(call["cache"] == *cache || is_unstated && call["cache"] == "not_reported", "{call_context}");
                let is_named = !is_unstated || matches!(*cause, Some("changed" | "model"));
                assert!(call["cause"].as_str() == *cause || !is_named, "{call_context}");
                assert!(change.is_none() || call["change"].as_str() == *change, "{call_context}");
                for (key, value) in place.as_object().unwrap() {
                    assert_eq!(&call[key], value, "{key}, {call_context}");
                }
            }
        }
    }
}

#[test]
fn rebuilt_and_reused_tokens_agree_with_the_ledger() {
    let mut requests = healthy();
    requests[2].messages[0].1.insert(0, '!');
    requests[3].messages[0].1.insert(0, '!');
    let mut provider = Provider::default();
    let ledger: Vec<(usize, usize)> = requests.iter().map(|request| provider.answer(request)).collect();
    let (run, calls) = shown(Convention::GenAi, &requests, None);
    let sum = |of: fn(&(usize, usize)) -> usize| ledger.iter().map(of).sum::<usize>() as u64;
    assert_eq!((run["input_tokens"].as_u64(), run["reused_tokens"].as_u64()), (Some(sum(|call| call.0)), Some(sum(|call| call.1))));
    assert_eq!((run["misses"].as_u64(), run["rebuilt_tokens"].as_u64()), (Some(1), Some((ledger[1].0 - ledger[2].1) as u64)));
    assert_eq!(calls[2]["before"].as_str().unwrap().chars().next(), Some('R'));
    assert!(calls[2]["after"].as_str().unwrap().starts_with("!Rule 0"));
    assert_eq!(run["unused_tools"], json!(["refund_order", "find_order", "send_mail"]), "the largest first");
    // A dollar and a quarter a million less from the cache.
    let cost = run["misses_cost_usd"].as_f64().unwrap();
    assert!((cost - run["rebuilt_tokens"].as_f64().unwrap() * 1.25e-6).abs() < 1e-9, "{cost}");
}

#[test]
fn a_schema_of_twenty_tools_that_no_call_uses_is_named() {
    let mut requests = healthy();
    for request in &mut requests {
        request.tools = (0..20).map(|tool| (format!("tool_{tool:02}"), "Does much. ".repeat(30))).collect();
    }
    let (run, calls) = shown(Convention::OpenInference, &requests, None);
    let names: Vec<String> = (0..20).map(|tool| format!("tool_{tool:02}")).collect();
    assert_eq!(run["unused_tools"], json!(names));
    let tools: u64 = calls.iter().map(|call| call["estimated_tokens"]["tools"].as_u64().unwrap()).sum();
    assert_eq!(run["unused_tools_estimated_tokens"].as_u64(), Some(tools));
    assert!(calls.iter().all(|call| call["tools"] == 20));
}

#[test]
fn calls_are_counted_by_what_their_input_begins_with() {
    let mut requests = healthy();
    requests[3].messages[0].1.insert_str(0, "New ");
    for convention in CONVENTIONS {
        let groups = written(convention, &requests, None).objects(&["stats", "--json", "--by", "prefix", "run.json"]);
        let counts: Vec<_> = groups.iter().map(|group| (group["calls"].as_u64().unwrap(), group["key"].as_str().unwrap())).collect();
        assert_eq!(counts.iter().map(|(calls, _)| *calls).collect::<Vec<_>>(), [3, 1], "{counts:?}");
        assert!(counts[0].1.contains(" 3 tools, Rule 0: look at the order") && counts[1].1.contains(" 3 tools, New Rule 0"), "{counts:?}");
    }
}

#[test]
fn a_report_lists_the_contexts() {
    let mut requests = healthy();
    requests[2].messages[0].1.insert_str(0, "*New* ");
    let program = written(Convention::GenAi, &requests, None);
    let text = program.text(&["show", "--format", "markdown", "abab", "run.json"]);
    let section = text.split_once("\n## Context\n").unwrap().1;
    assert!(section.contains("- agent Clerk: 4 calls · ") && section.contains("rebuilt by 1 miss · misses cost $"), "{section}");
    assert!(section.contains("  - tools that no call used: refund_order"), "{section}");
    assert!(section.contains("  - call 3: ") && section.contains("message 0 (system) changed at character 0"), "{section}");
}

/// The same conversation with a change at the third call, and another model from the fourth on.
fn with_two_misses() -> Vec<Request> {
    let mut requests = healthy();
    requests.iter_mut().skip(2).for_each(|request| request.messages[0].1.insert(0, '!'));
    requests[3].model = "gpt-4o-mini";
    requests
}

#[test]
fn misses_are_counted_by_group() {
    let program = written(Convention::GenAi, &with_two_misses(), None);
    let run = program.objects(&["show", "--json", "abab", "run.json"]).remove(0)["spans"][0]["context"].clone();
    assert_eq!(run["misses"], 2);
    for by in ["agent", "model", "session", "user", "provider", "service", "hour", "day", "month", "prefix", "tool"] {
        let groups = program.objects(&["stats", "--json", "--misses", "--total", "--by", by, "run.json"]);
        let (total, groups) = groups.split_last().unwrap();
        for (of_run, of_group) in [("misses", "misses"), ("rebuilt_tokens", "rebuilt_tokens")] {
            assert_eq!(total[of_group], run[of_run], "{by}");
            let sum: u64 = groups.iter().filter_map(|group| group[of_group].as_u64()).sum();
            assert_eq!(Some(sum), run[of_run].as_u64(), "{by}: {groups:?}");
        }
        let cost = total["misses_cost_usd"].as_f64().unwrap() - run["misses_cost_usd"].as_f64().unwrap();
        assert!(cost.abs() < 1e-9 && total["misses_cost_incomplete"] == false, "{by}: {total}");
    }
    let models = program.objects(&["stats", "--json", "--misses", "--by", "model", "run.json"]);
    assert_eq!(models.iter().map(|group| &group["misses"]).collect::<Vec<_>>(), [1, 1], "{models:?}");
    let table = program.text(&["stats", "--misses", "--by", "model", "--sort", "rebuilt", "run.json"]);
    assert!(table.lines().next().unwrap().contains("MISSES  REBUILT  MISS COST"), "{table}");
    // Without the flag nothing is read.
    assert!(program.objects(&["stats", "--json", "run.json"])[0].get("misses").is_none());
    // Where no call states cached tokens, nothing is known.
    let unstated = written(Convention::OpenInference, &healthy()[..1], None);
    assert!(unstated.objects(&["stats", "--json", "--misses", "run.json"])[0]["misses"].is_null());
}

#[test]
fn a_filter_finds_what_a_cache_missed() {
    let missed = written(Convention::GenAi, &with_two_misses(), None);
    let healthy = written(Convention::GenAi, &healthy(), None);
    let finds = |program: &Program, filter: &str| program.run(&["list", "--filter", filter, "run.json"]).status.code();
    for filter in ["miss:yes", "miss:no", "miss:yes model:gpt-4o-mini", "kind:model -miss:yes", "miss:yes text:\"!Rule 0\""] {
        assert_eq!(finds(&missed, filter), Some(0), "{filter}");
    }
    for filter in ["miss:yes status:error", "miss:yes kind:agent", "miss:yes text:nowhere"] {
        assert_eq!(finds(&missed, filter), Some(1), "{filter}");
    }
    assert_eq!((finds(&healthy, "miss:yes"), finds(&healthy, "miss:no")), (Some(1), Some(0)));
    let wrong = missed.run(&["list", "--filter", "miss:perhaps", "run.json"]);
    assert!(wrong.status.code() == Some(2) && super::errors(&wrong).contains("yes or no"), "{}", super::errors(&wrong));
    let tail = missed.run(&["tail", "--filter", "miss:yes", "run.json"]);
    assert!(tail.status.code() == Some(2) && super::errors(&tail).contains("list --filter miss:yes"), "{}", super::errors(&tail));
}

#[test]
fn models_state_how_fast_they_answer() {
    let model = written(Convention::GenAi, &healthy(), None).objects(&["stats", "--json", "--by", "model", "run.json"]).remove(0);
    // Each call takes two seconds for ten tokens, and none states its first token.
    assert_eq!((&model["tokens_per_second_p50"], &model["tokens_per_second_p95"]), (&json!(5.0), &json!(5.0)));
    assert!(model["first_token_p50_ms"].is_null() && model.get("first_token_p95_ms").is_some(), "{model}");
}
