//! Examples at the end of the help of each subcommand.

/// The examples of the program itself.
pub(super) const PROGRAM: &str = "\
Examples:
  agno-top                                  watch the databases found here
  agno-top tmp/traces.db                    watch one that Agno writes
  agno-top postgres://me@localhost/agno     watch a PostgreSQL database
  agno-top spans.jsonl                      open a file of spans
  agno-top demo                             look around without any agents
  agno-top doctor                           find out why nothing shows";

/// The examples of each subcommand; every line fits into 80 columns.
const EXAMPLES: [(&str, &str); 24] = [
    (
        "demo",
        "  agno-top demo
  agno-top demo --once | head -20",
    ),
    (
        "run",
        "  agno-top run -- python agent.py
  agno-top run --fail-on 'cost>0.01' --junit traces.xml -- pytest
  agno-top run --record traces.db -- uv run agent.py",
    ),
    (
        "list",
        "  agno-top list --since today --sort cost --limit 10
  agno-top list traces.db --filter 'status:error agent:writer'
  agno-top list traces.db --since 10m --fail-on 'cost>0.5'
  agno-top list traces.db --json | jq .trace_id",
    ),
    (
        "search",
        "  agno-top search refund
  agno-top search 'order 12345' traces.db --since today",
    ),
    (
        "why",
        "  agno-top why last
  agno-top why a35b traces.db --json | jq -r '.findings[].sentence'",
    ),
    (
        "compare",
        "  agno-top compare a35b f1da traces.db
  agno-top compare a35b last --json | jq -r .sentence",
    ),
    (
        "show",
        "  agno-top show last
  agno-top show a35b traces.db
  agno-top show last --format markdown > run.md",
    ),
    (
        "stats",
        "  agno-top stats --by model --since yesterday
  agno-top stats --by tool --sort p95 traces.db
  agno-top stats --by day --since month --until today",
    ),
    (
        "logs",
        "  agno-top logs logs.jsonl
  agno-top logs run.jsonl --filter 'level:>=warn service:codex_exec'
  agno-top logs logs.jsonl --json | jq '{time, event, attributes}'",
    ),
    (
        "metrics",
        "  agno-top metrics metrics.jsonl
  agno-top metrics run.db --filter 'token service:claude-code' --sort value
  agno-top metrics run.db --json | jq '{metric, attributes, value}'",
    ),
    (
        "setup",
        "  agno-top setup claude
  agno-top setup codex --write
  agno-top setup gemini --write --content --yes --no-wait
  agno-top setup mcp --agent claude traces.db",
    ),
    (
        "tail",
        "  agno-top tail traces.db
  agno-top tail --filter 'kind:tool status:error' traces.db
  agno-top tail --otlp --json",
    ),
    (
        "export",
        "  agno-top export traces.db -o traces.json
  agno-top export last --format markdown --redact
  agno-top export traces.db --filter status:error --format csv -o failed.csv",
    ),
    (
        "send",
        "  agno-top send traces.db --since 1h --to http://localhost:6006
  agno-top send last --to https://example.com --header Authorization=@key.txt",
    ),
    (
        "mcp",
        "  agno-top mcp traces.db
  agno-top mcp postgres://me@localhost/agno",
    ),
    (
        "archive",
        "  agno-top archive traces.db --older-than 30d --dry-run -o old.jsonl.zst
  agno-top archive traces.db --older-than 30d -o old.jsonl.zst --delete
  agno-top old.jsonl.zst",
    ),
    (
        "prune",
        "  agno-top prune traces.db --older-than 90d
  agno-top prune traces.db --older-than 30d --filter status:ok --yes",
    ),
    ("restore", "  agno-top restore old.jsonl.zst --to traces.db"),
    (
        "doctor",
        "  agno-top doctor
  agno-top doctor tmp/traces.db
  agno-top doctor --json | jq 'select(.state == \"trouble\")'",
    ),
    ("skill", "  agno-top skill > .claude/skills/agno-top/SKILL.md"),
    ("python-setup", "  agno-top python-setup > agno_top_tracing.py"),
    (
        "config",
        "  agno-top config
  agno-top config --init",
    ),
    (
        "completions",
        "  agno-top completions bash > ~/.agno-top.bash
  agno-top completions zsh > ~/.zfunc/_agno-top",
    ),
    (
        "man",
        "  agno-top man | man -l -
  agno-top man list | man -l -",
    ),
];

/// Returns the examples of a subcommand; `None` if it has none.
pub(super) fn of(subcommand: &str) -> Option<String> {
    let (_, lines) = EXAMPLES.iter().find(|(name, _)| *name == subcommand)?;
    Some(format!("Examples:\n{lines}"))
}
