//! JSON as text: taken apart and laid out without a change of what it says.

use std::fmt;
use std::iter::Peekable;
use std::str::Chars;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The fields of an object in their order.
#[derive(Debug)]
pub struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// Takes an object apart. Nothing if it is none.
    pub fn of(json: &'a str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }

    /// The first field with a name.
    pub fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, value)| *value)
    }

    /// The object without a field.
    pub fn without(&self, name: &str) -> String {
        let field = |(name, value): &(String, &RawValue)| format!("{}:{value}", serde_json::Value::from(name.as_str()));
        let fields: Vec<_> = self.0.iter().filter(|(field, _)| field != name).map(field).collect();
        format!("{{{}}}", fields.join(","))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// Lays valid JSON out over lines. Strings and numbers keep their text, but for characters that YAML does not print,
/// which get escaped.
pub fn pretty(json: &str) -> String {
    let mut layout = Layout { text: String::with_capacity(json.len()), depth: 0 };
    let mut chars = json.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            c if c.is_ascii_whitespace() => {}
            '"' => layout.string(&mut chars),
            '{' | '[' => {
                layout.text.push(c);
                while chars.next_if(char::is_ascii_whitespace).is_some() {}
                if let Some(end) = chars.next_if(|next| matches!(next, '}' | ']')) {
                    layout.text.push(end);
                } else {
                    layout.depth = layout.depth.saturating_add(1);
                    layout.new_line();
                }
            }
            '}' | ']' => {
                layout.depth = layout.depth.saturating_sub(1);
                layout.new_line();
                layout.text.push(c);
            }
            ',' => {
                layout.text.push(c);
                layout.new_line();
            }
            ':' => layout.text.push_str(": "),
            c => layout.text.push(c),
        }
    }
    layout.text
}

struct Layout {
    text: String,
    depth: usize,
}

impl Layout {
    fn new_line(&mut self) {
        self.text.push('\n');
        self.text.extend(std::iter::repeat_n("  ", self.depth));
    }

    /// Takes what is left of a string.
    fn string(&mut self, chars: &mut Peekable<Chars<'_>>) {
        self.text.push('"');
        while let Some(c) = chars.next() {
            match c {
                '\\' => self.text.extend([Some(c), chars.next()].into_iter().flatten()),
                c if is_unprintable(c) => {
                    let escaped = format!("\\u{:04x}", u32::from(c));
                    self.text.push_str(&escaped);
                }
                c => self.text.push(c),
            }
            if c == '"' {
                break;
            }
        }
    }
}

/// What YAML does not take as it is, or may take as the end of a line.
///
/// Source: YAML 1.2.2, production 1 (`c-printable`); YAML 1.1, section 4.2 (line breaks).
fn is_unprintable(c: char) -> bool {
    matches!(c, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_laid_out_and_says_the_same() {
        let cases = [
            ("{}", "{}"),
            ("{ \n }", "{}"),
            (r#"{"b":1.0,"a":[]}"#, "{\n  \"b\": 1.0,\n  \"a\": []\n}"),
            (r#"{"a":["x", {"b" : 1e2 }]}"#, "{\n  \"a\": [\n    \"x\",\n    {\n      \"b\": 1e2\n    }\n  ]\n}"),
            (r#"{"a":"{,:[\"\\"}"#, "{\n  \"a\": \"{,:[\\\"\\\\\"\n}"),
            ("[\"\u{85}\u{7f}\u{2028}ü\"]", "[\n  \"\\u0085\\u007f\\u2028ü\"\n]"),
        ];
        for (json, expected) in cases {
            let pretty = pretty(json);
            assert_eq!(pretty, expected);
            let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
            assert_eq!(read(&pretty), read(json));
        }
    }

    #[test]
    fn an_object_may_lose_a_field() {
        let object = Fields::of(r#"{"b": 1.0, "_meta": {"a": "}"}, "a\"": [ ]}"#).expect("an object");
        assert_eq!(object.without("_meta"), r#"{"b":1.0,"a\"":[ ]}"#);
        assert!(Fields::of("[]").is_none());
    }
}
