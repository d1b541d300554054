//! `agno-top setup`: how to make a coding agent send to agno-top.

use std::io::{self, IsTerminal, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use clap::ValueEnum as _;
use eyre::{Context, Report, bail, eyre};

use super::open::{self, Listener, OpenOptions};
use super::prune::agrees;
use super::{Outcome, UsageError, ignore_broken_pipe, print_message};
use crate::cli::{Agent, Client, SetupArgs, password_place};
use crate::config::Config;
use crate::model::{Batch, MetricBatch};
use crate::setup::{self, AgentName, Environment, McpClient, Plan};
use crate::sources::{ReadLimits, Update};
use crate::{format, panic_hook};

/// Shows the settings, or writes them, and waits for the first record.
pub(super) fn run(args: &SetupArgs, config: &Config) -> Result<Outcome, Report> {
    let Some(agent) = name(args.agent) else { return mcp(args) };
    if !args.sources.is_empty() || args.client.is_some() {
        return Err(UsageError("sources and --agent are for setup mcp".to_owned()).into());
    }
    let plan = setup::plan(agent, &endpoint(config.http.0), args.content, &environment()?);
    let content = if args.content { " --content" } else { "" };
    let own_name = args.agent.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
    show_or_write(args, &plan, &format!("agno-top setup {own_name}{content}"))?;
    if let Some((variable, other)) = elsewhere(&plan) {
        print_message(&format!("{variable} is set in this shell, to {other}: an agent that is started here sends there"));
    }
    if !config.otlp_token.is_empty() {
        print_message(
            "agno-top takes only requests with its token: set OTEL_EXPORTER_OTLP_HEADERS=\"Authorization=Bearer TOKEN\" for the agent too",
        );
    }
    if args.no_wait { Ok(Outcome::Done) } else { wait(config) }
}

/// Makes a program ask `agno-top mcp`.
fn mcp(args: &SetupArgs) -> Result<Outcome, Report> {
    let usage = |message: &str| Err(UsageError(message.to_owned()).into());
    let Some(client) = args.client else { return usage("setup mcp needs --agent claude, codex, cursor, gemini, opencode or vscode") };
    if args.content {
        return usage("--content is not for setup mcp: what the agent reads, it asks for");
    }
    let asking = match client {
        Client::Claude => McpClient::Claude,
        Client::Codex => McpClient::Codex,
        Client::Cursor => McpClient::Cursor,
        Client::Gemini => McpClient::Gemini,
        Client::Opencode => McpClient::Opencode,
        Client::Vscode => McpClient::Vscode,
    };
    let mut arguments = vec!["mcp".to_owned()];
    for source in &args.sources {
        let text = source.to_string_lossy().into_owned();
        if crate::config::url::has_password(&text) {
            let instead = password_place(&text).unwrap_or("AGNO_TOP_SOURCES in the agent's environment");
            return usage(&format!("the password of a source would be written into the agent's file; use {instead} instead"));
        }
        // The agent starts the server in a folder of its own.
        let is_url = text.contains("://");
        arguments.push(if is_url { text } else { std::path::absolute(source)?.to_string_lossy().into_owned() });
    }
    let plan = setup::mcp_plan(asking, &program(), &arguments, &environment()?);
    let name = client.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
    let mut shown = vec![format!("agno-top setup mcp --agent {name}")];
    shown.extend(args.sources.iter().map(|source| shell_word(&source.to_string_lossy())));
    show_or_write(args, &plan, &shown.join(" "))?;
    Ok(Outcome::Done)
}

/// Returns a text as one word of a shell.
fn shell_word(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@%+,=".contains(&byte) || !byte.is_ascii();
    if !text.is_empty() && text.bytes().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// Returns the name by which an agent finds this program, or its path.
fn program() -> String {
    const NAME: &str = "agno-top";
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let is_there = std::env::split_paths(&folders).any(|folder| folder.join(NAME).is_file());
    let path = std::env::current_exe().ok().filter(|_| !is_there);
    path.map_or_else(|| NAME.to_owned(), |path| path.to_string_lossy().into_owned())
}

/// Shows the settings, or writes them; `command` is what this command is without `--write`.
fn show_or_write(args: &SetupArgs, plan: &Plan, command: &str) -> Result<(), Report> {
    if args.write {
        return write(args, plan);
    }
    let result = io::stdout().lock().write_all(instructions(plan, command).as_bytes());
    ignore_broken_pipe(result, Outcome::Done).map(drop)
}

/// Returns the agent that sends; `None` for one that asks.
fn name(agent: Agent) -> Option<AgentName> {
    Some(match agent {
        Agent::Claude => AgentName::Claude,
        Agent::Codex => AgentName::Codex,
        Agent::Gemini => AgentName::Gemini,
        Agent::Qwen => AgentName::Qwen,
        Agent::Opencode => AgentName::Opencode,
        Agent::Copilot => AgentName::Copilot,
        Agent::Mcp => return None,
    })
}

/// Returns the URL at which this machine reaches an address of the listener.
pub(super) fn endpoint(mut address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { IpAddr::V6(Ipv6Addr::LOCALHOST) });
    }
    format!("http://{address}")
}

/// Returns where the user's files are.
pub(super) fn environment() -> Result<Environment, Report> {
    let home = etcetera::home_dir().map_err(|_| eyre!("there is no home directory"))?;
    let path = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    Ok(Environment { home, claude: path("CLAUDE_CONFIG_DIR"), codex: path("CODEX_HOME"), config: path("XDG_CONFIG_HOME") })
}

/// Returns what the user must do.
fn instructions(plan: &Plan, command: &str) -> String {
    let mut parts = Vec::new();
    if let Some(file) = plan.file.as_ref().filter(|_| !plan.settings.is_empty()) {
        let file = file.display().to_string();
        let is_done = plan.edit().is_ok_and(|edit| edit.is_some_and(|edit| edit.before == edit.after));
        parts.push(if is_done {
            format!("{} has these settings already:\n\n{}\n", format::safe(&file), plan.text())
        } else {
            format!("Add to {} (or run {command} --write):\n\n{}\n", format::safe(&file), plan.text())
        });
    }
    if !plan.variables.is_empty() {
        let lines = exports(plan).join("\n");
        parts.push(format!("Set in the environment of the agent, as in the profile of your shell:\n\n{lines}\n\n"));
    }
    parts.extend(plan.notes.iter().map(|note| format!("{note}.\n")));
    parts.concat()
}

/// Returns the lines that set the variables in a shell.
fn exports(plan: &Plan) -> Vec<String> {
    plan.variables.iter().map(|(name, value)| format!("export {name}={value}")).collect()
}

/// Changes the file, after the user has agreed.
fn write(args: &SetupArgs, plan: &Plan) -> Result<(), Report> {
    let Some((file, edit)) = plan.file.as_ref().zip(plan.edit()?) else {
        let lines = exports(plan).join("; ");
        bail!(UsageError(format!("there is no file to write: put this into the profile of your shell: {lines}")));
    };
    let shown = format::safe(&file.display().to_string()).into_owned();
    if edit.before == edit.after {
        print_message(&format!("{shown} has these settings already"));
    } else {
        let mut out = io::stderr().lock();
        writeln!(out, "{shown}:")?;
        for line in setup::changed_lines(&edit.before, &edit.after) {
            writeln!(out, "{}", format::safe(&line))?;
        }
        drop(out);
        let may_ask = io::stdin().is_terminal() && io::stderr().is_terminal();
        if !args.yes && !may_ask {
            bail!(UsageError("setup can't ask here; add --yes to change the file".to_owned()));
        }
        if !args.yes && !agrees("Change the file?")? {
            bail!("nothing was changed");
        }
        report(&shown, setup::write(file, &edit)?.as_deref());
    }
    for line in exports(plan) {
        print_message(&format!("also put this into the profile of your shell: {line}"));
    }
    for note in &plan.notes {
        print_message(note);
    }
    Ok(())
}

fn report(shown: &str, copy: Option<&Path>) {
    match copy {
        Some(copy) => print_message(&format!("wrote {shown}; as it was: {}", copy.display())),
        None => print_message(&format!("wrote {shown}")),
    }
}

/// Returns a variable of this process that names another endpoint.
fn elsewhere(plan: &Plan) -> Option<(&'static str, String)> {
    const NAME: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    let other = std::env::var(NAME).ok().filter(|value| !value.is_empty())?;
    let is_same = |text: &str| text.contains(other.trim_end_matches('/'));
    let is_ours = plan.variables.iter().any(|(_, value)| is_same(value)) || is_same(&plan.text());
    (!is_ours).then(|| (NAME, crate::config::url::hide_secrets(&other)))
}

/// Listens until something arrives.
fn wait(config: &Config) -> Result<Outcome, Report> {
    let options = OpenOptions { limits: ReadLimits::of(1), numbers_only: true, capacity: 16, listener: Listener::Always };
    let mut opened = open::open(&[], config, options)?;
    if opened.addresses.is_empty() {
        open::stop(opened.hub);
        bail!("can't listen: another program, perhaps agno-top itself, has the ports; look there for the first record");
    }
    opened.warnings.iter().for_each(|warning| print_message(warning));
    let addresses: Vec<String> = opened.addresses.iter().map(SocketAddr::to_string).collect();
    print_message(&format!("start the agent now; waiting for its first record on {} (Ctrl-C ends)", addresses.join(", ")));
    let runtime = tokio::runtime::Builder::new_current_thread().build().wrap_err("can't wait")?;
    let arrived = loop {
        let update = runtime.block_on(async {
            tokio::select! {
                update = opened.hub.recv() => update,
                _ = panic_hook::happened() => None,
            }
        });
        match update {
            None => bail!("internal error: {}", panic_hook::message().unwrap_or_default()),
            Some(update) => {
                if let Some(arrived) = arrived(&update) {
                    break arrived;
                }
            }
        }
    };
    open::stop(opened.hub);
    let result = writeln!(io::stdout(), "The first record has come: {}. It works; agno-top shows what follows.", format::safe(&arrived));
    ignore_broken_pipe(result, Outcome::Done)
}

/// Says what arrived; `None` if nothing did.
fn arrived(update: &Update) -> Option<String> {
    match update {
        Update::Batch(batch) if !batch.spans.is_empty() => {
            Some(format!("{}{}", format::plural(batch.spans.len() as u64, "span"), of(service(batch))))
        }
        Update::Metrics(batch) if !batch.points.is_empty() => {
            Some(format!("{} of metrics{}", format::plural(batch.points.len() as u64, "point"), of(metric_service(batch))))
        }
        Update::Traffic(_, traffic) if traffic.logs > 0 => Some(format::plural(traffic.logs, "log record")),
        _ => None,
    }
}

fn of(service: &str) -> String {
    if service.is_empty() { String::new() } else { format!(" of {service}") }
}

fn service(batch: &Batch) -> &str {
    batch.spans.first().map_or("", |span| batch.text(span.facts.service))
}

fn metric_service(batch: &MetricBatch) -> &str {
    batch.points.first().map_or("", |point| point.metric.service())
}

#[cfg(test)]
mod tests {
    use super::shell_word;

    #[test]
    fn a_word_is_quoted_where_a_shell_would_change_it() {
        for (text, word) in [
            ("/a/b-c_1.db", "/a/b-c_1.db"),
            ("my traces.db", "'my traces.db'"),
            ("mysql://me@h/d?ssl_ca=/c&x=1", "'mysql://me@h/d?ssl_ca=/c&x=1'"),
            ("it's $HOME", r"'it'\''s $HOME'"),
            ("~/a", "'~/a'"),
            ("", "''"),
            ("日.db", "日.db"),
        ] {
            assert_eq!(shell_word(text), word);
        }
    }
}
