//! Node: what the program requires and what it imports is traced, with its own packages; a call is there before its answer, and what was open is cut.
//!
//! It needs the node modules that `AGNO_TOP_PEERS_NODE` names, with `tests/peers/package.json`; without them these tests are skipped, and fail in CI.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rusqlite::Connection;

use crate::programs::text;
use crate::providers::stored;
use crate::real::{models, named, python};

/// A call of a model by OpenAI's client, which is `load`ed in one of the ways that JavaScript has.
fn program(load: &str, rest: &str) -> String {
    format!(
        "{load}
const client = new OpenAI({{ apiKey: 'none', baseURL: process.env.MODEL_SERVER + '/v1', maxRetries: 0 }});
const ask = async () =>
  (await client.chat.completions.create({{ model: 'gpt-5-mini', messages: [{{ role: 'user', content: 'slowly' }}] }})).choices[0].message.content;
{rest}
"
    )
}

const REQUIRED: &str = "const { OpenAI } = require('openai');";
const IMPORTED: &str = "import OpenAI from 'openai';";

/// A directory with node modules, and a stand-in for the model.
struct Place {
    directory: tempfile::TempDir,
    address: String,
    _server: crate::real::Process,
}

impl Place {
    fn new() -> Option<Self> {
        let (modules, python) = (PathBuf::from(named("AGNO_TOP_PEERS_NODE")?), python()?);
        let directory = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(modules.join("node_modules"), directory.path().join("node_modules")).unwrap();
        let (server, address) = models(&python);
        Some(Self { directory, address, _server: server })
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn run(&self, name: &str, code: &str) -> Output {
        std::fs::write(self.path().join(name), code).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_agno-top"));
        command.args(["run", "--record", &format!("{name}.db"), "--", "node", name]).current_dir(self.path());
        command.env("MODEL_SERVER", &self.address).env("XDG_CONFIG_HOME", self.path()).env("XDG_STATE_HOME", self.path());
        command.output().unwrap()
    }

    /// Returns the names of the recorded spans with the status that a mark gives them.
    fn spans(&self, name: &str) -> Vec<(String, bool)> {
        let connection = Connection::open(self.path().join(format!("{name}.db"))).unwrap();
        let sql = "SELECT name, attributes LIKE '%agno_top.span.cut%' FROM agno_spans ORDER BY start_time";
        let mut statement = connection.prepare(sql).unwrap();
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
    }
}

#[test]
fn a_client_is_traced_however_it_is_loaded() {
    let Some(place) = Place::new() else { return };
    let print = "ask().then(console.log);";
    let awaited = "console.log(await ask());";
    for (name, code) in [
        ("required.cjs", program(REQUIRED, print)),
        ("imported.mjs", program(IMPORTED, awaited)),
        ("later.cjs", program("import('openai').then((module) => {\nconst OpenAI = module.default;", "ask().then(console.log); });")),
        ("named.mjs", program("import { OpenAI } from 'openai';", awaited)),
    ] {
        let output = place.run(name, &code);
        let told = text(&output.stderr);
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), "There.\n"), "{name}: {told}");
        assert!(told.starts_with("agno-top: 1 trace, 32 tokens, "), "{name}: {told}");
        assert_eq!(place.spans(name).len(), 1, "{name}");
        let (_, tokens, _) = stored(&place.path().join(format!("{name}.db")));
        assert!(tokens > 0, "{name}");
    }
}

#[test]
fn what_node_could_not_send_is_recorded_and_what_was_open_was_cut() {
    let Some(place) = Place::new() else { return };
    let exits = place.run("exits.cjs", &program(REQUIRED, "ask().then(() => process.exit(4));"));
    assert_eq!(exits.status.code(), Some(4), "{}", text(&exits.stderr));
    assert_eq!(place.spans("exits.cjs").iter().map(|(_, is_cut)| *is_cut).collect::<Vec<_>>(), [false]);
    let killed = place.run("killed.cjs", &program(REQUIRED, "ask(); setTimeout(() => process.kill(process.pid, 'SIGKILL'), 100);"));
    assert_eq!(killed.status.code(), Some(128 + 9), "{}", text(&killed.stderr));
    assert_eq!(place.spans("killed.cjs").iter().map(|(_, is_cut)| *is_cut).collect::<Vec<_>>(), [true]);
    assert!(text(&killed.stderr).starts_with("agno-top: 1 trace, 1 cut"), "{}", text(&killed.stderr));
}

#[test]
fn a_provider_that_the_program_sets_itself_takes_over_and_each_span_comes_once() {
    let Some(place) = Place::new() else { return };
    let own = |processors: &str| {
        format!(
            "
const {{ NodeTracerProvider }} = require('@opentelemetry/sdk-trace-node');
const {{ SimpleSpanProcessor }} = require('@opentelemetry/sdk-trace-base');
const {{ OTLPTraceExporter }} = require('@opentelemetry/exporter-trace-otlp-http');
const {{ OpenAIInstrumentation }} = require('@arizeai/openinference-instrumentation-openai');
const provider = new NodeTracerProvider({{ spanProcessors: [{processors}] }});
provider.register();
const instrumentation = new OpenAIInstrumentation({{ tracerProvider: provider }});
instrumentation.setTracerProvider(provider);
{REQUIRED}"
        )
    };
    let exporting = own("new SimpleSpanProcessor(new OTLPTraceExporter())");
    for (name, load) in [("own.cjs", &exporting), ("silent.cjs", &own(""))] {
        let output = place.run(name, &program(load, "ask().then(console.log);"));
        let told = text(&output.stderr);
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), "There.\n"), "{name}: {told}");
        assert!(told.starts_with("agno-top: 1 trace, 32 tokens, "), "{name}: {told}");
        assert_eq!(place.spans(name).len(), 1, "{name}");
    }
    let killed = place.run("killed.cjs", &program(&exporting, "ask(); setTimeout(() => process.kill(process.pid, 'SIGKILL'), 100);"));
    assert_eq!(place.spans("killed.cjs").iter().map(|(_, is_cut)| *is_cut).collect::<Vec<_>>(), [true], "{}", text(&killed.stderr));
}

#[test]
fn a_program_without_the_packages_runs_and_is_told_the_command() {
    let Some(place) = Place::new() else { return };
    std::fs::remove_file(place.path().join("node_modules")).unwrap();
    let output = place.run("bare.mjs", "console.log('ran');");
    let told = text(&output.stderr);
    assert_eq!(text(&output.stdout), "ran\n", "{told}");
    assert!(told.contains("no traces: bare.mjs is not traced: it has no OpenTelemetry installed; npm install "), "{told}");
}
