//! A command that reads a part of a database says what a read of everything says.
//!
//! Both read random databases: one with the indexes that Agno creates, and a copy without, of which everything is read.

use std::fmt::Write as _;

use rusqlite::Connection;
use serde_json::json;

use crate::{Program, errors};

const SECOND: i64 = 1_000_000_000;
/// 1 November 2025.
const BEGIN: i64 = 1_761_955_200 * SECOND;

/// A generator of numbers.
struct Numbers(u64);

impl Numbers {
    /// Returns a number below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn millis(&mut self, end: u64) -> i64 {
        self.below(end) as i64 * 1_000_000
    }

    fn one_of<'a>(&mut self, texts: &[&'a str]) -> &'a str {
        texts[self.below(texts.len() as u64) as usize]
    }
}

struct Span {
    trace: String,
    id: String,
    parent: Option<String>,
    name: String,
    error: Option<&'static str>,
    start: i64,
    end: i64,
    attributes: serde_json::Value,
}

/// Traces of one program and those beside it.
struct World {
    numbers: Numbers,
    spans: Vec<Span>,
    clock: i64,
    responses: u64,
    /// What the runs of each agent and session used so far.
    totals: std::collections::HashMap<(String, String), (u64, u64)>,
}

impl World {
    fn trace_id(&mut self) -> String {
        // Some ids begin alike.
        let begin = ["", "", "abcdef01", "abcdef0123456"][self.numbers.below(4) as usize];
        format!("{begin}{:016x}{:016x}", self.numbers.below(1 << 31) << 20, self.numbers.below(1 << 31) << 30 | self.numbers.below(1 << 30))
            [..32]
            .to_owned()
    }

    /// Adds a span. Returns its id.
    fn add(
        &mut self,
        (trace, parent, name): (&str, Option<&str>, &str),
        error: Option<&'static str>,
        (start, end): (i64, i64),
        attributes: serde_json::Value,
    ) -> String {
        let id = format!("{:08x}{:08x}", self.numbers.below(1 << 31) + 1, self.numbers.below(1 << 31) + 1);
        let (trace, parent, name) = (trace.to_owned(), parent.map(ToOwned::to_owned), name.to_owned());
        self.spans.push(Span { trace, id: id.clone(), parent, name, error, start, end, attributes });
        id
    }

    /// The attributes of a model's call.
    fn call(&mut self, session: Option<&str>) -> serde_json::Value {
        let (input, output) = (10 + self.numbers.below(3), 5 + self.numbers.below(2));
        let mut call = json!({
            "openinference.span.kind": "LLM", "llm.model_name": self.numbers.one_of(&["gpt-4o", "gpt-4o-mini"]),
            "llm.provider": "openai", "llm.token_count.prompt": input, "llm.token_count.completion": output,
        });
        if let Some(session) = session {
            call["session.id"] = session.into();
        }
        if self.numbers.below(3) > 0 {
            self.responses += u64::from(self.numbers.below(4) > 0);
            call["gen_ai.response.id"] = format!("r{}", self.responses).into();
        }
        call
    }

    /// A run of an agent with calls of a model and a tool. Some runs last long; some state the sum of all runs of the session so far.
    fn run(&mut self, agent: &str, session: &str) {
        let (trace, start) = (self.trace_id(), self.clock);
        let lasts = if self.numbers.below(12) == 0 { self.numbers.millis(400_000) } else { self.numbers.millis(4000) };
        let end = start + 50_000_000 + lasts;
        let mut run = json!({"openinference.span.kind": "AGENT", "agent.name": agent, "session.id": session, "user.id": "u"});
        if self.numbers.below(2) == 0 {
            run["agno.agent.id"] = agent.into();
        }
        let (mut used, mut calls) = ((0, 0), Vec::new());
        for _ in 0..=self.numbers.below(2) {
            let call = self.call(None);
            used.0 += call["llm.token_count.prompt"].as_u64().unwrap();
            used.1 += call["llm.token_count.completion"].as_u64().unwrap();
            calls.push(call);
        }
        let all = self.totals.entry((agent.to_owned(), session.to_owned())).or_default();
        *all = (all.0 + used.0, all.1 + used.1);
        let all = *all;
        if self.numbers.below(12) == 0 {
            run["llm.token_count.prompt"] = all.0.into();
            run["llm.token_count.completion"] = all.1.into();
        }
        let error = (self.numbers.below(5) == 0).then_some("it failed");
        let is_cut_off = self.numbers.below(10) == 0;
        let method = self.numbers.one_of(&["run", "arun"]);
        let root = self.add((&trace, None, &format!("{agent}.{method}")), error, (start, end), run);
        for call in calls {
            let begun = start + self.numbers.millis(40);
            let name = self.numbers.one_of(&["OpenAIChat.invoke", "chat"]);
            let ended = begun + self.numbers.millis(3000);
            if self.numbers.below(4) == 0 {
                // A gateway in between reports the call, too, as a trace of its own.
                let (gateway, start) = (self.trace_id(), begun + 1_000_000);
                self.add((&gateway, None, "litellm_request"), None, (start, ended - 1_000_000), call.clone());
            }
            self.add((&trace, Some(&root), name), None, (begun, ended), call);
        }
        let tool = json!({"openinference.span.kind": "TOOL", "tool.name": "search", "input.value": "{\"q\": \"weather\"}"});
        let begun = start + self.numbers.millis(30);
        let error = (self.numbers.below(6) == 0).then_some("no result");
        let ended = begun + self.numbers.millis(90);
        self.add((&trace, Some(&root), "search"), error, (begun, ended), tool);
        if is_cut_off {
            self.spans.retain(|span| span.id != root);
        }
        if self.numbers.below(5) == 0 {
            // Beside the run, in a trace of its own.
            let memory = self.trace_id();
            let call = self.call(None);
            let begun = start + self.numbers.millis(40);
            let ended = begun + self.numbers.millis(300);
            self.add((&memory, None, "OpenAIChat.invoke"), None, (begun, ended), call);
        }
    }

    /// A turn that is sent as one trace for each call.
    fn turn(&mut self, session: &str) {
        let mut start = self.clock;
        for part in 0..=self.numbers.below(4) {
            let (trace, end) = (self.trace_id(), start + self.numbers.millis(900));
            if part % 2 == 0 {
                let call = self.call(Some(session));
                self.add((&trace, None, "ChatCompletion"), None, (start, end), call);
            } else {
                let tool = json!({"openinference.span.kind": "TOOL", "tool.name": "add", "session.id": session});
                self.add((&trace, None, "add"), None, (start, end), tool);
            }
            start = end + self.numbers.millis(7000);
        }
    }

    /// A run that waits for a person, and perhaps goes on.
    fn paused(&mut self) {
        let run = format!("run{}", self.clock);
        let attributes = json!({"openinference.span.kind": "AGENT", "agent.name": "asker", "agno.agent.id": "asker", "agno.run.id": run,
            "output.value": "I have tools to execute, but I need confirmation."});
        let (trace, start) = (self.trace_id(), self.clock);
        self.add((&trace, None, "asker.run"), None, (start, start + SECOND), attributes);
        if self.numbers.below(2) == 0 {
            let attributes =
                json!({"openinference.span.kind": "AGENT", "agent.name": "asker", "agno.agent.id": "asker", "agno.run.id": run});
            let (trace, start) = (self.trace_id(), start + self.numbers.millis(60_000));
            self.add((&trace, None, "asker.continue_run"), None, (start, start + SECOND), attributes);
        }
    }

    fn ordinary(&mut self) {
        let (trace, start) = (self.trace_id(), self.clock);
        let error = (self.numbers.below(3) == 0).then_some("404");
        let end = start + self.numbers.millis(20);
        self.add((&trace, None, "GET /health"), error, (start, end), json!({"http.method": "GET"}));
    }

    /// Returns some hundred traces, with rare kinds only in some worlds.
    fn new(seed: u64) -> Self {
        Self::of(seed, 220)
    }

    /// Returns so many traces and those beside them.
    fn of(seed: u64, traces: usize) -> Self {
        let mut world =
            Self { numbers: Numbers(seed), spans: Vec::new(), clock: BEGIN, responses: 0, totals: std::collections::HashMap::new() };
        let (with_pauses, with_turns) = (seed.is_multiple_of(3), seed.is_multiple_of(2));
        for _ in 0..traces {
            world.clock += world.numbers.millis(if seed % 4 < 2 { 1500 } else { 20_000 });
            let agent = world.numbers.one_of(&["writer", "planner"]);
            let session = ["s1", "s2", "s3"][world.numbers.below(3) as usize];
            match world.numbers.below(24) {
                0 => world.ordinary(),
                1 | 2 if with_turns => world.turn(session),
                3 if with_pauses => world.paused(),
                _ => world.run(agent, session),
            }
        }
        world
    }

    /// Writes a database as Agno does: each span after its end, in the order of those times.
    fn write(&mut self, path: &std::path::Path, with_indexes: bool) {
        let connection = Connection::open(path).unwrap();
        connection
            .execute_batch(
                "CREATE TABLE agno_spans (span_id VARCHAR NOT NULL, trace_id VARCHAR NOT NULL, parent_span_id VARCHAR, name VARCHAR NOT NULL, \
                 span_kind VARCHAR NOT NULL, status_code VARCHAR NOT NULL, status_message VARCHAR, start_time VARCHAR NOT NULL, \
                 end_time VARCHAR NOT NULL, duration_ms BIGINT NOT NULL, attributes JSON, created_at VARCHAR NOT NULL, PRIMARY KEY (span_id)); \
                 CREATE TABLE agno_traces (trace_id VARCHAR PRIMARY KEY);",
            )
            .unwrap();
        if with_indexes {
            for column in ["trace_id", "start_time", "created_at"] {
                connection.execute_batch(&format!("CREATE INDEX by_{column} ON agno_spans ({column})")).unwrap();
            }
        }
        self.spans.sort_by_key(|span| (span.end / (5 * SECOND), span.id.clone()));
        connection.execute_batch("BEGIN").unwrap();
        for span in &self.spans {
            let status = if span.error.is_some() { "ERROR" } else { "OK" };
            let created = (span.end / (5 * SECOND) + 1) * 5 * SECOND;
            let columns = (&span.id, &span.trace, &span.parent, &span.name, status, span.error);
            connection
                .execute(
                    "INSERT INTO agno_spans VALUES (?1, ?2, ?3, ?4, 'INTERNAL', ?5, ?6, ?7, ?8, 0, ?9, ?10)",
                    rusqlite::params![
                        columns.0,
                        columns.1,
                        columns.2,
                        columns.3,
                        columns.4,
                        columns.5,
                        iso(span.start),
                        iso(span.end),
                        span.attributes.to_string(),
                        iso(created)
                    ],
                )
                .unwrap();
        }
        connection.execute_batch("COMMIT").unwrap();
    }
}

/// Formats a time as Python's `isoformat()` does: without a fraction if that is zero.
fn iso(at: i64) -> String {
    let time = chrono::DateTime::from_timestamp_nanos(at);
    let fraction = if at % SECOND == 0 { String::new() } else { format!(".{:06}", at % SECOND / 1000) };
    format!("{}{fraction}+00:00", time.format("%Y-%m-%dT%H:%M:%S"))
}

/// Returns the questions to a database, one a line.
fn questions(world: &World) -> String {
    let mut ids: Vec<&str> = world.spans.iter().map(|span| span.trace.as_str()).collect();
    ids.dedup();
    let (old, newer) = (ids[ids.len() / 3], ids[ids.len() - 5]);
    let since = iso(world.clock - 90 * SECOND);
    let (begin, end) = (iso(BEGIN + 100 * SECOND), iso(BEGIN + 160 * SECOND));
    let mut questions = String::new();
    let _ = write!(
        questions,
        "list --limit 4
list --limit 7 --json
list --limit 3 --all
list --limit 3 --filter status:error --json
list --limit 3 --filter tool:search
list --limit 3 --filter -status:ok --json
list --limit 2 --filter text:weather --json
list --limit 3 --filter agent:planner --json
list --limit 3 --filter session:s2 --json
list --limit 2 --filter cost>0.00001 --json
list --limit 3 --filter name:/GET|add/ --json
list --limit 2 --filter agent:nobody
list --filter since:{since} --json
list --limit 2 --filter since:{since} --json
list --limit 5 --filter since:{begin}_until:{end}_status:error --json
list --filter since:{begin}_until:{end}_agent:planner --json
list --limit 3 --since {since} --filter agent:nobody
list --filter trace:{old} --json
stats --filter trace:{newer} --json
list --limit 3 --sort cost --json
list --limit 4 --fail-on error
list --since {since} --json
list --since {begin} --until {end} --json
stats --since {since} --json
stats --since {since} --by session --json
stats --since {begin} --until {end} --by tool --json
stats --limit 5 --by model --json
show last
show last --json
show {old} --json --payload
show {newer}
show {}
show abcdef
export {old}
export {newer} {old}
export last
export --limit 3 --format jsonl
export --since {since} --filter status:error",
        &newer[..14],
    );
    questions
}

#[test]
fn a_part_of_a_database_has_the_answers_of_the_whole() {
    compare(&[2, 3, 5]);
}

#[test]
#[ignore = "takes some minutes"]
fn a_part_of_many_databases_has_the_answers_of_the_whole() {
    compare(&(6..30).collect::<Vec<_>>());
}

fn compare(seeds: &[u64]) {
    // Each question starts a program: several at a time keep all processors busy.
    let parts: usize = std::thread::scope(|scope| {
        let parts = seeds.chunks(seeds.len().div_ceil(4));
        let threads: Vec<_> = parts.map(|seeds| scope.spawn(|| seeds.iter().copied().map(compare_one).sum::<usize>())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert!(parts > seeds.len() * 10, "{parts}");
}

/// Compares the answers about one database and a part of it. Returns how often a part was read.
fn compare_one(seed: u64) -> usize {
    let (part, whole) = (Program::empty(), Program::empty());
    let mut world = World::new(seed);
    world.write(&part.path("traces.db"), true);
    world.write(&whole.path("traces.db"), false);
    // Beside the large database a small one, which a few of the newest spans are all of.
    let mut small = World::of(seed + 1000, 9);
    small.write(&part.path("small.db"), true);
    small.write(&whole.path("small.db"), false);
    let questions = questions(&world);
    let of_one = questions.lines().map(|question| (question, &["traces.db"][..]));
    let of_two = questions.lines().step_by(6).map(|question| (question, &["small.db", "traces.db"][..]));
    for (question, sources) in of_one.chain(of_two).chain([("list --limit 2 --json", &["small.db"][..])]) {
        let words = question.split(' ').map(|word| word.replace('_', " "));
        let arguments: Vec<String> =
            words.chain(["--log-level", "debug"].map(ToOwned::to_owned)).chain(sources.iter().map(|&name| name.to_owned())).collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let [of_part, of_whole] = [&part, &whole].map(|program| {
            let output = program.run(&arguments);
            (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned(), errors(&output))
        });
        similar(&of_part, &of_whole, &format!("seed {seed}: {question} {sources:?}"));
    }
    let log = |program: &Program| std::fs::read_to_string(program.path("state/agno-top/agno-top.log")).unwrap();
    assert!(!log(&whole).contains("read a part"));
    log(&part).matches("read a part").count()
}

#[track_caller]
fn similar(part: &(Option<i32>, String, String), whole: &(Option<i32>, String, String), question: &str) {
    // A part does not know the newest trace, which the message of a whole read tells.
    let facts = |(code, text, errors): &(Option<i32>, String, String)| {
        let errors: Vec<_> = errors.lines().map(|line| line.split("; the newest began").next().map(ToOwned::to_owned)).collect();
        (*code, text.clone(), errors)
    };
    if facts(part) != facts(whole) {
        let line = part.1.lines().zip(whole.1.lines()).find(|(part, whole)| part != whole);
        panic!("{question}: {:?} and {:?}\n{line:#?}\n{}\n{}", part.0, whole.0, part.2, whole.2);
    }
}

#[test]
fn only_the_part_is_read() {
    let program = Program::empty();
    let path = program.path("traces.db");
    let mut world = World::new(7);
    world.write(&path, true);
    World::of(8, 5).write(&program.path("small.db"), true);
    // A reader of this row says so.
    let connection = Connection::open(&path).unwrap();
    let oldest = "(SELECT min(rowid) FROM agno_spans)";
    connection.execute_batch(&format!("UPDATE agno_spans SET attributes = '[' WHERE rowid = {oldest}")).unwrap();
    let id: String = connection.query_row("SELECT trace_id FROM agno_spans ORDER BY rowid DESC LIMIT 1", [], |row| row.get(0)).unwrap();
    drop(connection);
    let (since, trace) = (format!("since:{}", iso(world.clock - 60 * SECOND)), format!("trace:{id}"));
    for arguments in [
        &["list", "--limit", "3"][..],
        &["list", "--limit", "2", "--filter", "tool:search"],
        &["show", &id],
        &["show", "last"],
        &["export", &id],
        &["stats", "--limit", "5"],
        &["list", "--filter", &since],
        &["list", "--filter", &trace],
        &["list", "--limit", "2", "small.db"],
        &["show", &id, "small.db"],
    ] {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["traces.db"]).collect();
        assert!(!program.text(&arguments).is_empty(), "{arguments:?}");
    }
    let all = program.run(&["list", "traces.db"]);
    assert!(errors(&all).starts_with("agno-top: 1 span could not be read"), "{}", errors(&all));
}
