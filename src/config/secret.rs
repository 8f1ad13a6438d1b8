//! Values of headers that nothing may ever print, and the environment variables that may hold them.

use std::fmt;
use std::rc::Rc;

use crate::config::mistake::shown;

/// Starts the name of an environment variable in place of a secret, in any case.
///
/// Source: apache/apisix `apisix/core/env.lua`, `parse_env_uri`.
const ENVIRONMENT: &str = "$ENV://";

/// Starts the name of an entry of a secret manager, in any case, which only `APISIX` itself could resolve.
///
/// Source: apache/apisix `apisix/secret.lua`.
const SECRET_MANAGER: &str = "$SECRET://";

/// The longest value, in bytes.
///
/// Source: observed on a real `OpenWhisk`, which refuses a longer one with 431.
const LONGEST: usize = 8192;

/// The value of a header. Neither `Debug` nor any message shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Rc<str>);

/// Why a text is not the value of a header. Carries nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidSecret {
    /// There is none.
    Empty,
    /// It is longer than `OpenWhisk` takes.
    TooLong,
    /// A character is not printable ASCII.
    NotPrintable,
    /// A space stands at an end.
    SpaceAtEnd,
    /// It is `user:key`, which belongs into `service_token`.
    Token,
}

impl Secret {
    /// Checks the value of a header. Line breaks at the end do not count: a file that holds a key has one.
    ///
    /// # Errors
    /// [`InvalidSecret`] unless it is 1 to 8192 characters of printable ASCII, spaces between others among them.
    ///
    /// Source: RFC 9110 section 5.5, without `obs-text` and tabs.
    pub fn parse(text: &str) -> Result<Self, InvalidSecret> {
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            return Err(InvalidSecret::Empty);
        }
        if text.len() > LONGEST {
            return Err(InvalidSecret::TooLong);
        }
        if !text.chars().all(|c| c.is_ascii_graphic() || c == ' ') {
            return Err(InvalidSecret::NotPrintable);
        }
        if text.starts_with(' ') || text.ends_with(' ') {
            return Err(InvalidSecret::SpaceAtEnd);
        }
        Ok(Self(text.into()))
    }

    /// Checks the value of the header `authorization`.
    ///
    /// # Errors
    /// As of [`Secret::parse`], and for a text with a colon and without a scheme.
    pub fn parse_authorization(text: &str) -> Result<Self, InvalidSecret> {
        let secret = Self::parse(text)?;
        if secret.0.contains(':') && !secret.0.contains(' ') { Err(InvalidSecret::Token) } else { Ok(secret) }
    }

    /// The value. For the call only.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// Reads a secret, or the environment variable that a text `$ENV://NAME` names.
///
/// # Errors
/// What was found instead, fit to be shown.
pub fn resolve(
    text: &str,
    environment: &dyn Fn(&str) -> Option<String>,
    parse: &dyn Fn(&str) -> Result<Secret, String>,
) -> Result<Secret, String> {
    if behind(SECRET_MANAGER, text).is_some() {
        return Err("a reference to a secret manager, which a wasm plugin cannot follow".to_owned());
    }
    let Some(name) = behind(ENVIRONMENT, text) else {
        if text.to_ascii_uppercase().contains(ENVIRONMENT) {
            return Err(format!("a string with `{ENVIRONMENT}` behind something else"));
        }
        return parse(text);
    };
    if !is_environment_name(name) {
        return Err("a reference to an environment variable with a malformed name".to_owned());
    }
    let variable = format!("the environment variable `{}`", shown(name));
    let Some(text) = environment(name) else {
        return Err(format!("{variable}, which is not set in the wasm VM"));
    };
    parse(&text).map_err(|found| format!("{variable}, which is {found}"))
}

/// Whether a text names something that holds the secret, and is none itself.
#[must_use]
pub fn is_reference(text: &str) -> bool {
    behind(SECRET_MANAGER, text).or_else(|| behind(ENVIRONMENT, text)).is_some()
}

/// What stands behind a prefix in any case.
#[must_use]
pub fn behind<'a>(prefix: &str, text: &'a str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Letters, digits and underscores, not starting with a digit: anything else could be a token typed in the wrong place.
///
/// Source: POSIX.1-2024, Base Definitions 8.1 and 3.216.
fn is_environment_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self(value.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl fmt::Display for InvalidSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "an empty string",
            Self::TooLong => "a string of more than 8192 characters",
            Self::NotPrintable => "a string with a character that is not printable ASCII",
            Self::SpaceAtEnd => "a string that begins or ends with a space",
            Self::Token => "a string with a colon and without a scheme, as `service_token` has it",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_of_a_header_is_taken_as_it_is() {
        let longest = "a".repeat(LONGEST);
        let cases = [
            ("Bearer abc", Ok("Bearer abc")),
            ("a:b", Ok("a:b")),
            ("key\n", Ok("key")),
            ("key\r\n", Ok("key")),
            (&longest, Ok(longest.as_str())),
            ("", Err(InvalidSecret::Empty)),
            ("\n", Err(InvalidSecret::Empty)),
            (" a", Err(InvalidSecret::SpaceAtEnd)),
            ("a ", Err(InvalidSecret::SpaceAtEnd)),
            ("a \n", Err(InvalidSecret::SpaceAtEnd)),
            ("a\nb", Err(InvalidSecret::NotPrintable)),
            ("a\tb", Err(InvalidSecret::NotPrintable)),
            ("a\u{7f}", Err(InvalidSecret::NotPrintable)),
            ("é", Err(InvalidSecret::NotPrintable)),
        ];
        for (text, expected) in cases {
            let parsed = Secret::parse(text);
            assert_eq!(parsed.as_ref().map(Secret::reveal).map_err(|error| *error), expected, "{text:?}");
        }
        assert_eq!(Secret::parse(&format!("{longest}a")), Err(InvalidSecret::TooLong));
    }

    #[test]
    fn a_token_is_no_authorization() {
        for (text, expected) in [
            ("user:key", Err(InvalidSecret::Token)),
            ("Basic dXNlcjprZXk=", Ok("Basic dXNlcjprZXk=")),
            ("Custom a:b", Ok("Custom a:b")),
            ("key-without-a-scheme", Ok("key-without-a-scheme")),
        ] {
            let parsed = Secret::parse_authorization(text);
            assert_eq!(parsed.as_ref().map(Secret::reveal).map_err(|error| *error), expected, "{text:?}");
        }
    }

    #[test]
    fn debug_shows_nothing_of_a_secret() {
        assert_eq!(format!("{:?}", Secret::parse("wonderland")), "Ok(Secret(…))");
    }
}
