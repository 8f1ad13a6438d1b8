//! The limits of one action.
//!
//! Source: openwhisk application.conf (`whisk.time-limit`, `memory`, `log-limit`, `concurrency-limit`)

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::ApiError;

const MEGABYTE: usize = 1024 * 1024;

/// Limits that are in range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Limits {
    concurrency: u64,
    logs: u64,
    memory: u64,
    timeout: u64,
}

/// Limits as asked for: what is absent stays as it is.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub struct LimitsChange {
    concurrency: Option<u64>,
    logs: Option<u64>,
    memory: Option<u64>,
    timeout: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { concurrency: 1, logs: 10, memory: 256, timeout: 60_000 }
    }
}

impl Limits {
    /// These limits with a change.
    ///
    /// # Errors
    /// A value out of range.
    pub fn changed(self, change: LimitsChange) -> Result<Self, ApiError> {
        let range = |what: &str, unit: &str, value: u64, least: u64, most: u64| {
            let wrong = |how: &str, bound: u64| {
                Err(ApiError::BadRequest(format!("{what} {value}{unit} {how} allowed threshold of {bound}{unit}")))
            };
            match value {
                value if value > most => wrong("exceeds", most),
                value if value < least => wrong("below", least),
                value => Ok(value),
            }
        };
        Ok(Self {
            timeout: range("duration", " milliseconds", change.timeout.unwrap_or(self.timeout), 100, 300_000)?,
            memory: range("memory size", " MB", change.memory.unwrap_or(self.memory), 128, 512)?,
            logs: range("log size", " MB", change.logs.unwrap_or(self.logs), 0, 10)?,
            concurrency: range("concurrency", "", change.concurrency.unwrap_or(self.concurrency), 1, 1)?,
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
            (json!({"memory": 513}), Some("memory size 513 MB exceeds allowed threshold of 512 MB")),
            (json!({"memory": 127}), Some("memory size 127 MB below allowed threshold of 128 MB")),
            (json!({"logs": 11}), Some("log size 11 MB exceeds allowed threshold of 10 MB")),
            (json!({"concurrency": 2}), Some("concurrency 2 exceeds allowed threshold of 1")),
        ];
        for (change, expected) in cases {
            let found = Limits::default().changed(serde_json::from_value(change.clone()).unwrap());
            assert_eq!(found.err().map(|error| error.to_string()).as_deref(), expected, "{change}");
        }
    }
}
