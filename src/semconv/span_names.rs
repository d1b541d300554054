//! Who a span is about, by its name, where no attribute says so: `Weather_Agent.run`, `execute_tool get_weather`.

/// Words before a name.
const BEFORE: [&str; 10] = [
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

/// Methods behind a name, without the `a` or the `_` before them.
const METHODS: [&str; 14] = [
    "run",
    "run_stream",
    "call",
    "__call__",
    "forward",
    "execute",
    "execute_core",
    "kickoff",
    "invoke",
    "on_messages",
    "on_messages_stream",
    "tool",
    "agent",
    "workflow",
];

/// The agent or the tool in a span's name; the whole name if nothing in it is known.
pub(super) fn title(name: &str) -> &str {
    let bare = BEFORE.iter().find_map(|before| name.strip_prefix(before)).unwrap_or(name);
    let bare = bare.strip_prefix('[').and_then(|bare| bare.strip_suffix(']')).unwrap_or(bare);
    match bare.rsplit_once('.') {
        Some((title, method)) if !title.is_empty() && is_method(method) => title,
        _ if bare.is_empty() => name,
        _ => bare,
    }
}

fn is_method(name: &str) -> bool {
    let plain = |name: &str| METHODS.contains(&name);
    plain(name) || name.strip_prefix(['a', '_']).is_some_and(plain)
}

#[cfg(test)]
mod tests {
    use super::title;

    #[test]
    fn a_span_s_name_names_an_agent_or_a_tool() {
        for (name, expected) in [
            ("Weather_Agent.run", "Weather_Agent"),
            ("Weather_Agent.arun_stream", "Weather_Agent"),
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
