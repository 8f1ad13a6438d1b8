//! A JSON object of a configuration: read attribute by attribute, with every mistake in it.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::config::entry::Entry;
use crate::config::mistake::{Mistake, shown};
use crate::config::secret::behind;
use crate::error::quote::{QUOTED, beginning};
use crate::json::kind_of;

/// Gives the value of an environment variable, if it is set.
pub type ReadEnvironment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What all objects of a configuration share: the environment, and the mistakes found so far.
pub struct Reading<'a> {
    read_environment: ReadEnvironment<'a>,
    mistakes: Vec<Mistake>,
}

/// The attributes of an object that are not read yet.
pub struct Object<'a, 'r> {
    place: String,
    fields: Fields<'a>,
    reading: &'r mut Reading<'a>,
}

impl<'a> Reading<'a> {
    /// A reading without mistakes yet.
    #[must_use]
    pub const fn new(read_environment: ReadEnvironment<'a>) -> Self {
        Self { read_environment, mistakes: Vec::new() }
    }

    /// Notes a mistake.
    pub fn note(&mut self, mistake: Mistake) {
        self.mistakes.push(mistake);
    }

    /// All mistakes, in the order in which they were found.
    #[must_use]
    pub fn into_mistakes(self) -> Vec<Mistake> {
        self.mistakes
    }

    /// Reads the object of the top level. `None` if there is none, which is noted.
    pub fn top<'r>(&'r mut self, json: &'a [u8]) -> Option<Object<'a, 'r>> {
        match fields(json) {
            Ok(fields) => Some(Object { place: String::new(), fields, reading: self }),
            Err(mistake) => {
                self.note(mistake);
                None
            }
        }
    }

    /// Reads an object in a configuration. `place` goes before the names of its attributes. `None` if there is none,
    /// which is noted of an `attribute` that should hold what was `expected`.
    pub fn within<'r>(&'r mut self, json: &'a RawValue, place: String, expected: &str) -> Option<Object<'a, 'r>> {
        let found = match serde_json::from_str(json.get()) {
            Ok(fields) => {
                return Some(Object { place, fields, reading: self });
            }
            Err(reason) if json.get().starts_with('{') => {
                format!("an object that cannot be read ({reason})")
            }
            Err(_) => kind_of(json.get()).to_owned(),
        };
        self.note(Mistake::Wrong { attribute: place, found, expected: expected.to_owned() });
        None
    }
}

/// Reads the fields of the top level, or the mistake that keeps every attribute from being read.
fn fields(json: &[u8]) -> Result<Fields<'_>, Mistake> {
    if json.is_empty() {
        return Err(Mistake::Empty);
    }
    let Ok(json) = std::str::from_utf8(json) else {
        return Err(Mistake::Protobuf);
    };
    let reason = match serde_json::from_str(json) {
        Ok(fields) => return Ok(fields),
        Err(reason) => reason,
    };
    // The reasons for no JSON at all quote nothing, those for no object would quote a token in its place.
    Err(match serde_json::from_str::<&RawValue>(json) {
        Ok(other) if !other.get().starts_with('{') => Mistake::NotAnObject(kind_of(other.get())),
        Ok(_) => Mistake::NotJson(reason.to_string()),
        Err(_) if is_protobuf(json) => Mistake::Protobuf,
        Err(reason) => Mistake::NotJson(reason.to_string()),
    })
}

impl<'a> Object<'a, '_> {
    /// Whether it is that of the top level.
    #[must_use]
    pub const fn is_top(&self) -> bool {
        self.place.is_empty()
    }

    /// Takes out the names that came twice.
    pub fn take_repeated(&mut self) -> Vec<String> {
        std::mem::take(&mut self.fields.repeated)
    }

    /// Takes out all attributes that are left.
    pub fn take_all(&mut self) -> BTreeMap<String, &'a RawValue> {
        std::mem::take(&mut self.fields.values)
    }

    /// Takes out an attribute as it stands there.
    pub fn take(&mut self, attribute: &str) -> Option<&'a RawValue> {
        self.fields.values.remove(attribute)
    }

    /// The value of an environment variable, if it is set.
    #[must_use]
    pub fn environment(&self, name: &str) -> Option<String> {
        (self.reading.read_environment)(name)
    }

    /// Reads one attribute. Where `read` fails, that is noted.
    pub fn read_json<T>(
        &mut self,
        attribute: &str,
        read: impl FnOnce(&Self, &'a RawValue) -> Result<T, Wrong>,
    ) -> Entry<T> {
        match self.take(attribute) {
            None => Entry::Absent,
            // In a route only: it stands for no value of the top level.
            Some(json) if json.get() == "null" && !self.is_top() => Entry::Null,
            Some(json) => match read(self, json) {
                Ok(value) => Entry::Value(value),
                Err(wrong) => {
                    self.wrong(attribute, wrong);
                    Entry::Wrong
                }
            },
        }
    }

    /// Reads one attribute. A wrong value is quoted.
    pub fn read<T>(
        &mut self,
        attribute: &str,
        expected: &dyn fmt::Display,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Entry<T> {
        self.read_json(attribute, |_, json| {
            value_of(json).as_ref().and_then(read).ok_or_else(|| Wrong::value(json, ':', expected))
        })
    }

    /// Reads one attribute that is a text; `read` gives its value or says what was expected. A wrong text is quoted, but
    /// for one with the character that `secret` gives for it.
    pub fn read_text<T, E: fmt::Display>(
        &mut self,
        attribute: &str,
        expected: &dyn fmt::Display,
        secret: impl FnOnce(&str) -> Option<char>,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Entry<T> {
        self.read_json(attribute, |_, json| {
            let Some(text) = text(json) else {
                return Err(Wrong::new(&quoted(json), expected));
            };
            read(&text).map_err(|expected| match secret(&text) {
                Some(secret) => Wrong::value(json, secret, &expected),
                None => Wrong::new(&quoted(json), &expected),
            })
        })
    }

    /// Reads one attribute that is an object of names that are the operator's to choose: `read` takes each. Every mistake in
    /// it is noted.
    pub fn read_each(
        &mut self,
        attribute: &str,
        expected: &dyn fmt::Display,
        read: &mut dyn FnMut(&Self, &str, &'a RawValue) -> Result<(), Wrong>,
    ) -> Entry<()> {
        let fields = self.read_json(attribute, |_, json| {
            serde_json::from_str(json.get()).map_err(|_| Wrong::new(kind_of(json.get()), expected))
        });
        let Fields { values, repeated } = match fields {
            Entry::Value(fields) => fields,
            Entry::Absent => return Entry::Absent,
            Entry::Null => return Entry::Null,
            Entry::Wrong => return Entry::Wrong,
        };
        let twice = repeated.into_iter().map(|name| (name, Wrong::new("given twice", &"it once")));
        let mut wrong: Vec<_> = twice.collect();
        for (name, json) in values {
            if let Err(reason) = read(self, &name, json) {
                wrong.push((name, reason));
            }
        }
        let entry = if wrong.is_empty() { Entry::Value(()) } else { Entry::Wrong };
        for (name, reason) in wrong {
            self.wrong(&format!("{attribute}.{}", unknown(&name)), reason);
        }
        entry
    }

    /// Notes a wrong value.
    #[cold]
    pub fn wrong(&mut self, attribute: &str, wrong: Wrong) {
        let attribute = self.named(attribute);
        let Wrong { found, expected } = wrong;
        self.reading.note(Mistake::Wrong { attribute, found, expected });
    }

    /// Notes that an attribute is missing.
    #[cold]
    pub fn missing(&mut self, attribute: &str, expected: &dyn fmt::Display) {
        let attribute = self.named(attribute);
        self.reading.note(Mistake::Missing { attribute, expected: expected.to_string() });
    }

    /// Notes the names that came twice, and the attributes that are left. `known` are those there are here, `top` those
    /// of the top level only.
    pub fn finish(mut self, known: &[&'static str], top: &[&str]) {
        for name in self.take_repeated() {
            let attribute = self.named(&unknown(&name));
            self.reading.note(Mistake::Repeated { attribute });
        }
        for name in self.take_all().into_keys() {
            let attribute = self.named(&unknown(&name));
            self.reading.note(if top.contains(&name.as_str()) {
                Mistake::NotForRoutes { attribute }
            } else {
                Mistake::Unknown { attribute, known: known.to_vec() }
            });
        }
    }

    fn named(&self, attribute: &str) -> String {
        if self.is_top() { attribute.to_owned() } else { format!("{}.{attribute}", self.place) }
    }
}

/// Why a value is wrong.
#[derive(Debug)]
pub struct Wrong {
    found: String,
    expected: String,
}

impl Wrong {
    /// With what was found, fit to be shown, and what was expected.
    #[must_use]
    #[cold]
    pub fn new(found: &str, expected: &dyn fmt::Display) -> Self {
        Self { found: found.to_owned(), expected: expected.to_string() }
    }

    /// With the value that was found. A text with a character that tells of a secret, or with a scheme, is not quoted.
    #[cold]
    fn value(json: &RawValue, secret: char, expected: &dyn fmt::Display) -> Self {
        match text(json) {
            Some(text) if text.contains(secret) => Self::new(&format!("a string with `{secret}`"), expected),
            Some(text) if has_scheme(&text) => Self::new("a string that begins as `authorization` does", expected),
            _ => Self::new(&quoted(json), expected),
        }
    }
}

impl fmt::Debug for Reading<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.mistakes).finish()
    }
}

impl fmt::Debug for Object<'_, '_> {
    /// The names only: a value may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.fields.values.keys()).finish()
    }
}

/// A JSON value for an error message: strings cut and escaped, containers by kind only.
fn quoted(json: &RawValue) -> String {
    match value_of(json) {
        Some(Value::String(text)) => {
            let count = text.chars().count();
            let rest = if count > QUOTED { format!("… ({count} characters)") } else { String::new() };
            format!("{:?}{rest}", beginning(&text, QUOTED))
        }
        Some(value @ (Value::Bool(_) | Value::Number(_))) => value.to_string(),
        Some(Value::Null | Value::Array(_) | Value::Object(_)) | None => kind_of(json.get()).to_owned(),
    }
}

/// The text of a JSON string. `None` if it is another value.
#[must_use]
#[inline(never)]
pub fn text(json: &RawValue) -> Option<String> {
    serde_json::from_str(json.get()).ok()
}

/// A name that nobody knows, for an error message. One with a colon or a scheme, or a very long one, could be a key.
fn unknown(name: &str) -> String {
    match name.chars().count() {
        QUOTED.. => format!("({} characters)", name.chars().count()),
        _ if name.contains(':') => "(a name with a colon)".to_owned(),
        _ if has_scheme(name) => "(a name with a scheme)".to_owned(),
        _ => shown(name),
    }
}

/// Whether a text begins as a header `authorization` does, and could be one in the wrong place.
fn has_scheme(text: &str) -> bool {
    ["Basic ", "Bearer "].iter().any(|scheme| behind(scheme, text).is_some())
}

#[inline(never)]
fn value_of(json: &RawValue) -> Option<Value> {
    serde_json::from_str(json.get()).ok()
}

/// Whether a text that is no JSON looks like a protobuf message: field tags are control characters.
fn is_protobuf(text: &str) -> bool {
    text.bytes().any(|byte| byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r'))
}

/// A JSON object that remembers which keys came twice: `serde_json` alone keeps the last without a word.
struct Fields<'a> {
    values: BTreeMap<String, &'a RawValue>,
    repeated: Vec<String>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor<'a>(PhantomData<Fields<'a>>);

        impl<'de: 'a, 'a> Visitor<'de> for FieldsVisitor<'a> {
            type Value = Fields<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Fields { values: BTreeMap::new(), repeated: Vec::new() };
                while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                    if fields.values.insert(name.clone(), value).is_some() {
                        fields.repeated.push(name);
                    }
                }
                Ok(fields)
            }
        }

        deserializer.deserialize_map(FieldsVisitor(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All mistakes of an object that may have the attribute `a`.
    fn mistakes(json: &[u8]) -> Vec<String> {
        let mut reading = Reading::new(&|_| None);
        if let Some(object) = reading.top(json) {
            object.finish(&["a"], &[]);
        }
        reading.into_mistakes().iter().map(ToString::to_string).collect()
    }

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
            assert_eq!(mistakes(json), [*expected], "{:?}", json.escape_ascii().to_string());
        }
        for protobuf in [&b"\n\x1c\n\x08api_host\x12\x10\x1a\x0ehttp"[..], b"\x0a\x7b\x0a\xff"] {
            assert_eq!(mistakes(protobuf), [Mistake::Protobuf.to_string()]);
        }
    }

    #[test]
    fn a_key_given_twice_is_a_mistake() {
        assert_eq!(
            mistakes(br#"{"a": 1, "a": 2}"#),
            ["`a` is given twice, expected it once", "unknown attribute `a`, expected one of `a`"]
        );
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
