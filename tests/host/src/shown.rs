//! Bytes, as a failed test shows them.

use std::fmt;

/// How many bytes are shown.
const MOST: usize = 200;

/// The beginning of a body, escaped.
pub(crate) struct Shown<'a>(pub(crate) &'a [u8]);

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(bytes) = self;
        let part = bytes.get(..MOST).unwrap_or(bytes);
        let rest = if part.len() < bytes.len() { "…" } else { "" };
        write!(f, "\"{}{rest}\" ({} bytes)", part.escape_ascii(), bytes.len())
    }
}
