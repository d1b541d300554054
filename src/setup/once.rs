//! What a single start of a coding agent is told, without a change of its files.

use std::ffi::OsStr;
use std::path::Path;

use serde_json::Value;

use super::agents::{AgentName, plan};
use super::{Environment, Rule, SetupError, toml_text};

/// What makes an agent send for one start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Once {
    /// Variables, besides those of OpenTelemetry's exporters.
    pub variables: Vec<(&'static str, String)>,
    /// Arguments behind the name of the program.
    pub arguments: Vec<String>,
}

/// Returns the agent that a program is, by its name.
#[must_use]
pub fn agent_of(program: &OsStr) -> Option<AgentName> {
    Some(match Path::new(program).file_stem()?.to_str()? {
        "claude" => AgentName::Claude,
        "codex" => AgentName::Codex,
        "gemini" => AgentName::Gemini,
        "qwen" => AgentName::Qwen,
        "opencode" => AgentName::Opencode,
        "copilot" => AgentName::Copilot,
        _ => return None,
    })
}

/// Returns what makes an agent send to an OTLP/HTTP endpoint without a path for one start. `usual` is the endpoint that a file may name
/// already. `content` also sends prompts, answers and what tools read and write.
///
/// # Errors
///
/// If its file sends elsewhere, where it shall go on sending, or can't be read.
pub fn once(agent: AgentName, endpoint: &str, usual: &str, content: bool, environment: &Environment) -> Result<Once, SetupError> {
    plan(agent, usual, content, environment).edit()?;
    let plan = plan(agent, endpoint, content, environment);
    let mut once = Once::default();
    let mut in_configuration = serde_json::Map::new();
    for setting in plan.settings.iter().filter(|setting| setting.rule != Rule::OtherEndpoint) {
        let text = setting.value.as_str().map_or_else(|| setting.value.to_string(), str::to_owned);
        match (agent, setting.path) {
            (AgentName::Claude, ["env", name]) => once.variables.push((name, text)),
            (AgentName::Codex, path) => {
                let value = toml_text::edited(&setting.value).map(|value| value.to_string()).unwrap_or_default();
                once.arguments.extend(["-c".to_owned(), format!("{}={}", path.join("."), value.trim())]);
            }
            (AgentName::Gemini, [_, name]) => once.variables.extend(gemini(name).map(|name| (name, text))),
            (AgentName::Qwen, [_, name]) => once.variables.extend(qwen(name).map(|name| (name, text))),
            (_, [group, name]) => {
                let group = in_configuration.entry(*group).or_insert_with(|| Value::Object(serde_json::Map::new()));
                if let Value::Object(group) = group {
                    group.insert((*name).to_owned(), setting.value.clone());
                }
            }
            _ => {}
        }
    }
    if !in_configuration.is_empty() {
        once.variables.push(("OPENCODE_CONFIG_CONTENT", Value::Object(in_configuration).to_string()));
    }
    once.variables.extend(plan.variables);
    once.variables.retain(|(name, _)| !name.starts_with("OTEL_EXPORTER_OTLP_"));
    Ok(once)
}

/// Returns the variable that overrides a telemetry setting of Gemini CLI.
fn gemini(setting: &str) -> Option<&'static str> {
    Some(match setting {
        "enabled" => "GEMINI_TELEMETRY_ENABLED",
        "target" => "GEMINI_TELEMETRY_TARGET",
        "otlpEndpoint" => "GEMINI_TELEMETRY_OTLP_ENDPOINT",
        "otlpProtocol" => "GEMINI_TELEMETRY_OTLP_PROTOCOL",
        "logPrompts" => "GEMINI_TELEMETRY_LOG_PROMPTS",
        "traces" => "GEMINI_TELEMETRY_TRACES_ENABLED",
        _ => return None,
    })
}

/// Returns the variable that overrides a telemetry setting of Qwen Code.
fn qwen(setting: &str) -> Option<&'static str> {
    Some(match setting {
        "enabled" => "QWEN_TELEMETRY_ENABLED",
        "target" => "QWEN_TELEMETRY_TARGET",
        "otlpEndpoint" => "QWEN_TELEMETRY_OTLP_ENDPOINT",
        "otlpProtocol" => "QWEN_TELEMETRY_OTLP_PROTOCOL",
        "logPrompts" => "QWEN_TELEMETRY_LOG_PROMPTS",
        _ => return None,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const USUAL: &str = "http://127.0.0.1:4318";

    fn of(agent: AgentName, home: &Path, content: bool) -> Result<Once, SetupError> {
        once(agent, "http://127.0.0.1:5", USUAL, content, &Environment { home: home.to_owned(), ..Environment::default() })
    }

    #[test]
    fn each_agent_is_told_in_its_own_way() {
        let home = tempfile::tempdir().unwrap();
        let of = |agent, content| of(agent, home.path(), content).unwrap();
        let value = |once: &Once, name: &str| once.variables.iter().find(|(other, _)| *other == name).map(|(_, value)| value.clone());
        let claude = of(AgentName::Claude, false);
        assert_eq!(value(&claude, "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA").as_deref(), Some("1"));
        assert_eq!(value(&claude, "OTEL_EXPORTER_OTLP_ENDPOINT"), None, "those of every program are set elsewhere");
        assert_eq!(value(&claude, "OTEL_LOG_USER_PROMPTS"), None);
        assert_eq!(value(&of(AgentName::Claude, true), "OTEL_LOG_USER_PROMPTS").as_deref(), Some("1"));
        let codex = of(AgentName::Codex, false);
        assert_eq!(
            codex.arguments[..2],
            ["-c", r#"otel.exporter={ otlp-http = { endpoint = "http://127.0.0.1:5/v1/logs", protocol = "binary" } }"#]
        );
        assert_eq!((codex.arguments.len(), codex.variables.len()), (6, 0));
        assert_eq!(value(&of(AgentName::Gemini, false), "GEMINI_TELEMETRY_OTLP_ENDPOINT").as_deref(), Some("http://127.0.0.1:5"));
        assert_eq!(value(&of(AgentName::Qwen, true), "QWEN_TELEMETRY_LOG_PROMPTS").as_deref(), Some("true"));
        let opencode = value(&of(AgentName::Opencode, true), "OPENCODE_CONFIG_CONTENT");
        assert_eq!(opencode.as_deref(), Some(r#"{"experimental":{"openTelemetry":true}}"#));
        assert_eq!(of(AgentName::Opencode, false), Once::default());
        assert_eq!(value(&of(AgentName::Copilot, false), "COPILOT_OTEL_ENABLED").as_deref(), Some("true"));
    }

    #[test]
    fn an_agent_whose_file_sends_elsewhere_goes_on_to_do_so() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".gemini")).unwrap();
        let write = |url: &str| {
            let text = format!(r#"{{"telemetry": {{"otlpEndpoint": "{url}"}}}}"#);
            std::fs::write(home.path().join(".gemini/settings.json"), text).unwrap();
        };
        write("http://collector:4318");
        assert!(matches!(of(AgentName::Gemini, home.path(), false), Err(SetupError::Elsewhere(..))));
        write(USUAL);
        assert!(of(AgentName::Gemini, home.path(), false).is_ok());
    }

    #[test]
    fn agents_are_known_by_the_name_of_the_program() {
        assert_eq!(agent_of(OsStr::new("/usr/local/bin/claude")), Some(AgentName::Claude));
        assert_eq!(agent_of(OsStr::new("codex.cmd")), Some(AgentName::Codex));
        assert_eq!(agent_of(OsStr::new("claude-squad")), None);
        assert_eq!(agent_of(OsStr::new("python")), None);
    }
}
