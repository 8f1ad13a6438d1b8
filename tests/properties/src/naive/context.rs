//! "What the action receives": a whole request as parameters.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::media_type::{is_form, is_json, is_raw_text, is_text};
use super::{CREDENTIALS, OF_THE_CONNECTION};

/// Why there are no parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The body should be JSON and is not.
    Malformed,
    /// A name begins with `__ow_`.
    Reserved,
}

/// How a request becomes parameters.
#[derive(Debug, Default)]
pub struct Whole<'a> {
    /// Whether nothing is taken apart.
    pub is_raw: bool,
    /// Whether what comes several times is a list.
    pub is_list: bool,
    /// What the action does not see of the path, without a slash at its end.
    pub path_prefix: &'a str,
    /// Which headers with credentials it sees.
    pub forwarded: &'a [&'a str],
    /// The path with parameters in it, if there is one.
    pub path_template: Option<&'a str>,
    /// The parameters of the route.
    pub bind: Map<String, Value>,
}

/// The parameters of a request, or why there are none. Nothing where that cannot be told.
///
/// `headers` have lower-case names, pseudo headers among them.
#[must_use]
pub fn parameters(
    headers: &[(String, Vec<u8>)],
    body: &[u8],
    whole: &Whole<'_>,
) -> Option<Result<Map<String, Value>, Refused>> {
    let last =
        |wanted: &str| headers.iter().rev().find(|(name, _)| name == wanted).map_or(&b""[..], |(_, value)| value);
    let sent = last(":path");
    let (path, query) = split(sent, b'?');
    let content_type = last("content-type");
    let mut all = if whole.is_raw { Map::new() } else { fields(query, whole.is_list) };
    let mut is_reserved = all.keys().any(|name| name.starts_with("__ow_"));
    if is_reserved {
        return Some(Err(Refused::Reserved));
    }
    if whole.is_raw {
        let is_base64 = !body.is_empty() && (!is_raw_text(content_type) || std::str::from_utf8(body).is_err());
        let text = if is_base64 { base64(body) } else { String::from_utf8_lossy(body).into_owned() };
        all.insert("__ow_body".to_owned(), text.into());
        all.insert("__ow_isBase64Encoded".to_owned(), is_base64.into());
    } else if body.is_empty() {
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
        let form = fields(body, whole.is_list);
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

    let of_path = whole.path_template.and_then(|template| in_path(template, path));
    let path = String::from_utf8_lossy(path);
    let behind = path.strip_prefix(whole.path_prefix).filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let mut seen = Map::<String, Value>::new();
    for (name, value) in headers {
        let name = if name == ":authority" { "host" } else { name.as_str() };
        let is_hidden = CREDENTIALS.contains(&name) && !whole.forwarded.contains(&name);
        if !name.starts_with(':') && !is_hidden && !OF_THE_CONNECTION.contains(&name) {
            let value = String::from_utf8_lossy(value);
            let between = if name == "cookie" { "; " } else { ", " };
            let joined = match seen.get(name).and_then(Value::as_str) {
                Some(before) if whole.is_list && name != "host" => format!("{before}{between}{value}"),
                _ => value.into_owned(),
            };
            seen.insert(name.to_owned(), joined.into());
        }
    }
    all.insert("__ow_method".to_owned(), String::from_utf8_lossy(last(":method")).to_ascii_lowercase().into());
    all.insert("__ow_headers".to_owned(), seen.into());
    all.insert("__ow_path".to_owned(), behind.unwrap_or(&path).into());
    all.insert("__ow_query".to_owned(), String::from_utf8_lossy(query).into());
    all.extend(of_path.into_iter().flatten().map(|(name, value)| (name, value.into())));
    all.extend(whole.bind.clone());
    Some(Ok(all))
}

/// The parameters in a path, if it fits.
#[must_use]
pub fn in_path(template: &str, path: &[u8]) -> Option<Vec<(String, String)>> {
    let (mut wanted, mut got): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split(|b| *b == b'/').collect());
    let mut found = Vec::new();
    if let Some(rest) = wanted.last().and_then(|last| last.strip_prefix('{')?.strip_suffix("*}")) {
        wanted.pop();
        if got.len() <= wanted.len() {
            return None;
        }
        found.push((rest.to_owned(), decoded_path(&got.split_off(wanted.len()).join(&b'/'))));
    }
    if wanted.len() != got.len() {
        return None;
    }
    for (wanted, got) in wanted.into_iter().zip(got) {
        let text = decoded_path(got);
        match wanted.strip_prefix('{').and_then(|wanted| wanted.strip_suffix('}')) {
            Some(name) if !text.is_empty() => found.push((name.to_owned(), text)),
            None if text == wanted => {}
            _ => return None,
        }
    }
    Some(found)
}

/// A part of a path: in it a `+` stands for itself.
fn decoded_path(part: &[u8]) -> String {
    decoded(&part.split(|byte| *byte == b'+').collect::<Vec<_>>().join(&b"%2B"[..]))
}

/// The fields of a query or a form: of several with the same name the last, or a list of all.
fn fields(form: &[u8], is_list: bool) -> Map<String, Value> {
    let pieces = form.split(|byte| *byte == b'&').filter(|piece| !piece.is_empty());
    let pieces = pieces.map(|piece| split(piece, b'='));
    if !is_list {
        return pieces.map(|(name, value)| (decoded(name), decoded(value).into())).collect();
    }
    // Names are the same where their bytes are, even if no text.
    let mut groups = BTreeMap::<_, Vec<Value>>::new();
    for (name, value) in pieces {
        groups.entry(bytes(name)).or_default().push(decoded(value).into());
    }
    let value = |mut values: Vec<_>| if values.len() == 1 { values.swap_remove(0) } else { values.into() };
    let lossy = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    groups.into_iter().map(|(name, values)| (lossy(&name), value(values))).collect()
}

/// What stands before a byte, and what stands behind it.
fn split(bytes: &[u8], at: u8) -> (&[u8], &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == at);
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

/// "A `+` in a query or form is a space, and a `%` without two digits stands for itself."
fn decoded(text: &[u8]) -> String {
    String::from_utf8_lossy(&bytes(text)).into_owned()
}

fn bytes(mut text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        text = match text {
            [] => return bytes,
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
