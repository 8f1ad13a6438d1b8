//! Versions of entities.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `major.minor.patch`; the first is 0.0.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "String")]
pub struct Version(u32, u32, u32);

impl Default for Version {
    fn default() -> Self {
        Self(0, 0, 1)
    }
}

impl Version {
    /// The one after it.
    pub fn next(self) -> Self {
        Self(self.0, self.1, self.2.saturating_add(1))
    }
}

impl TryFrom<Value> for Version {
    type Error = &'static str;

    fn try_from(version: Value) -> Result<Self, Self::Error> {
        let text = version.as_str().unwrap_or_default();
        let numbers: Result<Vec<u32>, _> = text.split('.').map(str::parse).collect();
        match numbers.as_deref() {
            Ok([major, minor, patch]) => Ok(Self(*major, *minor, *patch)),
            _ => Err("semantic version malformed"),
        }
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.to_string()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}
