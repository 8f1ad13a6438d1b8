//! The limits of one action.
//!
//! Source: openwhisk application.conf (`whisk.time-limit`, `memory`, `log-limit`, `concurrency-limit`)

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::ApiError;

const MEGABYTE: usize = 1024 * 1024;

/// Limits that are in range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Limits {
    concurrency: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    instances: Option<u64>,
    logs: u64,
    memory: u64,
    timeout: u64,
}

/// Limits as asked for: what is absent stays as it is.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(try_from = "Value")]
pub struct LimitsChange {
    concurrency: Option<i64>,
    instances: Option<i64>,
    logs: Option<i64>,
    memory: Option<i64>,
    timeout: Option<i64>,
}

/// Source: openwhisk common/scala core/entity/{TimeLimit,MemoryLimit,LogLimit,IntraConcurrencyLimit}.scala
impl TryFrom<Value> for LimitsChange {
    type Error = String;

    fn try_from(limits: Value) -> Result<Self, String> {
        let limits = limits.as_object().ok_or("Object expected in field 'timeout'")?;
        let whole = |name: &str, what: &str| match limits.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Number(number)) => match number.as_i64() {
                Some(number) => Ok(Some(number)),
                None => Err(format!("requirement failed: {what} limit must be whole number")),
            },
            Some(_) => Err(format!("{what} limit malformed")),
        };
        Ok(Self {
            memory: whole("memory", "memory")?,
            timeout: whole("timeout", "time")?,
            logs: whole("logs", "log")?,
            concurrency: whole("concurrency", "concurrency")?,
            instances: whole("instances", "instance concurrency")?,
        })
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { concurrency: 1, instances: None, logs: 10, memory: 256, timeout: 60_000 }
    }
}

impl Limits {
    /// These limits with a change.
    ///
    /// # Errors
    /// A value out of range.
    pub fn changed(self, change: LimitsChange) -> Result<Self, ApiError> {
        let range = |what: &str, unit: &str, value: Option<i64>, old: u64, least: u64, most: u64| {
            let Some(value) = value else { return Ok(old) };
            let wrong = |how: &str, bound: u64| {
                let text = format!("requirement failed: {what} {value}{unit} {how} allowed threshold of {bound}{unit}");
                Err(ApiError::BadRequest(text))
            };
            match u64::try_from(value) {
                Ok(value) if value > most => wrong("exceeds", most),
                Ok(value) if value >= least => Ok(value),
                _ => wrong("below", least),
            }
        };
        Ok(Self {
            memory: range("memory size", " MB", change.memory, self.memory, 128, 512)?,
            timeout: range("duration", " milliseconds", change.timeout, self.timeout, 100, 300_000)?,
            logs: range("log size", " MB", change.logs, self.logs, 0, 10)?,
            concurrency: range("concurrency", "", change.concurrency, self.concurrency, 1, 1)?,
            instances: change.instances.and_then(|value| u64::try_from(value).ok()).or(self.instances),
        })
    }

    /// For loading the code and for each run.
    pub fn time(self) -> Duration {
        Duration::from_millis(self.timeout)
    }

    /// For the heap, in bytes.
    pub fn memory(self) -> usize {
        usize::try_from(self.memory).unwrap_or(usize::MAX).saturating_mul(MEGABYTE)
    }

    /// For the log of one activation, in bytes.
    pub fn logs(self) -> usize {
        usize::try_from(self.logs).unwrap_or(usize::MAX).saturating_mul(MEGABYTE)
    }

    /// These limits with at least the memory of others: what a sequence reports.
    pub fn with_memory_of(self, other: Self) -> Self {
        Self { memory: self.memory.max(other.memory), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_out_of_range_are_refused_with_the_bound() {
        let cases = [
            (json!({}), None),
            (json!({"timeout": 100, "memory": 512, "logs": 0, "concurrency": 1}), None),
            (
                json!({"timeout": 300_001}),
                Some("duration 300001 milliseconds exceeds allowed threshold of 300000 milliseconds"),
            ),
            (json!({"timeout": 99}), Some("duration 99 milliseconds below allowed threshold of 100 milliseconds")),
            (json!({"timeout": -1}), Some("duration -1 milliseconds below allowed threshold of 100 milliseconds")),
            (json!({"memory": 513}), Some("memory size 513 MB exceeds allowed threshold of 512 MB")),
            (json!({"memory": 127, "timeout": 1}), Some("memory size 127 MB below allowed threshold of 128 MB")),
            (json!({"logs": 11}), Some("log size 11 MB exceeds allowed threshold of 10 MB")),
            (json!({"concurrency": 2}), Some("concurrency 2 exceeds allowed threshold of 1")),
        ];
        for (change, expected) in cases {
            let found = Limits::default().changed(serde_json::from_value(change.clone()).unwrap());
            let expected = expected.map(|text| format!("requirement failed: {text}"));
            assert_eq!(found.err().map(|error| error.to_string()), expected, "{change}");
        }
    }

    #[test]
    fn values_of_another_type_are_malformed() {
        let cases = [
            (json!(5), "Object expected in field 'timeout'"),
            (json!({"timeout": "1"}), "time limit malformed"),
            (json!({"timeout": 1000.5}), "requirement failed: time limit must be whole number"),
            (json!({"memory": []}), "memory limit malformed"),
        ];
        for (change, expected) in cases {
            let found = serde_json::from_value::<LimitsChange>(change.clone()).unwrap_err();
            assert_eq!(found.to_string(), expected, "{change}");
        }
    }
}
