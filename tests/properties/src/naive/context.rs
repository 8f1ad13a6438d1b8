//! "What the action receives": a whole request as parameters.

use serde_json::{Map, Value};

use super::media_type::{is_form, is_json, is_text};
use super::{CREDENTIALS, OF_THE_CONNECTION};

/// Why there are no parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The body should be JSON and is not.
    Malformed,
    /// A name begins with `__ow_`.
    Reserved,
}

/// The parameters of a request, or why there are none. Nothing where that cannot be told.
///
/// `headers` have lower-case names, pseudo headers among them. `path_prefix` has no slash at its end.
#[must_use]
pub fn parameters(
    headers: &[(String, Vec<u8>)],
    body: &[u8],
    path_prefix: &str,
    forwarded: &[&str],
) -> Option<Result<Map<String, Value>, Refused>> {
    let last =
        |wanted: &str| headers.iter().rev().find(|(name, _)| name == wanted).map_or(&b""[..], |(_, value)| value);
    let sent = last(":path");
    let (path, query) = split(sent, b'?');
    let content_type = last("content-type");
    let mut all = fields(query);
    let mut is_reserved = all.keys().any(|name| name.starts_with("__ow_"));
    if is_reserved {
        return Some(Err(Refused::Reserved));
    }
    if body.is_empty() {
        // Of JSON, forms and what has no type nothing comes.
        if !content_type.is_empty() && !is_json(content_type) && !is_form(content_type) {
            all.insert("__ow_body".to_owned(), "".into());
        }
    } else if is_json(content_type) {
        let Ok(text) = std::str::from_utf8(body) else { return Some(Err(Refused::Malformed)) };
        if !crate::json::is_json(body) {
            return Some(Err(Refused::Malformed));
        }
        match serde_json::from_str(text).ok()? {
            Value::Object(object) => {
                is_reserved = object.keys().any(|name| name.starts_with("__ow_"));
                all.extend(object);
            }
            other => _ = all.insert("__ow_body".to_owned(), other),
        }
    } else if is_form(content_type) {
        let form = fields(body);
        is_reserved = form.keys().any(|name| name.starts_with("__ow_"));
        all.extend(form);
    } else if is_text(content_type) {
        all.insert("__ow_body".to_owned(), String::from_utf8_lossy(body).into());
    } else {
        all.insert("__ow_body".to_owned(), base64(body).into());
    }
    if is_reserved {
        return Some(Err(Refused::Reserved));
    }

    let path = String::from_utf8_lossy(path);
    let behind = path.strip_prefix(path_prefix).filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let mut seen = Map::new();
    for (name, value) in headers {
        let name = if name == ":authority" { "host" } else { name.as_str() };
        let is_hidden = CREDENTIALS.contains(&name) && !forwarded.contains(&name);
        if !name.starts_with(':') && !is_hidden && !OF_THE_CONNECTION.contains(&name) {
            seen.insert(name.to_owned(), String::from_utf8_lossy(value).into());
        }
    }
    all.insert("__ow_method".to_owned(), String::from_utf8_lossy(last(":method")).to_ascii_lowercase().into());
    all.insert("__ow_headers".to_owned(), seen.into());
    all.insert("__ow_path".to_owned(), behind.unwrap_or(&path).into());
    all.insert("__ow_query".to_owned(), String::from_utf8_lossy(query).into());
    Some(Ok(all))
}

/// The fields of a query or a form: of several with the same name the last.
fn fields(form: &[u8]) -> Map<String, Value> {
    let pieces = form.split(|byte| *byte == b'&').filter(|piece| !piece.is_empty());
    pieces.map(|piece| split(piece, b'=')).map(|(name, value)| (decoded(name), decoded(value).into())).collect()
}

/// What stands before a byte, and what stands behind it.
fn split(bytes: &[u8], at: u8) -> (&[u8], &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == at);
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

/// "A `+` in a query or form is a space, and a `%` without two digits stands for itself."
fn decoded(mut text: &[u8]) -> String {
    let mut bytes = Vec::new();
    loop {
        text = match text {
            [] => return String::from_utf8_lossy(&bytes).into_owned(),
            [b'%', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let digits = [*high, *low].map(char::from);
                let number = digits.iter().fold(0, |number: u32, digit| {
                    number.wrapping_mul(16).wrapping_add(digit.to_digit(16).unwrap_or_default())
                });
                bytes.extend(u8::try_from(number));
                rest
            }
            [b'+', rest @ ..] => {
                bytes.push(b' ');
                rest
            }
            [byte, rest @ ..] => {
                bytes.push(*byte);
                rest
            }
        }
    }
}

/// Base64 with padding.
fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0, |bits: u32, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let digit = bits >> (18 - 6 * place) & 63;
            text.push(if place > three.len() { '=' } else { super::shape::digit(digit) });
        }
    }
    text
}
