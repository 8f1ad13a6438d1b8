//! What must hold for a call to `OpenWhisk`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use openwhisk_filter::call::Call;
use openwhisk_filter::config::secret::Secret;
use openwhisk_filter::config::settings::Settings;

use crate::Held;
use crate::input::SECRET;

/// Headers of which there may be several lines: those of the client that are handed on.
const HANDED_ON: &[&str] = &[
    "x-request-id",
    "traceparent",
    "tracestate",
    "b3",
    "x-b3-traceid",
    "x-b3-spanid",
    "x-b3-parentspanid",
    "x-b3-sampled",
    "x-b3-flags",
];

/// Headers of the filter's own, besides the pseudo headers.
const OWN: &[&str] =
    &["accept", "content-type", "user-agent", "authorization", "connection", "x-envoy-retry-on", "x-envoy-max-retries"];

/// A host makes such a call, and it is the one that was configured.
///
/// # Errors
/// What is wrong.
pub fn check(call: &Call, settings: &Settings) -> Held {
    let further: BTreeMap<_, _> =
        settings.call_headers().iter().map(|(name, value)| (name.as_str(), value.reveal())).collect();
    let headers = call.headers();
    let pseudo: Vec<_> = headers.iter().take_while(|(name, _)| name.starts_with(':')).map(|(name, _)| *name).collect();
    ensure!(pseudo == [":method", ":path", ":scheme", ":authority"], "the pseudo headers are {pseudo:?}");
    let mut seen = BTreeSet::new();
    for (name, value) in &headers {
        let is_first = seen.insert(*name);
        let is_known = pseudo.contains(name)
            || (OWN.contains(name) || further.get(name) == Some(value)) && is_first
            || HANDED_ON.contains(name);
        ensure!(is_known, "the call has a header {name:?} that is not the filter's, or twice");
        let is_sendable = value.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte));
        ensure!(is_sendable, "the call has the header {name}: {value:?}");
        ensure!(!name.starts_with(':') || is_visible(value), "the call has the header {name}: {value:?}");
    }
    let value = |wanted: &str| headers.iter().find(|(name, _)| *name == wanted).map_or("", |(_, value)| value);
    ensure!(["GET", "POST"].contains(&value(":method")), "the method is {:?}", value(":method"));
    ensure!(is_path_and_query(value(":path")), "the path is {:?}", value(":path"));
    ensure!(["http", "https"].contains(&value(":scheme")), "the scheme is {:?}", value(":scheme"));
    let authorization = headers.iter().find(|(name, _)| *name == "authorization").map(|(_, value)| *value);
    ensure!(
        authorization == settings.authorization().map(Secret::reveal),
        "the credentials are not the configured ones"
    );
    ensure!(further.keys().all(|name| seen.contains(name)), "a header of the configuration is missing");
    ensure!(is_visible(call.upstream()), "the upstream is {:?}", call.upstream());
    let deadline = call.deadline();
    ensure!(
        deadline >= Duration::from_millis(1) && deadline <= Duration::from_secs(61),
        "the deadline is {deadline:?}"
    );
    let shown = format!("{call:?}");
    // A very short one is in any text.
    let mut secrets =
        authorization.into_iter().chain(further.into_values()).filter(|secret| secret.len() >= SECRET.len());
    ensure!(!secrets.any(|secret| shown.contains(secret)), "the debug output shows the credentials");
    Ok(())
}

/// Whether a text is a path with perhaps a query, as RFC 3986 writes them.
fn is_path_and_query(text: &str) -> bool {
    let mut escapes = text.split('%');
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?".contains(&byte);
    let is_hex = |text: &str| text.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
    text.starts_with('/')
        && text.bytes().filter(|byte| *byte == b'?').count() <= 1
        && escapes.next().is_some_and(|text| text.bytes().all(is_plain))
        && escapes.all(|text| is_hex(text) && text.bytes().all(is_plain))
}

/// Whether a text is not empty and of visible ASCII only.
#[must_use]
pub fn is_visible(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}
