//! The headers that an action sets.

use http::header::{HeaderName, HeaderValue};
use serde_json::value::RawValue;

use crate::error::rule::{BrokenRule, Rule};
use crate::header::{ACTIVATION_ID, OF_A_CONNECTION};
use crate::json::text::text_of;
use crate::json::walk::{elements, entries};

/// Headers that the gateway sets, besides those of its connections: an action's are dropped.
///
/// Source: RFC 9110 sections 6.6.1 (`date`) and 10.2.4 (`server`).
const OF_THE_GATEWAY: &[&str] = &["date", "server", ACTIVATION_ID];

/// Begins the names that an Envoy obeys; one may stand in front of the gateway.
///
/// Source: Envoy's documentation, HTTP header manipulation; observed on Envoy 1.40.0:
/// `x-envoy-immediate-health-check-fail` takes a gateway out of rotation.
const TO_ENVOY: &[u8] = b"x-envoy-";

/// The most lines of an action. An Envoy in front of the gateway takes 100 in all: `:status`, `date`, `server`,
/// `content-length`, `content-type`, `server-timing` and the id of the activation come on top.
///
/// Source: Envoy's `HttpProtocolOptions.max_headers_count`.
const MOST_LINES: usize = 93;

/// The most bytes of an action's headers, with [`LINE`] for each. An Envoy in front of the gateway takes 60 KiB in all, and
/// closes the connection over HTTP/2 where there are more, with the requests of everybody else on it.
///
/// Source: Envoy's `max_request_headers_kb`; observed on Envoy 1.40.0.
const MOST_BYTES: usize = 60_000;

/// What each line takes besides its text, in bytes: a colon, a blank and a line end.
const LINE: usize = 4;

/// How many arrays may stand in one another.
const MOST_LEVELS: usize = 8;

/// How many bytes of a wrong name are looked at.
const MOST_NAME: usize = 256;

/// As long as a value may be as JSON, in bytes: no escape is longer than six for each of its characters.
const MOST_JSON: usize = 6 * MOST_BYTES + 2;

/// Headers, and how large they are.
#[derive(Default)]
struct Lines {
    headers: Vec<(HeaderName, HeaderValue)>,
    bytes: usize,
}

/// Reads `headers`: valid ones that are the action's to set, in the order of the result.
///
/// # Errors
/// [`BrokenRule`] if one of the rules of `headers` is broken.
pub fn action_headers(json: &RawValue) -> Result<Vec<(HeaderName, HeaderValue)>, BrokenRule> {
    let mut lines = Lines::default();
    let mut outcome = Ok(());
    let is_object = entries(json.get(), |name, value| {
        if outcome.is_ok() {
            outcome = lines.read(name, value);
        }
    });
    is_object.map_err(|_| BrokenRule::new(Rule::Headers, json.get()))?;
    outcome.map(|()| lines.headers)
}

impl Lines {
    /// Reads one entry of `headers`: a value, or an array of values, each for a line of its own. Arrays in it are as if their
    /// values stood there.
    ///
    /// Source: observed on a real `OpenWhisk`, which flattens them.
    fn read(&mut self, name: &[u8], value: &RawValue) -> Result<(), BrokenRule> {
        if is_gateways(name) {
            return Ok(());
        }
        let name = HeaderName::from_bytes(name).map_err(|_| {
            BrokenRule::new(Rule::HeaderName, &String::from_utf8_lossy(name.get(..MOST_NAME).unwrap_or(name)))
        })?;
        self.add_all(&name, value, MOST_LEVELS)
    }

    fn add_all(&mut self, name: &HeaderName, json: &RawValue, levels: usize) -> Result<(), BrokenRule> {
        let wrong = || BrokenRule::new(Rule::HeaderType, json.get());
        if !json.get().starts_with('[') {
            return self.add(name.clone(), json);
        }
        let levels = levels.checked_sub(1).ok_or_else(wrong)?;
        elements(json.get(), |element| self.add_all(name, element, levels))
            .map_err(|broken| broken.unwrap_or_else(wrong))
    }

    fn add(&mut self, name: HeaderName, json: &RawValue) -> Result<(), BrokenRule> {
        let too_large = || BrokenRule::new(Rule::HeaderSize, name.as_str());
        if json.get().len() > MOST_JSON {
            return Err(too_large());
        }
        let value = header_value(json)?;
        let line = name.as_str().len().saturating_add(value.len()).saturating_add(LINE);
        self.bytes = self.bytes.saturating_add(line);
        if self.headers.len() >= MOST_LINES || self.bytes > MOST_BYTES {
            return Err(too_large());
        }
        self.headers.push((name, value));
        Ok(())
    }
}

fn is_gateways(name: &[u8]) -> bool {
    let is_to_envoy = name.get(..TO_ENVOY.len()).is_some_and(|start| start.eq_ignore_ascii_case(TO_ENVOY));
    is_to_envoy
        || name.starts_with(b":")
        || OF_A_CONNECTION.iter().chain(OF_THE_GATEWAY).any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}

/// Reads one value: a string, without blanks around it, or a number or boolean as it stands in the result.
///
/// Source: RFC 9110 section 5.5: a value has no blanks around it.
fn header_value(json: &RawValue) -> Result<HeaderValue, BrokenRule> {
    let text = match json.get().bytes().next() {
        Some(b'"') => text_of(json.get()).map_err(|_| BrokenRule::new(Rule::HeaderValue, json.get()))?,
        Some(b'{' | b'[' | b'n') => return Err(BrokenRule::new(Rule::HeaderType, json.get())),
        _ => json.get().into(),
    };
    HeaderValue::from_bytes(text.trim_matches([' ', '\t']).as_bytes())
        .map_err(|_| BrokenRule::new(Rule::HeaderValue, json.get()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_no_more_lines_and_bytes_than_a_gateway_in_front_takes() {
        let lines = |count: usize| format!(r#"{{"a": [{}1]}}"#, "1,".repeat(count - 1));
        let bytes = |count: usize| format!(r#"{{"a": "{}"}}"#, "x".repeat(count - 1 - LINE));
        let cases = [
            (lines(1), true),
            (lines(MOST_LINES), true),
            (lines(MOST_LINES + 1), false),
            (lines(10_000), false),
            (bytes(MOST_BYTES), true),
            (bytes(MOST_BYTES + 1), false),
            (bytes(20 << 20), false),
            (format!(r#"{{"a": [{}0]}}"#, "0,".repeat(1 << 20)), false),
        ];
        for (json, accepted) in cases {
            let headers = action_headers(serde_json::from_str(&json).expect("JSON"));
            match headers {
                Ok(_) => assert!(accepted, "{json:.40} is too much"),
                Err(broken) => assert_eq!((broken.rule(), accepted), (Rule::HeaderSize, false), "{json:.40}"),
            }
        }
    }
}
