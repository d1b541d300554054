use std::fmt::Write;

use super::*;
use crate::keymap::Action;
use crate::keymap::ENTRIES;
use crate::settings::Column;

fn cli(line: &str) -> Cli {
    crate::cli::parse(std::iter::once("agno-top").chain(line.split_whitespace())).unwrap()
}

/// A directory with a configuration file.
fn home(text: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join(FILE), text).unwrap();
    home
}

fn wrong(text: &str) -> String {
    let home = home(text);
    let message = layered(&cli(""), Some(home.path()), |_| None).unwrap_err().to_string();
    message.strip_prefix(&home.path().join(FILE).display().to_string()).unwrap().to_owned()
}

#[test]
fn the_example_holds_every_key_with_its_default() {
    let text = include_str!("../../config.toml.example");
    let (place, layer) = Layer::parse(Place::File("config.toml.example".into(), text.to_owned())).unwrap();
    let table: toml::Table = text.parse().unwrap();
    let sorted = |mut keys: Vec<_>| {
        keys.sort_unstable();
        keys
    };
    assert_eq!(sorted(table.keys().map(String::as_str).collect()), sorted(KEYS.to_vec()));
    let nothing = || Config {
        sources: vec![PathBuf::new()],
        spans_table: String::new(),
        traces_table: String::new(),
        schema: String::new(),
        max_spans: 0,
        stale_seconds: 0,
        follow: false,
        columns: Columns(Vec::new()),
        bar: Measure::Cost,
        theme: String::new(),
        ascii: true,
        mouse: false,
        log_level: LogLevel::Off,
        max_memory: 0,
        redact_patterns: vec![String::new()],
        budget: Budget { cost: Some(1), tokens: Some(1) },
        total_budget: Budget { cost: Some(1), tokens: Some(1) },
        prices_file: "x".into(),
        prices: BTreeMap::from([(String::new(), FlatPrice { input: 1.0, output: 1.0, cache_read: None, cache_write: None })]),
        keymap: Keymap::default(),
        otlp: OtlpConfig {
            listen: Listen::Yes,
            grpc: "[::1]:1".parse().unwrap(),
            http: "[::1]:1".parse().unwrap(),
            token: "x".to_owned(),
            allow_origins: vec![String::new()],
            max_body: 0,
            record: "x".into(),
            forward: vec![String::new()],
            forward_headers: vec![(String::new(), String::new())],
        },
    };
    let mut config = nothing();
    layer.apply(&place, &theme::names(None), &mut config).unwrap();
    assert_eq!(config, Config::default());
}

#[test]
fn flags_go_before_environment_before_file_before_defaults() {
    let home = home("max_spans = 1\nstale_seconds = 1\nfollow = false\nsources = ['file.db']\nlog_level = 'warn'");
    let environment = |name: &str| match name {
        "AGNO_TOP_STALE_SECONDS" | "AGNO_TOP_MAX_SPANS" => Some("2".into()),
        "AGNO_TOP_ASCII" => Some("yes".into()),
        "AGNO_TOP_SOURCES" => Some(std::env::join_paths(["a.db", "b.json"]).unwrap()),
        "AGNO_TOP_SPANS_TABLE" => Some(OsString::new()),
        _ => None,
    };
    let config = layered(&cli("--stale 3"), Some(home.path()), environment).unwrap();
    let expected = Config {
        sources: vec!["a.db".into(), "b.json".into()],
        max_spans: 2,
        stale_seconds: 3,
        follow: false,
        ascii: true,
        log_level: LogLevel::Warn,
        ..Config::default()
    };
    assert_eq!(config, expected);
    assert_eq!(layered(&cli("c.db"), Some(home.path()), environment).unwrap().sources, [PathBuf::from("c.db")]);
}

#[test]
fn a_url_in_the_environment_is_one_source() {
    let url = "postgresql+psycopg://u:p@h:5432/d";
    let config = layered(&cli("--schema other"), None, |name| (name == "AGNO_TOP_SOURCES").then(|| url.into())).unwrap();
    assert_eq!((config.sources, config.schema.as_str()), (vec![PathBuf::from(url)], "other"));
}

#[test]
fn a_file_that_is_not_there_matters_only_if_asked_for() {
    let missing = Path::new("no/such/config.toml");
    assert_eq!(layered(&cli(""), Some(missing), |_| None).unwrap(), Config::default());
    assert_eq!(layered(&cli(""), None, |_| None).unwrap(), Config::default());
    let error = layered(&cli("--config no/such/config.toml"), None, |_| None).unwrap_err();
    assert!(error.to_string().starts_with("can't read the configuration file no/such/config.toml: "), "{error}");
}

#[test]
fn a_mistake_is_named_with_its_line() {
    assert_eq!(wrong("ascii = true\nspan_tables = 'x'"), ", line 2: unknown key \"span_tables\"; did you mean \"spans_table\"?");
    assert_eq!(
        wrong("colour = 'red'"),
        ", line 1: unknown key \"colour\"; there are sources, spans_table, traces_table, schema, max_spans, max_memory, stale_seconds, follow, columns, bar, theme, ascii, mouse, log_level, otlp, grpc, http, otlp_token, allow_origins, max_body, record, forward, forward_headers, redact_patterns, budget_cost, budget_tokens, budget_cost_total, budget_tokens_total, prices_file, prices, keys"
    );
    assert!(wrong("\n\nmax_spans = 'many'").starts_with(", line 3: invalid type: string \"many\""));
    assert!(wrong("max_spans = 0").starts_with(", line 1: invalid value: integer `0`"));
    assert!(wrong("log_level = 'loud'").starts_with(", line 1: unknown variant `loud`"));
    assert!(wrong("max_spans 5").starts_with(", line 1: "));
}

#[test]
fn a_variable_is_named_in_its_error() {
    let environment = |name: &str| (name == "AGNO_TOP_FOLLOW").then(|| "perhaps".into());
    let error = layered(&cli(""), None, environment).unwrap_err().to_string();
    assert!(error.starts_with("AGNO_TOP_FOLLOW: invalid type: string \"perhaps\""), "{error}");
}

#[test]
fn listening_is_said_in_every_place() {
    let home = home("otlp = 'never'\ngrpc = '4000'\nmax_body = '2M'\nforward_headers = ['a=b']");
    let environment = |name: &str| match name {
        "AGNO_TOP_FORWARD" => Some("http://a https://b".into()),
        "AGNO_TOP_HTTP" => Some("[::1]:5".into()),
        "AGNO_TOP_MAX_MEMORY" => Some("512MiB".into()),
        _ => None,
    };
    let config = layered(&cli(""), Some(home.path()), environment).unwrap();
    let expected = OtlpConfig {
        listen: Listen::No,
        grpc: "127.0.0.1:4000".parse().unwrap(),
        http: "[::1]:5".parse().unwrap(),
        max_body: 2 << 20,
        forward: vec!["http://a".to_owned(), "https://b".to_owned()],
        forward_headers: vec![("a".to_owned(), "b".to_owned())],
        ..OtlpConfig::default()
    };
    assert_eq!((config.otlp, config.max_memory), (expected, 512 << 20));
    let listen = |line: &str| layered(&cli(line), Some(home.path()), |_| None).unwrap().otlp.listen;
    assert_eq!((listen("--otlp"), listen("--http 1"), listen("--no-otlp")), (Listen::Yes, Listen::Http, Listen::No));
    assert_eq!((listen("--grpc 1"), listen("--grpc 1 --http 2"), listen("--otlp --grpc 1")), (Listen::Grpc, Listen::Yes, Listen::Yes));
    assert_eq!([Listen::Auto, Listen::Grpc, Listen::Http].map(|listen| listen.protocols(true)), [(true, true); 3]);
    assert!(wrong("otlp = 'perhaps'").starts_with(", line 1: unknown variant `perhaps`"));
    assert!(wrong("max_memory = 'much'").contains("is no number of bytes"));
    assert!(wrong("grpc = 'here'").contains("is no address"));
    assert!(wrong("prices.m = { input = -1.0, output = 1.0 }").contains("-1 is no price"));
    assert!(wrong("prices.m = { inputs = 1 }").contains("did you mean \"input\""));
    assert!(wrong("follow = true\nforward = ['http://a',\n  'b']").starts_with(", line 3: \"b\" is not the URL"));
}

#[test]
fn the_example_holds_every_action_with_its_keys_and_its_help() {
    let mut table = String::new();
    for entry in ENTRIES {
        let _ = writeln!(table, "{} = {:?}  # {}", entry.name, entry.keys, entry.help);
    }
    assert!(include_str!("../../config.toml.example").ends_with(&format!("[keys]\n{table}")), "put this at its end:\n[keys]\n{table}");
}

#[test]
fn keys_are_bound_in_the_file_and_the_environment() {
    let home = home("[keys]\nnext-error = ['x', 'Ctrl-n']\nexport = []");
    let environment = |name: &str| (name == "AGNO_TOP_KEYS").then(|| "{export = ['Alt-x'], help = ['F1']}".into());
    let keymap = layered(&cli(""), Some(home.path()), environment).unwrap().keymap;
    assert_eq!([Action::NextError, Action::Export, Action::Help].map(|action| keymap.names(action)), ["x Ctrl-n", "Alt-x", "F1"]);
}

#[test]
fn a_binding_that_cannot_be_is_named_with_its_line() {
    assert_eq!(wrong("[keys]\n\nnxt-error = ['x']"), ", line 3: unknown action \"nxt-error\"; did you mean \"next-error\"?");
    assert!(wrong("[keys]\nup = [\n 'k',\n 'x',\n]").starts_with(", line 4: x is already bound to export; bind export to another key"));
    assert!(wrong("[keys]\nhelp = ['?']\nup = ['F3', 'Ctrl-h']").starts_with(", line 3: terminals send Ctrl-h as Backspace"));
    assert!(wrong("[keys]\nup = ['Entr']").ends_with("did you mean \"Enter\"?"));
    assert!(wrong("[keys]\nup = 'k'").starts_with(", line 2: invalid type"));
    let environment = |name: &str| (name == "AGNO_TOP_KEYS").then(|| "{up = ['q']}".into());
    let error = layered(&cli(""), None, environment).unwrap_err().to_string();
    assert!(error.starts_with("AGNO_TOP_KEYS: q is already bound to quit"), "{error}");
}

#[test]
fn a_theme_is_one_that_there_is() {
    assert_eq!(wrong("\ntheme = 'drak'"), ", line 2: no theme is called \"drak\"; did you mean \"dark\"?");
    let error = layered(&cli("--theme solarized"), None, |_| None).unwrap_err().to_string();
    assert_eq!(error, "command line: no theme is called \"solarized\"; there are auto, dark, light, high-contrast, 16-colour");
    let home = home("theme = 'mine'");
    std::fs::create_dir(themes(home.path())).unwrap();
    std::fs::write(themes(home.path()).join("mine.toml"), "").unwrap();
    assert_eq!(layered(&cli(""), Some(home.path()), |_| None).unwrap().theme, "mine");
}

#[test]
fn the_effective_settings_are_a_file_that_says_the_same() {
    let home_of = home("max_memory = '1536M'\nforward = ['http://me:secret@host/x']\nlog_level = 'debug'\n[keys]\nup = ['k']");
    let environment = |name: &str| match name {
        "AGNO_TOP_MAX_SPANS" => Some("5".into()),
        "AGNO_TOP_OTLP_TOKEN" => Some("secret".into()),
        "AGNO_TOP_KEYS" => Some("{quit = ['Q']}".into()),
        _ => None,
    };
    let line = "--ascii --grpc 5000 --theme light postgres://me:secret@host/x?password=secret&a=b";
    let text = effective::written(&cli(line), Some(home_of.path()), environment).unwrap();
    assert!(!text.contains("secret"), "{text}");
    for line in [
        "max_spans = 5  # AGNO_TOP_MAX_SPANS",
        "max_memory = \"1536M\"  # file",
        "stale_seconds = 60  # default",
        "ascii = true  # flag",
        "# otlp_token is set and not shown  # AGNO_TOP_OTLP_TOKEN",
        "sources = [\"postgres://me:***@host/x?password=***&a=b\"]  # flag",
        "forward = [\"http://me:***@host/x\"]  # file",
        "up = [\"k\"]  # file",
        "quit = [\"Q\"]  # AGNO_TOP_KEYS",
        "down = [\"j\", \"Down\"]  # default",
    ] {
        assert!(text.lines().any(|other| other == line), "{line} is not in\n{text}");
    }
    assert!(text.contains(&format!("# Configuration file: {}\n", home_of.path().join(FILE).display())));
    let again = home(&text);
    let (once, twice) = (layered(&cli(line), Some(home_of.path()), environment), layered(&cli(""), Some(again.path()), |_| None));
    let (mut once, mut twice) = (once.unwrap(), twice.unwrap());
    (once.otlp.token, once.sources, once.otlp.forward) = (String::new(), Vec::new(), Vec::new());
    (twice.sources, twice.otlp.forward) = (Vec::new(), Vec::new());
    assert_eq!(once, twice);
}

#[test]
fn the_first_picture_is_chosen() {
    let environment = |name: &str| (name == "AGNO_TOP_COLUMNS").then(|| "cost time".into());
    let config = layered(&cli(""), Some(home("columns = []\nbar = 'tokens'").path()), environment).unwrap();
    assert_eq!((config.columns, config.bar), (Columns(vec![Column::Cost, Column::Time]), Measure::Tokens));
    assert!(wrong("\ncolumns = ['time', 'token']").starts_with(", line 2: unknown variant `token`, expected one of `began`, `time`"));
    assert!(wrong("bar = 'length'").starts_with(", line 1: unknown variant `length`, expected one of `time`, `own`"));
}

#[test]
fn a_pattern_that_is_none_is_named_with_its_place() {
    assert!(wrong("mouse = true\nredact_patterns = ['a',\n  '(']").starts_with(", line 3: \"(\" is no regular expression: "));
    let error = layered(&cli(""), None, |name| (name == "AGNO_TOP_REDACT_PATTERNS").then(|| "a\n[".into())).unwrap_err();
    assert!(error.to_string().starts_with("AGNO_TOP_REDACT_PATTERNS: \"[\" is no regular expression"), "{error}");
    let home = home("redact_patterns = ['a b', 'c']");
    assert_eq!(layered(&cli(""), Some(home.path()), |_| None).unwrap().redact_patterns, ["a b", "c"]);
}
