//! "What the client gets": shaped results.

use std::collections::BTreeSet;

use http::StatusCode;
use openwhisk_filter::answer::Content;
use openwhisk_filter::reply::Reply;
use serde_json::{Map, Value};

use super::media_type::{is_json as is_json_type, is_text, label, needs_base64};
use super::{ID, WITHOUT_BODY, is_of_the_gateway, is_token};
use crate::json::{Entries, is_json};
use crate::reply::is_same;

/// What an activation becomes.
#[derive(Debug)]
pub enum Shape {
    /// This cannot be told.
    Undecided,
    /// Nothing: it is not JSON.
    NotJson,
    /// Nothing: it breaks a rule.
    Broken,
    /// The words of a failed action.
    Failed,
    /// The reply as it stands.
    AsIs(StatusCode),
    /// What it says.
    Shaped(Shaped),
}

/// A reply that the action decides.
#[derive(Debug)]
pub struct Shaped {
    /// The status.
    pub status: u16,
    /// The headers besides the content type, sorted by name.
    pub headers: Vec<(String, Value)>,
    /// The content type and the body.
    pub body: Option<(String, Body)>,
}

/// A body.
#[derive(Debug)]
pub enum Body {
    /// These bytes.
    Bytes(Vec<u8>),
    /// This JSON, as the action wrote it.
    Json(Value),
}

/// What there is to say against a result.
enum Objection {
    /// It breaks a rule.
    Broken,
    /// This cannot be told.
    Undecided,
}

impl Shaped {
    /// What of a reply is another one. Where `is_filled`, the proxy made a body.
    #[must_use]
    pub fn difference(&self, reply: &Reply, is_filled: bool) -> Option<&'static str> {
        if reply.status.as_u16() != self.status {
            return Some("status");
        }
        let is_own = |name: &str| name == "content-type" || name == ID;
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let mut headers: Vec<_> = reply.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        headers.retain(|(name, _)| !is_own(name));
        headers.sort_by(|(one, _), (other, _)| one.cmp(other));
        let is_same_header = |((name, value), (expected, told)): (&(String, String), &(String, Value))| {
            name == expected && told.as_str().map_or_else(|| is_same(value.as_bytes(), told), |told| told == value)
        };
        if headers.len() != self.headers.len() || !headers.iter().zip(&self.headers).all(is_same_header) {
            return Some("header");
        }
        let content_type = reply.headers.iter().find(|(name, _)| name == "content-type").map(|(_, value)| text(value));
        let expected = self.body.as_ref().map(|(content_type, _)| content_type.clone());
        if !is_filled && content_type != expected {
            return Some("content type");
        }
        let is_same_body = match &self.body {
            None => is_filled != reply.body.is_empty(),
            Some((_, Body::Bytes(bytes))) => reply.body == *bytes,
            Some((_, Body::Json(json))) => is_same(&reply.body, json),
        };
        (!is_same_body).then_some("body")
    }
}

/// What an activation becomes.
#[must_use]
pub fn shape(content: Content, body: &str) -> Shape {
    let (status, empty) = match content {
        Content::AsIs(status) => return Shape::AsIs(status),
        Content::Nothing => return Shape::Undecided,
        Content::Result | Content::PlainResult => (200, 204),
        Content::Failure | Content::PlainFailure => (502, 502),
    };
    if !is_json(body.as_bytes()) {
        return Shape::NotJson;
    }
    match content {
        Content::PlainResult => return Shape::AsIs(StatusCode::OK),
        Content::PlainFailure => return Shape::Failed,
        _ => {}
    }
    let Ok(result) = serde_json::from_str::<Value>(body) else { return Shape::Undecided };
    let not_shaped = || if content == Content::Failure { Shape::Failed } else { Shape::AsIs(StatusCode::OK) };
    let repeats = |text: &str| Entries::read(text).is_some_and(|entries| entries.repeats_a_name());
    if repeats(body) {
        return Shape::Undecided;
    }
    let (shaped, text) = match (&result, content) {
        (Value::Object(result), Content::Failure) => match result.get("error") {
            Some(Value::Object(error)) => {
                let entries = Entries::read(body);
                let text = entries.and_then(|entries| entries.of("error").first().map(|text| (*text).to_owned()));
                (error, text.unwrap_or_default())
            }
            _ => return not_shaped(),
        },
        (Value::Object(result), _) => (result, body.to_owned()),
        _ => return not_shaped(),
    };
    let headers = Entries::read(&text).and_then(|entries| entries.of("headers").first().map(|text| (*text).to_owned()));
    if repeats(&text) || headers.as_deref().is_some_and(repeats) {
        return Shape::Undecided;
    }
    if !["statusCode", "headers", "body"].iter().any(|key| shaped.contains_key(*key)) {
        return not_shaped();
    }
    match read(shaped, status, empty) {
        Ok(shaped) => Shape::Shaped(shaped),
        Err(Objection::Broken) => Shape::Broken,
        Err(Objection::Undecided) => Shape::Undecided,
    }
}

fn read(result: &Map<String, Value>, status: u16, empty: u16) -> Result<Shaped, Objection> {
    let code = result.get("statusCode").map(|code| status_code(code).ok_or(Objection::Broken)).transpose()?;
    let mut headers = match result.get("headers") {
        None => Vec::new(),
        Some(Value::Object(given)) => lines(given)?,
        Some(_) => return Err(Objection::Broken),
    };
    let content_type = match headers.iter().find(|(name, _)| name == "content-type") {
        None => None,
        Some((_, Value::String(text))) => Some(text.clone()),
        // How it is written depends on how the action wrote it.
        Some(_) => return Err(Objection::Undecided),
    };
    if let Some(label) = &content_type {
        let essence = label.split(';').next().unwrap_or_default().trim();
        let (kind, subtype) = essence.split_once('/').ok_or(Objection::Broken)?;
        if !is_token(kind) || !is_token(subtype) {
            return Err(Objection::Broken);
        }
        if label.contains('"') {
            return Err(Objection::Undecided);
        }
        let is_parameter =
            |part: &str| part.split_once('=').is_some_and(|(name, value)| is_token(name) && is_token(value));
        if !label.split(';').skip(1).map(str::trim).all(|part| part.is_empty() || is_parameter(part)) {
            return Err(Objection::Broken);
        }
    }
    headers.retain(|(name, _)| name != "content-type");
    headers.sort_by(|(one, _), (other, _)| one.cmp(other));
    let is_base64 = match result.get("isBase64Encoded") {
        None => None,
        Some(Value::Bool(flag)) => Some(*flag),
        Some(_) => return Err(Objection::Broken),
    };
    let body = match result.get("body") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => {
            let given = content_type.is_some();
            let content_type = content_type.unwrap_or_else(|| "text/html; charset=UTF-8".to_owned());
            let is_bytes = is_base64.unwrap_or_else(|| given && !text.is_empty() && needs_base64(&content_type, text));
            let of_json = || {
                let looks = is_base64.is_none() && given && is_json_type(content_type.as_bytes());
                let decoded = decoded(text).ok().filter(|_| looks && text.len().is_multiple_of(4))?;
                (!is_json(text.as_bytes()) && is_json(&decoded)).then_some(decoded)
            };
            let text_label = label(&content_type).ok_or(Objection::Undecided);
            let (label, bytes) = if is_bytes {
                (content_type.clone(), decoded(text)?)
            } else if let Some(decoded) = of_json() {
                (text_label?, decoded)
            } else {
                (text_label?, text.clone().into_bytes())
            };
            Some((label, Body::Bytes(bytes))).filter(|(_, body)| !matches!(body, Body::Bytes(b) if b.is_empty()))
        }
        Some(_) if is_base64 == Some(true) => return Err(Objection::Broken),
        Some(_) if content_type.as_ref().is_some_and(|label| !is_text(label.as_bytes())) => {
            return Err(Objection::Broken);
        }
        Some(json) => {
            let content_type = content_type.unwrap_or_else(|| "application/json".to_owned());
            Some((label(&content_type).ok_or(Objection::Undecided)?, Body::Json(json.clone())))
        }
    };
    let status = code.unwrap_or(if body.is_some() { status } else { empty });
    Ok(Shaped { status, headers, body: body.filter(|_| !WITHOUT_BODY.contains(&status)) })
}

/// "A whole number from 200 to 599, or a string of digits."
fn status_code(code: &Value) -> Option<u16> {
    (200..=599).find(|status: &u16| match code {
        Value::Number(number) => number.as_f64() == Some(f64::from(*status)),
        Value::String(digits) => {
            digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.trim_start_matches('0') == status.to_string()
        }
        _ => false,
    })
}

/// "An object; values are strings, numbers, booleans, or arrays of those (a line each); 93 lines at most."
fn lines(headers: &Map<String, Value>) -> Result<Vec<(String, Value)>, Objection> {
    let names: BTreeSet<_> = headers.keys().map(|name| name.to_ascii_lowercase()).collect();
    if names.len() < headers.len() {
        // Which is the first depends on their order.
        return Err(Objection::Undecided);
    }
    let mut lines = Vec::new();
    for (name, value) in headers {
        let name = name.to_ascii_lowercase();
        if name.starts_with(':') || is_of_the_gateway(&name) || name == ID {
            continue;
        }
        if !is_token(&name) {
            return Err(Objection::Broken);
        }
        for value in flat(value, 8)? {
            let value = match value {
                Value::String(text) if text.chars().any(|c| c != '\t' && c < ' ' || c == '\u{7f}') => {
                    return Err(Objection::Broken);
                }
                Value::String(text) => Value::from(text.trim_matches([' ', '\t'])),
                Value::Number(_) | Value::Bool(_) => value,
                _ => return Err(Objection::Broken),
            };
            lines.push((name.clone(), value));
        }
    }
    // Beyond that it is the bytes that count, which depend on how numbers are written.
    let bytes: usize = lines.iter().map(|(name, value)| name.len() + value.to_string().len() + 4).sum();
    if lines.len() > 93 {
        return Err(Objection::Broken);
    }
    if bytes > 50_000 { Err(Objection::Undecided) } else { Ok(lines) }
}

/// The values of an array and of those in it, so many deep at most.
fn flat(value: &Value, levels: usize) -> Result<Vec<Value>, Objection> {
    let Value::Array(values) = value else { return Ok(vec![value.clone()]) };
    if levels == 0 {
        return Err(Objection::Broken);
    }
    values.iter().map(|value| flat(value, levels - 1)).collect::<Result<Vec<_>, _>>().map(|all| all.concat())
}

/// The digit of base64 for six bits.
pub(super) fn digit(bits: u32) -> char {
    ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['+', '/']).nth(bits as usize).unwrap_or('=')
}

/// The bytes behind base64, with or without its padding.
fn decoded(text: &str) -> Result<Vec<u8>, Objection> {
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    if padding > 0 && !text.len().is_multiple_of(4) || padding > 2 {
        return Err(Objection::Broken);
    }
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0_u32);
    for c in digits.chars() {
        let value = (0..64).find(|bits| digit(*bits) == c).ok_or(Objection::Broken)?;
        bits = bits << 6 | value;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.extend(u8::try_from(bits >> count & 0xff));
        }
    }
    if count == 6 { Err(Objection::Broken) } else { Ok(bytes) }
}
