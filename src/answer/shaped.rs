//! Shaped results: `statusCode`, `headers` and `body` in the result of an action decide the reply.
//!
//! The convention of `OpenWhisk`'s web actions, for every action.
//! Source: apache/openwhisk@1fae641 `core/controller/WebActions.scala` and `docs/webactions.md`.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::answer::content_type::ContentType;
use crate::answer::headers::action_headers;
use crate::error::rule::{BrokenRule, Rule};
use crate::json::number::whole_number;
use crate::json::text::{NoText, text_of};
use crate::json::walk::{NotAnObject, entries};
use crate::json::{OutOfMemory, is_json};
use crate::reply::{JSON, Reply};

/// The longest `statusCode` that is looked at, in bytes of JSON.
const LONGEST_STATUS: usize = 64;

/// The content type of a text that names none.
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=UTF-8");

/// Base64 with or without padding, as Java's decoder in `OpenWhisk` takes it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Why a result becomes no reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoReply {
    /// Not JSON.
    NotJson,
    /// Breaks this rule.
    BrokenRule(BrokenRule),
    /// There is not enough memory to take it apart.
    OutOfMemory,
}

impl From<NotAnObject> for NoReply {
    fn from(_: NotAnObject) -> Self {
        Self::NotJson
    }
}

impl From<OutOfMemory> for NoReply {
    fn from(_: OutOfMemory) -> Self {
        Self::OutOfMemory
    }
}

impl From<BrokenRule> for NoReply {
    fn from(rule: BrokenRule) -> Self {
        Self::BrokenRule(rule)
    }
}

/// The keys of a shaped result, each as it stands in the result.
#[derive(Default)]
struct Keys<'a> {
    status_code: Option<&'a RawValue>,
    headers: Option<&'a RawValue>,
    body: Option<&'a RawValue>,
    is_base64_encoded: Option<&'a RawValue>,
    repeated: Option<&'static str>,
}

/// The reply for the result of a successful action. `None` if the result is not shaped.
///
/// ```
/// use openwhisk_filter::answer::shaped::reply_to_result;
///
/// let shaped = reply_to_result(r#"{"statusCode": 404, "body": "no such order"}"#);
/// let Ok(Some(reply)) = shaped else { panic!("{shaped:?}") };
/// assert_eq!((reply.status.as_u16(), reply.body.as_slice()), (404, &b"no such order"[..]));
///
/// assert_eq!(reply_to_result(r#"{"orders": []}"#), Ok(None));
/// assert!(reply_to_result(r#"{"statusCode": "soon"}"#).is_err());
/// ```
///
/// # Errors
/// [`NoReply`] if it is not JSON or breaks a rule.
pub fn reply_to_result(result: &str) -> Result<Option<Reply>, NoReply> {
    let defaults = Defaults { status: StatusCode::OK, empty: StatusCode::NO_CONTENT };
    read(result)?.map(|keys| keys.into_reply(defaults)).transpose()
}

/// The reply for the answer about a failed action, `{"error": …}`. `None` if the error is not shaped.
///
/// # Errors
/// [`NoReply`] if it is not JSON or breaks a rule.
pub fn reply_to_failure(answer: &str) -> Result<Option<Reply>, NoReply> {
    let defaults = Defaults { status: StatusCode::BAD_GATEWAY, empty: StatusCode::BAD_GATEWAY };
    let mut error = None;
    if is_object(answer) {
        entries(answer, |name, value| {
            if name == b"error" {
                error = Some(value);
            }
        })?;
    } else if !is_json(answer) {
        return Err(NoReply::NotJson);
    }
    let Some(error) = error else { return Ok(None) };
    read(error.get())?.map(|keys| keys.into_reply(defaults)).transpose()
}

/// Looks for the keys. `None` if the text is JSON without any of them.
fn read(json: &str) -> Result<Option<Keys<'_>>, NoReply> {
    if !is_object(json) {
        return if is_json(json) { Ok(None) } else { Err(NoReply::NotJson) };
    }
    let mut keys = Keys::default();
    entries(json, |name, value| {
        let (place, name) = match name {
            b"statusCode" => (&mut keys.status_code, "statusCode"),
            b"headers" => (&mut keys.headers, "headers"),
            b"body" => (&mut keys.body, "body"),
            b"isBase64Encoded" => (&mut keys.is_base64_encoded, "isBase64Encoded"),
            _ => return,
        };
        if place.replace(value).is_some() {
            keys.repeated = Some(name);
        }
    })?;
    let is_shaped = keys.status_code.is_some() || keys.headers.is_some() || keys.body.is_some();
    Ok(is_shaped.then_some(keys))
}

fn is_object(json: &str) -> bool {
    json.trim_ascii_start().starts_with('{')
}

/// Statuses where the result gives none.
#[derive(Clone, Copy)]
struct Defaults {
    /// With a body.
    status: StatusCode,
    /// Without one.
    empty: StatusCode,
}

impl Keys<'_> {
    fn into_reply(self, defaults: Defaults) -> Result<Reply, NoReply> {
        if let Some(name) = self.repeated {
            return Err(BrokenRule::new(Rule::Keys, name).into());
        }
        let status = self.status_code.map(status).transpose()?;
        let mut headers = self.headers.map_or_else(|| Ok(Vec::new()), action_headers)?;
        let content_type = headers.iter().find(|(name, _)| name == CONTENT_TYPE).map(|(_, value)| value.clone());
        headers.retain(|(name, _)| name != CONTENT_TYPE);
        let is_base64 = self.is_base64_encoded.map(flag).transpose()?;

        let content_type = content_type.map(ContentType::parse).transpose()?;
        let body = match self.body.map(RawValue::get) {
            None | Some("null") => None,
            Some(json) if json.starts_with('"') => Some(string_body(json, content_type, is_base64)?),
            Some(json) if is_base64 == Some(true) => return Err(BrokenRule::new(Rule::Base64Body, json).into()),
            Some(json) if content_type.as_ref().is_some_and(ContentType::is_binary) => {
                return Err(BrokenRule::new(Rule::BinaryBody, json).into());
            }
            Some(json) => Some((content_type.map_or(JSON, ContentType::of_text), copied(json.as_bytes())?)),
        };
        let body = body.filter(|(_, bytes)| !bytes.is_empty());

        let status = status.unwrap_or(if body.is_some() { defaults.status } else { defaults.empty });
        let mut reply = Reply { status, headers, body: Vec::new() };
        if let Some((content_type, bytes)) = body.filter(|_| allows_body(status)) {
            reply.headers.push((CONTENT_TYPE, content_type));
            reply.body = bytes;
        }
        Ok(reply)
    }
}

/// Whether a reply with this status may have a body.
///
/// Source: RFC 9110 sections 15.3.5, 15.3.6 and 15.4.5.
fn allows_body(status: StatusCode) -> bool {
    !matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED)
}

/// Reads `statusCode`: a whole number, also written as `200.0`, or a string of digits.
fn status(json: &RawValue) -> Result<StatusCode, BrokenRule> {
    let short = Some(json.get()).filter(|text| text.len() <= LONGEST_STATUS);
    let number = match short.map_or(Ok(Value::Null), serde_json::from_str) {
        Ok(Value::String(text)) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        Ok(value) => whole_number(&value).and_then(|number| u16::try_from(number).ok()),
        Err(_) => None,
    };
    number
        .filter(|status| (200..=599).contains(status))
        .and_then(|status| StatusCode::from_u16(status).ok())
        .ok_or_else(|| BrokenRule::new(Rule::StatusCode, json.get()))
}

/// Reads `isBase64Encoded`.
fn flag(json: &RawValue) -> Result<bool, BrokenRule> {
    serde_json::from_str(json.get()).map_err(|_| BrokenRule::new(Rule::Base64Flag, json.get()))
}

/// Reads `body` where it is a JSON string: the content type that goes with it, and its bytes.
fn string_body(
    json: &str,
    content_type: Option<ContentType>,
    is_base64: Option<bool>,
) -> Result<(HeaderValue, Vec<u8>), NoReply> {
    let text = match text_of(json) {
        Ok(text) => text,
        Err(NoText::HalfCharacter) => return Err(BrokenRule::new(Rule::BodyText, json).into()),
        Err(NoText::OutOfMemory) => return Err(NoReply::OutOfMemory),
    };
    if is_base64 == Some(true) {
        let content_type = content_type.map_or(HTML, ContentType::of_bytes);
        return Ok((content_type, decoded(&text, Rule::Base64Body)?));
    }
    let Some(content_type) = content_type else { return Ok((HTML, bytes_of(text)?)) };
    let is_undecided = is_base64.is_none();
    if is_undecided && !text.is_empty() && content_type.needs_base64(&text) {
        return Ok((content_type.of_bytes(), decoded(&text, Rule::BinaryBody)?));
    }
    if is_undecided
        && content_type.is_json()
        && let Some(bytes) = json_in_base64(&text)?
    {
        return Ok((content_type.of_text(), bytes));
    }
    Ok((content_type.of_text(), bytes_of(text)?))
}

/// The bytes of a text.
fn bytes_of(text: Cow<'_, str>) -> Result<Vec<u8>, OutOfMemory> {
    match text {
        Cow::Borrowed(text) => copied(text.as_bytes()),
        Cow::Owned(text) => Ok(text.into_bytes()),
    }
}

/// The JSON that a text stands for in padded base64. `None` if it is JSON itself, or stands for none.
///
/// Source: observed on a real `OpenWhisk`, which decodes every padded base64 of these types, even `true`.
fn json_in_base64(text: &str) -> Result<Option<Vec<u8>>, NoReply> {
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    if !text.len().is_multiple_of(4) || !text.bytes().all(is_base64) || is_json(text) {
        return Ok(None);
    }
    let bytes = match decoded(text, Rule::BinaryBody) {
        Ok(bytes) => bytes,
        Err(NoReply::OutOfMemory) => return Err(NoReply::OutOfMemory),
        Err(_) => return Ok(None),
    };
    let is_meant = std::str::from_utf8(&bytes).is_ok_and(is_json);
    Ok(Some(bytes).filter(|_| is_meant))
}

/// What a text in base64 stands for. `rule` is the one that it breaks where it is none.
fn decoded(text: &str, rule: Rule) -> Result<Vec<u8>, NoReply> {
    // The padding may be left out, but not a part of it.
    if text.ends_with('=') && !text.len().is_multiple_of(4) {
        return Err(BrokenRule::new(rule, text).into());
    }
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(base64::decoded_len_estimate(text.len())).map_err(|_| NoReply::OutOfMemory)?;
    BASE64.decode_vec(text, &mut bytes).map_err(|_| BrokenRule::new(rule, text))?;
    Ok(bytes)
}

/// A copy, if there is memory for it.
fn copied(bytes: &[u8]) -> Result<Vec<u8>, OutOfMemory> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(bytes.len()).map_err(|_| OutOfMemory)?;
    copy.extend_from_slice(bytes);
    Ok(copy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shaped(result: &str) -> Reply {
        reply_to_result(result).expect(result).expect(result)
    }

    fn shown(reply: &Reply) -> String {
        let headers: Vec<_> = reply
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
            .collect();
        format!("{} [{}] {}", reply.status.as_str(), headers.join(", "), reply.body.escape_ascii())
    }

    #[test]
    fn results_without_the_keys_are_not_shaped() {
        let deep = format!("{{\"a\": {}{}}}", "[".repeat(10_000), "]".repeat(10_000));
        let cases = [
            "{}",
            " {\"a\": 1e999}",
            "[]",
            "[{\"body\": 1}]",
            "\"body\"",
            "7",
            "null",
            "{\"StatusCode\": 1}",
            "{\"isBase64Encoded\": true}",
            "{\"isBase64Encoded\": true, \"isBase64Encoded\": 1}",
            "{\"\\ud800\": 1}",
            &deep,
        ];
        for result in cases {
            assert_eq!(reply_to_result(result), Ok(None), "{result:.80}");
        }
    }

    #[test]
    fn what_is_no_json_is_told_apart() {
        for result in
            ["", "<html>", "{", "{\"body\": 1", "{\"a\": 1} x", "[1", "{\"body\": 01}", "\u{c}{}", "{\"a\nb\": 1}"]
        {
            assert_eq!(reply_to_result(result), Err(NoReply::NotJson), "{result:?}");
            assert_eq!(reply_to_failure(result), Err(NoReply::NotJson), "{result:?}");
        }
    }

    #[test]
    fn shaped_results_become_replies() {
        let cases = [
            // statusCode
            (r#"{"statusCode": 407}"#, "407 [] "),
            (r#"{"statusCode": "418", "body": "x"}"#, "418 [content-type: text/html; charset=UTF-8] x"),
            (r#"{"statusCode": 200.0}"#, "200 [] "),
            (r#"{"statusCode": 2e2}"#, "200 [] "),
            (r#"{"statusCode": 599}"#, "599 [] "),
            (r#"{"status\u0043ode": 201}"#, "201 [] "),
            // headers
            (r#"{"headers": {}}"#, "204 [] "),
            (r#"{"headers": {"X-A": "1", "x-b": 1.50, "x-c": true}}"#, "204 [x-a: 1, x-b: 1.50, x-c: true] "),
            (r#"{"headers": {"set-cookie": ["a=1", "b=2"], "x": []}}"#, "204 [set-cookie: a=1, set-cookie: b=2] "),
            (r#"{"headers": {"x": [1, [2, [[3]]], []]}}"#, "204 [x: 1, x: 2, x: 3] "),
            (r#"{"headers": {"x": " a b\t"}}"#, "204 [x: a b] "),
            (r#"{"headers": {"x": "\u00e9"}}"#, "204 [x: é] "),
            (
                r#"{"headers": {":status": "1", "Connection": "x", "Content-Length": 1, "TE": "", "Date": {}}}"#,
                "204 [] ",
            ),
            (r#"{"headers": {"x-openwhisk-activation-id": "forged"}}"#, "204 [] "),
            // no body
            (r#"{"body": null}"#, "204 [] "),
            (r#"{"body": "", "headers": {"content-type": "text/plain"}}"#, "204 [] "),
            (r#"{"statusCode": 204, "body": "x"}"#, "204 [] "),
            (r#"{"statusCode": 205, "body": "x"}"#, "205 [] "),
            (r#"{"statusCode": 304, "body": {"a": 1}}"#, "304 [] "),
            // string body
            (r#"{"body": "a\nb"}"#, "200 [content-type: text/html; charset=UTF-8] a\\nb"),
            (
                r#"{"body": "x", "headers": {"Content-Type": "text/plain"}}"#,
                "200 [content-type: text/plain; charset=UTF-8] x",
            ),
            (
                r#"{"body": "x", "headers": {"content-type": ["text/css", "text/plain"]}}"#,
                "200 [content-type: text/css; charset=UTF-8] x",
            ),
            (
                r#"{"body": "<a/>", "headers": {"content-type": "image/svg+xml"}}"#,
                "200 [content-type: image/svg+xml; charset=UTF-8] <a/>",
            ),
            (
                r#"{"body": "true", "headers": {"content-type": "application/json"}}"#,
                "200 [content-type: application/json] true",
            ),
            // binary body
            (
                r#"{"body": "AP8=", "headers": {"content-type": "image/png"}}"#,
                "200 [content-type: image/png] \\x00\\xff",
            ),
            (
                r#"{"body": "AP8", "headers": {"content-type": "image/png"}}"#,
                "200 [content-type: image/png] \\x00\\xff",
            ),
            (
                r#"{"body": "x y", "headers": {"content-type": "a/b; Charset=utf-8"}}"#,
                "200 [content-type: a/b; charset=UTF-8] x y",
            ),
            (r#"{"body": "eB==", "isBase64Encoded": true}"#, "200 [content-type: text/html; charset=UTF-8] x"),
            (r#"{"body": "eA==", "isBase64Encoded": true}"#, "200 [content-type: text/html; charset=UTF-8] x"),
            (
                r#"{"body": "x y", "isBase64Encoded": false, "headers": {"content-type": "image/png"}}"#,
                "200 [content-type: image/png] x y",
            ),
            (
                r#"{"body": "PGEvPg==", "headers": {"content-type": "image/svg+xml"}}"#,
                "200 [content-type: image/svg+xml] <a/>",
            ),
            (
                r#"{"body": "plain", "headers": {"content-type": "application/xhtml+xml"}}"#,
                "200 [content-type: application/xhtml+xml; charset=UTF-8] plain",
            ),
            (
                r#"{"body": "eyJhIjoxfQ==", "headers": {"content-type": "application/json; charset=x"}}"#,
                r#"200 [content-type: application/json] {\"a\":1}"#,
            ),
            (r#"{"body": "abcd", "headers": {"content-type": "a/b+json"}}"#, "200 [content-type: a/b+json] abcd"),
            (r#"{"body": "MTIz", "headers": {"content-type": "a/b+json"}}"#, "200 [content-type: a/b+json] 123"),
            (r#"{"body": "1234", "headers": {"content-type": "a/b+json"}}"#, "200 [content-type: a/b+json] 1234"),
            (
                r#"{"body": "AP8=", "headers": {"content-type": "image/png; charset=utf-8"}}"#,
                "200 [content-type: image/png; charset=utf-8] \\x00\\xff",
            ),
            // any other body
            (
                r#"{"body": { "b": 1.0 , "a": [] }}"#,
                r#"200 [content-type: application/json] { \"b\": 1.0 , \"a\": [] }"#,
            ),
            (r#"{"body": 0}"#, "200 [content-type: application/json] 0"),
            (r#"{"body": false}"#, "200 [content-type: application/json] false"),
            (
                r#"{"body": [1], "headers": {"content-type": "application/hal+json"}}"#,
                "200 [content-type: application/hal+json] [1]",
            ),
        ];
        for (result, expected) in cases {
            assert_eq!(shown(&shaped(result)), expected, "{result}");
        }
    }

    #[test]
    fn short_base64_is_decoded_with_or_without_its_padding() {
        let cases = [
            ("Y", None),
            ("YQ", Some("a")),
            ("YQ=", None),
            ("YQ==", Some("a")),
            ("YWI", Some("ab")),
            ("YWI=", Some("ab")),
            ("YWJj", Some("abc")),
            ("YWJjZ", None),
            ("Y===", None),
            ("====", None),
            (" YQ==", None),
            ("YQ==\\n", None),
            ("_-_-", None),
        ];
        for (text, bytes) in cases {
            for label in ["image/png", "a/b", "image/svg+xml", "multipart/form-data; boundary=x"] {
                let result = format!(r#"{{"body": "{text}", "headers": {{"content-type": "{label}"}}}}"#);
                let reply = reply_to_result(&result).ok().flatten().map(|reply| reply.body);
                assert_eq!(reply.as_deref(), bytes.map(str::as_bytes), "{result}");
            }
            for label in ["application/json", "a/b+json", "text/plain", "text/javascript", "application/soap+xml"] {
                let result = format!(r#"{{"body": "{text}", "headers": {{"content-type": "{label}"}}}}"#);
                assert_eq!(shaped(&result).body, text.replace("\\n", "\n").as_bytes(), "{result}");
            }
        }
    }

    #[test]
    fn broken_rules_are_named() {
        let cases = [
            (r#"{"statusCode": 0}"#, Rule::StatusCode),
            (r#"{"statusCode": 99}"#, Rule::StatusCode),
            (r#"{"statusCode": 101}"#, Rule::StatusCode),
            (r#"{"statusCode": 199}"#, Rule::StatusCode),
            (r#"{"statusCode": 600}"#, Rule::StatusCode),
            (r#"{"statusCode": 65736}"#, Rule::StatusCode),
            (r#"{"statusCode": -1}"#, Rule::StatusCode),
            (r#"{"statusCode": 200.5}"#, Rule::StatusCode),
            (r#"{"statusCode": 1e999}"#, Rule::StatusCode),
            (r#"{"statusCode": "abc"}"#, Rule::StatusCode),
            (r#"{"statusCode": ""}"#, Rule::StatusCode),
            (r#"{"statusCode": "+201"}"#, Rule::StatusCode),
            (r#"{"statusCode": null}"#, Rule::StatusCode),
            (r#"{"statusCode": true}"#, Rule::StatusCode),
            (r#"{"statusCode": [200]}"#, Rule::StatusCode),
            (&format!("{{\"statusCode\": 200.{}}}", "0".repeat(100)), Rule::StatusCode),
            (&format!("{{\"statusCode\": \"{}200\"}}", "0".repeat(100)), Rule::StatusCode),
            (r#"{"headers": null}"#, Rule::Headers),
            (r#"{"headers": []}"#, Rule::Headers),
            (r#"{"headers": "x"}"#, Rule::Headers),
            (r#"{"headers": {"": "x"}}"#, Rule::HeaderName),
            (r#"{"headers": {"a b": "x"}}"#, Rule::HeaderName),
            (r#"{"headers": {"a:b": "x"}}"#, Rule::HeaderName),
            (r#"{"headers": {"a\r\nb": "x"}}"#, Rule::HeaderName),
            (r#"{"headers": {"é": "x"}}"#, Rule::HeaderName),
            (r#"{"headers": {"a": null}}"#, Rule::HeaderType),
            (r#"{"headers": {"a": {}}}"#, Rule::HeaderType),
            (r#"{"headers": {"a": [[[[[[[[["x"]]]]]]]]]}}"#, Rule::HeaderType),
            (r#"{"headers": {"a": [[null]]}}"#, Rule::HeaderType),
            (r#"{"headers": {"a": "b\r\nx-evil: 1"}}"#, Rule::HeaderValue),
            (r#"{"headers": {"a": "b\u0000"}}"#, Rule::HeaderValue),
            (r#"{"headers": {"a": ["x", "\n"]}}"#, Rule::HeaderValue),
            (r#"{"headers": {"a": "\ud800"}}"#, Rule::HeaderValue),
            (r#"{"body": "x", "isBase64Encoded": "true"}"#, Rule::Base64Flag),
            (r#"{"body": "x", "isBase64Encoded": null}"#, Rule::Base64Flag),
            (r#"{"body": "?", "isBase64Encoded": true}"#, Rule::Base64Body),
            (r#"{"body": {}, "isBase64Encoded": true}"#, Rule::Base64Body),
            (r#"{"body": "?", "headers": {"content-type": "image/png"}}"#, Rule::BinaryBody),
            (r#"{"body": "x", "headers": {"content-type": "json"}}"#, Rule::ContentType),
            (r#"{"headers": {"content-type": ""}}"#, Rule::ContentType),
            (r#"{"body": {}, "headers": {"content-type": "a/b/c"}}"#, Rule::ContentType),
            (r#"{"body": "plain", "headers": {"content-type": "image/svg+xml"}}"#, Rule::BinaryBody),
            (
                r#"{"body": {"type": "Buffer", "data": [1]}, "headers": {"content-type": "image/png"}}"#,
                Rule::BinaryBody,
            ),
            (r#"{"body": 1, "isBase64Encoded": false, "headers": {"content-type": "image/png"}}"#, Rule::BinaryBody),
            (r#"{"body": "\ud800"}"#, Rule::BodyText),
            (r#"{"body": 1, "body": 2}"#, Rule::Keys),
        ];
        for (result, rule) in cases {
            match reply_to_result(result) {
                Err(NoReply::BrokenRule(broken)) => assert_eq!(broken.rule(), rule, "{result}"),
                other => panic!("{result} gave {other:?}"),
            }
        }
    }

    #[test]
    fn failures_are_shaped_by_their_error() {
        let cases = [
            (
                r#"{"error": {"statusCode": 404, "body": "nf"}}"#,
                Some("404 [content-type: text/html; charset=UTF-8] nf"),
            ),
            (r#"{"error": {"body": {"a": 1}}}"#, Some(r#"502 [content-type: application/json] {\"a\": 1}"#)),
            (r#"{"error": {"headers": {"a": 1}}}"#, Some("502 [a: 1] ")),
            (r#"{"error": {"statusCode": 204}}"#, Some("204 [] ")),
            (r#"{"error": "boom"}"#, None),
            (r#"{"error": {"code": 1}}"#, None),
            (r#"{"error": null}"#, None),
            (r#"{"statusCode": 404}"#, None),
            ("[]", None),
        ];
        for (answer, expected) in cases {
            let reply = reply_to_failure(answer).expect(answer);
            assert_eq!(reply.as_ref().map(shown).as_deref(), expected, "{answer}");
        }
    }
}
