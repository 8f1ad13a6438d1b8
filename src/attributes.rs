//! One level of a configuration as JSON: read attribute by attribute, with every mistake in it.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::mistake::{Mistake, QUOTED, shown};

/// The attributes of one level not read yet, and the mistakes found so far.
#[derive(Debug)]
pub struct Attributes<'a> {
    place: String,
    values: BTreeMap<String, &'a RawValue>,
    repeated: Vec<String>,
    mistakes: Vec<Mistake>,
}

/// What one level says about an attribute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Setting<T> {
    /// Nothing.
    #[default]
    Absent,
    /// That in a route it is as if the top level said nothing: null.
    Unset,
    /// Something that is a mistake, already noted.
    Wrong,
    /// This value.
    Given(T),
}

impl<T: Clone> Setting<T> {
    /// This setting, or where there is none the other one.
    #[must_use]
    pub fn or(self, base: &Self) -> Self {
        if matches!(self, Self::Absent) { base.clone() } else { self }
    }
}

impl<T> Setting<T> {
    /// The value, if there is a valid one.
    pub fn given(self) -> Option<T> {
        match self {
            Self::Given(value) => Some(value),
            Self::Absent | Self::Unset | Self::Wrong => None,
        }
    }
}

impl<'a> Attributes<'a> {
    /// Reads the JSON object of the top level.
    ///
    /// # Errors
    /// The mistake that keeps every attribute from being read.
    pub fn from_json(json: &'a [u8]) -> Result<Self, Mistake> {
        if json.is_empty() {
            return Err(Mistake::Empty);
        }
        let Ok(json) = std::str::from_utf8(json) else { return Err(Mistake::Protobuf) };
        let reason = match serde_json::from_str(json) {
            Ok(object) => return Ok(Self::new(object, String::new())),
            Err(reason) => reason,
        };
        // The reasons for no JSON at all quote nothing, those for no object would quote a token in its place.
        Err(match serde_json::from_str::<&RawValue>(json) {
            Ok(other) if !other.get().starts_with('{') => Mistake::NotAnObject(kind_of(other)),
            Ok(_) => Mistake::NotJson(reason.to_string()),
            Err(_) if is_protobuf(json) => Mistake::Protobuf,
            Err(reason) => Mistake::NotJson(reason.to_string()),
        })
    }

    /// Reads an object within a configuration. `place` goes before the names of its attributes.
    ///
    /// # Errors
    /// What was found instead, fit to be shown.
    pub fn within(json: &'a RawValue, place: String) -> Result<Self, String> {
        match serde_json::from_str(json.get()) {
            Ok(object) => Ok(Self::new(object, place)),
            Err(reason) if json.get().starts_with('{') => Err(format!("an object that cannot be read ({reason})")),
            Err(_) => Err(kind_of(json).to_owned()),
        }
    }

    fn new(object: Object<'a>, place: String) -> Self {
        let Object { values, repeated } = object;
        Self { place, values, repeated, mistakes: Vec::new() }
    }

    /// Takes out the names that came twice.
    pub fn take_repeated(&mut self) -> Vec<String> {
        std::mem::take(&mut self.repeated)
    }

    /// Takes out an attribute of the top level.
    pub fn take(&mut self, attribute: &str) -> Option<&'a RawValue> {
        self.values.remove(attribute)
    }

    /// Takes out an attribute, for those whose mistakes need words of their own.
    ///
    /// # Errors
    /// The setting that it stands for without a value.
    pub fn take_given<T>(&mut self, attribute: &str) -> Result<&'a RawValue, Setting<T>> {
        match self.values.remove(attribute) {
            None => Err(Setting::Absent),
            Some(json) if json.get() == "null" && !self.place.is_empty() => Err(Setting::Unset),
            Some(json) => Ok(json),
        }
    }

    /// Takes out all attributes that are left.
    pub fn take_all(&mut self) -> BTreeMap<String, &'a RawValue> {
        std::mem::take(&mut self.values)
    }

    /// Reads one attribute. A wrong value becomes a mistake.
    pub fn read<T>(
        &mut self,
        attribute: &str,
        expected: &dyn fmt::Display,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Setting<T> {
        let json = match self.take_given(attribute) {
            Ok(json) => json,
            Err(setting) => return setting,
        };
        match value_of(json).as_ref().and_then(read) {
            Some(value) => Setting::Given(value),
            // A text with a colon could be a key in the wrong place.
            None if text(json).is_some_and(|text| text.contains(':')) => {
                self.wrong(attribute, "a string with `:`".to_owned(), expected)
            }
            None => self.wrong(attribute, quoted(json), expected),
        }
    }

    /// Reads one attribute that is a text; `read` gives its value or says what was expected. A wrong one becomes a mistake,
    /// which does not quote a text with the character that `secret` gives for
    /// it.
    pub fn read_quiet<T, E: fmt::Display>(
        &mut self,
        attribute: &str,
        expected: &dyn fmt::Display,
        secret: impl FnOnce(&str) -> Option<char>,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Setting<T> {
        let json = match self.take_given(attribute) {
            Ok(json) => json,
            Err(setting) => return setting,
        };
        let Some(text) = text(json) else { return self.wrong(attribute, quoted(json), expected) };
        match read(&text) {
            Ok(value) => Setting::Given(value),
            Err(expected) => {
                let found = match secret(&text).filter(|secret| text.contains(*secret)) {
                    Some(secret) => format!("a string with `{secret}`"),
                    None => quoted(json),
                };
                self.wrong(attribute, found, &expected)
            }
        }
    }

    /// Notes a wrong value. `found` must be fit to be shown.
    pub fn wrong<T>(&mut self, attribute: &str, found: String, expected: &dyn fmt::Display) -> Setting<T> {
        let attribute = self.named(attribute);
        self.mistakes.push(Mistake::Wrong { attribute, found, expected: expected.to_string() });
        Setting::Wrong
    }

    /// The value of a setting that there must be. If there is none, that is a mistake.
    pub fn require<T>(&mut self, attribute: &str, expected: &dyn fmt::Display, setting: Setting<T>) -> Option<T> {
        if matches!(setting, Setting::Absent | Setting::Unset) {
            let attribute = self.named(attribute);
            self.mistakes.push(Mistake::Missing { attribute, expected: expected.to_string() });
        }
        setting.given()
    }

    /// All mistakes: those found while reading, and a mistake for each attribute that is left. `known` are the
    /// names there are here, `top` those that belong to the top level.
    #[must_use]
    pub fn into_mistakes(mut self, known: &'static [&'static str], top: &[&str]) -> Vec<Mistake> {
        for name in self.take_repeated() {
            let attribute = self.named(&unknown(&name));
            self.mistakes.push(Mistake::Repeated { attribute });
        }
        for name in self.take_all().into_keys() {
            let attribute = self.named(&unknown(&name));
            self.mistakes.push(if top.contains(&name.as_str()) {
                Mistake::NotForRoutes { attribute }
            } else {
                Mistake::Unknown { attribute, known }
            });
        }
        self.mistakes
    }

    fn named(&self, attribute: &str) -> String {
        format!("{}{attribute}", self.place)
    }
}

/// A JSON value for an error message: strings cut and escaped, containers by kind only.
#[must_use]
pub fn quoted(json: &RawValue) -> String {
    match value_of(json) {
        Some(Value::String(text)) => {
            let count = text.chars().count();
            let rest = if count > QUOTED { format!("… ({count} characters)") } else { String::new() };
            format!("{:?}{rest}", text.chars().take(QUOTED).collect::<String>())
        }
        Some(value @ (Value::Bool(_) | Value::Number(_))) => value.to_string(),
        Some(Value::Null | Value::Array(_) | Value::Object(_)) | None => kind_of(json).to_owned(),
    }
}

/// The kind of a JSON value, with its article: tells nothing of what is in it.
#[must_use]
pub fn kind_of(json: &RawValue) -> &'static str {
    match json.get().bytes().next() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// The text of a JSON string.
#[must_use]
pub fn text(json: &RawValue) -> Option<String> {
    serde_json::from_str(json.get()).ok()
}

/// A name that nobody knows, for an error message. One with a colon, or a very long one, could be a key.
fn unknown(name: &str) -> String {
    match name.chars().count() {
        QUOTED.. => format!("({} characters)", name.chars().count()),
        _ if name.contains(':') => "(a name with a colon)".to_owned(),
        _ => shown(name),
    }
}

fn value_of(json: &RawValue) -> Option<Value> {
    serde_json::from_str(json.get()).ok()
}

/// Whether a text that is no JSON looks like a protobuf message: field tags are control characters.
fn is_protobuf(text: &str) -> bool {
    text.bytes().any(|byte| byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r'))
}

/// A JSON object that remembers which keys came twice: `serde_json` alone keeps the last without a word.
struct Object<'a> {
    values: BTreeMap<String, &'a RawValue>,
    repeated: Vec<String>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<'a>(PhantomData<Object<'a>>);

        impl<'de: 'a, 'a> Visitor<'de> for ObjectVisitor<'a> {
            type Value = Object<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut object = Object { values: BTreeMap::new(), repeated: Vec::new() };
                while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                    if object.values.insert(name.clone(), value).is_some() {
                        object.repeated.push(name);
                    }
                }
                Ok(object)
            }
        }

        deserializer.deserialize_map(ObjectVisitor(PhantomData))
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
        let mistakes: Vec<_> = attributes.into_mistakes(&["a"], &[]).iter().map(ToString::to_string).collect();
        assert_eq!(mistakes, ["`a` is given twice, expected it once", "unknown attribute `a`, expected one of `a`"]);
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
            let value: &RawValue = serde_json::from_str(json).expect(json);
            assert_eq!(quoted(value), expected, "{json}");
        }
    }
}
