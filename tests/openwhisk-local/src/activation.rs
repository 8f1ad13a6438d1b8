//! Activations: their ids and records, and the store of them.
//!
//! Source: openwhisk common/scala core/entity/{ActivationId,WhiskActivation}.scala, core/controller Activations.scala

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::error::ApiError;
use crate::name::Name;
use crate::parameter::KeyValues;
use crate::response::Response;
use crate::version::Version;

/// Records beyond are forgotten, the oldest first: a test bench may invoke for hours.
const KEPT: usize = 10_000;
/// Bytes of results and logs beyond are forgotten in the same way.
const KEPT_BYTES: usize = 256 * 1024 * 1024;

const ID_LENGTH: usize = 32;

/// 32 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct ActivationId(String);

impl ActivationId {
    /// A new one.
    pub fn random() -> Self {
        Self(format!("{:032x}", fastrand::u128(..)))
    }

    /// One from a path.
    ///
    /// # Errors
    /// Of another length or with other characters.
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        let length = text.chars().count();
        if length != ID_LENGTH {
            return Err(ApiError::MalformedId(format!("Activation id length is {length} but must be {ID_LENGTH}.")));
        }
        if text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ApiError::MalformedId(String::from("The activation id is not valid.")))
        }
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ActivationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is kept of one activation.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Activation {
    /// Its id.
    #[serde(rename = "activationId")]
    pub id: ActivationId,
    /// Path, kind, limits and so on.
    pub annotations: KeyValues,
    /// The sequence it was part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<ActivationId>,
    /// In milliseconds; triggers have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<u64>,
    /// In milliseconds since 1970; triggers have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<u64>,
    /// Lines, the ids of a sequence's components, or what became of a trigger's rules.
    pub logs: Vec<String>,
    /// The action without its package, or the trigger.
    pub name: Name,
    /// Of who invoked it.
    pub namespace: Name,
    /// Never.
    pub publish: bool,
    /// Status and result.
    pub response: Response,
    /// In milliseconds since 1970.
    pub start: u64,
    /// Who invoked it.
    pub subject: Name,
    /// Of the action.
    pub version: Version,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary<'a> {
    activation_id: &'a ActivationId,
    annotations: &'a KeyValues,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'a ActivationId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<u64>,
    name: &'a Name,
    namespace: &'a Name,
    publish: bool,
    start: u64,
    status_code: u8,
    version: Version,
}

impl Activation {
    /// The record.
    pub fn record(&self) -> Box<RawValue> {
        to_raw_value(self).unwrap_or_default()
    }

    /// The record as a blocking invocation gets it: logs are still being collected then, except for a sequence's ids.
    pub fn record_at_once(&self) -> Box<RawValue> {
        if self.annotations.get("kind").and_then(serde_json::Value::as_str) == Some("sequence") {
            return self.record();
        }
        to_raw_value(&Self { logs: Vec::new(), ..self.clone() }).unwrap_or_default()
    }

    /// The item of a list.
    pub fn summary(&self) -> Box<RawValue> {
        let summary = Summary {
            activation_id: &self.id,
            annotations: &self.annotations,
            cause: self.cause.as_ref(),
            duration: self.duration,
            end: self.end,
            name: &self.name,
            namespace: &self.namespace,
            publish: self.publish,
            start: self.start,
            status_code: self.response.status.number(),
            version: self.version,
        };
        to_raw_value(&summary).unwrap_or_default()
    }

    /// What its largest parts take.
    fn bytes(&self) -> usize {
        self.logs.iter().map(String::len).fold(self.response.result.get().len(), usize::saturating_add)
    }

    /// The action's path without its namespace, or the trigger's name.
    fn place(&self) -> &str {
        let path = self.annotations.get("path").and_then(serde_json::Value::as_str).unwrap_or(self.name.as_str());
        path.split_once('/').map_or(path, |(_, place)| place)
    }
}

/// Which activations a list is to show.
#[derive(Debug, Default)]
pub struct ActivationFilter {
    /// `action` or `package/action`.
    pub name: Option<String>,
    /// Start, inclusive.
    pub since: Option<i64>,
    /// Start, inclusive.
    pub upto: Option<i64>,
}

impl ActivationFilter {
    fn takes(&self, activation: &Activation) -> bool {
        let start = i64::try_from(activation.start).unwrap_or(i64::MAX);
        self.name.as_ref().is_none_or(|name| activation.place() == name)
            && self.since.is_none_or(|since| start >= since)
            && self.upto.is_none_or(|upto| start <= upto)
    }
}

/// The latest records.
#[derive(Debug, Default)]
pub struct ActivationStore(Mutex<Records>);

#[derive(Debug, Default)]
struct Records {
    by_id: HashMap<ActivationId, Arc<Activation>>,
    order: VecDeque<Arc<Activation>>,
    bytes: usize,
}

impl ActivationStore {
    /// Keeps one more.
    pub fn put(&self, activation: &Arc<Activation>) {
        let mut records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        records.by_id.insert(activation.id.clone(), Arc::clone(activation));
        records.order.push_back(Arc::clone(activation));
        records.bytes = records.bytes.saturating_add(activation.bytes());
        while records.order.len() > KEPT || (records.bytes > KEPT_BYTES && records.order.len() > 1) {
            let Some(oldest) = records.order.pop_front() else { return };
            records.by_id.remove(&oldest.id);
            records.bytes = records.bytes.saturating_sub(oldest.bytes());
        }
    }

    /// One record.
    ///
    /// # Errors
    /// There is none, or not yet.
    pub fn get(&self, id: &ActivationId) -> Result<Arc<Activation>, ApiError> {
        let records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        records.by_id.get(id).cloned().ok_or(ApiError::NotFound)
    }

    /// All that pass the filter, the latest start first.
    pub fn list(&self, filter: &ActivationFilter) -> Vec<Arc<Activation>> {
        let records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found: Vec<_> = records.order.iter().rev().filter(|one| filter.takes(one)).cloned().collect();
        found.sort_by_key(|activation| std::cmp::Reverse(activation.start));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_32_lower_case_digits() {
        assert!(ActivationId::parse(ActivationId::random().as_str()).is_ok());
        let cases = [
            ("", "Activation id length is 0 but must be 32."),
            ("abc", "Activation id length is 3 but must be 32."),
            (&"A".repeat(32), "The activation id is not valid."),
            (&"g".repeat(32), "The activation id is not valid."),
            (&"0".repeat(33), "Activation id length is 33 but must be 32."),
        ];
        for (text, expected) in cases {
            assert_eq!(ActivationId::parse(text).unwrap_err().to_string(), expected, "{text:?}");
        }
    }
}
