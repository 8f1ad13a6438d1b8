//! What tests with a real Envoy are made of.
//!
//! ```text
//! client, http2::client ─▶ envoy [filter] ─▶ upstream with a script, or openwhisk
//!                        └─ reference, bootstrap, artifact
//! ```
//!
//! Everything is read strictly: whatever is doubtful is an error. Nothing waits for a time, but for something to happen,
//! and for no longer than [`PATIENCE`].
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::missing_panics_doc,
    clippy::missing_errors_doc,
    clippy::must_use_candidate,
    reason = "test code stops at the first surprise"
)]

pub mod artifact;
pub mod bootstrap;
pub mod client;
pub mod envoy;
pub mod http1;
pub mod http2;
pub mod openwhisk;
pub mod port;
pub mod process;
pub mod reference;
pub mod script;
pub mod upstream;
pub mod wasm_memory;

use std::time::Duration;

/// How long anybody waits for anything. Far more than needed, on a busy machine too: reached only when something hangs.
pub const PATIENCE: Duration = Duration::from_secs(300);
