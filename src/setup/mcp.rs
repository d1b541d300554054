//! How coding agents are told to ask `agno-top mcp`.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Environment, Plan, Rule, Setting};

/// A program that takes servers of the Model Context Protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum McpClient {
    /// Claude Code.
    Claude,
    /// Codex.
    Codex,
    /// Cursor.
    Cursor,
    /// Gemini CLI.
    Gemini,
    /// opencode.
    Opencode,
    /// Visual Studio Code.
    Vscode,
}

/// Returns what makes a program start the server `command` with these arguments.
#[must_use]
pub fn mcp_plan(client: McpClient, command: &str, arguments: &[String], environment: &Environment) -> Plan {
    let home = &environment.home;
    let config = environment.config.clone().unwrap_or_else(|| home.join(".config"));
    let (command, arguments) = (json!(command), json!(arguments));
    let (file, settings) = match client {
        McpClient::Claude => {
            // The file of user-wide servers stands beside the folder of settings, or in a folder of the user's choice.
            let file = environment.claude.as_deref().unwrap_or(home).join(".claude.json");
            let kind = set(&["mcpServers", "agno-top", "type"], json!("stdio"));
            (file, vec![kind, set(&["mcpServers", "agno-top", "command"], command), set(&["mcpServers", "agno-top", "args"], arguments)])
        }
        McpClient::Codex => (
            environment.codex.clone().unwrap_or_else(|| home.join(".codex")).join("config.toml"),
            vec![set(&["mcp_servers", "agno-top", "command"], command), set(&["mcp_servers", "agno-top", "args"], arguments)],
        ),
        McpClient::Cursor => (home.join(".cursor/mcp.json"), servers(command, arguments)),
        McpClient::Gemini => (home.join(".gemini/settings.json"), servers(command, arguments)),
        McpClient::Opencode => {
            let mut whole = vec![command];
            whole.extend(arguments.as_array().into_iter().flatten().cloned());
            let settings = vec![
                set(&["mcp", "agno-top", "type"], json!("local")),
                set(&["mcp", "agno-top", "command"], Value::Array(whole)),
                set(&["mcp", "agno-top", "enabled"], json!(true)),
            ];
            (opencode_file(&config.join("opencode")), settings)
        }
        McpClient::Vscode => {
            let kind = set(&["servers", "agno-top", "type"], json!("stdio"));
            let settings = vec![kind, set(&["servers", "agno-top", "command"], command), set(&["servers", "agno-top", "args"], arguments)];
            (vscode_folder(home, &config).join("Code/User/mcp.json"), settings)
        }
    };
    Plan { file: Some(file), settings, ..Plan::default() }
}

fn set(path: &'static [&'static str], value: Value) -> Setting {
    Setting { path, value, rule: Rule::Set }
}

fn servers(command: Value, arguments: Value) -> Vec<Setting> {
    vec![set(&["mcpServers", "agno-top", "command"], command), set(&["mcpServers", "agno-top", "args"], arguments)]
}

/// Returns the file of opencode's settings: that with comments, if there is one.
pub(super) fn opencode_file(directory: &Path) -> PathBuf {
    let with_comments = directory.join("opencode.jsonc");
    if with_comments.exists() { with_comments } else { directory.join("opencode.json") }
}

fn vscode_folder(home: &Path, config: &Path) -> PathBuf {
    if cfg!(target_os = "macos") {
        home.join("Library/Application Support")
    } else if cfg!(windows) {
        home.join("AppData/Roaming")
    } else {
        config.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(client: McpClient, before: &str) -> (PathBuf, String) {
        let home = tempfile::tempdir().unwrap();
        let environment = Environment { home: home.path().to_owned(), ..Environment::default() };
        let plan = mcp_plan(client, "agno-top", &["mcp".to_owned(), "/a b.db".to_owned()], &environment);
        let file = plan.file.clone().unwrap();
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, before).unwrap();
        (file.strip_prefix(home.path()).unwrap().to_owned(), plan.edit().unwrap().unwrap().after)
    }

    #[test]
    fn each_program_gets_the_server_where_it_looks_and_keeps_its_other_servers() {
        let json = |client, name: &str, key: &str| {
            let (file, text) = edited(client, &format!("{{\"{key}\": {{\"other\": {{\"url\": \"x\"}}}}}}"));
            assert!(file.ends_with(name), "{}", file.display());
            let value: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(value[key]["other"], json!({"url": "x"}), "{text}");
            value[key]["agno-top"].clone()
        };
        let stdio = json!({"type": "stdio", "command": "agno-top", "args": ["mcp", "/a b.db"]});
        let plain = json!({"command": "agno-top", "args": ["mcp", "/a b.db"]});
        assert_eq!(json(McpClient::Claude, ".claude.json", "mcpServers"), stdio);
        assert_eq!(json(McpClient::Vscode, "Code/User/mcp.json", "servers"), stdio);
        assert_eq!(json(McpClient::Cursor, ".cursor/mcp.json", "mcpServers"), plain);
        assert_eq!(json(McpClient::Gemini, ".gemini/settings.json", "mcpServers"), plain);
        let local = json!({"type": "local", "command": ["agno-top", "mcp", "/a b.db"], "enabled": true});
        assert_eq!(json(McpClient::Opencode, "opencode/opencode.json", "mcp"), local);
        let (file, text) = edited(McpClient::Codex, "model = \"x\" # mine\n\n[mcp_servers.other]\ncommand = \"y\"\n");
        assert!(file.ends_with(".codex/config.toml") && text.starts_with("model = \"x\" # mine\n\n[mcp_servers.other]\ncommand = \"y\"\n"));
        assert!(text.ends_with("\n[mcp_servers.agno-top]\ncommand = \"agno-top\"\nargs = [\"mcp\", \"/a b.db\"]\n"), "{text}");
    }

    #[test]
    fn a_server_that_is_there_is_set_once() {
        for client in [McpClient::Codex, McpClient::Cursor, McpClient::Opencode] {
            let (_, once) = edited(client, "");
            assert_eq!(edited(client, &once).1, once);
        }
    }
}
