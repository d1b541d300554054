//! The keys of an action in the configuration.

use std::fmt::{Formatter, Result as FmtResult};

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// The names of an action's keys, written as one name or as a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KeyNames(pub Vec<String>);

impl<'de> Deserialize<'de> for KeyNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyNamesVisitor;

        impl<'de> Visitor<'de> for KeyNamesVisitor {
            type Value = KeyNames;

            fn expecting(&self, f: &mut Formatter<'_>) -> FmtResult {
                f.write_str("a key, such as \"Q\", or a list of keys")
            }

            fn visit_str<E>(self, name: &str) -> Result<KeyNames, E> {
                Ok(KeyNames(vec![name.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<KeyNames, A::Error> {
                let mut all = Vec::new();
                while let Some(name) = names.next_element()? {
                    all.push(name);
                }
                Ok(KeyNames(all))
            }
        }

        deserializer.deserialize_any(KeyNamesVisitor)
    }
}
