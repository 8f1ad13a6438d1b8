//! JSON as it stands: entries in their order, repeated ones too, of any depth.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// The entries of an object. A name with half of a character has no text but the one it is written in.
#[derive(Debug)]
pub struct Entries<'a>(pub Vec<(String, &'a RawValue)>);

impl<'a> Entries<'a> {
    /// Reads a text that is one JSON object.
    #[must_use]
    pub fn read(json: &'a str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }

    /// The texts of all values of a name.
    #[must_use]
    pub fn of(&self, name: &str) -> Vec<&'a str> {
        self.0.iter().filter(|(other, _)| other == name).map(|(_, value)| value.get()).collect()
    }

    /// Whether a name comes twice.
    #[must_use]
    pub fn repeats_a_name(&self) -> bool {
        self.0.iter().any(|(name, _)| self.of(name).len() > 1)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor;

        impl<'de> Visitor<'de> for EntriesVisitor {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some((name, value)) = map.next_entry::<&RawValue, &RawValue>()? {
                    let decoded = serde_json::from_str(name.get());
                    entries.push((decoded.unwrap_or_else(|_| name.get().trim_matches('"').to_owned()), value));
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(EntriesVisitor)
    }
}
