//! A configuration as JSON, read attribute by attribute, with every mistake in it.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::Value;

/// How many characters of a wrong value an error quotes.
const QUOTED: usize = 64;

/// One mistake in a configuration, as one sentence for the operator. Never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// There are no bytes at all.
    Empty,
    /// The bytes are a protobuf message.
    Protobuf,
    /// The text is not JSON, with the parser's reason.
    NotJson(String),
    /// The JSON is not an object, but this kind of value.
    NotAnObject(&'static str),
    /// An attribute nobody knows.
    Unknown {
        /// The name as written.
        name: String,
        /// The names there are.
        known: &'static [&'static str],
    },
    /// An attribute stands in the object twice.
    Repeated(String),
    /// A required attribute is not there.
    Missing {
        /// Its name.
        attribute: &'static str,
        /// What it should hold.
        expected: String,
    },
    /// An attribute holds something else than it should.
    Wrong {
        /// Its name.
        attribute: &'static str,
        /// What was found, fit to be shown.
        found: String,
        /// What it should hold.
        expected: String,
    },
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the configuration is empty, expected a JSON object"),
            Self::Protobuf => f.write_str(
                "the configuration is not text but a protobuf message, expected a JSON object: on Envoy put it into \
                 a google.protobuf.StringValue (a google.protobuf.Struct does not arrive as JSON)",
            ),
            Self::NotJson(reason) => write!(f, "the configuration is not JSON: {reason}"),
            Self::NotAnObject(kind) => write!(f, "the configuration is {kind}, expected a JSON object"),
            Self::Unknown { name, known } => {
                write!(f, "unknown attribute `{}`, expected one of ", shortened(name).escape_debug())?;
                for (index, known) in known.iter().enumerate() {
                    write!(f, "{}`{known}`", if index == 0 { "" } else { ", " })?;
                }
                Ok(())
            }
            Self::Repeated(name) => {
                write!(f, "`{}` is given twice, expected it once", shortened(name).escape_debug())
            }
            Self::Missing { attribute, expected } => write!(f, "`{attribute}` is missing, expected {expected}"),
            Self::Wrong { attribute, found, expected } => write!(f, "`{attribute}` is {found}, expected {expected}"),
        }
    }
}

/// The attributes of a configuration not read yet, and the mistakes found so far.
#[derive(Debug)]
pub struct Attributes {
    values: BTreeMap<String, Value>,
    mistakes: Vec<Mistake>,
}

impl Attributes {
    /// Reads the JSON object.
    ///
    /// # Errors
    /// The mistake that keeps every attribute from being read.
    pub fn from_json(json: &[u8]) -> Result<Self, Mistake> {
        if json.is_empty() {
            return Err(Mistake::Empty);
        }
        if let Ok(Object { values, repeated }) = serde_json::from_slice(json) {
            return Ok(Self { values, mistakes: repeated.into_iter().map(Mistake::Repeated).collect() });
        }
        // The reasons for no JSON at all quote nothing, those for no object would quote a token in its place.
        Err(match serde_json::from_slice::<Value>(json) {
            Ok(other) => Mistake::NotAnObject(kind_of(&other)),
            Err(_) if is_protobuf(json) => Mistake::Protobuf,
            Err(reason) => Mistake::NotJson(reason.to_string()),
        })
    }

    /// Reads one attribute that may be left out. A wrong value becomes a mistake and counts as left out.
    pub fn optional<T>(
        &mut self,
        attribute: &'static str,
        expected: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.values.remove(attribute)?;
        self.checked(attribute, expected, &value, read)
    }

    /// Reads one attribute that must be there. A missing or wrong one becomes a mistake.
    pub fn required<T>(
        &mut self,
        attribute: &'static str,
        expected: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.take_required(attribute, expected)?;
        self.checked(attribute, expected, &value, read)
    }

    /// Takes out the value of an attribute that must be there, for those whose mistakes need words
    /// of their own. A missing one becomes a mistake.
    pub fn take_required(&mut self, attribute: &'static str, expected: &str) -> Option<Value> {
        let value = self.values.remove(attribute);
        if value.is_none() {
            self.mistakes.push(Mistake::Missing { attribute, expected: expected.to_owned() });
        }
        value
    }

    fn checked<T>(
        &mut self,
        attribute: &'static str,
        expected: &str,
        value: &Value,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        let read = read(value);
        if read.is_none() {
            self.wrong(attribute, quoted(value), expected);
        }
        read
    }

    /// Notes a wrong value. `found` must be fit to be shown.
    pub fn wrong(&mut self, attribute: &'static str, found: String, expected: &str) {
        self.mistakes.push(Mistake::Wrong { attribute, found, expected: expected.to_owned() });
    }

    /// All mistakes: those found while reading, and a mistake for each attribute that is left.
    #[must_use]
    pub fn into_mistakes(mut self, known: &'static [&'static str]) -> Vec<Mistake> {
        let unknown = self.values.into_keys().map(|name| Mistake::Unknown { name, known });
        self.mistakes.extend(unknown);
        self.mistakes
    }
}

/// A whole number from 0 to 2^53; `60000.0` is one too.
///
/// Source: `APISIX` hands a configuration over through cjson, which writes whole numbers as floats.
#[must_use]
pub fn whole_number(value: &Value) -> Option<u64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    value.as_u64().or_else(|| {
        let number = value.as_f64()?;
        let is_whole = number.fract() == 0.0 && (0.0..=EXACT).contains(&number);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked to be whole and in range in the line above"
        )]
        is_whole.then_some(number as u64)
    })
}

/// A JSON value for an error message: strings cut and escaped, containers by kind only.
#[must_use]
pub fn quoted(value: &Value) -> String {
    match value {
        Value::String(text) if text.chars().count() > QUOTED => {
            format!("{:?}… ({} characters)", shortened(text), text.chars().count())
        }
        Value::String(text) => format!("{text:?}"),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => kind_of(value).to_owned(),
    }
}

/// The kind of a JSON value, with its article: tells nothing of what is in it.
#[must_use]
pub const fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(QUOTED).collect()
}

/// Whether bytes that are no JSON look like a protobuf message: field tags are control characters.
fn is_protobuf(bytes: &[u8]) -> bool {
    let is_text = |byte: &u8| *byte >= b' ' || matches!(byte, b'\t' | b'\n' | b'\r');
    std::str::from_utf8(bytes).is_err() || !bytes.iter().all(is_text)
}

/// A JSON object that remembers which keys came twice: `serde_json` alone keeps the last without a word.
struct Object {
    values: BTreeMap<String, Value>,
    repeated: Vec<String>,
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor;

        impl<'de> Visitor<'de> for ObjectVisitor {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut object = Object { values: BTreeMap::new(), repeated: Vec::new() };
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if object.values.insert(name.clone(), value).is_some() {
                        object.repeated.push(name);
                    }
                }
                Ok(object)
            }
        }

        deserializer.deserialize_map(ObjectVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_json_object_is_named() {
        let cases: &[(&[u8], &str)] = &[
            (b"", "the configuration is empty, expected a JSON object"),
            (b"[]", "the configuration is an array, expected a JSON object"),
            (b"\"user:key\"", "the configuration is a string, expected a JSON object"),
            (b"7", "the configuration is a number, expected a JSON object"),
            (b"api_host: x", "the configuration is not JSON: expected value at line 1 column 1"),
            (b"{\"a\": }", "the configuration is not JSON: expected value at line 1 column 7"),
            (b"\"user:key\" x", "the configuration is not JSON: trailing characters at line 1 column 12"),
            (b"{} {}", "the configuration is not JSON: trailing characters at line 1 column 4"),
        ];
        for (json, expected) in cases {
            let mistake = Attributes::from_json(json).expect_err("not an object");
            assert_eq!(mistake.to_string(), *expected, "{:?}", json.escape_ascii().to_string());
        }
        for protobuf in [&b"\n\x1c\n\x08api_host\x12\x10\x1a\x0ehttp"[..], b"\x0a\x7b\x0a\xff"] {
            assert_eq!(Attributes::from_json(protobuf).expect_err("not an object"), Mistake::Protobuf);
        }
    }

    #[test]
    fn a_key_given_twice_is_a_mistake() {
        let attributes = Attributes::from_json(br#"{"a": 1, "a": 2}"#).expect("an object");
        let mistakes: Vec<_> = attributes.into_mistakes(&["a"]).iter().map(ToString::to_string).collect();
        assert_eq!(mistakes, ["`a` is given twice, expected it once", "unknown attribute `a`, expected one of `a`"]);
    }

    #[test]
    fn whole_numbers_may_be_written_as_floats() {
        let cases = [
            ("0", Some(0)),
            ("60000", Some(60_000)),
            ("60000.0", Some(60_000)),
            ("6e4", Some(60_000)),
            ("1.5", None),
            ("-1", None),
            ("-0.0", Some(0)),
            ("1e300", None),
            ("\"1\"", None),
            ("true", None),
            ("null", None),
        ];
        for (json, expected) in cases {
            let value: Value = serde_json::from_str(json).expect(json);
            assert_eq!(whole_number(&value), expected, "{json}");
        }
    }

    #[test]
    fn quoted_values_are_escaped_and_short() {
        let exact = format!("{:?}", "é".repeat(64));
        let long = format!("{:?}", "é".repeat(100));
        let cases = [
            ("\"a\\nb\"", "\"a\\nb\"".to_owned()),
            (exact.as_str(), exact.clone()),
            (long.as_str(), format!("\"{}\"… (100 characters)", "é".repeat(64))),
            ("[1,2]", "an array".to_owned()),
            ("{\"a\":1}", "an object".to_owned()),
            ("null", "null".to_owned()),
            ("1.5", "1.5".to_owned()),
        ];
        for (json, expected) in cases {
            let value: Value = serde_json::from_str(json).expect(json);
            assert_eq!(quoted(&value), expected, "{json}");
        }
    }
}
