//! The JSON object that an action must receive as its parameters.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::body::Body;
use crate::case::Request;
use crate::entries::Entries;
use crate::file;

/// The parameter with the headers of the client's request.
const HEADERS: &str = "__ow_headers";

/// The parameters of an action. No other may be among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters(BTreeMap<String, Parameter>);

/// What one parameter must be.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Parameter {
    /// This value.
    Value(Value),
    /// A value in exactly this text.
    Exact(String),
    /// The name stands there several times, with these values.
    Each(Vec<Value>),
}

impl Parameters {
    /// What a case says on top of what every request gives, or every raw one.
    pub(crate) fn new(file: file::Parameters, request: &Request, is_raw: bool) -> Result<Self, String> {
        let mut given = match file {
            file::Parameters::Object(object) => object,
            file::Parameters::Text(text) => serde_json::from_str(&text.into_string()?)
                .map_err(|error| format!("the text of `parameters` is no JSON object: {error}"))?,
        };
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let mut headers = Map::from_iter(
            [("host", "gateway.example"), ("x-request-id", request.id())]
                .map(|(name, value)| (name.to_owned(), json!(value))),
        );
        match given.remove(HEADERS) {
            None => {}
            Some(Value::Object(listed)) => headers.extend(listed),
            Some(other) => return Err(format!("`{HEADERS}` is {other}, expected an object")),
        }
        headers.retain(|_, value| !value.is_null());
        let mut all = BTreeMap::from([
            (HEADERS.to_owned(), Parameter::Value(Value::Object(headers))),
            ("__ow_method".to_owned(), Parameter::Value(json!(request.method.to_lowercase()))),
            ("__ow_path".to_owned(), Parameter::Value(json!(path))),
            ("__ow_query".to_owned(), Parameter::Value(json!(query))),
        ]);
        if is_raw {
            let body = Value::from(String::from_utf8_lossy(&request.body));
            all.insert("__ow_body".to_owned(), Parameter::Value(body));
            all.insert("__ow_isBase64Encoded".to_owned(), Parameter::Value(Value::Bool(false)));
        }
        for (name, value) in given {
            all.insert(name, Parameter::new(value)?);
        }
        Ok(Self(all))
    }

    /// A line for each difference. Headers that were `added` to the client's request count only where they are listed.
    pub(crate) fn differences(&self, got: &[u8], added: &[&str]) -> Vec<String> {
        let entries = serde_json::from_slice::<&RawValue>(got).and_then(|json| serde_json::from_str(json.get()));
        let Entries(entries) = match entries {
            Ok(entries) => entries,
            Err(error) => return vec![format!("body of the call: expected parameters, got no JSON object: {error}")],
        };
        let mut received: BTreeMap<_, Vec<String>> = BTreeMap::new();
        for (name, value) in entries {
            received.entry(name).or_default().push(value.get().to_owned());
        }
        let nothing = Vec::new();
        let mut lines = Vec::new();
        for (name, expected) in &self.0 {
            let got = received.get(name).unwrap_or(&nothing);
            if !expected.is(&without(added, name, expected, got)) {
                lines.push(format!("parameter {name:?} of the call: expected {expected}, got {}", shown(got)));
            }
        }
        for (name, got) in received.iter().filter(|(name, _)| !self.0.contains_key(*name)) {
            lines.push(format!("parameter {name:?} of the call: expected none, got {}", shown(got)));
        }
        lines
    }
}

impl Parameter {
    fn new(value: Value) -> Result<Self, String> {
        let Value::Object(object) = &value else { return Ok(Self::Value(value)) };
        let form = |name: &str| object.get(name).filter(|_| object.len() == 1);
        if let Some(text) = form("json") {
            let text = Body::deserialize(text).map_err(|error| error.to_string())?;
            return Ok(Self::Exact(text.into_string()?));
        }
        match form("each") {
            Some(Value::Array(values)) => Ok(Self::Each(values.clone())),
            _ => Ok(Self::Value(value)),
        }
    }

    fn is(&self, got: &[String]) -> bool {
        let same =
            |expected: &Value, got: &String| serde_json::from_str::<Value>(got).is_ok_and(|got| got == *expected);
        match (self, got) {
            // OpenWhisk takes the last of several.
            (Self::Value(expected), [.., got]) => same(expected, got),
            (Self::Exact(expected), [.., got]) => expected == got,
            (Self::Each(expected), got) => {
                expected.len() == got.len() && expected.iter().zip(got).all(|(expected, got)| same(expected, got))
            }
            _ => false,
        }
    }
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => f.write_str(&shown(&[value.to_string()])),
            Self::Exact(text) => write!(f, "exactly {}", shown(std::slice::from_ref(text))),
            Self::Each(values) => f.write_str(&shown(&values.iter().map(Value::to_string).collect::<Vec<_>>())),
        }
    }
}

/// The headers of the client without what somebody else added to them; any other parameter as it is.
fn without(added: &[&str], name: &str, expected: &Parameter, got: &[String]) -> Vec<String> {
    let listed = |header: &str| match expected {
        Parameter::Value(Value::Object(headers)) => headers.contains_key(header),
        _ => false,
    };
    let rest = |text: &String| match serde_json::from_str(text) {
        Ok(Value::Object(mut headers)) if name == HEADERS => {
            headers.retain(|header, _| listed(header) || !added.contains(&header.as_str()));
            Value::Object(headers).to_string()
        }
        _ => text.clone(),
    };
    got.iter().map(rest).collect()
}

fn shown(texts: &[String]) -> String {
    /// How many characters of a value a difference shows.
    const SHOWN: usize = 200;
    let shorten = |text: &String| match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}… ({} bytes)", text.get(..end).unwrap_or_default(), text.len()),
        None => text.clone(),
    };
    if texts.is_empty() { "none".to_owned() } else { texts.iter().map(shorten).collect::<Vec<_>>().join(" and ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parameters of these lines of YAML, for `PUT /a%20b?c=d?e`.
    fn parameters(yaml: &str) -> Parameters {
        let request = Request {
            method: "PUT".to_owned(),
            path: "/a%20b?c=d?e".to_owned(),
            headers: vec![("x-request-id".to_owned(), b"7".to_vec())],
            body: Vec::new(),
        };
        let file = serde_saphyr::from_str(yaml).expect(yaml);
        Parameters::new(file, &request, false).expect(yaml)
    }

    const USUAL: &str = r#""__ow_headers":{"x-request-id":"7","host":"gateway.example"},"__ow_method":"put","__ow_path":"/a%20b","__ow_query":"c=d?e""#;

    #[test]
    fn parameters_are_complete_and_in_any_order() {
        let cases = [
            ("{}", "", Ok(())),
            ("{a: '1'}", r#","a":"1""#, Ok(())),
            ("{a: '1'}", r#","\u0061" : "\u0031""#, Ok(())),
            ("{a: 1, b: [null]}", r#","b":[ null ],"a":1"#, Ok(())),
            ("{a: '1'}", "", Err(r#"parameter "a" of the call: expected "1", got none"#)),
            ("{a: '1'}", r#","a":1"#, Err(r#"parameter "a" of the call: expected "1", got 1"#)),
            ("{a: 1}", r#","a":1.0"#, Err(r#"parameter "a" of the call: expected 1, got 1.0"#)),
            ("{}", r#","a":"1""#, Err(r#"parameter "a" of the call: expected none, got "1""#)),
            ("{a: '1'}", r#","a":"2","a":"1""#, Ok(())),
            ("{a: '1'}", r#","a":"1","a":"2""#, Err(r#"parameter "a" of the call: expected "1", got "1" and "2""#)),
            ("{a: {each: ['1', 2]}}", r#","a":"1","a":2"#, Ok(())),
            ("{a: {each: ['1', 2]}}", r#","a":2,"a":"1""#, Err(r#"expected "1" and 2, got 2 and "1""#)),
            ("{a: {each: ['1', 2]}}", r#","a":2"#, Err(r#"expected "1" and 2, got 2"#)),
            ("{a: {json: '1.0E2'}}", r#","a":1.0E2"#, Ok(())),
            ("{a: {json: '1.0E2'}}", r#","a":100.0"#, Err("expected exactly 1.0E2, got 100.0")),
            ("{a: {json: '\"\\ud800\"'}, '\\ud800': 1}", r#","a":"\ud800","\ud800":1"#, Ok(())),
            ("{a: {json: '1', b: 2}, c: {each: 3}}", r#","a":{"b":2,"json":"1"},"c":{"each":3}"#, Ok(())),
            (r#"'{"a": [1]}'"#, r#","a":[1]"#, Ok(())),
            (
                r#"[{repeat: '"a#":#,', times: 2, number: '#', before: '{', after: '"b":1}'}]"#,
                r#","a0":0,"a1":1,"b":1"#,
                Ok(()),
            ),
        ];
        for (yaml, rest, expected) in cases {
            let lines = parameters(yaml).differences(format!("{{{USUAL}{rest}}}").as_bytes(), &[]).join("\n");
            match expected {
                Ok(()) => assert_eq!(lines, "", "{yaml} {rest}"),
                Err(part) => assert!(lines.contains(part), "{yaml} {rest}: {part:?} is missing: {lines}"),
            }
        }
    }

    #[test]
    fn a_raw_request_has_its_body_as_a_text_where_nothing_else_is_said() {
        let request =
            Request { method: "PUT".to_owned(), path: "/".to_owned(), headers: Vec::new(), body: b"a".to_vec() };
        let usual = r#""__ow_headers":{"x-request-id":"","host":"gateway.example"},"__ow_method":"put","__ow_path":"/","__ow_query":"""#;
        for (yaml, rest, fits) in [
            ("{}", r#","__ow_body":"a","__ow_isBase64Encoded":false"#, true),
            ("{}", r#","__ow_body":"b","__ow_isBase64Encoded":false"#, false),
            ("{}", "", false),
            (
                "{__ow_body: YQ==, __ow_isBase64Encoded: true}",
                r#","__ow_body":"YQ==","__ow_isBase64Encoded":true"#,
                true,
            ),
        ] {
            let file = serde_saphyr::from_str(yaml).expect(yaml);
            let parameters = Parameters::new(file, &request, true).expect(yaml);
            let lines = parameters.differences(format!("{{{usual}{rest}}}").as_bytes(), &[]);
            assert_eq!(lines.is_empty(), fits, "{yaml} {rest}: {lines:?}");
        }
    }

    #[test]
    fn a_case_may_say_otherwise_than_usual() {
        let yaml = "{__ow_headers: {host: null, a: b}, __ow_method: put, __ow_path: /p, __ow_query: q=}";
        let json =
            r#"{"__ow_headers":{"x-request-id":"7","a":"b"},"__ow_method":"put","__ow_path":"/p","__ow_query":"q="}"#;
        assert_eq!(parameters(yaml).differences(json.as_bytes(), &[]), [""; 0]);
        for change in ["7", "a\"", "b\"", "put\"", "/p", "q="] {
            let wrong = json.replacen(change, &format!("wrong{change}"), 1);
            assert!(!parameters(yaml).differences(wrong.as_bytes(), &[]).is_empty(), "{wrong}");
        }
        assert!(!parameters("{}").differences(json.as_bytes(), &[]).is_empty());
    }

    #[test]
    fn values_may_nest_to_any_depth() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let yaml = "{a: {json: [{repeat: '[', times: 100000}, {repeat: ']', times: 100000}]}}";
        let got = format!("{{{USUAL},\"a\":{deep}}}");
        assert_eq!(parameters(yaml).differences(got.as_bytes(), &[]), [""; 0]);
        let lines = parameters(yaml).differences(got.replacen("[]", "[ ]", 1).as_bytes(), &[]);
        assert!(lines.concat().contains("… (200001 bytes)"), "{lines:?}");
    }

    #[test]
    fn what_is_no_object_is_a_difference() {
        for json in [&b""[..], b"[]", b"{", b"{}}", b"{\"a\":01}", b"{\"a\":\"\xff\"}"] {
            let lines = parameters("{}").differences(json, &[]).concat();
            assert!(lines.contains("got no JSON object"), "{:?}: {lines}", json.escape_ascii().to_string());
        }
    }
}
