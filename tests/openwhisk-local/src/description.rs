//! What triggers and rules have in common with each other: notes, version, time of writing.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::name::Name;
use crate::parameter::KeyValues;
use crate::version::Version;

/// The part of an entity that says nothing about what it does.
#[derive(Debug, Clone)]
pub struct Description {
    annotations: KeyValues,
    publish: bool,
    /// Counts up with each change.
    pub version: Version,
    /// When it was written, in milliseconds since 1970.
    pub updated: u64,
}

/// As sent by a client; everything may be absent.
#[derive(Debug, Deserialize)]
pub struct DescriptionChange {
    annotations: Option<KeyValues>,
    publish: Option<bool>,
    version: Option<Version>,
}

impl DescriptionChange {
    /// The description that this change makes of `old`, or of nothing.
    ///
    /// # Errors
    /// Annotations that are too large.
    pub fn apply(self, old: Option<&Description>, now: u64) -> Result<Description, ApiError> {
        let annotations = self.annotations.or_else(|| old.map(|old| old.annotations.clone())).unwrap_or_default();
        annotations.check_size("annotations")?;
        let version = old.map_or_else(Version::default, |old| old.version.next());
        Ok(Description {
            annotations,
            publish: self.publish.or(old.map(|old| old.publish)).unwrap_or(false),
            version: self.version.unwrap_or(version),
            updated: now,
        })
    }
}

impl Description {
    /// The JSON of an entity of this name, with more fields.
    pub fn json(&self, name: &Name, namespace: &Name, more: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
        let own = [
            ("annotations", json!(self.annotations)),
            ("name", json!(name)),
            ("namespace", json!(namespace)),
            ("publish", json!(self.publish)),
            ("updated", json!(self.updated)),
            ("version", json!(self.version)),
        ];
        Value::Object(own.into_iter().chain(more).map(|(key, value)| (key.to_owned(), value)).collect())
    }
}
