//! Walks over the entries of a JSON object where they stand, without building anything.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;

/// The text is not a JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnObject;

/// Calls `each` with the name and the value of each entry of a JSON object, in their order.
///
/// Names are bytes: JSON allows escapes that stand for half of a character. Values may nest to any depth.
///
/// # Errors
/// [`NotAnObject`] if the text is anything else, perhaps after some calls.
pub fn entries<'a>(json: &'a str, each: impl FnMut(&[u8], &'a RawValue)) -> Result<(), NotAnObject> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    Walk(each).deserialize(&mut deserializer).and_then(|()| deserializer.end()).map_err(|_| NotAnObject)
}

struct Walk<F>(F);

impl<'a, F: FnMut(&[u8], &'a RawValue)> de::DeserializeSeed<'a> for Walk<F> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'a, F: FnMut(&[u8], &'a RawValue)> Visitor<'a> for Walk<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut map: A) -> Result<(), A::Error> {
        // As raw values, because the parser does not look for control characters in a name it reads as bytes.
        while let Some((name, value)) = map.next_entry::<&RawValue, &RawValue>()? {
            let plain = name.get().strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            match plain {
                Some(plain) if !plain.contains('\\') => (self.0)(plain.as_bytes(), value),
                _ => {
                    let Name(name) = serde_json::from_str(name.get()).map_err(de::Error::custom)?;
                    (self.0)(&name, value);
                }
            }
        }
        Ok(())
    }
}

/// The name of an entry.
struct Name<'a>(Cow<'a, [u8]>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;

        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_bytes<E: de::Error>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(bytes)))
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(bytes.to_vec())))
            }
        }

        deserializer.deserialize_bytes(NameVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_as_they_stand() {
        let cases = [
            ("{}", ""),
            (r#" {"a": [1, 2] , "a":1.0} "#, "a=[1, 2] a=1.0"),
            (r#"{"\u0061\"": "\u0062"}"#, r#"a"="\u0062""#),
            (r#"{"\ud800": null}"#, "\u{fffd}\u{fffd}\u{fffd}=null"),
        ];
        for (json, expected) in cases {
            let mut seen = Vec::new();
            let walked = entries(json, |name, value| {
                seen.push(format!("{}={}", String::from_utf8_lossy(name), value.get()));
            });
            assert_eq!((walked, seen.join(" ").as_str()), (Ok(()), expected), "{json}");
        }
    }

    #[test]
    fn what_is_no_object_is_told() {
        for json in [
            "{\"a\nb\": 1}",
            "{\"\0\": 1}",
            "",
            "[]",
            "7",
            "\"a\"",
            "{",
            "{} x",
            "{\"a\"}",
            "{a: 1}",
            "{\"a\": 01}",
            "{\"a\": 1,}",
        ] {
            assert_eq!(entries(json, |_, _| {}), Err(NotAnObject), "{json:?}");
        }
    }
}
