//! How the values of attributes are read, each by its type. Each `read` is kept out of line: it would be compiled anew for
//! every attribute of its type, which is 12 KB of the filter.

use std::borrow::Cow;
use std::fmt;
use std::rc::Rc;

use serde_json::Value as Json;

use serde_json::value::RawValue;

use crate::config::action::Name;
use crate::config::api_host::ApiHost;
use crate::config::bind::{Bind, DEEPEST_BIND, RESERVED};
use crate::config::call_headers::{CallHeaders, MOST, header_name};
use crate::config::entry::Entry;
use crate::config::expected::{Expected, Range};
use crate::config::object::{Object, Wrong, text};
use crate::config::path_template::PathTemplate;
use crate::config::secret::{Secret, is_reference, resolve};
use crate::config::settings::Word;
use crate::config::token::basic;
use crate::header::CREDENTIALS;
use crate::json::depth::is_deeper;
use crate::json::kind_of;
use crate::json::number::whole_number;

/// A type of values.
pub trait Read: Sized {
    /// Takes an attribute out of an object. What it may be is more than the type says where that has ranges.
    fn read(object: &mut Object<'_, '_>, attribute: &str, expected: &Expected) -> Entry<Self>;
}

impl Read for bool {
    #[inline(never)]
    fn read(object: &mut Object<'_, '_>, attribute: &str, expected: &Expected) -> Entry<Self> {
        object.read(attribute, expected, Json::as_bool)
    }
}

impl Read for u64 {
    #[inline(never)]
    fn read(object: &mut Object<'_, '_>, attribute: &str, expected: &Expected) -> Entry<Self> {
        let (smallest, largest) = match expected {
            Expected::Number(Range { smallest, largest, .. }) => (*smallest, largest.unwrap_or(Self::MAX)),
            _ => (Self::MIN, Self::MAX),
        };
        object
            .read(attribute, expected, |json| whole_number(json).filter(|number| (smallest..=largest).contains(number)))
    }
}

impl<T: Word> Read for T {
    #[inline(never)]
    fn read(object: &mut Object<'_, '_>, attribute: &str, expected: &Expected) -> Entry<Self> {
        object.read(attribute, expected, |json| {
            let text = json.as_str()?;
            T::WORDS.iter().find(|(word, _)| *word == text).map(|(_, value)| *value)
        })
    }
}

/// A text with a colon could be a key in the wrong place, and is not quoted.
impl Read for Name {
    #[inline(never)]
    fn read(object: &mut Object<'_, '_>, attribute: &str, expected: &Expected) -> Entry<Self> {
        object.read_text(attribute, expected, |_| Some(':'), Self::parse)
    }
}

/// An address with user info (`@`) holds a secret, and a text with a colon that is none could be one: they are not
/// quoted.
impl Read for Rc<ApiHost> {
    #[inline(never)]
    fn read(object: &mut Object<'_, '_>, attribute: &str, expected: &Expected) -> Entry<Self> {
        let is_port = |text: &str| (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        let secret = |text: &str| match text.split_once(':') {
            _ if text.contains('@') => Some('@'),
            // A scheme, or a host and a port.
            Some((_, rest)) if rest.starts_with("//") || is_port(rest) => None,
            _ => Some(':'),
        };
        object.read_text(attribute, expected, secret, |text| ApiHost::parse(text).map(Rc::new))
    }
}

/// The header `authorization`, or the token of which it is made.
impl Read for Secret {
    #[inline(never)]
    fn read(object: &mut Object<'_, '_>, attribute: &str, expected: &Expected) -> Entry<Self> {
        let parse = |text: &str| match expected {
            Expected::Token => basic(text).map_err(|found| found.to_string()),
            _ => Self::parse_authorization(text).map_err(|found| found.to_string()),
        };
        object.read_json(attribute, |object, json| secret(object, json, &parse, expected))
    }
}

impl Read for CallHeaders {
    #[inline(never)]
    fn read(object: &mut Object<'_, '_>, attribute: &str, expected: &Expected) -> Entry<Self> {
        let mut headers = Vec::new();
        let read = object.read_each(attribute, expected, &mut |object, name, json| {
            let name = header_name(name).map_err(|found| Wrong::new(&found.to_string(), &"another one"))?;
            // Of too many it does not matter, and would take too long.
            if headers.len() <= MOST && headers.iter().any(|(known, _)| *known == name) {
                return Err(Wrong::new("given twice", &"it once"));
            }
            let parse = |text: &str| Secret::parse(text).map_err(|found| found.to_string());
            headers.push((name, secret(object, json, &parse, &Expected::Secret)?));
            Ok(())
        });
        if headers.len() > MOST {
            object.wrong(attribute, Wrong::new(&format!("an object of {} headers", headers.len()), expected));
            return Entry::Wrong;
        }
        read.map(|()| headers.into())
    }
}

/// Values are JSON of any kind, or variables that hold a text.
impl Read for Bind {
    #[inline(never)]
    fn read(object: &mut Object<'_, '_>, attribute: &str, expected: &Expected) -> Entry<Self> {
        let mut fields = Vec::new();
        let read = object.read_each(attribute, expected, &mut |object, name, json| {
            if name.starts_with(RESERVED) {
                return Err(Wrong::new("a reserved name", &"another one"));
            }
            let value = if text(json).is_some_and(|text| is_reference(&text)) {
                let parse = |text: &str| Ok(Secret::from(text.to_owned()));
                let expected = "JSON, or `$ENV://NAME` for an environment variable that holds a text";
                Json::from(secret(object, json, &parse, &expected)?.reveal()).to_string().into()
            } else {
                Cow::Borrowed(json.get())
            };
            if is_deeper(value.as_bytes(), DEEPEST_BIND) {
                return Err(Wrong::new("nested more deeply", &format_args!("{DEEPEST_BIND} levels at most")));
            }
            fields.push(format!("{}:{value}", Json::from(name)));
            Ok(())
        });
        read.map(|()| Self::of(&fields))
    }
}

impl Read for PathTemplate {
    #[inline(never)]
    fn read(object: &mut Object<'_, '_>, attribute: &str, expected: &Expected) -> Entry<Self> {
        object.read(attribute, expected, |json| Self::parse(json.as_str()?).ok())
    }
}

/// Reads a secret, of which no error shows anything.
fn secret(
    object: &Object<'_, '_>,
    json: &RawValue,
    parse: &dyn Fn(&str) -> Result<Secret, String>,
    expected: &dyn fmt::Display,
) -> Result<Secret, Wrong> {
    let found = match text(json) {
        Some(text) => resolve(&text, &|name| object.environment(name), parse),
        None => Err(kind_of(json.get()).to_owned()),
    };
    found.map_err(|found| Wrong::new(&found, expected))
}

/// The beginning of a path.
impl Read for String {
    #[inline(never)]
    fn read(object: &mut Object<'_, '_>, attribute: &str, expected: &Expected) -> Entry<Self> {
        object.read(attribute, expected, |json| {
            let text = json.as_str()?;
            let is_clean = text.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '?' | '#'));
            (is_clean && text.starts_with('/')).then(|| text.to_owned())
        })
    }
}

/// Names of headers with credentials, in any case.
impl Read for Vec<&'static str> {
    #[inline(never)]
    fn read(object: &mut Object<'_, '_>, attribute: &str, expected: &Expected) -> Entry<Self> {
        let known = |name: &Json| {
            let name = name.as_str()?;
            CREDENTIALS.iter().copied().find(|known| known.eq_ignore_ascii_case(name))
        };
        object.read(attribute, expected, |json| json.as_array()?.iter().map(known).collect())
    }
}

/// The name of an upstream. A text with `@` could be a URL with a key, and is not quoted.
impl Read for Rc<str> {
    #[inline(never)]
    fn read(object: &mut Object<'_, '_>, attribute: &str, expected: &Expected) -> Entry<Self> {
        object.read_text(
            attribute,
            expected,
            |_| Some('@'),
            |text| {
                let is_clean = !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic() && c != '@');
                if is_clean { Ok(text.into()) } else { Err(expected) }
            },
        )
    }
}

/// Attributes that are no part of a level: they are taken out before.
impl Read for () {
    fn read(_: &mut Object<'_, '_>, _: &str, _: &Expected) -> Entry<Self> {
        Entry::Absent
    }
}
