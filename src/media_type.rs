//! The kind of content behind a `content-type`, for bodies in JSON: text as it is, anything else in base64.

/// What a body with some content type is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaType {
    /// `application/json` or `…+json`.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// Any other text.
    Text,
    /// Anything else.
    Binary,
}

impl MediaType {
    /// The kind that a `content-type` names. Text is `text/*`, XML, JavaScript, and what names a charset unless it is known
    /// to be something else.
    ///
    /// Source: apache/openwhisk@1fae641 `core/controller/WebActions.scala`, `isJsonFamily`; RFC 6838 section 4.2.8 (`+xml`).
    #[must_use]
    pub fn of(content_type: &[u8]) -> Self {
        let text = String::from_utf8_lossy(content_type).to_ascii_lowercase();
        // A proxy joins two headers of the same name with a comma.
        let mut parts = text.split([';', ',']).map(str::trim);
        match parts.next().unwrap_or_default() {
            "application/json" => Self::Json,
            "application/x-www-form-urlencoded" => Self::Form,
            "application/xml"
            | "application/xml-dtd"
            | "application/x-latex"
            | "application/base64"
            | "application/javascript"
            | "application/x-javascript"
            | "application/ecmascript" => Self::Text,
            other if other.ends_with("+json") => Self::Json,
            other if other.starts_with("text/") || other.ends_with("+xml") => Self::Text,
            other if is_known_binary(other) => Self::Binary,
            _ if parts.any(|parameter| parameter.starts_with("charset=")) => Self::Text,
            _ => Self::Binary,
        }
    }
}

/// Whether a raw request has its body as a text.
///
/// Source: observed on a real `OpenWhisk`, `raw-http`: what Pekko knows as text, and what names a charset and is no known
/// binary. `application/json` is none, and what has a parameter beside its charset is an unknown type.
#[must_use]
pub fn is_raw_text(content_type: &[u8]) -> bool {
    let text = String::from_utf8_lossy(content_type).to_ascii_lowercase();
    let mut parts = text.split([';', ',']).map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let is_charset = |parameter: &str| parameter.starts_with("charset=");
    match essence {
        "application/json" => parts.any(|parameter| !parameter.is_empty() && !is_charset(parameter)),
        other if is_known_binary(other) => false,
        "text/plain"
        | "text/html"
        | "text/css"
        | "text/csv"
        | "text/xml"
        | "text/markdown"
        | "text/event-stream"
        | "application/xml"
        | "application/javascript"
        | "application/xhtml+xml"
        | "application/soap+xml"
        | "application/atom+xml"
        | "application/problem+xml"
        | "application/xml-dtd"
        | "application/x-latex"
        | "application/base64"
        | "application/x-www-form-urlencoded"
        | "application/vnd.api+json"
        | "application/problem+json"
        | "application/json-patch+json"
        | "application/merge-patch+json" => true,
        _ => parts.any(is_charset),
    }
}

/// Whether a type, in lower case, is one whose bytes are no text whatever charset it names.
fn is_known_binary(essence: &str) -> bool {
    let kind = essence.split_once('/').map_or(essence, |(kind, _)| kind);
    matches!(kind, "image" | "audio" | "video" | "font" | "multipart")
        || matches!(essence, "application/octet-stream" | "application/pdf" | "application/zip" | "application/gzip")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_depends_on_type_and_charset() {
        let cases = [
            ("application/json", MediaType::Json),
            ("Application/JSON; charset=utf-8", MediaType::Json),
            ("application/problem+json;a=b", MediaType::Json),
            ("application/jsonl", MediaType::Binary),
            ("application/x-www-form-urlencoded", MediaType::Form),
            ("application/x-www-form-urlencoded ;charset=UTF-8", MediaType::Form),
            ("text/plain", MediaType::Text),
            ("TEXT/Anything", MediaType::Text),
            ("application/xml", MediaType::Text),
            ("image/svg+xml", MediaType::Text),
            ("application/javascript", MediaType::Text),
            ("a/b; Charset=utf-8", MediaType::Text),
            ("a/b; q=1; charset=x", MediaType::Text),
            ("a/b; mycharset=x", MediaType::Binary),
            ("image/png; charset=utf-8", MediaType::Binary),
            ("application/pdf; charset=utf-8", MediaType::Binary),
            ("font/woff2; charset=utf-8", MediaType::Binary),
            ("application/octet-stream", MediaType::Binary),
            ("multipart/form-data; boundary=x", MediaType::Binary),
            ("application/json,application/json", MediaType::Json),
            ("json", MediaType::Binary),
            ("", MediaType::Binary),
        ];
        for (content_type, expected) in cases {
            assert_eq!(MediaType::of(content_type.as_bytes()), expected, "{content_type:?}");
        }
        assert_eq!(MediaType::of(b"text/\xff"), MediaType::Text);
    }
}
