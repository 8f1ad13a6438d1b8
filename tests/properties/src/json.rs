//! JSON as it stands.

pub use corpus::Entries;
use serde::de::IgnoredAny;

/// Whether bytes are one JSON value, of any depth.
#[must_use]
pub fn is_json(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}
