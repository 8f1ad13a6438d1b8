//! The headers that an action sets.

use http::header::{HeaderName, HeaderValue};
use serde_json::value::RawValue;

use crate::object::entries;
use crate::rule::{BrokenRule, Rule};

/// Headers that belong to the gateway: an action's are dropped.
///
/// Source: RFC 9110 section 7.6.1 (hop-by-hop), 8.6 (`content-length`), 6.6.1 (`date`), 10.2.4 (`server`).
const GATEWAY_HEADERS: &[&str] = &[
    "connection",
    "proxy-connection",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
    "date",
    "server",
    crate::outcome::ACTIVATION_ID,
];

/// The most lines of headers, those of the filter left aside.
///
/// Source: proxy-wasm/proxy-wasm-cpp-host `include/proxy-wasm/limits.h`: a host drops all headers without a word
/// where there are more than 1024 pairs, or more than 1 MiB of them.
const MOST_LINES: usize = 1000;

/// The most bytes of headers, with `PAIR` bytes for each line. Source: as above.
const MOST_BYTES: usize = 1_000_000;

/// What each line needs besides its text, in bytes: two sizes and two zeros.
///
/// Source: proxy-wasm ABI 0.2.1, serialisation of maps.
const PAIR: usize = 10;

/// Reads `headers`: valid ones that are the action's to set, in the order of the result.
///
/// # Errors
/// [`BrokenRule`] if one of the rules of `headers` is broken.
pub fn action_headers(json: &RawValue) -> Result<Vec<(HeaderName, HeaderValue)>, BrokenRule> {
    let mut headers = Vec::new();
    let mut outcome = Ok(());
    let is_object = entries(json.get(), |name, value| {
        if outcome.is_ok() {
            outcome = read(&mut headers, name, value);
        }
    });
    is_object.map_err(|_| BrokenRule::new(Rule::Headers, json))?;
    outcome?;
    let bytes = headers.iter().fold(0_usize, |bytes, (name, value)| {
        bytes.saturating_add(name.as_str().len()).saturating_add(value.len()).saturating_add(PAIR)
    });
    if headers.len() > MOST_LINES || bytes > MOST_BYTES {
        return Err(BrokenRule::new(Rule::HeaderSize, format_args!("{} lines, {bytes} bytes", headers.len())));
    }
    Ok(headers)
}

/// Reads one entry of `headers`: a value, or an array of values, each for a line of its own.
fn read(headers: &mut Vec<(HeaderName, HeaderValue)>, name: &[u8], value: &RawValue) -> Result<(), BrokenRule> {
    let is_gateways =
        name.starts_with(b":") || GATEWAY_HEADERS.iter().any(|gateway| name.eq_ignore_ascii_case(gateway.as_bytes()));
    if is_gateways {
        return Ok(());
    }
    let name =
        HeaderName::from_bytes(name).map_err(|_| BrokenRule::new(Rule::HeaderName, String::from_utf8_lossy(name)))?;
    if value.get().starts_with('[') {
        let elements: Vec<&RawValue> =
            serde_json::from_str(value.get()).map_err(|_| BrokenRule::new(Rule::HeaderType, value))?;
        for element in elements {
            headers.push((name.clone(), header_value(element)?));
        }
    } else {
        headers.push((name, header_value(value)?));
    }
    Ok(())
}

/// Reads one value: a string, without blanks around it, or a number or boolean as it stands in the result.
///
/// Source: RFC 9110 section 5.5: a value has no blanks around it.
fn header_value(json: &RawValue) -> Result<HeaderValue, BrokenRule> {
    let text = match json.get() {
        string if string.starts_with('"') => {
            serde_json::from_str(string).map_err(|_| BrokenRule::new(Rule::HeaderValue, json))?
        }
        other if other.starts_with(['[', '{', 'n']) => return Err(BrokenRule::new(Rule::HeaderType, json)),
        scalar => scalar.to_owned(),
    };
    HeaderValue::from_bytes(text.trim_matches([' ', '\t']).as_bytes())
        .map_err(|_| BrokenRule::new(Rule::HeaderValue, json))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_drops_all_headers_where_there_are_too_many() {
        let lines = |count: usize| format!(r#"{{"a": [{}1]}}"#, "1,".repeat(count - 1));
        let bytes = |count: usize| format!(r#"{{"a": "{}"}}"#, "x".repeat(count - 1 - PAIR));
        let cases = [
            (lines(1), true),
            (lines(MOST_LINES), true),
            (lines(MOST_LINES + 1), false),
            (lines(10_000), false),
            (bytes(MOST_BYTES), true),
            (bytes(MOST_BYTES + 1), false),
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
