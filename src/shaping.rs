//! Shaped results: `statusCode`, `headers` and `body` in the result of an action decide the reply.
//!
//! The convention of `OpenWhisk`'s web actions, for every action.
//! Source: apache/openwhisk `core/controller/WebActions.scala` and `docs/webactions.md`.

use std::fmt;

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::attributes::whole_number;
use crate::reply::Reply;

/// How many characters of a wrong value an error quotes.
const QUOTED: usize = 64;

/// The content type of a text that names none.
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=UTF-8");

/// Base64 with or without padding, as Java's decoder in `OpenWhisk` takes it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

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

/// A rule of shaped results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Of `statusCode`.
    StatusCode,
    /// Of `headers` itself.
    Headers,
    /// Of the names in `headers`.
    HeaderName,
    /// Of the types of the values in `headers`.
    HeaderType,
    /// Of the text of the values in `headers`.
    HeaderValue,
    /// Of `isBase64Encoded` itself.
    Base64Flag,
    /// Of `body` where `isBase64Encoded` is true.
    Base64Body,
    /// Of `body` where the content type is binary.
    BinaryBody,
    /// Of `body` as a string.
    BodyText,
    /// Of the keys.
    Keys,
}

/// A rule that a result breaks. `Display` quotes what was found, for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenRule {
    rule: Rule,
    found: String,
}

impl BrokenRule {
    /// The rule.
    #[must_use]
    pub const fn rule(&self) -> Rule {
        self.rule
    }
}

/// The rule itself, for the client and the author of the action.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StatusCode => "`statusCode` must be a whole number from 200 to 599",
            Self::Headers => "`headers` must be an object",
            Self::HeaderName => "a name in `headers` must be a token of HTTP",
            Self::HeaderType => "a value in `headers` must be a string, a number, a boolean or an array of those",
            Self::HeaderValue => "a value in `headers` must not hold control characters",
            Self::Base64Flag => "`isBase64Encoded` must be true or false",
            Self::Base64Body => "`body` must be a string of base64 where `isBase64Encoded` is true",
            Self::BinaryBody => "`body` must be base64 where the content type is binary",
            Self::BodyText => "`body` must not hold escapes that stand for no character",
            Self::Keys => "`statusCode`, `headers`, `body` and `isBase64Encoded` must not be given twice",
        })
    }
}

impl fmt::Display for BrokenRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, found {:?}", self.rule, self.found)
    }
}

/// The result is not JSON, or breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misshapen {
    /// Not JSON.
    NotJson,
    /// Breaks this rule.
    BrokenRule(BrokenRule),
}

impl From<BrokenRule> for Misshapen {
    fn from(rule: BrokenRule) -> Self {
        Self::BrokenRule(rule)
    }
}

fn broken(rule: Rule, found: impl fmt::Display) -> BrokenRule {
    BrokenRule { rule, found: found.to_string().chars().take(QUOTED).collect() }
}

/// The keys of a shaped result, each as it stands in the result.
#[derive(Default, Deserialize)]
struct Keys<'a> {
    #[serde(borrow, default, rename = "statusCode", deserialize_with = "present")]
    status_code: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    headers: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    body: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "isBase64Encoded", deserialize_with = "present")]
    is_base64_encoded: Option<&'a RawValue>,
}

/// The answer of `OpenWhisk` about a failed action.
#[derive(Deserialize)]
struct Failure<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// Keeps a key that holds `null` apart from one that is absent.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// The reply for the result of a successful action, or nothing if the result is not shaped.
///
/// # Errors
/// [`Misshapen`] if it is not JSON or breaks a rule.
pub fn reply_to_result(result: &str) -> Result<Option<Reply>, Misshapen> {
    let defaults = Defaults { status: StatusCode::OK, empty: StatusCode::NO_CONTENT };
    read(result)?.map_or(Ok(None), |keys| Ok(Some(keys.into_reply(defaults)?)))
}

/// The reply for the answer about a failed action, `{"error": …}`, or nothing if the error is not shaped.
///
/// # Errors
/// [`Misshapen`] if it is not JSON or breaks a rule.
pub fn reply_to_failure(answer: &str) -> Result<Option<Reply>, Misshapen> {
    let defaults = Defaults { status: StatusCode::BAD_GATEWAY, empty: StatusCode::BAD_GATEWAY };
    let Ok(Failure { error: Some(error) }) = serde_json::from_str(answer) else {
        return if crate::outcome::is_json(answer) { Ok(None) } else { Err(Misshapen::NotJson) };
    };
    read(error.get())?.map_or(Ok(None), |keys| Ok(Some(keys.into_reply(defaults)?)))
}

/// Looks for the keys; nothing if the text is JSON without any of them.
fn read(json: &str) -> Result<Option<Keys<'_>>, Misshapen> {
    if !json.trim_ascii_start().starts_with('{') {
        return serde_json::from_str::<IgnoredAny>(json).map_or(Err(Misshapen::NotJson), |_| Ok(None));
    }
    let keys: Keys<'_> = serde_json::from_str(json).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => broken(Rule::Keys, error).into(),
        _ => Misshapen::NotJson,
    })?;
    let is_shaped = keys.status_code.is_some() || keys.headers.is_some() || keys.body.is_some();
    Ok(is_shaped.then_some(keys))
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
    fn into_reply(self, defaults: Defaults) -> Result<Reply, BrokenRule> {
        let status = self.status_code.map(status).transpose()?;
        let mut headers = self.headers.map_or_else(|| Ok(Vec::new()), headers)?;
        let content_type = headers.iter().find(|(name, _)| name == CONTENT_TYPE).map(|(_, value)| value.clone());
        headers.retain(|(name, _)| name != CONTENT_TYPE);
        let is_base64 = self.is_base64_encoded.map(flag).transpose()?;

        let body = match self.body.map(RawValue::get) {
            None | Some("null") => None,
            Some(json) if json.starts_with('"') => Some(string_body(json, content_type, is_base64)?),
            Some(json) if is_base64 == Some(true) => return Err(broken(Rule::Base64Body, json)),
            Some(json) => {
                let content_type = content_type.unwrap_or(crate::reply::JSON);
                Some((content_type, json.as_bytes().to_vec()))
            }
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
    let number = match serde_json::from_str::<Value>(json.get()) {
        Ok(Value::String(digits)) => digits.parse().ok(),
        Ok(value) => whole_number(&value).and_then(|number| u16::try_from(number).ok()),
        Err(_) => None,
    };
    number
        .filter(|status| (200..=599).contains(status))
        .and_then(|status| StatusCode::from_u16(status).ok())
        .ok_or_else(|| broken(Rule::StatusCode, json))
}

/// Reads `isBase64Encoded`.
fn flag(json: &RawValue) -> Result<bool, BrokenRule> {
    serde_json::from_str(json.get()).map_err(|_| broken(Rule::Base64Flag, json))
}

/// Reads `body` where it is a JSON string: the content type that goes with it, and its bytes.
fn string_body(
    json: &str,
    content_type: Option<HeaderValue>,
    is_base64: Option<bool>,
) -> Result<(HeaderValue, Vec<u8>), BrokenRule> {
    let text: String = serde_json::from_str(json).map_err(|_| broken(Rule::BodyText, json))?;
    let content_type = content_type.unwrap_or(HTML);
    let bytes = match is_base64 {
        Some(true) => BASE64.decode(&text).map_err(|_| broken(Rule::Base64Body, text))?,
        None if is_binary(&content_type) => BASE64.decode(&text).map_err(|_| broken(Rule::BinaryBody, text))?,
        Some(false) | None => text.into_bytes(),
    };
    Ok((content_type, bytes))
}

/// Whether a string body of this content type is base64: it is not known as text and names no charset.
fn is_binary(content_type: &HeaderValue) -> bool {
    let text = String::from_utf8_lossy(content_type.as_bytes()).to_ascii_lowercase();
    let mut parts = text.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default();
    let is_text = media_type.starts_with("text/")
        || media_type.ends_with("+json")
        || media_type.ends_with("+xml")
        || matches!(
            media_type,
            "application/json"
                | "application/xml"
                | "application/javascript"
                | "application/x-javascript"
                | "application/ecmascript"
                | "application/x-www-form-urlencoded"
        );
    !is_text && !parts.any(|parameter| parameter.starts_with("charset="))
}

/// Reads `headers`: valid ones that are the action's to set, in the order of the result.
fn headers(json: &RawValue) -> Result<Vec<(HeaderName, HeaderValue)>, BrokenRule> {
    let Entries(entries) = serde_json::from_str(json.get()).map_err(|_| broken(Rule::Headers, json))?;
    let mut headers = Vec::with_capacity(entries.len());
    for (name, value) in entries {
        let is_gateways =
            name.starts_with(':') || GATEWAY_HEADERS.iter().any(|gateway| name.eq_ignore_ascii_case(gateway));
        if is_gateways {
            continue;
        }
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| broken(Rule::HeaderName, name))?;
        if value.get().starts_with('[') {
            let elements: Vec<&RawValue> =
                serde_json::from_str(value.get()).map_err(|_| broken(Rule::HeaderType, value))?;
            for element in elements {
                headers.push((name.clone(), header_value(element)?));
            }
        } else {
            headers.push((name, header_value(value)?));
        }
    }
    Ok(headers)
}

/// Reads one value of a header: a string, or a number or boolean as it stands in the result.
fn header_value(json: &RawValue) -> Result<HeaderValue, BrokenRule> {
    let text = match json.get() {
        string if string.starts_with('"') => {
            serde_json::from_str(string).map_err(|_| broken(Rule::HeaderValue, json))?
        }
        other if other.starts_with(['[', '{', 'n']) => return Err(broken(Rule::HeaderType, json)),
        scalar => scalar.to_owned(),
    };
    HeaderValue::from_maybe_shared(text).map_err(|_| broken(Rule::HeaderValue, json))
}

/// The entries of a JSON object, in their order.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor;

        impl<'de> Visitor<'de> for EntriesVisitor {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(EntriesVisitor)
    }
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
            &deep,
        ];
        for result in cases {
            assert_eq!(reply_to_result(result), Ok(None), "{result:.80}");
        }
    }

    #[test]
    fn what_is_no_json_is_told_apart() {
        for result in ["", "<html>", "{", "{\"body\": 1", "{\"a\": 1} x", "[1", "{\"body\": 01}", "\u{c}{}"] {
            assert_eq!(reply_to_result(result), Err(Misshapen::NotJson), "{result:?}");
            assert_eq!(reply_to_failure(result), Err(Misshapen::NotJson), "{result:?}");
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
            (r#"{"body": "x", "headers": {"Content-Type": "text/plain"}}"#, "200 [content-type: text/plain] x"),
            (
                r#"{"body": "x", "headers": {"content-type": ["text/css", "text/plain"]}}"#,
                "200 [content-type: text/css] x",
            ),
            (
                r#"{"body": "<a/>", "headers": {"content-type": "image/svg+xml"}}"#,
                "200 [content-type: image/svg+xml] <a/>",
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
                "200 [content-type: a/b; Charset=utf-8] x y",
            ),
            (r#"{"body": "eA==", "isBase64Encoded": true}"#, "200 [content-type: text/html; charset=UTF-8] x"),
            (
                r#"{"body": "x y", "isBase64Encoded": false, "headers": {"content-type": "image/png"}}"#,
                "200 [content-type: image/png] x y",
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
            (r#"{"statusCode": null}"#, Rule::StatusCode),
            (r#"{"statusCode": true}"#, Rule::StatusCode),
            (r#"{"statusCode": [200]}"#, Rule::StatusCode),
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
            (r#"{"headers": {"a": [["x"]]}}"#, Rule::HeaderType),
            (r#"{"headers": {"a": "b\r\nx-evil: 1"}}"#, Rule::HeaderValue),
            (r#"{"headers": {"a": "b\u0000"}}"#, Rule::HeaderValue),
            (r#"{"headers": {"a": ["x", "\n"]}}"#, Rule::HeaderValue),
            (r#"{"headers": {"a": "\ud800"}}"#, Rule::HeaderValue),
            (r#"{"body": "x", "isBase64Encoded": "true"}"#, Rule::Base64Flag),
            (r#"{"body": "x", "isBase64Encoded": null}"#, Rule::Base64Flag),
            (r#"{"body": "?", "isBase64Encoded": true}"#, Rule::Base64Body),
            (r#"{"body": {}, "isBase64Encoded": true}"#, Rule::Base64Body),
            (r#"{"body": "?", "headers": {"content-type": "image/png"}}"#, Rule::BinaryBody),
            (r#"{"body": "x", "headers": {"content-type": "json"}}"#, Rule::BinaryBody),
            (r#"{"body": "\ud800"}"#, Rule::BodyText),
            (r#"{"body": 1, "body": 2}"#, Rule::Keys),
        ];
        for (result, rule) in cases {
            match reply_to_result(result) {
                Err(Misshapen::BrokenRule(broken)) => assert_eq!(broken.rule(), rule, "{result}"),
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
