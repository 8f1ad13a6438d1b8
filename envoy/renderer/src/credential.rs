//! What the file of a key holds: the value of the header `authorization`, and no line break behind it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openwhisk_filter::config::secret::{InvalidSecret, Secret};
use openwhisk_filter::config::token::{InvalidServiceToken, basic};

/// Ends of lines.
const BREAKS: [char; 2] = ['\r', '\n'];

/// Why a text is not a key. Carries nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidCredential {
    /// It holds a line break, which a header cannot have.
    LineBreak,
    /// It is not the value of a header.
    Value(InvalidSecret),
    /// It is neither `user:key` nor has it a scheme.
    Token(InvalidServiceToken),
    /// Nothing says how the key is sent.
    NoScheme,
    /// What stands behind `Basic` is not base64.
    NotBase64,
    /// What stands behind `Basic` is base64 of something else than `user:key`.
    EncodedToken(InvalidServiceToken),
    /// What stands behind `Basic` is base64 of a key and a line break, which `OpenWhisk` takes for a part of it.
    EncodedLineBreak,
}

/// What belongs into the file of a key: `user:key`, or a scheme and what stands behind it. Line breaks at the end do not count.
///
/// # Errors
/// [`InvalidCredential`].
pub fn credential(text: &str) -> Result<Secret, InvalidCredential> {
    let text = text.trim_end_matches(BREAKS);
    let is_scheme = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    match text.split_once(' ') {
        Some((scheme, _)) if is_scheme(scheme) => check(text.as_bytes()),
        _ => check(basic(text).map_err(InvalidCredential::Token)?.reveal().as_bytes()),
    }
}

/// Reads what the file of a key holds, which Envoy sends as it is.
///
/// # Errors
/// [`InvalidCredential`]. Of other schemes than `Basic` no more is known than that there is something behind them.
pub fn check(content: &[u8]) -> Result<Secret, InvalidCredential> {
    let text = String::from_utf8_lossy(content);
    if text.contains(BREAKS) {
        return Err(InvalidCredential::LineBreak);
    }
    let secret = Secret::parse(&text).map_err(InvalidCredential::Value)?;
    let (scheme, key) = text.split_once(' ').ok_or(InvalidCredential::NoScheme)?;
    if scheme.eq_ignore_ascii_case("Basic") {
        let token = STANDARD.decode(key).map_err(|_| InvalidCredential::NotBase64)?;
        let token = String::from_utf8_lossy(&token);
        basic(&token).map_err(InvalidCredential::EncodedToken)?;
        if token.ends_with(BREAKS) {
            return Err(InvalidCredential::EncodedLineBreak);
        }
    }
    Ok(secret)
}

impl fmt::Display for InvalidCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LineBreak => f.write_str("a line break"),
            Self::Value(found) => found.fmt(f),
            Self::NoScheme => f.write_str("a string without a scheme"),
            Self::NotBase64 => f.write_str("something that is not base64 behind `Basic`"),
            Self::Token(found) => found.fmt(f),
            Self::EncodedToken(found) => write!(f, "the base64 of {found}"),
            Self::EncodedLineBreak => f.write_str("the base64 of a key and a line break"),
        }
    }
}

impl std::error::Error for InvalidCredential {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_taken() {
        for (text, expected) in [
            ("user:key", Ok("Basic dXNlcjprZXk=")),
            ("user:key\r\n", Ok("Basic dXNlcjprZXk=")),
            ("u:k:k\n", Ok("Basic dTprOms=")),
            ("Basic dXNlcjprZXk=\n", Ok("Basic dXNlcjprZXk=")),
            ("Bearer abc.def\n", Ok("Bearer abc.def")),
            ("Bearer abc\ndef", Err("a line break")),
            ("Bearer é", Err("a string with a character that is not printable ASCII")),
            ("Basic user:key", Err("something that is not base64 behind `Basic`")),
            ("user", Err("a string without a colon")),
            ("", Err("a string without a colon")),
            (" user:key", Err("a string with a space or a character that is not printable ASCII")),
            ("user:k y", Err("a string with a space or a character that is not printable ASCII")),
            ("AUTH=user:key x", Err("a string that begins with `AUTH=`")),
            (&format!("user:{}", "k".repeat(6134)), Err("a string of more than 8192 characters")),
        ] {
            let written = credential(text).map_err(|error| error.to_string());
            assert_eq!(written.as_ref().map(Secret::reveal).map_err(String::as_str), expected, "{text:?}");
            let read = written.ok().map(|secret| check(secret.reveal().as_bytes()));
            assert!(read.is_none_or(|read| read.is_ok()), "{text:?}");
        }
    }

    #[test]
    fn what_is_not_the_value_of_the_header_is_told() {
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        let cases = [
            (basic("user:key"), None),
            (basic("user:key").replace("Basic", "basic"), None),
            ("Bearer abc.def".to_owned(), None),
            (String::new(), Some("an empty string")),
            ("\n".to_owned(), Some("a line break")),
            (basic("user:key") + "\n", Some("a line break")),
            (basic("user:key") + "\r\n", Some("a line break")),
            (basic("user:key") + " ", Some("a string that begins or ends with a space")),
            (format!(" {}", basic("user:key")), Some("a string that begins or ends with a space")),
            ("Basic\tx".to_owned(), Some("a string with a character that is not printable ASCII")),
            ("Basic é".to_owned(), Some("a string with a character that is not printable ASCII")),
            ("user:key".to_owned(), Some("a string without a scheme")),
            (STANDARD.encode("user:key"), Some("a string without a scheme")),
            ("Basic user:key".to_owned(), Some("something that is not base64 behind `Basic`")),
            ("Basic  dTpr".to_owned(), Some("something that is not base64 behind `Basic`")),
            (basic("user"), Some("the base64 of a string without a colon")),
            (basic("user:"), Some("the base64 of a string with nothing behind the colon")),
            (
                basic("us er:key"),
                Some("the base64 of a string with a space or a character that is not printable ASCII"),
            ),
            (basic("user:key\n"), Some("the base64 of a key and a line break")),
        ];
        for (content, expected) in cases {
            let found = check(content.as_bytes()).err().map(|error| error.to_string());
            assert_eq!(found.as_deref(), expected, "{content:?}");
        }
        assert_eq!(check(b"Basic \xff"), Err(InvalidCredential::Value(InvalidSecret::NotPrintable)));
    }
}
