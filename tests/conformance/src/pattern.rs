//! Answers as the table writes them: `…` stands for any text, and alone for any value.

use corpus::Reply;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::openwhisk::shown;

/// What stands for any text.
const ANY: &str = "…";

/// The body of an answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "expected a text, {json: …}, {has: …} or {error: …}")]
pub enum Pattern {
    /// This text.
    Text(String),
    /// This value, whatever the order of the keys.
    Json {
        /// The value.
        json: Value,
    },
    /// At least these keys of objects, at any depth.
    Has {
        /// The value.
        has: Value,
    },
    /// The error object of the API: this text, and as `code` the id of the request that the answer has as a header.
    Error {
        /// The text.
        error: String,
    },
}

impl Pattern {
    /// The same with a text in the place of another.
    pub fn with(&self, from: &str, to: &str) -> Self {
        let text = |text: &String| text.replace(from, to);
        let value = |value: &Value| serde_json::from_str(&value.to_string().replace(from, to)).expect("JSON");
        match self {
            Self::Text(expected) => Self::Text(text(expected)),
            Self::Json { json } => Self::Json { json: value(json) },
            Self::Has { has } => Self::Has { has: value(has) },
            Self::Error { error } => Self::Error { error: text(error) },
        }
    }

    /// What differs, if anything does: what was recorded, and what came.
    pub fn difference(&self, reply: &Reply) -> Option<[String; 2]> {
        let json = || serde_json::from_slice::<Value>(&reply.body).ok();
        let (fits, recorded) = match self {
            Self::Text(text) => (fits(text, &String::from_utf8_lossy(&reply.body)), shown(text.as_bytes())),
            Self::Json { json: expected } => {
                (json().is_some_and(|got| value_fits(expected, &got, true)), expected.to_string())
            }
            Self::Has { has } => (json().is_some_and(|got| value_fits(has, &got, false)), format!("in it {has}")),
            Self::Error { error } => {
                let mut expected = Map::new();
                expected.insert("error".to_owned(), Value::from(error.as_str()));
                expected.insert(
                    "code".to_owned(),
                    testbed::client::header(reply, "x-request-id")
                        .first()
                        .map_or(Value::from(ANY), |id| Value::from(String::from_utf8_lossy(id))),
                );
                let expected = Value::Object(expected);
                (json().is_some_and(|got| value_fits(&expected, &got, true)), expected.to_string())
            }
        };
        (!fits).then(|| [format!("recorded body: {recorded}"), format!("what came:     {}", shown(&reply.body))])
    }
}

/// Whether a text is the other but for what is any.
pub fn fits(expected: &str, got: &str) -> bool {
    let Some((first, others)) = expected.split_once(ANY) else { return expected == got };
    let Some(mut rest) = got.strip_prefix(first) else { return false };
    let (middle, last) = others.rsplit_once(ANY).unwrap_or(("", others));
    for part in middle.split(ANY) {
        let Some((_, behind)) = rest.split_once(part) else { return false };
        rest = behind;
    }
    rest.ends_with(last)
}

fn value_fits(expected: &Value, got: &Value, is_whole: bool) -> bool {
    match (expected, got) {
        (Value::String(expected), _) if expected == ANY => true,
        (Value::String(expected), Value::String(got)) => fits(expected, got),
        (Value::Array(expected), Value::Array(got)) => {
            let mut pairs = expected.iter().zip(got);
            expected.len() == got.len() && pairs.all(|(expected, got)| value_fits(expected, got, is_whole))
        }
        (Value::Object(expected), Value::Object(got)) => {
            let found = |(name, expected): (&String, &Value)| {
                got.get(name).is_some_and(|got| value_fits(expected, got, is_whole))
            };
            (!is_whole || expected.len() == got.len()) && expected.iter().all(found)
        }
        _ => expected == got,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn any_text_may_stand_anywhere() {
        for (expected, got, does) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("…", "", true),
            ("a…", "abc", true),
            ("…c", "abc", true),
            ("a…c", "ac", true),
            ("ab…ba", "aba", false),
            ("a…b…c", "axbxc", true),
            ("a…b…c", "axxc", false),
            ("", "a", false),
        ] {
            assert_eq!(fits(expected, got), does, "{expected} {got}");
        }
    }

    #[test]
    fn a_body_is_compared_as_it_is_written() {
        let got = json!({"code": "7", "error": "gone: x", "list": [{"a": 1, "b": 2}]}).to_string();
        for (pattern, does) in [
            (json!(got), true),
            (json!("{\"code\":…}"), true),
            (json!({"json": {"code": "…", "error": "gone: …", "list": "…"}}), true),
            (json!({"json": {"code": "…", "error": "gone: …"}}), false),
            (json!({"has": {"error": "gone: …", "list": [{"b": 2}]}}), true),
            (json!({"has": {"list": [{"b": 3}]}}), false),
            (json!({"has": {"list": []}}), false),
            (json!({"error": "gone: …"}), false),
        ] {
            let parsed: Pattern = serde_json::from_value(pattern.clone()).expect("a pattern");
            let reply = Reply { status: 200, headers: Vec::new(), body: got.clone().into() };
            assert_eq!(parsed.difference(&reply).is_none(), does, "{pattern}");
        }
    }

    #[test]
    fn an_error_names_the_id_of_its_request() {
        let pattern = Pattern::Error { error: "no $x".to_owned() }.with("$x", "y");
        for (header, code, does) in [("7", "7", true), ("7", "8", false)] {
            let headers = vec![("X-Request-ID".to_owned(), header.into())];
            let body = json!({"error": "no y", "code": code}).to_string().into();
            let reply = Reply { status: 404, headers, body };
            assert_eq!(pattern.difference(&reply).is_none(), does, "{code}");
        }
    }
}
