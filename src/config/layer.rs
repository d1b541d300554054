//! What one place says of the settings.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::keys::Keys;
use super::values::{Address, Bytes, Dollars, Header, Listen, lossy};
use super::{Config, ConfigError, KEYS, LogLevel};
use crate::cli::{Cli, OtlpOptions};
use crate::export::Redactor;
use crate::model::price::FlatPrice;
use crate::settings::{Column, Columns, Measure};
use crate::sources::otlp;

/// What the environment's names for keys begin with: `AGNO_TOP_MAX_SPANS` sets `max_spans`.
const PREFIX: &str = "AGNO_TOP_";

/// Where something is said.
#[derive(Debug)]
pub(super) enum Place {
    /// In a file, with its text.
    File(PathBuf, String),
    /// In an environment variable.
    Variable(String),
    /// On the command line.
    Flags,
}

impl Place {
    /// The place as an error names it; `at` is a byte of a file.
    pub(super) fn name(&self, at: Option<usize>) -> String {
        match self {
            Self::File(path, text) => {
                let line = at.and_then(|at| text.get(..at)).map_or(1, |before| before.matches('\n').count() + 1);
                format!("{}, line {line}", path.display())
            }
            Self::Variable(name) => name.clone(),
            Self::Flags => "command line".to_owned(),
        }
    }
}

/// What one place says; `None` where it says nothing.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Layer {
    #[serde(serialize_with = "lossy", skip_serializing_if = "Option::is_none")]
    sources: Option<Vec<PathBuf>>,
    spans_table: Option<String>,
    traces_table: Option<String>,
    schema: Option<String>,
    max_spans: Option<std::num::NonZeroU32>,
    max_memory: Option<Bytes>,
    stale_seconds: Option<std::num::NonZeroU32>,
    follow: Option<bool>,
    columns: Option<Vec<Column>>,
    bar: Option<Measure>,
    theme: Option<Spanned<String>>,
    ascii: Option<bool>,
    mouse: Option<bool>,
    log_level: Option<LogLevel>,
    otlp: Option<Listen>,
    grpc: Option<Address>,
    http: Option<Address>,
    otlp_token: Option<String>,
    allow_origins: Option<Vec<String>>,
    max_body: Option<Bytes>,
    record: Option<PathBuf>,
    forward: Option<Vec<Spanned<String>>>,
    forward_headers: Option<Vec<Header>>,
    redact_patterns: Option<Vec<Spanned<String>>>,
    budget_cost: Option<Dollars>,
    budget_tokens: Option<u64>,
    budget_cost_total: Option<Dollars>,
    budget_tokens_total: Option<u64>,
    prices_file: Option<PathBuf>,
    prices: Option<BTreeMap<String, FlatPrice>>,
    pub(super) keys: Option<Keys>,
}

impl Layer {
    /// What the file says that was asked for, else the one at its usual place if it is there.
    pub(super) fn file(asked: Option<&Path>, default: Option<&Path>) -> Result<Option<(Place, Self)>, ConfigError> {
        let Some(path) = asked.or(default) else { return Ok(None) };
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(Place::File(path.to_owned(), text)).map(Some),
            Err(error) if asked.is_none() && matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(ConfigError::Unreadable { path: path.to_owned(), error }),
        }
    }

    pub(super) fn parse(place: Place) -> Result<(Place, Self), ConfigError> {
        let Place::File(_, text) = &place else { return Ok((place, Self::default())) };
        match toml::from_str(text) {
            Ok(layer) => Ok((place, layer)),
            Err(error) => {
                Err(ConfigError::Wrong { place: place.name(error.span().map(|span| span.start)), what: explain(error.message()) })
            }
        }
    }

    /// What each variable says.
    pub(super) fn environment(environment: impl Fn(&str) -> Option<OsString>) -> Result<Vec<(Place, Self)>, ConfigError> {
        let mut layers = Vec::new();
        for &key in KEYS {
            let name = format!("{PREFIX}{}", key.to_uppercase());
            let Some(value) = environment(&name).filter(|value| !value.is_empty()) else { continue };
            let wrong = |what| ConfigError::Wrong { place: name.clone(), what };
            let text = value.to_str().ok_or_else(|| wrong("it is not UTF-8".to_owned()))?;
            let layer = match key {
                "keys" | "prices" => toml::from_str(&format!("{key} = {text}")),
                _ => toml::from_str(&toml::Table::from_iter([(key.to_owned(), typed(key, text))]).to_string()),
            };
            layers.push((
                Place::Variable(name.clone()),
                layer.map_err(|error: toml::de::Error| wrong(error.message().trim_end().to_owned()))?,
            ));
        }
        Ok(layers)
    }

    /// What the command line says.
    pub(super) fn flags(cli: &Cli) -> Self {
        let options = &cli.options;
        Self {
            sources: (!cli.sources.is_empty()).then(|| cli.sources.clone()),
            spans_table: options.spans_table.clone(),
            traces_table: options.traces_table.clone(),
            schema: options.schema.clone(),
            max_spans: options.max_spans.and_then(std::num::NonZeroU32::new),
            max_memory: options.max_memory.map(Bytes),
            stale_seconds: options.stale.and_then(std::num::NonZeroU32::new),
            follow: options.no_follow.then_some(false),
            columns: None,
            bar: None,
            theme: options.theme.clone().map(|theme| Spanned::new(0..0, theme)),
            ascii: options.ascii.then_some(true),
            mouse: options.no_mouse.then_some(false),
            log_level: options.log_level,
            otlp: listen(&options.otlp),
            grpc: options.otlp.grpc.map(Address),
            http: options.otlp.http.map(Address),
            otlp_token: options.otlp.otlp_token.clone(),
            allow_origins: said(&options.otlp.allow_origin),
            max_body: options.otlp.max_body.map(Bytes),
            record: options.otlp.record.clone(),
            forward: said(&options.otlp.forward).map(|urls| urls.into_iter().map(|url| Spanned::new(0..0, url)).collect()),
            forward_headers: said(&options.otlp.forward_header).map(|headers| headers.into_iter().map(Header).collect()),
            redact_patterns: None,
            budget_cost: options.budget_cost.map(Dollars),
            budget_tokens: options.budget_tokens,
            budget_cost_total: options.budget_cost_total.map(Dollars),
            budget_tokens_total: options.budget_tokens_total,
            prices_file: options.prices.clone(),
            prices: None,
            keys: None,
        }
    }

    /// Puts what is said in force. An error says which theme is not there, which text is none of its kind, or which key can't be bound.
    pub(super) fn apply(self, place: &Place, themes: &[String], config: &mut Config) -> Result<(), ConfigError> {
        fn set<T>(setting: &mut T, said: Option<T>) {
            if let Some(said) = said {
                *setting = said;
            }
        }
        set(&mut config.sources, self.sources);
        set(&mut config.spans_table, self.spans_table);
        set(&mut config.traces_table, self.traces_table);
        set(&mut config.schema, self.schema);
        set(&mut config.max_spans, self.max_spans.map(Into::into));
        set(&mut config.max_memory, self.max_memory.map(|Bytes(bytes)| bytes));
        set(&mut config.stale_seconds, self.stale_seconds.map(Into::into));
        set(&mut config.follow, self.follow);
        set(&mut config.columns, self.columns.map(Columns));
        set(&mut config.bar, self.bar);
        if let Some(theme) = self.theme {
            if !themes.contains(theme.get_ref()) {
                return Err(ConfigError::Wrong { place: place.name(Some(theme.span().start)), what: no_theme(theme.get_ref(), themes) });
            }
            config.theme = theme.into_inner();
        }
        set(&mut config.ascii, self.ascii);
        set(&mut config.mouse, self.mouse);
        set(&mut config.log_level, self.log_level);
        let listening = &mut config.otlp;
        set(&mut listening.listen, self.otlp);
        set(&mut listening.grpc, self.grpc.map(|Address(address)| address));
        set(&mut listening.http, self.http.map(|Address(address)| address));
        set(&mut listening.token, self.otlp_token);
        set(&mut listening.allow_origins, self.allow_origins);
        set(&mut listening.max_body, self.max_body.map(|Bytes(bytes)| bytes));
        set(&mut listening.record, self.record);
        set(&mut listening.forward, checked(self.forward, place, |url| otlp::check_url(url).map_err(|error| error.to_string()))?);
        set(&mut listening.forward_headers, self.forward_headers.map(|headers| headers.into_iter().map(|Header(header)| header).collect()));
        set(&mut config.redact_patterns, checked(self.redact_patterns, place, Redactor::check)?);
        // Nothing may be used stands for as much as may be.
        let cost = |dollars: Option<Dollars>| dollars.map(|Dollars(cost)| (cost > 0).then_some(cost));
        let tokens = |count: Option<u64>| count.map(|count| (count > 0).then_some(count));
        set(&mut config.budget.cost, cost(self.budget_cost));
        set(&mut config.budget.tokens, tokens(self.budget_tokens));
        set(&mut config.total_budget.cost, cost(self.budget_cost_total));
        set(&mut config.total_budget.tokens, tokens(self.budget_tokens_total));
        set(&mut config.prices_file, self.prices_file);
        set(&mut config.prices, self.prices);
        self.keys.map_or(Ok(()), |keys| keys.bind(place, &mut config.keymap))
    }
}

/// Whether flags say that there is to be listened, and how; an address asks for its own protocol.
fn listen(flags: &OtlpOptions) -> Option<Listen> {
    match (flags.no_otlp, flags.otlp, flags.grpc.is_some(), flags.http.is_some()) {
        (true, ..) => Some(Listen::No),
        (_, true, ..) | (_, _, true, true) => Some(Listen::Yes),
        (_, _, true, false) => Some(Listen::Grpc),
        (_, _, false, true) => Some(Listen::Http),
        (false, false, false, false) => None,
    }
}

/// Texts without their places. `Err` says where one is that does not pass.
fn checked(
    texts: Option<Vec<Spanned<String>>>,
    place: &Place,
    check: impl Fn(&str) -> Result<(), String>,
) -> Result<Option<Vec<String>>, ConfigError> {
    for text in texts.iter().flatten() {
        check(text.get_ref()).map_err(|what| ConfigError::Wrong { place: place.name(Some(text.span().start)), what })?;
    }
    Ok(texts.map(|texts| texts.into_iter().map(Spanned::into_inner).collect()))
}

fn said<T: Clone>(list: &[T]) -> Option<Vec<T>> {
    (!list.is_empty()).then(|| list.to_vec())
}

/// A variable's text as the value that its key wants; text where it reads as nothing else, so that the error quotes it.
fn typed(key: &str, text: &str) -> toml::Value {
    match key {
        // A URL holds the colons that stand between paths.
        "sources" if text.contains("://") => vec![toml::Value::from(text)].into(),
        "sources" => {
            std::env::split_paths(text).map(|path| toml::Value::String(path.to_string_lossy().into_owned())).collect::<Vec<_>>().into()
        }
        // As OTEL_EXPORTER_OTLP_HEADERS has them, since a value may hold blanks.
        "forward_headers" => text.split(',').map(|item| toml::Value::String(item.to_owned())).collect::<Vec<_>>().into(),
        "allow_origins" | "forward" | "columns" => {
            text.split_whitespace().map(|item| toml::Value::String(item.to_owned())).collect::<Vec<_>>().into()
        }
        // One a line, since an expression may hold blanks.
        "redact_patterns" => text.lines().map(|item| toml::Value::String(item.to_owned())).collect::<Vec<_>>().into(),
        "budget_cost" | "budget_cost_total" => text.parse::<f64>().map_or_else(|_| text.into(), Into::into),
        "max_spans" | "stale_seconds" | "budget_tokens" | "budget_tokens_total" => {
            text.parse::<i64>().map_or_else(|_| text.into(), Into::into)
        }
        "follow" | "ascii" | "mouse" => match text {
            "1" | "true" | "yes" | "on" => true.into(),
            "0" | "false" | "no" | "off" => false.into(),
            _ => text.into(),
        },
        _ => text.into(),
    }
}

/// An unknown theme is answered with the nearest one that there is.
fn no_theme(name: &str, themes: &[String]) -> String {
    let near = |theme: &&String| strsim::damerau_levenshtein(name, theme);
    match themes.iter().min_by_key(near).filter(|theme| near(theme) <= 1 + name.len() / 3) {
        Some(theme) => format!("no theme is called {name:?}; did you mean {theme:?}?"),
        None => format!("no theme is called {name:?}; there are {}", themes.join(", ")),
    }
}

/// An unknown key is answered with the nearest one that there is. serde says which: "unknown field `x`, expected one of `y`, `z`".
fn explain(message: &str) -> String {
    let mut names = message.split('`').skip(1).step_by(2);
    let (true, Some(unknown)) = (message.starts_with("unknown field"), names.next()) else { return message.trim_end().to_owned() };
    let known: Vec<&str> = names.collect();
    let nearest = known.iter().map(|&key| (strsim::damerau_levenshtein(unknown, key), key)).min();
    match nearest {
        Some((distance, key)) if distance <= 1 + unknown.len() / 3 => format!("unknown key {unknown:?}; did you mean {key:?}?"),
        _ => format!("unknown key {unknown:?}; there are {}", known.join(", ")),
    }
}
