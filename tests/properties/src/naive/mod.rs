//! What docs/functions.md says, written down in the simplest way, without the functions of the filter: an oracle to compare
//! with.
//!
//! It leaves undecided what it cannot read: JSON that `serde_json` does not keep, such as names that come twice.

#![allow(clippy::arithmetic_side_effects, reason = "small numbers, and an oracle should be simple")]

mod answer;
mod context;
mod media_type;
mod record;
mod shape;

pub use answer::{Meaning, Question, meaning};
pub use context::{Refused, Whole, in_path, parameters};
pub use media_type::{is_json, is_text};
pub use record::{Polled, is_activation_id, polled, server_timing};
pub use shape::{Shape, Shaped, shape};

/// Headers with credentials.
pub const CREDENTIALS: [&str; 3] = ["authorization", "proxy-authorization", "cookie"];

/// Headers of a connection, or of how a body is sent.
pub const OF_THE_CONNECTION: [&str; 8] =
    ["connection", "proxy-connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "content-length"];

/// The header with the id of the activation.
pub const ID: &str = "x-openwhisk-activation-id";

/// Statuses whose replies have no body.
pub const WITHOUT_BODY: [u16; 3] = [204, 205, 304];

/// Whether a header of a reply is the gateway's to set.
#[must_use]
pub fn is_of_the_gateway(name: &str) -> bool {
    OF_THE_CONNECTION.contains(&name) || ["date", "server"].contains(&name) || name.starts_with("x-envoy-")
}

/// How many levels JSON nests. `None` if it is not JSON.
#[must_use]
pub fn depth(json: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(json).ok().filter(|_| crate::json::is_json(json))?;
    let without_escapes = text.replace("\\\\", "").replace("\\\"", "");
    // Every other piece between quotes is a text.
    let (mut levels, mut deepest) = (0_usize, 0);
    for byte in without_escapes.split('"').step_by(2).flat_map(str::bytes) {
        match byte {
            b'[' | b'{' => levels += 1,
            b']' | b'}' => levels -= 1,
            _ => {}
        }
        deepest = deepest.max(levels);
    }
    Some(deepest)
}

/// Whether a text is a token, as names of headers are.
#[must_use]
pub fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
