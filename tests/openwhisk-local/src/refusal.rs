//! What the HTTP layer refuses before a request is anything to the API: in plain text, and without an id.
//!
//! Source: pekko-http 1.1.0 reference.conf (`pekko.http.server.parsing`), as seen on a standalone server

use axum::http::{HeaderMap, Method, StatusCode, header, request::Parts};

const LONGEST_URI: usize = 8192;
const LONGEST_HEADER_NAME: usize = 64;
const LONGEST_HEADER_VALUE: usize = 8192;
const MOST_HEADERS: usize = 64;

/// Why this request goes no further, if it does not.
pub fn refusal(head: &Parts) -> Option<(StatusCode, String)> {
    let known = [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::HEAD];
    let known = known.contains(&head.method) || [Method::OPTIONS, Method::TRACE].contains(&head.method);
    let target = head.uri.path_and_query().map_or("", |text| text.as_str());
    if head.method == Method::CONNECT {
        return Some((StatusCode::BAD_REQUEST, String::from("CONNECT requests are not supported")));
    }
    if !known {
        return Some((StatusCode::NOT_IMPLEMENTED, String::from("Unsupported HTTP method")));
    }
    if target.len() > LONGEST_URI {
        let text = format!("URI length exceeds the configured limit of {LONGEST_URI} characters");
        return Some((StatusCode::URI_TOO_LONG, text));
    }
    if !is_legal(target) {
        return Some((StatusCode::BAD_REQUEST, String::from("Illegal request-target: Invalid input")));
    }
    headers_refusal(&head.headers)
}

/// Source: RFC 3986: what may stand in a path or a query; the parser is strict in both
fn is_legal(target: &str) -> bool {
    let mut rest = target;
    while let Some((before, after)) = rest.split_once('%') {
        let digits = after.get(..2).unwrap_or_default();
        if !before.chars().all(is_uri_character) || digits.len() != 2 || !digits.chars().all(|c| c.is_ascii_hexdigit())
        {
            return false;
        }
        rest = after.get(2..).unwrap_or_default();
    }
    rest.chars().all(is_uri_character)
}

fn is_uri_character(c: char) -> bool {
    c.is_ascii_graphic() && !"\"\\^`{}|[]<>#".contains(c)
}

fn headers_refusal(headers: &HeaderMap) -> Option<(StatusCode, String)> {
    let too_long = |what: &str, limit: usize| {
        let text = format!("HTTP header {what} exceeds the configured limit of {limit} characters");
        Some((StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, text))
    };
    let bad = |text: String| Some((StatusCode::BAD_REQUEST, text));
    if headers.len() > MOST_HEADERS {
        return bad(format!("HTTP message contains more than the configured limit of {MOST_HEADERS} headers"));
    }
    for (name, value) in headers {
        if name.as_str().len() > LONGEST_HEADER_NAME {
            return too_long("name", LONGEST_HEADER_NAME);
        }
        if value.len() > LONGEST_HEADER_VALUE {
            return too_long("value", LONGEST_HEADER_VALUE);
        }
    }
    // What is no UTF-8 ends the parsing of headers, and so the original complains of this one.
    if !headers.contains_key(header::HOST) || headers.values().any(|value| str::from_utf8(value.as_bytes()).is_err()) {
        return bad(String::from("Request is missing required `Host` header"));
    }
    if headers.get_all(header::CONTENT_TYPE).iter().count() > 1 {
        return bad(String::from("HTTP message must not contain more than one Content-Type header"));
    }
    None
}
