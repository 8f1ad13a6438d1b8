//! JSON where it stands: proven, walked over and written, without building anything of it.

use serde::de::IgnoredAny;

pub mod depth;
pub mod number;
pub mod text;
pub mod walk;
pub mod writer;

pub use writer::OutOfMemory;

/// The kind of a JSON text without blanks before it, with its article: tells nothing of what is in it.
#[must_use]
pub fn kind_of(json: &str) -> &'static str {
    match json.bytes().next() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// Whether a text is one JSON value, of any depth.
#[must_use]
pub fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}
