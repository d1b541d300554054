//! Settings in TOML.

use serde_json::Value;
use toml_edit::{DocumentMut, InlineTable, Item, Table, TableLike};

use super::Document;

/// A TOML text.
pub(super) struct Toml(DocumentMut);

impl Document for Toml {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|error: toml_edit::TomlError| {
            let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].lines().count().max(1));
            format!("line {line}: {}", error.message())
        })
    }

    fn get(&self, path: &[&str]) -> Option<Value> {
        let mut item = self.0.as_item();
        for name in path {
            item = item.as_table_like()?.get(name)?;
        }
        value_of(item)
    }

    fn set(&mut self, path: &[&str], value: &Value) -> Result<(), String> {
        let Some((last, tables)) = path.split_last() else { return Ok(()) };
        let mut table: &mut dyn TableLike = self.0.as_table_mut();
        for name in tables {
            if !table.contains_key(name) {
                // A table of tables alone needs no heading.
                let mut new = Table::new();
                new.set_implicit(true);
                table.insert(name, Item::Table(new));
            }
            table = table.get_mut(name).and_then(Item::as_table_like_mut).ok_or_else(|| format!("{name} is no table"))?;
        }
        let mut new = edited(value).ok_or("a value that TOML does not have")?;
        // A comment behind the value stays.
        if let Some(old) = table.get(last).and_then(Item::as_value) {
            *new.decor_mut() = old.decor().clone();
        } else if table.get(last).is_some() {
            return Err(format!("{last} is a table"));
        }
        table.insert(last, Item::Value(new));
        Ok(())
    }

    fn into_text(self) -> String {
        self.0.to_string()
    }
}

fn value_of(item: &Item) -> Option<Value> {
    if let Some(table) = item.as_table_like() {
        return Some(Value::Object(table.iter().filter_map(|(name, item)| Some((name.to_owned(), value_of(item)?))).collect()));
    }
    Some(match item.as_value()? {
        toml_edit::Value::String(text) => text.value().clone().into(),
        toml_edit::Value::Integer(number) => (*number.value()).into(),
        toml_edit::Value::Boolean(flag) => (*flag.value()).into(),
        toml_edit::Value::Array(items) => items.iter().filter_map(|item| value_of(&Item::Value(item.clone()))).collect(),
        other => other.to_string().trim().to_owned().into(),
    })
}

pub(super) fn edited(value: &Value) -> Option<toml_edit::Value> {
    Some(match value {
        Value::Bool(flag) => (*flag).into(),
        Value::Number(number) => number.as_i64()?.into(),
        Value::String(text) => text.as_str().into(),
        Value::Object(map) => {
            let mut table = InlineTable::new();
            for (name, value) in map {
                table.insert(name, edited(value)?);
            }
            table.into()
        }
        Value::Array(items) => toml_edit::Value::Array(items.iter().map(edited).collect::<Option<_>>()?),
        Value::Null => return None,
    })
}
