//! The rules of shaped results, and a result that breaks one.

use std::fmt;

use crate::error::quote::{QUOTED, beginning};

/// A rule of shaped results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// `statusCode` is a whole number from 200 to 599.
    StatusCode,
    /// `headers` is an object.
    Headers,
    /// A name in `headers` is a token of HTTP.
    HeaderName,
    /// A value in `headers` is a string, a number, a boolean or an array of those.
    HeaderType,
    /// A value in `headers` holds no control characters.
    HeaderValue,
    /// `content-type` is a media type.
    ContentType,
    /// There are not too many `headers`, in lines and in bytes.
    HeaderSize,
    /// `isBase64Encoded` is true or false.
    Base64Flag,
    /// `body` is base64 where `isBase64Encoded` is true.
    Base64Body,
    /// `body` is base64 where the content type is binary.
    BinaryBody,
    /// A string `body` holds no escape that stands for half of a character.
    BodyText,
    /// No key is given twice.
    Keys,
}

/// A rule that a result breaks. `Display` quotes what was found, for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenRule {
    rule: Rule,
    found: String,
}

impl BrokenRule {
    /// A rule that is broken by what was found.
    #[must_use]
    pub fn new(rule: Rule, found: &str) -> Self {
        Self { rule, found: beginning(found, QUOTED).to_owned() }
    }

    /// The rule.
    #[must_use]
    pub const fn rule(&self) -> Rule {
        self.rule
    }
}

/// The rule itself, for the client and the author of the action.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StatusCode => "`statusCode` must be a whole number from 200 to 599",
            Self::Headers => "`headers` must be an object",
            Self::HeaderName => "a name in `headers` must be a token of HTTP",
            Self::HeaderType => "a value in `headers` must be a string, a number, a boolean or an array of those",
            Self::HeaderValue => "a value in `headers` must not hold control characters",
            Self::ContentType => "`content-type` must be a media type such as `text/plain`",
            Self::HeaderSize => "`headers` must not be more than 93 lines or 60000 bytes",
            Self::Base64Flag => "`isBase64Encoded` must be true or false",
            Self::Base64Body => "`body` must be a string of base64 where `isBase64Encoded` is true",
            Self::BinaryBody => "`body` must be a string of base64 where the content type is binary",
            Self::BodyText => "`body` must not hold escapes that stand for no character",
            Self::Keys => "`statusCode`, `headers`, `body` and `isBase64Encoded` must not be given twice",
        })
    }
}

impl fmt::Display for BrokenRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, found {:?}", self.rule, self.found)
    }
}
