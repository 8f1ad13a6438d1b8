//! Request bodies: which types are taken, and when there may be none.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, header};
use serde::de::DeserializeOwned;

use crate::error::ApiError;
use crate::json;

/// Source: openwhisk application.conf `whisk.activation.payload.max`
const LARGEST_PAYLOAD: usize = 1_048_576;

/// A body that has arrived, with its declared type.
#[derive(Debug)]
pub struct RequestBody {
    bytes: Bytes,
    media: Option<String>,
}

impl RequestBody {
    /// Of these headers and bytes. A content type that does not parse counts for none.
    pub fn new(headers: &HeaderMap, bytes: Bytes) -> Self {
        let media = headers.get(header::CONTENT_TYPE).and_then(|value| media_type(value.to_str().ok()?));
        Self { bytes, media }
    }

    /// Refuses a body that is too large for an action.
    ///
    /// # Errors
    /// It is.
    pub fn check_payload(&self) -> Result<(), ApiError> {
        check_payload(self.bytes.len())
    }

    /// The parameters of an invocation; no body stands for none.
    ///
    /// # Errors
    /// Another type than JSON, or no JSON object.
    /// Source: openwhisk core/controller RestAPIs.scala (`emptyEntityToJsObject`)
    pub fn arguments(&self) -> Result<json::Object, ApiError> {
        self.check_media()?;
        if self.bytes.is_empty() {
            return Ok(json::Object::new());
        }
        json::parse_object(&json::decoded(&self.bytes)).map_err(|error| ApiError::MalformedBody(error.to_string()))
    }

    /// The description of an entity.
    ///
    /// # Errors
    /// Another type than JSON, no body, or JSON of another shape.
    pub fn entity<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        self.check_media()?;
        let text = json::decoded(&self.bytes);
        let value = json::parse(&text).map_err(|error| ApiError::MalformedBody(error.to_string()))?;
        if !value.is_object() {
            return Err(ApiError::MalformedBody(String::from("Object expected in field 'exec'")));
        }
        serde_json::from_value(value).map_err(|error| ApiError::MalformedBody(error.to_string()))
    }

    fn check_media(&self) -> Result<(), ApiError> {
        let media = match &self.media {
            None if self.bytes.is_empty() => return Ok(()),
            None => "application/octet-stream",
            Some(media) => media,
        };
        if media.split(';').next() == Some("application/json") {
            Ok(())
        } else {
            Err(ApiError::UnsupportedMediaType(media.to_owned()))
        }
    }
}

/// Refuses a payload of too many bytes.
///
/// # Errors
/// These are.
pub fn check_payload(size: usize) -> Result<(), ApiError> {
    if size > LARGEST_PAYLOAD { Err(ApiError::PayloadTooLarge { size, allowed: LARGEST_PAYLOAD }) } else { Ok(()) }
}

/// A media type in the form of the controller's messages.
///
/// Source: RFC 9110 8.3.1
fn media_type(text: &str) -> Option<String> {
    let is_token = |text: &str| {
        let is_mark = |c| "!#$%&'*+-.^_`|~".contains(c);
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || is_mark(c))
    };
    let mut parts = text.split(';').map(str::trim);
    let kind = parts.next()?.to_ascii_lowercase();
    let named = kind.split_once('/').is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype));
    let mut media = kind;
    for parameter in parts {
        let (name, value) = parameter.split_once('=')?;
        let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        if !is_token(name) || (quoted.is_none() && !is_token(value)) {
            return None;
        }
        media.push_str("; ");
        media.push_str(if parameter.eq_ignore_ascii_case("charset=utf-8") { "charset=UTF-8" } else { parameter });
    }
    named.then_some(media)
}

/// Whether the client takes JSON, which is UTF-8.
pub fn accepts_json(headers: &HeaderMap) -> bool {
    takes(headers, &header::ACCEPT, &["*/*", "application/*", "application/json"])
        && takes(headers, &header::ACCEPT_CHARSET, &["*", "utf-8"])
}

/// Whether one of these is in a list with weights. A list of media types without any is passed over.
fn takes(headers: &HeaderMap, name: &HeaderName, wanted: &[&str]) -> bool {
    let mut ranges = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|range| *name != header::ACCEPT || range.contains('/'))
        .peekable();
    if ranges.peek().is_none() {
        return true;
    }
    ranges.any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
        let refused = parts
            .filter_map(|parameter| parameter.strip_prefix("q="))
            .any(|weight| weight.parse::<f32>().is_ok_and(|weight| weight <= 0.0));
        !refused && wanted.contains(&kind.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn body(media: Option<&str>, text: &'static str) -> RequestBody {
        let mut headers = HeaderMap::new();
        if let Some(media) = media {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_str(media).unwrap());
        }
        RequestBody::new(&headers, Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn arguments_are_a_json_object_or_nothing() {
        const JSON: Option<&str> = Some("application/json");
        const NO_TYPE: Option<&str> =
            Some("The request's Content-Type [application/octet-stream] is not supported. Expected:\napplication/json");
        let cases: &[(Option<&str>, &str, Option<&str>)] = &[
            (None, "", None),
            (JSON, "", None),
            (
                Some("text/plain"),
                "",
                Some("The request's Content-Type [text/plain] is not supported. Expected:\napplication/json"),
            ),
            (JSON, "{\"a\":1}", None),
            (Some("application/json; charset=utf-8"), "{}", None),
            (Some("application/json; charset=utf-16; x=\"y\""), "{}", None),
            (Some("Application/JSON"), "{}", None),
            (None, "{}", NO_TYPE),
            (Some("nonsense"), "{}", NO_TYPE),
            (Some("nonsense"), "", None),
            (Some(""), "{}", NO_TYPE),
            (Some("application/json; ;"), "{}", NO_TYPE),
            (Some("application/json;"), "{}", NO_TYPE),
            (Some("application/json, text/plain"), "{}", NO_TYPE),
            (
                Some("Text/Plain;charset=utf-8"),
                "{}",
                Some(
                    "The request's Content-Type [text/plain; charset=UTF-8] is not supported. Expected:\napplication/json",
                ),
            ),
            (
                Some("application/x-www-form-urlencoded"),
                "a=1",
                Some(
                    "The request's Content-Type [application/x-www-form-urlencoded] is not supported. Expected:\napplication/json",
                ),
            ),
            (
                Some("application/vnd.api+json"),
                "{}",
                Some(
                    "The request's Content-Type [application/vnd.api+json] is not supported. Expected:\napplication/json",
                ),
            ),
            (JSON, "[]", Some("The request content was malformed:\nJSON object expected")),
            (JSON, "null", Some("The request content was malformed:\nJSON object expected")),
            (
                JSON,
                "abc",
                Some(
                    "The request content was malformed:\nUnexpected character 'a' at input index 0 (line 1, position 1), expected JSON Value:\nabc\n^\n",
                ),
            ),
        ];
        for (media, text, expected) in cases {
            let found = body(*media, text).arguments().err().map(|error| error.to_string());
            assert_eq!(found.as_deref(), *expected, "{media:?} {text:?}");
        }
    }

    #[test]
    fn json_is_accepted_unless_excluded() {
        let cases = [
            ("*/*", true),
            ("application/json", true),
            ("application/*;q=0.1", true),
            ("text/html, application/json", true),
            ("text/html", false),
            ("application/json;q=0", false),
            ("nonsense", true),
        ];
        for (value, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(value));
            assert_eq!(accepts_json(&headers), expected, "{value:?}");
        }
        for (value, expected) in
            [("iso-8859-1", false), ("iso-8859-1, UTF-8;q=0.1", true), ("*", true), ("utf-8;q=0", false)]
        {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_CHARSET, HeaderValue::from_static(value));
            assert_eq!(accepts_json(&headers), expected, "{value:?}");
        }
        assert!(accepts_json(&HeaderMap::new()));
    }
}
