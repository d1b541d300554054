//! The flags of the settings, built from their definition.

use std::fmt::Write;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser, ValueParser};
use clap::{Arg, ArgAction, ArgMatches, Command};
use toml::{Table, Value};

use crate::config::definition::{Flag, Scope, Setting, Settings};
use crate::config::{Overrides, SETTINGS};

/// The heading of the listener's flags in the help.
const LISTENER: &str = "Listening for OpenTelemetry (OTLP)";

impl clap::Args for Overrides {
    fn augment_args(command: Command) -> Command {
        let config = Arg::new("config").long("config").value_name("PATH").env("AGNO_TOP_CONFIG").value_parser(clap::value_parser!(PathBuf));
        let config = config.help("Configuration file [default: agno-top/config.toml in the user's configuration directory]");
        let otlp = Arg::new("otlp").long("otlp").action(ArgAction::SetTrue).conflicts_with("no_otlp");
        let no_otlp = Arg::new("no_otlp").long("no-otlp").action(ArgAction::SetTrue).help("Do not listen for OTLP");
        let otlp = otlp.help("Listen for OTLP over gRPC and HTTP even if sources are named");
        let defaults = Table::try_from(Settings::default()).unwrap_or_default();
        let flags = SETTINGS.iter().filter_map(|setting| Some(flag(setting, setting.flag?, defaults.get(setting.key))));
        let (listener, others): (Vec<Arg>, Vec<Arg>) = flags.partition(|flag| scope(flag) == Scope::Listener);
        let listener = [otlp, no_otlp].into_iter().chain(listener).map(|flag| flag.help_heading(LISTENER));
        command.args(std::iter::once(config).chain(others).chain(listener).map(|flag| flag.global(true)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl clap::FromArgMatches for Overrides {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let value = |setting: &Setting| match setting.flag? {
            Flag::Value(..) | Flag::Choice(..) => matches.get_one::<Value>(setting.key).cloned(),
            Flag::List(..) => Some(Value::Array(matches.get_many::<Value>(setting.key)?.cloned().collect())),
            Flag::Switch(_, _, value) => matches.get_flag(setting.key).then_some(Value::Boolean(value)),
        };
        let mut flags: Table = SETTINGS.iter().filter_map(|setting| Some((setting.key.to_owned(), value(setting)?))).collect();
        if let Some(mode) = listen_mode(matches) {
            flags.insert("otlp".to_owned(), mode.into());
        }
        Ok(Self { file: matches.get_one("config").cloned(), sources: Vec::new(), flags })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Returns the value of the setting `otlp`. An address turns its protocol on.
fn listen_mode(matches: &ArgMatches) -> Option<&'static str> {
    match (matches.get_flag("no_otlp"), matches.get_flag("otlp"), matches.contains_id("grpc"), matches.contains_id("http")) {
        (true, ..) => Some("no"),
        (_, true, ..) | (_, _, true, true) => Some("yes"),
        (_, _, true, false) => Some("grpc"),
        (_, _, false, true) => Some("http"),
        (false, false, false, false) => None,
    }
}

fn flag(setting: &'static Setting, flag: Flag, default: Option<&Value>) -> Arg {
    let arg = Arg::new(setting.key);
    let arg = match flag {
        Flag::Value(name, value) => {
            let parser = ValueParser::from(move |text: &str| setting.parse(text));
            arg.long(name).value_name(value).value_parser(parser).help(help(setting, default))
        }
        Flag::Choice(name, value, choices) => {
            let parser = PossibleValuesParser::new(choices).try_map(move |text| setting.parse(&text));
            arg.long(name).value_name(value).value_parser(parser).hide_possible_values(true).help(help(setting, default))
        }
        Flag::List(name, value) => {
            let parser = ValueParser::from(move |text: &str| setting.parse_item(text));
            let arg = arg.long(name).value_name(value).value_parser(parser).action(ArgAction::Append);
            arg.help(format!("{}; repeatable", help(setting, default)))
        }
        Flag::Switch(name, help, _) => arg.long(name).action(ArgAction::SetTrue).help(help),
    };
    if setting.key == "grpc" || setting.key == "http" { arg.conflicts_with("no_otlp") } else { arg }
}

/// Returns the first paragraph of the documentation, and the default if it is more than "nothing" or "no limit".
fn help(setting: &Setting, default: Option<&Value>) -> String {
    let mut help = setting.doc.lines().map(str::trim).take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    if setting.syntax.is_secret() {
        let _ = write!(help, " [env: AGNO_TOP_{}]", setting.key.to_uppercase());
    }
    match default {
        Some(Value::String(text)) if !text.is_empty() => help + &format!(" [default: {text}]"),
        Some(Value::Integer(number)) if *number > 0 => help + &format!(" [default: {number}]"),
        _ => help,
    }
}

/// Whether a subcommand uses a flag.
pub(super) fn is_used(subcommand: &str, flag: &Arg) -> bool {
    let scope = scope(flag);
    match subcommand {
        "config" => true,
        "doctor" => matches!(scope, Scope::All | Scope::Database | Scope::Output | Scope::Listener) || flag.get_id() == "theme",
        "demo" => scope != Scope::Database,
        "completions" | "man" | "python-setup" | "skill" => false,
        // It listens on a port of its own.
        "run" => {
            matches!(scope, Scope::All | Scope::Output | Scope::Screen)
                || ["record", "forward", "forward_headers", "max_body", "spans_table", "traces_table"]
                    .iter()
                    .any(|key| flag.get_id() == key)
        }
        "tail" | "setup" => scope != Scope::Screen,
        "export" | "send" | "archive" | "prune" | "restore" => matches!(scope, Scope::All | Scope::Database),
        _ => matches!(scope, Scope::All | Scope::Database | Scope::Output),
    }
}

fn scope(flag: &Arg) -> Scope {
    match flag.get_id().as_str() {
        "no_otlp" => Scope::Listener,
        key => SETTINGS.iter().find(|setting| setting.key == key).map_or(Scope::All, |setting| setting.scope),
    }
}
