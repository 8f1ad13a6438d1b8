//! The content type that an action gives a reply: what it makes of a body, and how it is labelled.

use http::header::HeaderValue;

use crate::error::rule::{BrokenRule, Rule};
use crate::media_type::MediaType;

/// Types that end in `+xml` and are texts to `OpenWhisk`. A body of any other must be base64 there.
///
/// Source: observed on a real `OpenWhisk`.
const XML_TEXTS: &[&str] =
    &["application/xhtml+xml", "application/soap+xml", "application/atom+xml", "application/problem+xml"];

/// A text whose events name no charset: they are UTF-8.
const EVENT_STREAM: &str = "text/event-stream";

/// What follows the type of a text, as `OpenWhisk` writes it.
const CHARSET: &str = "; charset=UTF-8";

/// A content type, such as `text/plain` or `text/plain; charset=UTF-8`.
pub struct ContentType {
    value: HeaderValue,
    /// Its type without parameters, in lower case.
    essence: String,
    kind: MediaType,
}

impl ContentType {
    /// Reads a content type.
    pub fn parse(value: HeaderValue) -> Result<Self, BrokenRule> {
        let text = String::from_utf8_lossy(value.as_bytes());
        let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let is_type = essence.split_once('/').is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype));
        if !is_type || !parameters(&text).skip(1).all(is_parameter) {
            return Err(BrokenRule::new(Rule::ContentType, &text));
        }
        let kind = MediaType::of(value.as_bytes());
        Ok(Self { value, essence, kind })
    }

    /// Whether a body is bytes, which JSON can hold in base64 only.
    pub fn is_binary(&self) -> bool {
        self.kind == MediaType::Binary
    }

    /// Whether a text cannot be meant as one, so that it must be base64.
    pub fn needs_base64(&self, text: &str) -> bool {
        let is_xml = self.essence.ends_with("+xml") && !XML_TEXTS.contains(&self.essence.as_str());
        self.is_binary() || is_xml && !text.contains('<')
    }

    /// Whether a text may be JSON in base64.
    pub fn is_json(&self) -> bool {
        self.kind == MediaType::Json
    }

    /// The header of bytes that the action itself has encoded.
    pub fn of_bytes(self) -> HeaderValue {
        self.value
    }

    /// The header of a text in UTF-8: with that as its charset, or without any where types of that kind have none.
    pub fn of_text(self) -> HeaderValue {
        let is_labelled = self.kind == MediaType::Text && self.essence != EVENT_STREAM;
        let charset = if is_labelled { CHARSET } else { "" };
        let text = String::from_utf8_lossy(self.value.as_bytes());
        let mut label: String = parameters(&text).filter(|part| !is_charset(part)).collect::<Vec<_>>().join(";");
        label.push_str(charset);
        HeaderValue::from_str(&label).unwrap_or(self.value)
    }
}

/// What stands between the semicolons, but for those in quotes.
fn parameters(text: &str) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let parts = text.split(move |c| {
        let is_end = c == ';' && !is_quoted;
        is_quoted ^= c == '"' && !is_escaped;
        is_escaped = c == '\\' && is_quoted && !is_escaped;
        is_end
    });
    parts.map(str::trim_end)
}

/// Whether it is a name and a value, or empty. A quote anywhere else could hide what comes behind it.
fn is_parameter(text: &str) -> bool {
    let is_quoted = |value: &str| {
        let inside = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        inside.is_some_and(|inside| !inside.replace("\\\\", "").replace("\\\"", "").contains(['"', '\\']))
    };
    let text = text.trim();
    text.is_empty()
        || text.split_once('=').is_some_and(|(name, value)| is_token(name) && (is_token(value) || is_quoted(value)))
}

fn is_charset(parameter: &str) -> bool {
    parameter.split_once('=').is_some_and(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))
}

/// Source: RFC 9110 section 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ContentType, Rule> {
        ContentType::parse(HeaderValue::from_str(text).expect(text)).map_err(|broken| broken.rule())
    }

    #[test]
    fn a_text_is_labelled_as_utf8() {
        let cases = [
            ("text/html", "text/html; charset=UTF-8"),
            ("text/html; charset=latin1", "text/html; charset=UTF-8"),
            ("Text/HTML;CharSet=\"utf-16\"; q=1", "Text/HTML; q=1; charset=UTF-8"),
            ("text/html; charset=a; charset=b", "text/html; charset=UTF-8"),
            ("text/x; a=\"; charset=b\"", "text/x; a=\"; charset=b\"; charset=UTF-8"),
            ("text/x; a=\"\\\"; charset=b\"", "text/x; a=\"\\\"; charset=b\"; charset=UTF-8"),
            ("text/html;", "text/html;; charset=UTF-8"),
            ("application/xml", "application/xml; charset=UTF-8"),
            ("application/javascript", "application/javascript; charset=UTF-8"),
            ("image/svg+xml", "image/svg+xml; charset=UTF-8"),
            ("application/foo; charset=x", "application/foo; charset=UTF-8"),
            ("text/event-stream", "text/event-stream"),
            ("application/json; charset=utf-8", "application/json"),
            ("application/hal+json; profile=x; charset=y", "application/hal+json; profile=x"),
            ("application/x-www-form-urlencoded", "application/x-www-form-urlencoded"),
            ("image/png; charset=x", "image/png"),
            ("text/event-stream; charset=utf-16", "text/event-stream"),
            ("application/x-www-form-urlencoded;charset=latin1", "application/x-www-form-urlencoded"),
        ];
        for (given, expected) in cases {
            assert_eq!(read(given).map(ContentType::of_text), Ok(HeaderValue::from_static(expected)), "{given}");
        }
    }

    #[test]
    fn what_is_no_type_breaks_a_rule() {
        for text in
            ["", "json", "text/", "/plain", "a/b/c", "text/plain, text/css", "a b/c", "5", "é/a", ";a/b", "a/b; x"]
        {
            assert_eq!(read(text).err(), Some(Rule::ContentType), "{text:?}");
        }
        for text in [
            "a/b; c=d\"; charset=utf-7",
            "a/b; c=\"d\"e\"; charset=utf-7",
            "a/b; c=\"d; charset=utf-7",
            "a/b; c=\"d\\\"; charset=utf-7",
            "a/b; c=",
            "a/b; =c",
        ] {
            assert_eq!(read(text).err(), Some(Rule::ContentType), "{text:?}");
        }
        for text in ["a/b", "*/*", "a/b;", " a/b ", "a/b;c=d; e=\"f\\\"\\\\;g\""] {
            assert!(read(text).is_ok(), "{text:?}");
        }
    }
}
