use clap::Parser;

use super::*;

fn cli(line: &str) -> Cli {
    Cli::try_parse_from(std::iter::once("agno-top").chain(line.split_whitespace())).unwrap()
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

fn wrong(text: &str) -> String {
    let file = file(text);
    let message = layered(&cli(""), Some(file.path()), |_| None).unwrap_err().to_string();
    message.strip_prefix(&file.path().display().to_string()).unwrap().to_owned()
}

#[test]
fn the_example_holds_every_key_with_its_default() {
    let text = include_str!("../../config.toml.example");
    let layer = Layer::parse(text, Path::new("config.toml.example")).unwrap();
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
        ascii: true,
        log_level: LogLevel::Off,
        max_memory: 0,
        otlp: OtlpConfig {
            listen: Some(true),
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
    layer.apply(&mut config);
    assert_eq!(config, Config::default());
}

#[test]
fn flags_go_before_environment_before_file_before_defaults() {
    let file = file("max_spans = 1\nstale_seconds = 1\nfollow = false\nsources = ['file.db']\nlog_level = 'warn'");
    let environment = |name: &str| match name {
        "AGNO_TOP_STALE_SECONDS" | "AGNO_TOP_MAX_SPANS" => Some("2".into()),
        "AGNO_TOP_ASCII" => Some("yes".into()),
        "AGNO_TOP_SOURCES" => Some(std::env::join_paths(["a.db", "b.json"]).unwrap()),
        "AGNO_TOP_SPANS_TABLE" => Some(OsString::new()),
        _ => None,
    };
    let config = layered(&cli("--stale 3"), Some(file.path()), environment).unwrap();
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
    assert_eq!(layered(&cli("c.db"), Some(file.path()), environment).unwrap().sources, [PathBuf::from("c.db")]);
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
        ", line 1: unknown key \"colour\"; there are sources, spans_table, traces_table, schema, max_spans, max_memory, stale_seconds, follow, ascii, log_level, otlp, grpc, http, otlp_token, allow_origins, max_body, record, forward, forward_headers"
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
    let file = file("otlp = 'never'\ngrpc = '4000'\nmax_body = '2M'\nforward_headers = ['a=b']");
    let environment = |name: &str| match name {
        "AGNO_TOP_FORWARD" => Some("http://a https://b".into()),
        "AGNO_TOP_HTTP" => Some("[::1]:5".into()),
        "AGNO_TOP_MAX_MEMORY" => Some("512MiB".into()),
        _ => None,
    };
    let config = layered(&cli(""), Some(file.path()), environment).unwrap();
    let expected = OtlpConfig {
        listen: Some(false),
        grpc: "127.0.0.1:4000".parse().unwrap(),
        http: "[::1]:5".parse().unwrap(),
        max_body: 2 << 20,
        forward: vec!["http://a".to_owned(), "https://b".to_owned()],
        forward_headers: vec![("a".to_owned(), "b".to_owned())],
        ..OtlpConfig::default()
    };
    assert_eq!((config.otlp, config.max_memory), (expected, 512 << 20));
    let listen = |line: &str| layered(&cli(line), Some(file.path()), |_| None).unwrap().otlp.listen;
    assert_eq!((listen("--otlp"), listen("--http 1"), listen("--no-otlp")), (Some(true), Some(true), Some(false)));
    assert!(wrong("otlp = 'perhaps'").starts_with(", line 1: unknown variant `perhaps`"));
    assert!(wrong("max_memory = 'much'").contains("is no number of bytes"));
    assert!(wrong("grpc = 'here'").contains("is no address"));
}
