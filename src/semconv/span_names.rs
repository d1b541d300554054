//! The agent or the tool in a span name, for spans without such an attribute: `Weather_Agent.run`, `execute_tool get_weather`.

/// Prefixes of a name.
const PREFIXES: [&str; 10] = [
    "invoke_agent ",
    "invoke_workflow ",
    "execute_tool ",
    "create_agent ",
    "agent_run ",
    "running tool: ",
    "Agent run: ",
    "Function: ",
    "Tool: ",
    "Agent: ",
];

/// Methods after a name, without a leading `a` or `_`.
const METHODS: [&str; 15] = [
    "run",
    "run_stream",
    "call",
    "__call__",
    "forward",
    "execute",
    "execute_stream",
    "execute_core",
    "kickoff",
    "invoke",
    "on_messages",
    "on_messages_stream",
    "tool",
    "agent",
    "workflow",
];

/// Returns the agent or the tool in a span name, or the whole name if it has no known form.
pub(super) fn title(name: &str) -> &str {
    let bare = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
    let bare = bare.strip_prefix('[').and_then(|bare| bare.strip_suffix(']')).unwrap_or(bare);
    match bare.rsplit_once('.') {
        Some((title, method)) if !title.is_empty() && is_method(method) => title,
        _ if bare.is_empty() => name,
        _ => bare,
    }
}

/// Whether a name is the beginning of a known form without what follows there.
pub(super) fn is_prefix(name: &str) -> bool {
    PREFIXES.iter().any(|prefix| prefix.trim_end() == name)
}

/// Whether a span name ends like those of Agno's runs, steps and model calls: `Weather_Agent.acontinue_run`, `Claude.invoke_stream`.
pub(super) fn is_of_agno(name: &str) -> bool {
    let method = name.rsplit_once('.').map_or("", |(_, method)| method.trim_start_matches('_'));
    let plain = |method: &str| matches!(method, "run" | "continue_run" | "execute" | "execute_stream" | "invoke" | "invoke_stream");
    plain(method) || method.strip_prefix('a').is_some_and(plain)
}

fn is_method(name: &str) -> bool {
    let plain = |name: &str| METHODS.contains(&name);
    plain(name) || name.strip_prefix(['a', '_']).is_some_and(plain)
}

#[cfg(test)]
mod tests {
    use super::{is_of_agno, title};

    #[test]
    fn names_of_agno_end_with_its_methods() {
        for name in ["A.run", "A.acontinue_run", "s.execute", "s.aexecute_stream", "W._aexecute", "Claude.ainvoke_stream"] {
            assert!(is_of_agno(name), "{name}");
        }
        for name in ["run", "Crew.kickoff", "get_weather", "ChatOpenAI", "a.ainvoke.x", ""] {
            assert!(!is_of_agno(name), "{name}");
        }
    }

    #[test]
    fn the_agent_or_the_tool_is_found_in_a_span_name() {
        for (name, expected) in [
            ("Weather_Agent.run", "Weather_Agent"),
            ("Weather_Agent.arun_stream", "Weather_Agent"),
            ("payment_and_stock.aexecute_stream", "payment_and_stock"),
            ("get_weather.__call__", "get_weather"),
            ("Weather Reporter._execute_core", "Weather Reporter"),
            ("execute_tool get_weather", "get_weather"),
            ("agent_run [weather_agent]", "weather_agent"),
            ("get_weather", "get_weather"),
            ("v1.2", "v1.2"),
            (".run", ".run"),
            ("execute_tool ", "execute_tool "),
            ("", ""),
        ] {
            assert_eq!(title(name), expected, "{name}");
        }
    }
}
