//! What each coding agent must be told, and where.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::mcp::opencode_file;
use super::{Environment, Plan, Rule, Setting};

/// A program to set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentName {
    /// Claude Code.
    Claude,
    /// Codex.
    Codex,
    /// Gemini CLI.
    Gemini,
    /// Qwen Code.
    Qwen,
    /// opencode.
    Opencode,
    /// GitHub's Copilot CLI.
    Copilot,
}

/// Says what makes a service send spans too that sends only logs and metrics.
#[must_use]
pub fn spans_advice(service: &str) -> &'static str {
    match service {
        "claude-code" => "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA=1 adds the tree (agno-top setup claude)",
        _ if service.starts_with("codex") => "trace_exporter in its config.toml adds the tree (agno-top setup codex)",
        _ => "give it OTEL_TRACES_EXPORTER=otlp",
    }
}

/// Returns the command that makes a coding agent, here the name of its service, send prompts and answers, too; `None` of other services.
#[must_use]
pub fn content_command(service: &str) -> Option<String> {
    let agents = ["claude", "codex", "gemini", "qwen", "opencode"];
    let name = agents.into_iter().find(|name| service.split(['-', '_']).next() == Some(name))?;
    Some(format!("agno-top setup {name} --content"))
}

/// The settings of Claude Code are environment variables, which its file sets.
macro_rules! variable {
    ($name:literal, $value:expr, $rule:ident) => {
        Setting { path: &["env", $name], value: json!($value), rule: Rule::$rule }
    };
}

/// Returns what sets a program up to send to an OTLP/HTTP endpoint without a path. `content` also sends prompts, answers and what tools
/// read and write.
#[must_use]
pub fn plan(agent: AgentName, endpoint: &str, content: bool, environment: &Environment) -> Plan {
    let home = &environment.home;
    match agent {
        AgentName::Claude => claude(endpoint, content, &environment.claude.clone().unwrap_or_else(|| home.join(".claude"))),
        AgentName::Codex => codex(endpoint, content, &environment.codex.clone().unwrap_or_else(|| home.join(".codex"))),
        AgentName::Gemini => {
            let mut plan = telemetry(endpoint, content, home.join(".gemini/settings.json"));
            // This also decides about the token counts of spans; the log events have them in any case.
            plan.settings.extend(content.then(|| set(&["telemetry", "traces"], json!(true), Rule::Set)));
            plan
        }
        AgentName::Qwen => telemetry(endpoint, content, home.join(".qwen/settings.json")),
        AgentName::Opencode => {
            let config = environment.config.clone().unwrap_or_else(|| home.join(".config"));
            opencode(endpoint, content, &config.join("opencode"))
        }
        AgentName::Copilot => Plan {
            variables: vec![
                ("COPILOT_OTEL_ENABLED", "true".to_owned()),
                ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.to_owned()),
                ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json".to_owned()),
            ],
            notes: if content { vec!["what Copilot CLI sends of prompts and answers can't be set here"] } else { Vec::new() },
            ..Plan::default()
        },
    }
}

fn set(path: &'static [&'static str], value: Value, rule: Rule) -> Setting {
    Setting { path, value, rule }
}

fn claude(endpoint: &str, content: bool, directory: &Path) -> Plan {
    let mut settings = vec![
        variable!("CLAUDE_CODE_ENABLE_TELEMETRY", "1", Set),
        // Without it there are no spans.
        variable!("CLAUDE_CODE_ENHANCED_TELEMETRY_BETA", "1", Set),
        variable!("OTEL_METRICS_EXPORTER", "otlp", Exporter),
        variable!("OTEL_LOGS_EXPORTER", "otlp", Exporter),
        variable!("OTEL_TRACES_EXPORTER", "otlp", Exporter),
        variable!("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf", IfAbsent),
        variable!("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint, Endpoint),
        variable!("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "", OtherEndpoint),
        variable!("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "", OtherEndpoint),
        variable!("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "", OtherEndpoint),
    ];
    if content {
        settings.extend([
            variable!("OTEL_LOG_USER_PROMPTS", "1", Set),
            variable!("OTEL_LOG_TOOL_DETAILS", "1", Set),
            variable!("OTEL_LOG_TOOL_CONTENT", "1", Set),
            variable!("OTEL_LOG_ASSISTANT_RESPONSES", "1", Set),
        ]);
    }
    Plan { file: Some(directory.join("settings.json")), settings, ..Plan::default() }
}

fn codex(endpoint: &str, content: bool, directory: &Path) -> Plan {
    // Codex takes an endpoint as it is, with its path.
    let exporter = |path: &str| json!({ "otlp-http": { "endpoint": format!("{endpoint}{path}"), "protocol": "binary" } });
    let mut settings = vec![
        set(&["otel", "exporter"], exporter("/v1/logs"), Rule::Endpoint),
        set(&["otel", "trace_exporter"], exporter("/v1/traces"), Rule::Endpoint),
        set(&["otel", "metrics_exporter"], exporter("/v1/metrics"), Rule::Endpoint),
    ];
    settings.extend(content.then(|| set(&["otel", "log_user_prompt"], json!(true), Rule::Set)));
    Plan {
        file: Some(directory.join("config.toml")),
        settings,
        notes: vec!["Codex sends the arguments and the output of tools in its log events in any case"],
        ..Plan::default()
    }
}

/// Gemini CLI and its descendants.
fn telemetry(endpoint: &str, content: bool, file: PathBuf) -> Plan {
    let settings = vec![
        set(&["telemetry", "enabled"], json!(true), Rule::Set),
        set(&["telemetry", "target"], json!("local"), Rule::IfAbsent),
        set(&["telemetry", "otlpEndpoint"], json!(endpoint), Rule::Endpoint),
        set(&["telemetry", "otlpProtocol"], json!("http"), Rule::Set),
        // Its default is true.
        set(&["telemetry", "logPrompts"], json!(content), if content { Rule::Set } else { Rule::IfAbsent }),
    ];
    Plan { file: Some(file), settings, ..Plan::default() }
}

fn opencode(endpoint: &str, content: bool, directory: &Path) -> Plan {
    let variables = vec![("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.to_owned())];
    if !content {
        let notes = vec![
            "opencode's model calls come with prompts and answers or not at all; --content turns them on (experimental.openTelemetry)",
        ];
        return Plan { variables, notes, ..Plan::default() };
    }
    let file = opencode_file(directory);
    let settings = vec![set(&["experimental", "openTelemetry"], json!(true), Rule::Set)];
    Plan { file: Some(file), settings, variables, ..Plan::default() }
}
