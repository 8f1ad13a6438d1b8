//! The credentials for `OpenWhisk`, which nothing may ever print.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::config::secret::{Secret, behind};

/// Why a text is not a service token. Carries nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidServiceToken {
    /// There is no colon.
    NoColon,
    /// Nothing stands before the first colon.
    NoUser,
    /// Nothing stands behind the first colon.
    NoKey,
    /// A character is not printable ASCII, or is a space.
    NotPrintable,
    /// It stands in quotes.
    Quoted,
    /// `AUTH=` stands before it.
    Assignment,
}

/// What stands before the key in the file of the `OpenWhisk` command line.
///
/// Source: apache/openwhisk-cli@23f3cf7, `~/.wskprops`.
const ASSIGNMENT: &str = "AUTH=";

/// Makes the value of the `authorization` header of a service token `user:key`.
///
/// # Errors
/// [`InvalidServiceToken`] unless it is `user:key`, both parts not empty and of printable ASCII. Line breaks at the end
/// do not count: a file that holds a key has one.
///
/// Source: RFC 7617 (Basic authentication); apache/openwhisk@1fae641
/// `core/controller/BasicAuthenticationDirective.scala`.
pub fn basic(token: &str) -> Result<Secret, InvalidServiceToken> {
    let text = token.trim_end_matches(['\r', '\n']);
    if text.starts_with(['"', '\'']) || text.ends_with(['"', '\'']) {
        return Err(InvalidServiceToken::Quoted);
    }
    if behind(ASSIGNMENT, text.trim_start()).is_some() {
        return Err(InvalidServiceToken::Assignment);
    }
    let (user, key) = text.split_once(':').ok_or(InvalidServiceToken::NoColon)?;
    if user.is_empty() {
        return Err(InvalidServiceToken::NoUser);
    }
    if key.is_empty() {
        return Err(InvalidServiceToken::NoKey);
    }
    if !text.chars().all(|c| c.is_ascii_graphic()) {
        return Err(InvalidServiceToken::NotPrintable);
    }
    Ok(format!("Basic {}", STANDARD.encode(text)).into())
}

impl fmt::Display for InvalidServiceToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoColon => "a string without a colon",
            Self::NoUser => "a string with nothing before the colon",
            Self::NoKey => "a string with nothing behind the colon",
            Self::Quoted => "a string that begins or ends with a quote",
            Self::Assignment => "a string that begins with `AUTH=`",
            Self::NotPrintable => "a string with a space or a character that is not printable ASCII",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::secret::resolve;

    #[test]
    fn a_token_becomes_basic_credentials() {
        let token = basic("user:key:with:colons").expect("valid");
        assert_eq!(token.reveal(), "Basic dXNlcjprZXk6d2l0aDpjb2xvbnM=");
    }

    #[test]
    fn line_breaks_at_the_end_of_a_token_do_not_count() {
        let plain = basic("user:key").expect("valid");
        for text in ["user:key\n", "user:key\r\n", "user:key\n\n"] {
            assert_eq!(basic(text).as_ref(), Ok(&plain), "{text:?}");
        }
        let resolved = resolve("$ENV://TOKEN", &|_| Some("user:key\n".to_owned()), &|text| {
            basic(text).map_err(|error| error.to_string())
        });
        assert_eq!(resolved, Ok(plain));
    }

    #[test]
    fn a_malformed_token_is_refused() {
        let cases = [
            ("", InvalidServiceToken::NoColon),
            ("token", InvalidServiceToken::NoColon),
            (":key", InvalidServiceToken::NoUser),
            ("user:", InvalidServiceToken::NoKey),
            ("user:key\n ", InvalidServiceToken::NotPrintable),
            ("\nuser:key", InvalidServiceToken::NotPrintable),
            ("us\ner:key", InvalidServiceToken::NotPrintable),
            ("\"user:key\"", InvalidServiceToken::Quoted),
            ("'user:key'\n", InvalidServiceToken::Quoted),
            ("user:key\"", InvalidServiceToken::Quoted),
            ("AUTH=user:key", InvalidServiceToken::Assignment),
            (" auth=user:key", InvalidServiceToken::Assignment),
            ("\n", InvalidServiceToken::NoColon),
            ("us er:key", InvalidServiceToken::NotPrintable),
            ("user:kéy", InvalidServiceToken::NotPrintable),
        ];
        for (text, expected) in cases {
            assert_eq!(basic(text), Err(expected), "token {text:?}");
        }
    }
}
