//! What docs/functions.md says, written down in the simplest way, without the functions of the filter: an oracle to compare
//! with.
//!
//! It leaves undecided what it cannot read: JSON that `serde_json` does not keep, such as names that come twice.

#![allow(clippy::arithmetic_side_effects, reason = "small numbers, and an oracle should be simple")]

mod answer;
mod context;
mod media_type;
mod shape;

pub use answer::{Meaning, Question, meaning};
pub use context::{Refused, parameters};
pub use media_type::{is_json, is_text};
pub use shape::{Shape, Shaped, shape};
