//! Text of environment variables and flags, parsed as the value of a setting.

use serde::Deserialize;
use toml::{Table, Value};

use super::definition::{Setting, Settings, Syntax};

impl Setting {
    /// Parses text as the value of this setting, and checks the value's type. The error says why the text is no value of the setting.
    pub fn parse(&self, text: &str) -> Result<Value, String> {
        if self.syntax == Syntax::Secret && text.is_empty() {
            // It would allow everything; usually a variable is not set.
            return Err("it is empty".to_owned());
        }
        let value = self.syntax.value(self.key, text)?;
        self.check(&value)?;
        Ok(value)
    }

    /// Parses text as one item of this setting, which is a list.
    pub fn parse_item(&self, text: &str) -> Result<Value, String> {
        self.check(&Value::Array(vec![text.into()]))?;
        Ok(text.into())
    }

    fn check(&self, value: &Value) -> Result<(), String> {
        let table = Table::from_iter([(self.key.to_owned(), value.clone())]);
        Settings::deserialize(Value::Table(table)).map(drop).map_err(message)
    }
}

impl Syntax {
    /// Reads text as TOML. Text that is no number or boolean stays text, so that the error about its type quotes it.
    fn value(self, key: &str, text: &str) -> Result<Value, String> {
        fn list<'a>(items: impl Iterator<Item = &'a str>) -> Value {
            items.map(Value::from).collect::<Vec<_>>().into()
        }
        Ok(match self {
            Self::Text | Self::Secret => text.into(),
            Self::Integer => text.parse::<i64>().map_or_else(|_| text.into(), Value::from),
            Self::Dollars => text.strip_prefix('$').unwrap_or(text).parse::<f64>().map_or_else(|_| text.into(), Value::from),
            Self::Bool => match text {
                "1" | "true" | "yes" | "on" => true.into(),
                "0" | "false" | "no" | "off" => false.into(),
                _ => text.into(),
            },
            Self::Words => list(text.split_whitespace()),
            Self::SecretList => list(text.split(',')),
            Self::Lines => list(text.lines()),
            // A URL contains the separator of paths.
            Self::Paths if text.contains("://") => list(std::iter::once(text)),
            Self::Paths => std::env::split_paths(text).map(|path| path.to_string_lossy().into_owned()).collect::<Vec<_>>().into(),
            Self::Toml => {
                let mut table: Table = toml::from_str(&format!("{key} = {text}")).map_err(message)?;
                table.remove(key).unwrap_or(Value::Table(Table::new()))
            }
        })
    }
}

/// Returns the message of an error without the place in the text.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn message(error: toml::de::Error) -> String {
    error.message().trim_end().to_owned()
}
