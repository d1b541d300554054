use std::fmt::Write;

use super::definition::Setting;
use super::values::{Bytes, ListenAddress};
use super::*;
use crate::keymap::{Action, ENTRIES};
use crate::settings::{Column, Columns, Measure};

/// Returns a directory with a configuration file.
fn home(text: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join(FILE), text).unwrap();
    home
}

fn flags(flags: &str) -> Overrides {
    Overrides { flags: flags.parse().unwrap(), ..Overrides::default() }
}

/// Loads a file, with no environment and no flags.
fn load(text: &str) -> Result<Config, String> {
    let home = home(text);
    Config::load_from(Overrides::default(), Some(home.path()), |_| None)
        .map_err(|error| error.to_string().strip_prefix(&home.path().join(FILE).display().to_string()).unwrap().to_owned())
}

/// Loads one environment variable.
fn load_variable(name: &str, value: &str) -> Result<Config, String> {
    let environment = |asked: &str| (asked == name).then(|| value.into());
    Config::load_from(Overrides::default(), None, environment).map_err(|error| error.to_string())
}

fn error(text: &str) -> String {
    load(text).unwrap_err()
}

/// Returns the text of `config.toml.example`.
fn example() -> String {
    let mut text = String::from(
        "# The settings of agno-top with their defaults. Copy this file to ~/.config/agno-top/config.toml and keep what you change.\n\
         # An environment variable (AGNO_TOP_MAX_SPANS=5000) takes precedence over the file, a flag (--max-spans 5000) over both.\n",
    );
    let defaults = Table::try_from(Settings::default()).unwrap();
    for Setting { key, doc, .. } in SETTINGS {
        text.push('\n');
        let (summary, details) = doc.split_once("\n\n").unwrap_or((doc, ""));
        let comment = format!("{}.\n{details}", summary.trim_end());
        for line in comment.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let _ = writeln!(text, "# {line}");
        }
        match &defaults[*key] {
            toml::Value::Table(_) => writeln!(text, "[{key}]").unwrap(),
            value => writeln!(text, "{key} = {value}").unwrap(),
        }
    }
    for entry in ENTRIES {
        let _ = writeln!(text, "{} = {:?}  # {}", entry.name, entry.keys, entry.help);
    }
    text
}

#[test]
fn the_example_is_generated_from_the_definition() {
    let example = example();
    assert!(include_str!("../../config.toml.example") == example, "write this to config.toml.example:\n{example}");
}

#[test]
fn the_example_sets_every_setting_to_its_default() {
    let mut config = load(include_str!("../../config.toml.example")).unwrap();
    assert_eq!(config.keymap, Keymap::default());
    assert_eq!(config.settings.keys.len(), ENTRIES.len());
    config.settings.keys.clear();
    assert!(config.settings == Settings::default());
}

#[test]
fn flags_take_precedence_over_the_environment_the_file_and_defaults() {
    let home = home("max_spans = 1\nstale_seconds = 1\nfollow = false\nsources = ['file.db']\nlog_level = 'warn'");
    let environment = |name: &str| match name {
        "AGNO_TOP_STALE_SECONDS" | "AGNO_TOP_MAX_SPANS" => Some("2".into()),
        "AGNO_TOP_ASCII" => Some("yes".into()),
        "AGNO_TOP_SOURCES" => Some(std::env::join_paths(["a.db", "b.json"]).unwrap()),
        "AGNO_TOP_SPANS_TABLE" => Some(OsString::new()),
        _ => None,
    };
    let config = Config::load_from(flags("stale_seconds = 3"), Some(home.path()), environment).unwrap();
    let expected = Settings {
        sources: vec!["a.db".into(), "b.json".into()],
        max_spans: 2.try_into().unwrap(),
        stale_seconds: 3.try_into().unwrap(),
        follow: false,
        ascii: true,
        log_level: LogLevel::Warn,
        ..Settings::default()
    };
    assert!(config.settings == expected);
    let overrides = Overrides { sources: vec!["c.db".into()], ..Overrides::default() };
    assert_eq!(Config::load_from(overrides, Some(home.path()), environment).unwrap().sources, [PathBuf::from("c.db")]);
}

#[test]
fn a_url_in_the_environment_is_one_source() {
    let url = "postgresql+psycopg://u:p@h:5432/d";
    assert_eq!(load_variable("AGNO_TOP_SOURCES", url).unwrap().sources, [PathBuf::from(url)]);
}

#[test]
fn a_missing_file_is_an_error_only_if_it_is_named() {
    let missing = Path::new("no/such/directory");
    let config = Config::load_from(Overrides::default(), Some(missing), |_| None).unwrap();
    assert!(config.settings == Settings::default());
    assert!(Config::load_from(Overrides::default(), None, |_| None).unwrap().settings == Settings::default());
    let overrides = Overrides { file: Some("no/such/config.toml".into()), ..Overrides::default() };
    let error = Config::load_from(overrides, None, |_| None).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("can't read the configuration file no/such/config.toml: "), "{text}");
    assert!(text.ends_with("; agno-top config --init writes it"), "{text}");
    assert!(std::error::Error::source(&error).is_none(), "a report would print the cause twice");
}

#[test]
fn an_error_in_the_file_names_the_line() {
    assert_eq!(error("ascii = true\nspan_tables = 'x'"), ", line 2: unknown key \"span_tables\"; did you mean \"spans_table\"?");
    let keys = SETTINGS.iter().map(|setting| setting.key).collect::<Vec<_>>().join(", ");
    assert_eq!(error("colour = 'red'"), format!(", line 1: unknown key \"colour\"; keys: {keys}"));
    assert!(error("\n\nmax_spans = 'many'").starts_with(", line 3: invalid type: string \"many\""));
    assert!(error("max_spans = 0").starts_with(", line 1: invalid value: integer `0`, expected a whole number from 1 to 4294967295"));
    assert!(
        error("[prices]\nm = 3").starts_with(", line 2: invalid type: integer `3`, expected a table such as { input = 0.5, output = 1.5 }")
    );
    assert!(error("log_level = 'loud'").starts_with(", line 1: unknown variant `loud`"));
    assert!(error("max_spans 5").starts_with(", line 1: "));
}

#[test]
fn an_error_in_the_environment_names_the_variable() {
    let error = load_variable("AGNO_TOP_FOLLOW", "perhaps").unwrap_err();
    assert!(error.starts_with("AGNO_TOP_FOLLOW: invalid type: string \"perhaps\""), "{error}");
    assert_eq!(load_variable("AGNO_TOP_OTLP_TOKEN", "").unwrap_err(), "AGNO_TOP_OTLP_TOKEN: it is empty");
}

#[test]
fn the_listener_is_configured_by_every_origin() {
    let home = home("otlp = 'never'\ngrpc = '4000'\nmax_body = '2M'\nforward_headers = ['a=b']");
    let environment = |name: &str| match name {
        "AGNO_TOP_FORWARD" => Some("http://a https://b".into()),
        "AGNO_TOP_HTTP" => Some("[::1]:5".into()),
        "AGNO_TOP_MAX_MEMORY" => Some("512MiB".into()),
        _ => None,
    };
    let config = Config::load_from(Overrides::default(), Some(home.path()), environment).unwrap();
    let expected = Settings {
        otlp: ListenMode::No,
        grpc: ListenAddress::local(4000),
        http: ListenAddress::try_from("[::1]:5".to_owned()).unwrap(),
        max_body: Bytes(2 << 20),
        max_memory: Bytes(512 << 20),
        forward: vec!["http://a".to_owned(), "https://b".to_owned()],
        forward_headers: vec![Header { name: "a".to_owned(), value: "b".to_owned() }],
        ..Settings::default()
    };
    assert!(config.settings == expected);
    assert_eq!(Config::load_from(flags("otlp = 'yes'"), Some(home.path()), |_| None).unwrap().otlp, ListenMode::Yes);
    assert_eq!([ListenMode::Auto, ListenMode::Grpc, ListenMode::Http].map(|mode| mode.protocols(false)), [(true, true); 3]);
    assert_eq!([ListenMode::Auto, ListenMode::Grpc].map(|mode| mode.protocols(true)), [(false, false), (true, false)]);
    assert!(error("otlp = 'perhaps'").starts_with(", line 1: unknown variant `perhaps`"));
    assert!(error("max_memory = 'much'").contains("\"much\" is not a number of bytes"));
    assert!(error("grpc = 'here'").contains("\"here\" is not an address"));
    assert!(error("prices.m = { input = -1.0, output = 1.0 }").starts_with(", line 1: -1 is "));
    assert!(error("prices.m = { inputs = 1 }").contains("did you mean \"input\""));
}

#[test]
fn an_error_about_a_loaded_value_names_its_origin() {
    let config = load("follow = true\nforward = ['http://a',\n  'b']\n\ntheme = 'x'").unwrap();
    let line = |error: ConfigError| error.to_string().rsplit_once(FILE).unwrap().1.to_owned();
    assert_eq!(line(config.error("forward", Some(1), "is wrong")), ", line 3: is wrong");
    assert_eq!(line(config.error("theme", None, "is wrong")), ", line 5: is wrong");
    let config = load_variable("AGNO_TOP_REDACT_PATTERNS", "a\n[").unwrap();
    assert_eq!(config.error("redact_patterns", Some(1), "is wrong").to_string(), "AGNO_TOP_REDACT_PATTERNS: is wrong");
    let config = Config::load_from(flags("theme = 'x'"), None, |_| None).unwrap();
    assert_eq!(config.error("theme", None, "is wrong").to_string(), "command line: is wrong");
}

#[test]
fn keys_are_bound_by_the_file_and_the_environment() {
    let home = home("[keys]\nnext-error = ['x', 'Ctrl-n']\nexport = []\nquit = 'Q'");
    let environment = |name: &str| (name == "AGNO_TOP_KEYS").then(|| "{export = ['Alt-x'], help = ['F1']}".into());
    let keymap = Config::load_from(Overrides::default(), Some(home.path()), environment).unwrap().keymap;
    let names = [Action::NextError, Action::Export, Action::Help, Action::Quit].map(|action| keymap.names(action));
    assert_eq!(names, ["x Ctrl-n", "Alt-x", "F1", "Q"]);
}

#[test]
fn an_invalid_binding_names_the_line() {
    assert_eq!(error("[keys]\n\nnxt-error = ['x']"), ", line 3: unknown action \"nxt-error\"; did you mean \"next-error\"?");
    assert!(error("[keys]\nup = [\n 'k',\n 'x',\n]").starts_with(", line 4: x is already bound to export; bind export to another key"));
    assert!(error("[keys]\nhelp = ['?']\nup = ['F3', 'Ctrl-h']").starts_with(", line 3: terminals send Ctrl-h as Backspace"));
    let above = "; this is in [keys]: the setting";
    assert!(error("[keys]\ntheme = 'light'").ends_with(&format!("{above} theme belongs above the first [heading]")));
    assert!(error("[keys]\nascii = true").ends_with(&format!("{above} ascii belongs above the first [heading]")));
    assert!(error("[keys]\nmax_memory = '2G'").ends_with(&format!("{above} max_memory belongs above the first [heading]")));
    assert_eq!(error("ascii = true\nquit = 'Q'"), ", line 2: unknown key \"quit\"; the key of quit belongs below [keys]");
    assert_eq!(error("[keys]\nup = 'U'\n[keys]"), ", line 3: keys stands here for the second time; write it once");
    assert_eq!(error("ascii = true\nascii = false"), ", line 2: ascii stands here for the second time; write it once");
    assert!(error("[keys]\nup = ['Entr']").ends_with("did you mean \"Enter\"?"));
    assert!(error("[keys]\nup = 5").starts_with(", line 2: invalid type: integer `5`, expected a key, such as \"Q\", or a list of keys"));
    assert!(error("[keys]\n\nup = 'x'").starts_with(", line 3: x is already bound to export"));
    let error = load_variable("AGNO_TOP_KEYS", "{up = ['q']}").unwrap_err();
    assert!(error.starts_with("AGNO_TOP_KEYS: q is already bound to quit"), "{error}");
}

#[test]
fn the_effective_settings_are_a_file_with_the_same_meaning() {
    let home_dir = home("max_memory = '1536M'\nforward = ['http://me:secret@host/x']\nlog_level = 'debug'\n[keys]\nup = ['k']");
    let environment = |name: &str| match name {
        "AGNO_TOP_MAX_SPANS" => Some("5".into()),
        "AGNO_TOP_OTLP_TOKEN" => Some("secret".into()),
        "AGNO_TOP_KEYS" => Some("{quit = ['Q']}".into()),
        _ => None,
    };
    let mut overrides = flags("ascii = true\ngrpc = '5000'\ntheme = 'light'");
    overrides.sources = vec!["postgres://me:secret@host/x?password=secret&a=b".into()];
    let config = Config::load_from(overrides, Some(home_dir.path()), environment).unwrap();
    let text = config.effective();
    assert!(!text.contains("secret"), "{text}");
    for line in [
        "max_spans = 5  # AGNO_TOP_MAX_SPANS",
        "max_memory = \"1536M\"  # file",
        "stale_seconds = 60  # default",
        "ascii = true  # flag",
        "# otlp_token is set and not shown  # AGNO_TOP_OTLP_TOKEN",
        "sources = [\"postgres://me:***@host/x?password=***&a=b\"]  # flag",
        "forward = [\"http://***@host/x\"]  # file",
        "up = [\"k\"]  # file",
        "quit = [\"Q\"]  # AGNO_TOP_KEYS",
        "down = [\"j\", \"Down\"]  # default",
    ] {
        assert!(text.lines().any(|other| other == line), "{line} is not in\n{text}");
    }
    assert!(text.contains(&format!("# Configuration file: {}\n", home_dir.path().join(FILE).display())));
    let (mut once, again) = (config, load(&text).unwrap());
    assert_eq!(once.keymap, again.keymap);
    once.settings.otlp_token.clear();
    once.settings.sources.clone_from(&again.sources);
    once.settings.forward.clone_from(&again.forward);
    once.settings.keys.clone_from(&again.keys);
    assert!(once.settings == again.settings);
}

#[test]
fn columns_and_bars_are_configured() {
    let home = home("columns = []\nbar = 'tokens'");
    let environment = |name: &str| (name == "AGNO_TOP_COLUMNS").then(|| "cost time".into());
    let config = Config::load_from(Overrides::default(), Some(home.path()), environment).unwrap();
    assert_eq!((&config.columns, config.bar), (&Columns(vec![Column::Cost, Column::Time]), Measure::Tokens));
    assert!(error("\ncolumns = ['time', 'token']").starts_with(", line 2: unknown variant `token`, expected one of `began`, `time`"));
    assert!(error("bar = 'length'").starts_with(", line 1: unknown variant `length`, expected one of `time`, `own`"));
}

#[test]
fn a_budget_of_zero_is_unlimited() {
    let config = load("budget_cost = 0.5\nbudget_tokens_total = 7").unwrap();
    assert_eq!(config.budget(), Budget { cost: Some(500_000_000), tokens: None });
    assert_eq!(config.total_budget(), Budget { cost: None, tokens: Some(7) });
    assert_eq!(load_variable("AGNO_TOP_BUDGET_COST", "$2").unwrap().budget().cost, Some(2_000_000_000));
    assert!(error("budget_cost = -1.0").contains("-1 is not an amount of dollars"));
}
