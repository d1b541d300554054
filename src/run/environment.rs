//! The environment of the program that runs.
//!
//! OpenTelemetry's variables: <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use percent_encoding::percent_decode_str;

use super::folder::Files;

/// Where Python's tracing sends, `http://ADDRESS:PORT`, and its token. These are its own variables, since a program may change those of
/// OpenTelemetry, and an endpoint of the user may have to stay in them.
pub(super) const ENDPOINT: &str = "AGNO_TOP_RUN_ENDPOINT";
pub(super) const TOKEN: &str = "AGNO_TOP_RUN_TOKEN";

/// The file that Python's tracing adds its messages to.
pub(super) const NOTES: &str = "AGNO_TOP_RUN_NOTES";

/// The file that it adds to what it traces, and what it could not.
const FACTS: &str = "AGNO_TOP_RUN_FACTS";

/// The folder in which it keeps what has not been sent yet.
const UNSENT: &str = "AGNO_TOP_RUN_UNSENT";

/// The beginning of the names of all variables of the exporter.
const EXPORTER: &str = "OTEL_EXPORTER_OTLP_";

/// What follows [`EXPORTER`] in the variables that choose where and how to send, also after the name of a signal.
const ROUTING: [&str; 7] = ["ENDPOINT", "HEADERS", "PROTOCOL", "CERTIFICATE", "CLIENT_KEY", "CLIENT_CERTIFICATE", "INSECURE"];

/// The names of the signals in variables.
const SIGNALS: [&str; 3] = ["TRACES_", "LOGS_", "METRICS_"];

/// The listener that the program sends to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The port on 127.0.0.1.
    pub port: u16,
    /// The token that requests must carry.
    pub token: String,
}

/// What the environment said before about where to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Previous {
    /// Nothing.
    None,
    /// An OTLP/HTTP endpoint, to which everything is to be forwarded with these headers.
    Endpoint(String, Vec<(String, String)>),
    /// Something that can't be forwarded to, for this reason. Its variables stay as they are.
    Kept(&'static str),
}

/// How the environment of the program differs from the own one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildEnvironment {
    /// The variables to set.
    pub set: Vec<(&'static str, OsString)>,
    /// The variables to remove.
    pub remove: Vec<String>,
}

/// Returns what the environment says about where to send. `variable` reads a variable.
fn previous(variable: &dyn Fn(&str) -> Option<String>) -> Previous {
    let get = |name: &str| variable(&format!("{EXPORTER}{name}")).filter(|value| !value.trim().is_empty());
    let of_signal = |name: &str| SIGNALS.iter().any(|signal| get(&format!("{signal}{name}")).is_some());
    if of_signal("ENDPOINT") {
        return Previous::Kept("the environment names an endpoint for a single signal");
    }
    let Some(endpoint) = get("ENDPOINT") else { return Previous::None };
    let is_grpc = get("PROTOCOL").is_some_and(|protocol| protocol.trim().eq_ignore_ascii_case("grpc"));
    if is_grpc || of_signal("PROTOCOL") || endpoint.trim_end_matches('/').ends_with(":4317") {
        return Previous::Kept("the endpoint in the environment takes gRPC");
    }
    if ["CERTIFICATE", "CLIENT_KEY", "CLIENT_CERTIFICATE"].iter().any(|name| get(name).is_some() || of_signal(name)) || of_signal("HEADERS")
    {
        return Previous::Kept("the endpoint in the environment needs a certificate or headers for a single signal");
    }
    let is_url = |url: &hyper::Uri| matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some_and(|host| !host.is_empty());
    if !endpoint.trim().parse().is_ok_and(|url| is_url(&url)) {
        return Previous::Kept("the endpoint in the environment is no URL of OTLP/HTTP");
    }
    Previous::Endpoint(endpoint.trim().to_owned(), get("HEADERS").map(|text| headers(&text)).unwrap_or_default())
}

/// Parses `name=value,name=value`, with values in percent encoding.
fn headers(text: &str) -> Vec<(String, String)> {
    let decode = |value: &str| percent_decode_str(value.trim()).decode_utf8_lossy().into_owned();
    text.split(',').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (name.trim().to_owned(), decode(value))).collect()
}

/// Returns the environment of the program, and where it sent before.
#[must_use]
pub fn child_environment(
    listener: &Listener,
    files: &Files,
    python_path: Option<&OsStr>,
    variable: &dyn Fn(&str) -> Option<String>,
) -> (ChildEnvironment, Previous) {
    let endpoint = format!("http://127.0.0.1:{}", listener.port);
    let mut path = files.python().into_os_string();
    if let Some(rest) = python_path.filter(|rest| !rest.is_empty()) {
        path.push(if cfg!(windows) { ";" } else { ":" });
        path.push(rest);
    }
    let mut set = vec![
        (ENDPOINT, endpoint.clone().into()),
        (TOKEN, listener.token.clone().into()),
        (NOTES, files.notes().into_os_string()),
        (FACTS, files.facts().into_os_string()),
        (UNSENT, files.unsent().into_os_string()),
        ("PYTHONPATH", path),
        ("NODE_OPTIONS", node_options(variable("NODE_OPTIONS"), &files.node_hook()).into()),
    ];
    let (previous, mut remove) = (previous(variable), Vec::new());
    if !matches!(previous, Previous::Kept(_)) {
        set.push(("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.into()));
        set.push(("OTEL_EXPORTER_OTLP_HEADERS", format!("authorization=Bearer%20{}", listener.token).into()));
        set.push(("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf".into()));
        let names = SIGNALS.iter().chain([&""]).flat_map(|signal| ROUTING.map(|name| format!("{EXPORTER}{signal}{name}")));
        remove = names.filter(|name| variable(name).is_some() && !set.iter().any(|(own, _)| own == name)).collect();
    }
    (ChildEnvironment { set, remove }, previous)
}

/// Returns the options of Node with the module that it loads first.
fn node_options(options: Option<String>, module: &Path) -> String {
    let path = module.to_string_lossy().replace('\\', "\\\\").replace('"', "\\\"");
    let require = format!("--require \"{path}\"");
    options.filter(|options| !options.trim().is_empty()).map_or(require.clone(), |options| format!("{options} {require}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(pairs: &[(&str, &str)], python_path: Option<&str>) -> (ChildEnvironment, Previous) {
        let listener = Listener { port: 5000, token: "abc".to_owned() };
        let variable = |name: &str| pairs.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned());
        child_environment(&listener, &Files::of("/p".into()), python_path.map(OsStr::new), &variable)
    }

    fn value(environment: &ChildEnvironment, name: &str) -> Option<String> {
        environment.set.iter().find(|(other, _)| *other == name).map(|(_, value)| value.to_string_lossy().into_owned())
    }

    #[test]
    fn every_exporter_sends_to_the_listener_with_the_token() {
        let (environment, previous) = plan(&[], None);
        assert_eq!(previous, Previous::None);
        assert_eq!(value(&environment, "OTEL_EXPORTER_OTLP_ENDPOINT").as_deref(), Some("http://127.0.0.1:5000"));
        assert_eq!(value(&environment, "OTEL_EXPORTER_OTLP_HEADERS").as_deref(), Some("authorization=Bearer%20abc"));
        assert_eq!(value(&environment, "PYTHONPATH").as_deref(), Some("/p/python"));
    }

    #[cfg(unix)]
    #[test]
    fn the_path_of_python_keeps_the_folders_of_the_user_behind_the_own_one() {
        assert_eq!(value(&plan(&[], Some("/a:/b")).0, "PYTHONPATH").as_deref(), Some("/p/python:/a:/b"));
        assert_eq!(
            value(&plan(&[], Some("")).0, "PYTHONPATH").as_deref(),
            Some("/p/python"),
            "an empty entry would be the working directory"
        );
    }

    #[test]
    fn node_loads_the_module_beside_what_the_user_asked_for() {
        assert_eq!(value(&plan(&[], None).0, "NODE_OPTIONS").as_deref(), Some(r#"--require "/p/node_hook.cjs""#));
        let options = value(&plan(&[("NODE_OPTIONS", "--no-warnings")], None).0, "NODE_OPTIONS");
        assert_eq!(options.as_deref(), Some(r#"--no-warnings --require "/p/node_hook.cjs""#));
        assert_eq!(node_options(None, Path::new("/a b\"c/x")), r#"--require "/a b\"c/x""#);
    }

    #[test]
    fn an_http_endpoint_is_forwarded_to_with_its_headers() {
        let (environment, previous) = plan(
            &[
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://x.example/otlp"),
                ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20b, x=1=2"),
                ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", ""),
            ],
            None,
        );
        let headers = vec![("api-key".to_owned(), "a b".to_owned()), ("x".to_owned(), "1=2".to_owned())];
        assert_eq!(previous, Previous::Endpoint("https://x.example/otlp".to_owned(), headers));
        assert_eq!(environment.remove, ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"]);
    }

    #[test]
    fn what_can_not_be_forwarded_to_is_left_as_it_is() {
        for pairs in [
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://x:4317")][..],
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://x"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")],
            &[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://x/v1/traces")],
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "https://x"), ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem")],
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "x:4318")],
        ] {
            let (environment, previous) = plan(pairs, None);
            assert!(matches!(previous, Previous::Kept(_)), "{pairs:?}");
            assert!(environment.remove.is_empty() && value(&environment, "OTEL_EXPORTER_OTLP_ENDPOINT").is_none(), "{pairs:?}");
            assert!(value(&environment, ENDPOINT).is_some(), "Python sends here nevertheless");
        }
    }
}
