//! Walks over the entries of a JSON object, or the elements of an array, where they stand, without building anything.

use std::borrow::Cow;
use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;

/// The longest name with escapes that is handed out whole, in bytes: one more than a header may have. A longer one is no header, and no key of
/// ours.
///
/// Source: the crate `http`, `HeaderName::from_bytes`.
const LONGEST_KEY: usize = 1 << 16;

/// The text is not a JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnObject;

/// Calls `each` with the name and the value of each entry of a JSON object, in their order.
///
/// Names are bytes: JSON allows escapes that stand for half of a character. Of a name with escapes that is longer than any of a
/// header there is the beginning. Values may nest to any depth.
///
/// # Errors
/// [`NotAnObject`] if the text is anything else, perhaps after some calls.
pub fn entries<'a>(json: &'a str, mut each: impl FnMut(&[u8], &'a RawValue)) -> Result<(), NotAnObject> {
    walk(json, &mut each)
}

/// As [`entries`]. Out of line: it would be compiled anew for each that calls it.
#[inline(never)]
fn walk<'a>(json: &'a str, each: Each<'_, 'a>) -> Result<(), NotAnObject> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    deserializer.deserialize_map(Walk(each)).and_then(|()| deserializer.end()).map_err(|_| NotAnObject)
}

/// Calls `each` with the elements of a JSON array, in their order, until it gives an error; the rest is not looked at.
///
/// # Errors
/// That of `each`; `None` if the text is anything else, perhaps after some calls.
pub fn elements<'a, E>(json: &'a str, each: impl FnMut(&'a RawValue) -> Result<(), E>) -> Result<(), Option<E>> {
    let mut walk = Elements { each, error: None };
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let walked = deserializer.deserialize_seq(&mut walk).and_then(|()| deserializer.end());
    match (walk.error, walked) {
        (Some(error), _) => Err(Some(error)),
        (None, Ok(())) => Ok(()),
        (None, Err(_)) => Err(None),
    }
}

struct Elements<F, E> {
    each: F,
    error: Option<E>,
}

impl<'a, E, F: FnMut(&'a RawValue) -> Result<(), E>> Visitor<'a> for &mut Elements<F, E> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(element) = seq.next_element()? {
            if let Err(error) = (self.each)(element) {
                self.error = Some(error);
                return Err(de::Error::custom("enough"));
            }
        }
        Ok(())
    }
}

/// What is called with the name and the value of each entry.
type Each<'e, 'a> = &'e mut dyn FnMut(&[u8], &'a RawValue);

struct Walk<'e, 'a>(Each<'e, 'a>);

impl<'a> Visitor<'a> for Walk<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        // As raw values, because the parser does not look for control characters in a name it reads as bytes.
        while let Some((name, value)) = map.next_entry::<&RawValue, &RawValue>()? {
            let plain = name.get().strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            match plain {
                Some(plain) if !plain.contains('\\') => (self.0)(plain.as_bytes(), value),
                _ => {
                    let Key(name) = serde_json::from_str(name.get()).map_err(de::Error::custom)?;
                    (self.0)(&name, value);
                }
            }
        }
        Ok(())
    }
}

/// The name of an entry.
struct Key<'a>(Cow<'a, [u8]>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;

        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_bytes<E: de::Error>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(bytes)))
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(bytes.get(..LONGEST_KEY).unwrap_or(bytes).to_vec())))
            }
        }

        deserializer.deserialize_bytes(KeyVisitor)
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
    fn of_a_long_name_with_escapes_there_is_what_no_header_has() {
        for (letters, expected) in [(65_535, 65_535), (65_536, 65_536), (65_537, 65_536), (200_000, 65_536)] {
            let json = format!("{{\"{}\":0}}", "\\u0061".repeat(letters));
            let mut seen = Vec::new();
            let walked = entries(&json, |name, _| seen.push(name.to_vec()));
            assert_eq!((walked, seen), (Ok(()), vec![b"a".repeat(expected)]), "{letters} letters");
            let is_header = http::HeaderName::from_bytes(&b"a".repeat(expected)).is_ok();
            assert_eq!(is_header, letters < LONGEST_KEY, "{letters} letters");
        }
    }

    #[test]
    fn elements_come_until_there_is_enough() {
        let cases = [
            ("[]", Ok(""), Ok(())),
            (" [1, [2] ,\"]\"] ", Ok("1 [2] \"]\""), Ok(())),
            ("[1, 2, 3, 4, 5", Err("1 2 3"), Err(Some("enough"))),
            ("{}", Ok(""), Err(None)),
            ("[1", Ok("1"), Err(None)),
            ("[1] x", Ok("1"), Err(None)),
        ];
        for (json, seen, expected) in cases {
            let mut all = Vec::new();
            let walked = elements(json, |element| {
                all.push(element.get());
                if all.len() < 4 { Ok(()) } else { Err("enough") }
            });
            let (Ok(seen) | Err(seen)) = seen;
            all.truncate(3);
            assert_eq!((walked, all.join(" ").as_str()), (expected, seen), "{json}");
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
