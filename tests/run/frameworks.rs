//! Real frameworks and clients. Those of [`MANY`] need the packages of `tests/run/requirements.txt`; `AGNO_TOP_FRAMEWORKS_PYTHON` names their
//! Python.

use std::ffi::OsStr;

use rusqlite::Connection;

use crate::programs::text;
use crate::providers::run_program;
use crate::real::{models, python};

/// Functions of `framework.py`, and the spans of each.
type Frameworks = [(&'static str, &'static [&'static str])];

const FEW: &Frameworks = &[("openai", &["ChatCompletion"]), ("logfire", &["Chat Completion with {request_data[model]!r}", "work"])];

const MANY: &Frameworks = &[
    ("anthropic", &["messages.create"]),
    ("google", &["GenerateContent"]),
    ("mcp", &["ChatCompletion", "work"]),
    ("langchain", &["ChatOpenAI"]),
    ("langchain_async", &["ChatOpenAI"]),
    ("langchain_tool", &["ChatCompletion", "ask"]),
    ("litellm", &["completion"]),
    ("pydantic_ai", &["chat gpt-5-mini", "invoke_agent Clerk"]),
    ("pydantic_ai_with_logfire", &["chat gpt-5-mini", "invoke_agent Clerk"]),
];

fn check(python: &OsStr, frameworks: &Frameworks) {
    let (_server, address) = models(python);
    for (framework, spans) in frameworks {
        let directory = tempfile::tempdir().unwrap();
        let output = run_program(directory.path(), python, "framework.py", &[framework, &address]);
        let told = text(&output.stderr);
        assert!(output.status.success() && text(&output.stdout) == "There.\n", "{framework}: {told}");
        let connection = Connection::open(directory.path().join("seen.db")).unwrap();
        let mut statement = connection.prepare("SELECT name FROM agno_spans ORDER BY name").unwrap();
        let names: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        assert_eq!(&names, spans, "{framework}: {told}");
        assert!(told.contains(" 32 tokens"), "{framework}: {told}");
    }
}

#[test]
fn a_client_and_logfire_report_a_call_once() {
    if let Some(python) = python() {
        check(&python, FEW);
    }
}

#[test]
fn each_framework_reports_a_call_once() {
    // Without the variable it is skipped, also in CI: the packages are many.
    if let Some(python) = std::env::var_os("AGNO_TOP_FRAMEWORKS_PYTHON").filter(|path| !path.is_empty()) {
        check(&python, MANY);
    }
}
